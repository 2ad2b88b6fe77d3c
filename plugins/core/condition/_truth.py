"""When the rendering of a condition's expression holds."""


def truthy(text: str) -> bool:
    """Everything but blank text and `false` (Kestra core 9.7, the rule of conditions)."""
    return text.strip() not in ("", "false")
