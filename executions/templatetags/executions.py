"""Tags of the execution pages that are drawn thousands of times on one page, and how values of outputs are shown."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django import template
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from engine.document import Flow
from executions import storage
from executions.gantt import Row
from executions.gantt_html import row_html
from executions.models import LogLine
from executions.page_logs import Shown, shown
from executions.time_axis import Axis
from ui import formats
from ui.templatetags.ui import STATE_ICONS, icon, state, state_icon

register = template.Library()

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")


@lru_cache(maxsize=64)
def cached_state_icon(value: str) -> SafeString:
    """The icon of a state, made once."""
    return state_icon(value)


@lru_cache(maxsize=64)
def cached_icon(name: str, size: str = "") -> SafeString:
    return icon(name, size)


@register.simple_tag
def quick_state_icon(value: str) -> SafeString:
    """As `state_icon`, for rows that come by the thousand."""
    return cached_state_icon(value)


@register.simple_tag
def quick_icon(name: str, size: str = "") -> SafeString:
    """As `icon`, for rows that come by the thousand."""
    return cached_icon(name, size)


@register.simple_tag
def gantt_row(row: Row, axis: Axis) -> SafeString:
    """One row of the Gantt."""
    return row_html(row, axis)


@register.filter
def level_name(value: int) -> str:
    """`WARN` for 3."""
    return LEVELS[value] if 0 <= value < len(LEVELS) else "INFO"


@register.filter
def pretty(value: Any) -> str:
    """A value of inputs or outputs as text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)


@register.filter
def kind_name(value: Any) -> str:
    """What a value is, in a word or two: `text`, `number`, `3 items`, `2 keys`, `file`, `nothing`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes or no"
        case int() | float():
            return "number"
        case str():
            return "file" if value.startswith("kestra://") else "text"
        case list():
            return f"{len(value)} item{'' if len(value) == 1 else 's'}"
        case dict():
            return f"{len(value)} key{'' if len(value) == 1 else 's'}"
    return type(value).__name__


@register.simple_tag
def log_line(line: Shown, text: str = "") -> SafeString:
    """One line of the Logs tab; its number is its permalink, what was searched is marked."""
    name = level_name(line.level)
    return format_html(
        '<li id="L{}" data-level="{}"{}><a class="log-number" href="#L{}">{}</a>'
        '<time datetime="{}">{}</time><span class="log-level">{}</span>'
        '<span class="log-source cut" title="{}">{}</span><span class="log-message">{}</span></li>',
        line.number,
        name,
        format_html(' data-state="{}"', name) if line.level > 2 else "",
        line.number,
        line.number,
        formats.iso(line.timestamp),
        clock(line.timestamp),
        name,
        line.step or line.source,
        line.source,
        marked(line.text, text),
    )


@register.filter
def clock(value: datetime) -> str:
    """The time of day with milliseconds: `06:00:23.711`."""
    return f"{timezone.localtime(value):%H:%M:%S.%f}"[:-3]


@register.filter
def marked(message: str, text: str) -> SafeString:
    """The message with every occurrence of the text in `<mark>`, whatever its case."""
    if not text:
        return escape(message)
    parts: list[SafeString] = []
    lower, wanted, at = message.lower(), text.lower(), 0
    if len(lower) != len(message):  # a letter whose lower case is longer: places would not fit
        return escape(message)
    while (found := lower.find(wanted, at)) >= 0:
        parts += [escape(message[at:found]), format_html("<mark>{}</mark>", message[found : found + len(text)])]
        at = found + len(text)
    return format_html("{}" * (len(parts) + 1), *parts, escape(message[at:]))


@register.simple_tag
def shown_lines(lines: list[LogLine]) -> list[Shown]:
    """Rows of log lines as they are shown."""
    return shown(lines)


@register.simple_tag
def share(value: float) -> str:
    """A share of 1 as an SVG length: `16.25%`."""
    return f"{100 * value:.2f}%"


@register.filter
def words(text: str) -> list[str]:
    """The words of a text, to loop over."""
    return text.split()


@register.filter
def level_count(counts: dict[int, int], name: str) -> int:
    """How many lines there are of the level of this name."""
    return counts.get(LEVELS.index(name), 0)


@register.simple_tag
def state_count(value: str, count: int) -> SafeString:
    """`46 success` with its icon."""
    return state(value, bare=True, text=f"{formats.number(count)} {value.lower()}")


@register.filter
def capfirst_state(value: str) -> str:
    """`Running` for RUNNING."""
    return value.capitalize()


@register.filter
def last_part(uri: str) -> str:
    """The file name at the end of a URI."""
    return storage.name_of(uri)


@register.filter
def state_icon_name(value: str) -> str:
    """The name of a state's icon in the sprite."""
    return STATE_ICONS.get(value, "circle")


