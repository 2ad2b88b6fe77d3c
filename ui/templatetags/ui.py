"""Tags and filters of every page: icons, states, times, durations, numbers, navigation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ui import formats

register = template.Library()

STATE_ICONS = {
    "SUCCESS": "circle-check",
    "WARNING": "triangle-alert",
    "WARN": "triangle-alert",
    "FAILED": "circle-x",
    "ERROR": "circle-x",
    "RUNNING": "loader-circle",
    "RESTARTED": "rotate-ccw",
    "RETRYING": "refresh-cw",
    "PAUSED": "circle-pause",
    "KILLING": "circle-stop",
    "KILLED": "circle-stop",
    "CANCELLED": "ban",
    "CREATED": "circle",
    "QUEUED": "circle-dashed",
    "SKIPPED": "circle-slash",
    "RETRIED": "history",
}


@register.simple_tag
def icon(name: str, size: str = "", css: str = "icon") -> SafeString:
    """A Lucide icon of the sprite, hidden from screen readers: the word beside it says what it means."""
    attribute = format_html(' data-size="{}"', size) if size else ""
    return format_html('<svg class="{}"{} aria-hidden="true"><use href="{}#{}"/></svg>', css, attribute, static("icons.svg"), name)


@register.simple_tag
def state(value: str, size: str = "", bare: bool = False, text: str = "") -> SafeString:
    """A chip: icon and word. `bare` leaves the background out, `text` replaces the word."""
    attributes = format_html("{}{}", format_html(' data-size="{}"', size) if size else "", " data-bare" if bare else "")
    drawing = icon(STATE_ICONS.get(value, "circle"))
    return format_html('<span class="state" data-state="{}"{}>{}{}</span>', value, attributes, drawing, text or value.capitalize())


@register.simple_tag
def state_icon(value: str, title: str = "") -> SafeString:
    """The icon of a state where its word does not fit: the word is its title and hidden text."""
    word = title or value.capitalize()
    return format_html(
        '<span class="state-icon" data-state="{}" title="{}">{}<span class="visually-hidden">{}</span></span>',
        value,
        word,
        icon(STATE_ICONS.get(value, "circle")),
        word,
    )


@register.simple_tag(takes_context=True)
def when(context: template.Context, value: datetime | None, empty: str = "\u2013") -> SafeString | str:
    """A `<time>`: relative within 24 hours, then day and hour; the precise moment with its zone is the title."""
    if value is None:
        return empty
    local = timezone.localtime(value)
    now = timezone.localtime(context.get("now") if isinstance(context.get("now"), datetime) else timezone.now())
    text = formats.moment(local, now)
    return format_html('<time datetime="{}" title="{}">{}</time>', formats.iso(value), formats.precise(local), text)


@register.filter
def duration(value: timedelta | float | None) -> str:
    """A timedelta or a number of seconds as `1 m 10 s`."""
    return formats.duration(value)


@register.filter
def number(value: float | int | None) -> str:
    """`17 903`."""
    return formats.number(value)


@register.filter
def size(value: int | float | None) -> str:
    """Bytes as `1.1 kB`."""
    return formats.size(value)


@register.filter
def percent(value: float | None) -> str:
    """A share of 1 as `98.0 %`."""
    return formats.percent(value)


@register.filter
def plural(count: int, words: str) -> str:
    """`{{ n|plural:"flow" }}` or `{{ n|plural:"key,keys" }}`: the count and the right word."""
    one, _, many = words.partition(",")
    return formats.plural(count, one, many)


@register.filter
def initials(person: Any) -> str:
    """Two letters for an avatar, from the name or else the address."""
    words = str(person).split("@")[0].replace(".", " ").split()
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper() or "?"


@register.inclusion_tag("_nav_item.html", takes_context=True)
def nav_item(context: template.Context, view_name: str, label: str, icon_name: str, exact: bool = False) -> dict[str, Any]:
    """One link of the left navigation, current on its page and below; nothing where the view is not installed."""
    try:
        url = reverse(view_name)
    except NoReverseMatch:
        return {}
    path = context["request"].path if "request" in context else ""
    current = path == url if exact else path == url or path.startswith(url if url.endswith("/") else url + "/")
    return {"url": url, "label": label, "icon_name": icon_name, "current": current}
