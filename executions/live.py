"""What an open page of one execution must be told: the messages that make a page loaded before equal to a page loaded now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone

from executions import gantt_html, page_logs, page_selectors
from executions.execution_context import header_context
from executions.models import Execution
from namespaces.models import User

LINES = 500  # more new lines than these are told as a count only

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page knows: the sequence number it was made at, its last log line, and of what its header was made (empty: not known)."""

    seq: int
    line: int
    header: tuple[object, ...] = ()


def updates(execution_id: str, user: User, view: str, seen: Seen, wanted: page_logs.Filter | None = None) -> tuple[list[Message], Seen]:
    """Messages for what is newer than `seen` on the tab `view`, and what the page knows after them."""
    execution = Execution.objects.select_related("created_by").filter(id=execution_id).first()
    if execution is None:
        return [{"type": "execution.deleted"}], seen
    messages: list[Message] = []
    header = _what_the_header_shows(execution)
    if execution.seq > seen.seq:
        if header != seen.header:
            messages.append(_header(execution, user))
            seen = replace(seen, header=header)
        if view == "gantt":
            messages.append(_gantt(execution, seen.seq))
        else:
            messages.append({"type": "execution.progressed", "state": execution.state})
    if execution.log_count > seen.line:
        messages.append(_lines(execution, seen.line, wanted) if view == "logs" else _line_counts(execution))
    after = replace(seen, seq=max(seen.seq, execution.seq), line=max(seen.line, execution.log_count))
    if messages:
        messages.append({"type": "seen", "seq": after.seq, "line": after.line, "again": True})
    return messages, after


def _what_the_header_shows(execution: Execution) -> tuple[object, ...]:
    """What changes whenever the header does. Steps are not in it; the engine's version tells of task runs."""
    return execution.version, execution.state, repr(execution.labels), repr(execution.header)


def _header(execution: Execution, user: User) -> Message:
    context = header_context(execution, user)
    return {"type": "execution.changed", "state": execution.state, "html": render_to_string("executions/_header.html", context)}


def _gantt(execution: Execution, since: int) -> Message:
    axis = page_selectors.gantt_axis(execution, timezone.now())
    rows = page_selectors.changed_gantt_rows(execution, axis, since)
    return {
        "type": "gantt.changed",
        "now": axis.now,
        "span": axis.span,
        "live": axis.live,
        "count": page_selectors.gantt_row_count(execution),
        "rows": [gantt_html.row_html(row, axis) for row in rows],
    }


def _line_counts(execution: Execution) -> Message:
    counts = page_logs.level_counts(execution)
    return {"type": "log.counted", "warnings": counts.get(3, 0), "errors": counts.get(4, 0), "total": execution.log_count}


def _lines(execution: Execution, since: int, wanted: page_logs.Filter | None) -> Message:
    wanted = wanted or page_logs.Filter()
    lines = page_logs.after(execution, wanted, since, LINES + 1)
    context: Mapping[str, Any] = {"lines": [] if len(lines) > LINES else page_logs.shown(lines), "execution": execution}
    counts = page_logs.level_counts(execution, replace(wanted, level=0))
    return {
        "type": "log.appended",
        "html": render_to_string("executions/_log_lines.html", dict(context)) if context["lines"] else "",
        "since": since,
        "first": lines[0].number if lines else 0,
        "count": len(lines),
        "gap": len(lines) > LINES,
        "counts": {str(level): count for level, count in counts.items()},
        "total": execution.log_count,
    }
