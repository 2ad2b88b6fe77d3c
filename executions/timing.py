"""How the steps of an execution spent their time: critical path, threads, layers, what is slow, and when it will be over. Pure."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median

SLACK = timedelta(milliseconds=100)  # dbt starts a node a little before it writes that the one before has ended
SLOW, NOTABLE = 1.5, 0.5  # times its median, and seconds more than it: worth pointing at


@dataclass(frozen=True, slots=True)
class Span:
    """One step: when it ran, where, and what it waited for. `ended` is None while it runs, `started` before it does."""

    id: str
    name: str
    label: str
    state: str
    started: datetime | None
    ended: datetime | None
    seconds: float | None = None
    thread: str = ""
    waits_for: tuple[str, ...] = ()
    tests: str = ""  # the name of the step that it tests
    of: str = ""  # the task run
    alone: bool = False  # nothing of the task run is beside it: it waits for all before it, and all after it wait for it (a hook)

    @property
    def took(self) -> float:
        """Seconds, by the step's own account where it gives one."""
        if self.seconds is not None:
            return self.seconds
        return (self.ended - self.started).total_seconds() if self.started and self.ended else 0.0


@dataclass(frozen=True, slots=True)
class Past:
    """What the last runs tell: seconds of each step by name, seconds of the whole, and seconds from the last step to the end."""

    steps: Mapping[str, Sequence[float]] = field(default_factory=dict)
    totals: Sequence[float] = ()
    tails: Sequence[float] = ()
    last: Sequence[Span] = ()  # the steps of the newest one

    def usual(self, name: str) -> float | None:
        """The median of a step."""
        known = self.steps.get(name)
        return median(known) if known else None


# --- the critical path -------------------------------------------------------------------------------------------------------


def critical_path(spans: Iterable[Span]) -> list[Span]:
    """The chain of steps that made it take as long as it did, in order: each waited for the one before it, or for its thread."""
    ran = [span for span in spans if span.started and span.ended and span.state != "SKIPPED"]
    if not ran:
        return []
    by_name = {span.name: span for span in ran}
    tests, threads = defaultdict(list), defaultdict(list)
    for span in ran:
        tests[span.tests].append(span)
        threads[span.of, span.thread].append(span)
    of_thread = {key: _Ended(own) for key, own in threads.items()}
    everything, alone = _Ended(ran), _Ended([span for span in ran if span.alone])
    path = [max(ran, key=_end)]
    seen = {path[0].id}
    while True:
        here = path[-1]
        until = _start(here) + SLACK
        before = [by_name[name] for name in (*here.waits_for, here.tests) if name in by_name]
        before += [test for name in here.waits_for for test in tests.get(name, ()) if name]
        before += of_thread[here.of, here.thread].last(until, seen) if here.thread else []
        before += (everything if here.alone else alone).last(until, seen)
        fitting = [span for span in before if span.id not in seen and _end(span) <= until]
        if not fitting:
            return path[::-1]
        path.append(max(fitting, key=_end))
        seen.add(path[-1].id)


