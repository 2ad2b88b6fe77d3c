"""The documentation of task types as HTML."""

from __future__ import annotations

import json
import re
from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
CODE = re.compile(r"`([^`\n]+)`")


@register.filter
def code_spans(text: str) -> SafeString:
    """The text with what stands between backticks as code."""
    return mark_safe(CODE.sub(r"<code>\1</code>", conditional_escape(text)))  # noqa: S308 -- escaped right there


@register.filter
def prose(text: str) -> SafeString:
    """Paragraphs (parted by an empty line) of a docstring; lines within one flow together, lists keep their lines."""
    return format_html_join("", "{}", ((_block(block),) for block in re.split(r"\n\s*\n", text.strip()) if block.strip()))


def _block(block: str) -> SafeString:
    lines = block.strip().split("\n")
    if lines[0].lstrip().startswith(("- ", "* ")):
        items: list[str] = []
        for line in lines:
            if line.lstrip().startswith(("- ", "* ")):
                items.append(line.lstrip()[2:])
            else:
                items[-1] += " " + line.strip()
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((code_spans(item),) for item in items)))
    return format_html("<p>{}</p>", code_spans(" ".join(line.strip() for line in lines)))


@register.filter
def as_yaml(value: Any) -> str:
    """A default as it would be written in YAML: `true`, `PT5S`, `["/bin/sh", "-c"]`."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
