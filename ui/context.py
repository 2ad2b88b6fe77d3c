"""What the frame of every page needs to know: theme, navigation and keys as the user set them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

THEMES = ("system", "light", "dark")
NAVS = ("full", "rail")


def frame(request: HttpRequest) -> dict[str, Any]:
    """`theme` (light, dark or empty for the system's), `nav` (full, rail), `single_keys` (true, false)."""
    user = getattr(request, "user", None)
    saved = user.settings if user is not None and user.is_authenticated else {"theme": request.COOKIES.get("theme", "")}
    theme = saved.get("theme", "")
    nav = saved.get("nav", "full")
    return {
        "theme": theme if theme in ("light", "dark") else "",
        "nav": nav if nav in NAVS else "full",
        "single_keys": bool(saved.get("keys", True)),
    }