class _Ended:
    """Steps by their ends, to be asked often for the last one that had ended at a moment."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = sorted(spans, key=_end)
        self._ends = [_end(span) for span in self._spans]

    def last(self, until: datetime, without: Container[str]) -> list[Span]:
        """That one, as a list of one; empty where there is none."""
        at = bisect_right(self._ends, until) - 1
        while at >= 0 and self._spans[at].id in without:
            at -= 1
        return self._spans[at : at + 1] if at >= 0 else []


def _start(span: Span) -> datetime:
    assert span.started is not None
    return span.started


def _end(span: Span) -> datetime:
    assert span.ended is not None
    return span.ended


# --- threads and layers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lane:
    """Steps that share a line. `busy` is the share of the time between the first start and the last end in which one of them ran."""

    name: str
    spans: tuple[Span, ...]
    busy: float


def threads(spans: Iterable[Span], now: datetime) -> list[Lane]:
    """A lane for each thread of each task run."""
    found: dict[tuple[str, str], list[Span]] = defaultdict(list)
    windows: dict[str, tuple[datetime, datetime]] = {}
    for span in spans:
        if span.started is None or not span.thread:
            continue
        found[span.of, span.thread].append(span)
        first, last = windows.get(span.of, (span.started, span.started))
        windows[span.of] = (min(first, span.started), max(last, span.ended or now))
    return [
        Lane(thread, tuple(sorted(own, key=_start)), _busy(own, windows[of], now))
        for (of, thread), own in sorted(found.items(), key=lambda item: (windows[item[0][0]][0], _natural(item[0][1])))
    ]


def _natural(name: str) -> tuple[int, str]:
    digits = "".join(filter(str.isdigit, name))
    return (int(digits[:9]) if digits else 0, name)


def _busy(spans: Iterable[Span], window: tuple[datetime, datetime], now: datetime) -> float:
    """The share of a window in which at least one of these ran."""
    length = (window[1] - window[0]).total_seconds()
    covered, reached = 0.0, window[0]
    for span in sorted(spans, key=_start):
        begin, end = max(_start(span), reached), span.ended or now
        if end > begin:
            covered += (end - begin).total_seconds()
            reached = end
    return min(1.0, covered / length) if length else 1.0


def layers(spans: Sequence[Span]) -> list[Lane]:
    """A lane for each layer of the graph: what waits for nothing first, then what waits for that. Tests are with what they test."""
    depth = depths(spans)
    found: dict[int, list[Span]] = defaultdict(list)
    for span in spans:
        if not span.alone:
            found[depth[span.name]].append(span)
    made = [Lane(f"Layer {number + 1}", tuple(sorted(found[number], key=lambda span: span.name)), 0.0) for number in sorted(found)]
    hooks = tuple(span for span in spans if span.alone)
    return [*made, Lane("Hooks", hooks, 0.0)] if hooks else made


def depths(spans: Sequence[Span]) -> dict[str, int]:
    """How many steps stand before each in the longest chain; a test is as deep as what it tests."""
    waits = {span.name: (span.tests,) if span.tests else span.waits_for for span in spans}
    same = {span.name for span in spans if span.tests in waits}
    depth: dict[str, int] = {}
    for name in waits:
        stack, open_ = [name], {name}
        while stack:
            top = stack[-1]
            missing = next((other for other in waits[top] if other in waits and other not in depth and other not in open_), None)
            if missing is not None:
                stack.append(missing)
                open_.add(missing)
                continue
            above = max((depth[other] for other in waits[top] if other in depth), default=-1)
            depth[top] = max(above + (0 if top in same else 1), 0)
            stack.pop()
    return depth


# --- what is slow ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slow:
    """A step beside its own median."""

    span: Span
    usual: float | None

    @property
    def factor(self) -> float | None:
        return self.span.took / self.usual if self.usual else None

    @property
    def slower(self) -> bool:
        return self.usual is not None and self.span.took >= max(SLOW * self.usual, self.usual + NOTABLE)


def slowest(spans: Iterable[Span], past: Past, count: int = 10) -> list[Slow]:
    """The steps that took longest."""
    ended = [span for span in spans if span.started and span.ended and span.state != "SKIPPED"]
    return [Slow(span, past.usual(span.name)) for span in heapq.nlargest(count, ended, key=lambda span: span.took)]


# --- when it will be over ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds that are left, likely and within an interval that held eight of ten of the last runs; `done` is a share of the work."""

    left: float
    least: float
    most: float
    done: float
    runs: int

    @property
    def percent(self) -> int:
        return round(100 * self.done)


def forecast(spans: Sequence[Span], past: Past, elapsed: float, now: datetime) -> Forecast | None:
    """What the last runs say of one that goes on; None where there were none."""
    if not past.totals:
        return None
    usual_total = median(past.totals)
    expected = {span.name: replace(span, started=None, ended=None) for span in past.last}
    wanted = expected | {span.name: span for span in spans}
    tail = median(past.tails) if past.tails else 0.0
    left = _left(wanted, past, now) + tail if past.last else max(usual_total - elapsed, 0.0)
    low, high = _spread([total / usual_total for total in past.totals if usual_total])
    done = elapsed / (elapsed + left) if elapsed + left else 0.0
    return Forecast(left, left * low, left * high, done, len(past.totals))


def _spread(ratios: Sequence[float]) -> tuple[float, float]:
    """The tenth and the ninetieth percentile, which always hold 1."""
    ordered = sorted(ratios)
    if len(ordered) < 2:
        return (0.8, 1.25)
    return (min(1.0, ordered[int(0.1 * (len(ordered) - 1))]), max(1.0, ordered[-1 - int(0.1 * (len(ordered) - 1))]))


def _left(wanted: Mapping[str, Span], past: Past, now: datetime) -> float:
    """Seconds until all steps have ended, each taking its median, on as many threads as there were."""
    all_usual = [value for values in past.steps.values() for value in values]
    other = median(all_usual) if all_usual else 1.0
    count = max(len({span.thread for span in (*past.last, *wanted.values()) if span.thread}), 1)
    ended = {name: 0.0 for name, span in wanted.items() if span.ended}
    free = [0.0] * count
    for name, span in wanted.items():
        if span.started and not span.ended:
            usual = past.usual(name) or other
            rest = max(usual - (now - span.started).total_seconds(), 0.1 * usual)
            ended[name] = rest
            heapq.heapreplace(free, max(free[0], rest))
    depth = depths(list(wanted.values()))
    for name in sorted((name for name in wanted if name not in ended), key=depth.__getitem__):
        ready = max((ended.get(parent, 0.0) for parent in wanted[name].waits_for), default=0.0)
        end = max(heapq.heappop(free), ready) + (past.usual(name) or other)
        ended[name] = end
        heapq.heappush(free, end)
    return max(ended.values(), default=0.0)
