"""A row of the Gantt as HTML, made by hand: rows come by the thousand, and a template takes five times as long for each."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from executions.gantt import Row
from executions.time_axis import Axis, Placed
from ui.templatetags.ui import icon, state_icon


def row_html(row: Row, axis: Axis) -> SafeString:
    """The row with its cells; the page takes all that it knows about a row from its attributes."""
    twisty = _twisty() if row.has_children else ""
    note = f'<span class="note cut">{escape(row.note)}</span>' if row.note else ""
    loop = render_to_string("executions/_loop_bar.html", {"row": row}) if row.loop else ""
    kind = f'<span class="kind cut">{escape(row.kind_text)}</span>' if row.kind_text else ""
    return mark_safe(  # noqa: S308 -- every text in it is escaped here or in the functions that it calls
        f'<div role="row" class="gantt-row" {_attributes(row)}>'
        f'<div role="gridcell" class="gantt-name"><span class="twisty">{twisty}</span>{_state_icon(row.state)}'
        f'<a class="cut" href="?row={escape(row.id)}" tabindex="-1">{escape(row.name)}</a>{note}{loop}{kind}</div>'
        f'<div role="gridcell" class="gantt-time">{escape(row.duration)}</div>'
        f'<div role="gridcell" class="gantt-lane">{_lane(row, axis)}</div></div>'
    )


def _attributes(row: Row) -> str:
    given = [
        f'id="row-{escape(row.id)}" aria-level="{row.level}"',
        f'aria-expanded="{"true" if row.is_open else "false"}"' if row.has_children else "",
        f'data-state="{row.state}" data-kind="{escape(row.kind)}" data-parent="{escape(row.parent)}" data-position="{row.position}"',
        f'data-search="{escape(row.search)}"',
        f'data-from="{row.start}"' if row.start is not None else "",
        f'data-to="{row.end}"' if row.end is not None else "",
        f'data-tip="{escape(row.tip)}"' if row.tip else "",
        'tabindex="-1"',
        *(name for name, given in (("data-iteration", row.iteration), ("data-loop", row.loop), ("hidden", row.hidden)) if given),
    ]
    return " ".join(filter(None, given))


def _lane(row: Row, axis: Axis) -> str:
    """The bars: one `<svg>` whose rectangles carry their times in ms, so that the page can place them again on another axis."""
    bars = "".join(_rectangle(axis.place(bar)) for bar in row.bars)
    return f'<svg class="lane" width="100%" height="24" aria-hidden="true">{bars}</svg>'


def _rectangle(placed: Placed) -> str:
    bar = placed.bar
    end = "" if bar.end is None else f' data-to="{bar.end}"'
    step = f' data-step="{escape(bar.step)}" data-label="{escape(bar.label)}"' if bar.step else ""
    return (
        f'<rect class="bar{f" {bar.css}" if bar.css else ""}" data-state="{bar.state}" data-from="{bar.start}"{end}{step}'
        f' x="{placed.x}" y="{placed.y}" width="{placed.width}" height="{placed.height}" rx="{1 if bar.css == "test" else 2}"/>'
    )


@lru_cache(maxsize=64)
def _state_icon(state: str) -> str:
    return state_icon(state)


@lru_cache(maxsize=1)
def _twisty() -> str:
    return icon("chevron-right", "s")