@register.simple_tag
def slot_query(slot: Any) -> str:
    """The query that shows what a bar counts."""
    return urlencode({"start": slot.start.isoformat(), "end": slot.end.isoformat()})


@register.simple_tag
def filter_sentence(wanted: Any) -> str:
    """Which filters hide everything, in words."""
    parts = [
        (wanted.text, f"with “{wanted.text}”"),
        (wanted.namespace, f"in {wanted.namespace}"),
        (wanted.flow, f"of flow {wanted.flow}"),
        (wanted.states, f"that is {' or '.join(name.lower() for name in wanted.states)}"),
        (wanted.label, f"labelled {wanted.label}"),
        (wanted.parent, f"that {wanted.parent[:8]} started"),
        (wanted.period or wanted.start or wanted.end, "in this period"),
    ]
    return "There is none " + " ".join(text for value, text in parts if value) + "."


@register.filter
def spark_text(bars: Any) -> str:
    """What the bars of a flow say, for those who do not see them: `18 success, 2 failed of the last 20`."""
    counts = Counter(bar.state for bar in bars)
    return ", ".join(f"{count} {name.lower()}" for name, count in counts.most_common()) + f" of the last {len(bars)}"


@register.filter
def half(value: int) -> str:
    """The number that stands at the middle rule of a chart."""
    return formats.number(value / 2)


@register.filter
def magnitude(value: int) -> int:
    """Without its sign."""
    return abs(value)


@register.filter
def ordinal(value: int) -> str:
    """`3rd`."""
    ending = "th" if 10 <= value % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{ending}"


@register.filter
def task_count(flow: Flow) -> int:
    """How many tasks a flow has, however deep."""
    count, stack = 0, list(flow.tasks)
    while stack:
        task = stack.pop()
        count += 1
        stack.extend(child for name, branch in task.branches.items() if name not in ("errors", "finally") for child in branch)
    return count


LIMITS = {
    "upload bytes": "An upload",
    "file bytes": "A file that a task keeps",
    "output bytes": "Outputs of one task",
    "log lines": "Log lines of one execution",
    "environment bytes": "All environments together",
    "retain executions": "Executions are kept for",
    "retain logs": "Log lines are kept for",
    "retain outputs": "Files of executions are kept for",
    "retain versions": "Replaced and deleted namespace files are kept for",
    "versions": "Versions of one namespace file",
    "retain working": "Working folders left behind are kept for",
    "retain environments": "Environments not used are kept for",
}


@register.filter
def limit_name(name: str) -> str:
    """What a limit is about."""
    return LIMITS.get(name, name)


@register.filter
def limit_value(value: Any, name: str) -> str:
    """A limit with its unit: bytes, a time (given in seconds, 0 means for ever) or a number."""
    if name.endswith("bytes"):
        return formats.size(value)
    if name.startswith("retain"):
        if not value:
            return "for ever"
        return formats.plural(value // 86_400, "day") if value % 86_400 == 0 else formats.duration(value)
    return formats.number(value)
