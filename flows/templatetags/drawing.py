"""Small sums and names that pictures in SVG need."""

from __future__ import annotations

from django import template

from ui.templatetags.ui import STATE_ICONS

register = template.Library()


@register.filter
def plus(value: float, more: float) -> str:
    """A coordinate moved."""
    return f"{float(value) + float(more):.1f}"


@register.filter
def add_half(value: float, size: float) -> str:
    """The middle of what begins at `value`."""
    return f"{value + size / 2:.1f}"


@register.filter
def state_sprite(value: str) -> str:
    """The name of a state's icon in the sprite."""
    return STATE_ICONS.get(value, "circle")
