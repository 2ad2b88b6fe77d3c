"""The time axis of the Gantt: it grows in steps while the execution goes on, and places bars on itself in percent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.states import RUNNING, UNFINISHED
from ui import formats

# How long an axis may be, in seconds, while the execution goes on; the module gantt.js counts on in the same steps.
SPANS = (
    5,
    10,
    15,
    20,
    30,
    45,
    60,
    90,
    120,
    180,
    240,
    300,
    450,
    600,
    900,
    1200,
    1800,
    2700,
    3600,
    5400,
    7200,
    10800,
    14400,
    21600,
    28800,
    43200,
    86400,
)
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
ROOM = 0.92  # of the axis is used before it grows


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of the lane: `start` and `end` in ms from the origin, `end` None while it goes on; `css` is group, test or nothing."""

    state: str
    start: int
    end: int | None
    css: str = ""
    step: str = ""  # its id, on a lane that several share
    label: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A bar with its geometry as SVG attributes."""

    bar: Bar
    x: str
    width: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Axis:
    """The time axis: `origin` is its left end, `span` its length in ms, `now` the moment of rendering in ms from the origin."""

    origin: datetime
    span: int
    now: int
    live: bool

    def percent(self, moment: int) -> float:
        return min(100.0, max(0.0, 100 * moment / self.span))

    def place(self, bar: Bar) -> Placed:
        """Where a bar stands now; one that goes on reaches to `now`."""
        end = self.now if bar.end is None else bar.end
        left = self.percent(bar.start)
        thin = bar.css == "test"
        return Placed(bar, f"{left:.2f}%", f"{max(self.percent(end) - left, 0.12):.2f}%", 10 if thin else 7, 4 if thin else 10)

    @property
    def ticks(self) -> list[tuple[str, str]]:
        """Where the grid lines stand and what they say, the origin left out: `[("25.00%", "30 s"), …]`."""
        return [(f"{100 * at / self.span:.2f}%", text) for at, text in ticks(self.span)]

    @property
    def now_at(self) -> str:
        return f"{self.percent(self.now):.2f}%"


def moment_of(text: str) -> datetime:
    """A date of `histories` (ISO 8601 with zone)."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def axis_of(histories: Sequence[Sequence[str]], now: datetime, *, last: datetime | None = None) -> Axis:
    """The axis of an execution from its `[[state, date], …]`; `last` is the latest end of anything drawn, when it is known."""
    origin = moment_of(histories[0][1]) if histories else now
    state = histories[-1][0] if histories else RUNNING
    live = state in UNFINISHED
    if live:
        elapsed = milliseconds(now - origin)
        return Axis(origin, live_span(elapsed), elapsed, True)
    end = max(filter(None, (moment_of(histories[-1][1]), last)))
    elapsed = max(milliseconds(end - origin), 100)
    return Axis(origin, round(elapsed * 1.02), elapsed, False)


def live_span(elapsed: int) -> int:
    """The length in ms of an axis on which `elapsed` ms have passed and that still has room."""
    for seconds in SPANS:
        if elapsed <= seconds * 1000 * ROOM:
            return seconds * 1000
    days = SPANS[-1] * 1000
    return (int(elapsed / ROOM) // days + 1) * days


def ticks(span: int) -> list[tuple[int, str]]:
    """At most eight round moments within `span` ms, with their texts."""
    step = next((tick for tick in TICKS if span / (tick * 1000) <= 7.5), TICKS[-1])
    count = int(span / (step * 1000))
    return [(round(n * step * 1000), tick_text(n * step)) for n in range(1, count + 1) if n * step * 1000 < span * 0.955]


def tick_text(seconds: float) -> str:
    """`500 ms`, `30 s`, `1 m 30 s`, `2 h`, `1 d`: a round moment without needless parts."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}{formats.SPACE}ms"
    whole = round(seconds)
    if abs(seconds - whole) > 0.01:
        return f"{seconds:.1f}{formats.SPACE}s"
    parts = ((whole // 86400, "d"), (whole % 86400 // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    return formats.SPACE.join(f"{value}{formats.SPACE}{unit}" for value, unit in parts if value)


def milliseconds(value: timedelta) -> int:
    return max(0, round(value.total_seconds() * 1000))
