"""The Gantt as values: a row for every task run and step, with its bars in milliseconds from the start of the time axis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from engine.states import ALL, RUNNING, TERMINATED, UNFINISHED
from executions.time_axis import Axis, Bar, milliseconds, moment_of
from ui import formats

WORTH_OPENING = frozenset({"WARNING", "FAILED"})


class TaskRunLike(Protocol):
    """What a row needs of a task run (the model has it)."""

    id: str
    task_id: str
    parent_id: str | None
    value: str | None
    iteration: int | None
    state: str
    histories: list[list[str]]
    attempts: list[dict[str, Any]]
    position: int


class StepLike(Protocol):
    """What a row needs of a step (the model has it)."""

    id: str
    task_run_id: str
    attempt: int
    name: str
    label: str
    kind: str
    parent_name: str
    state: str
    started: datetime | None
    ended: datetime | None
    message: str
    data: dict[str, Any]
    position: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the tree grid. `parent` is the id of the row above it in the tree; `start` and `end` are ms from the origin."""

    id: str
    parent: str
    level: int
    position: int
    name: str
    kind: str
    kind_text: str
    note: str
    state: str
    start: int | None
    end: int | None
    bars: tuple[Bar, ...] = ()
    has_children: bool = False
    is_open: bool = True
    hidden: bool = False
    is_task: bool = True
    tip: str = ""
    took: timedelta | None = None  # what the row tells of itself, where that differs from its bar
    loop: tuple[tuple[str, int], ...] = ()  # of a long loop: how many of its task runs are in which state
    iteration: bool = False  # shown only because its loop is opened

    @property
    def duration(self) -> str:
        """How long it took; nothing for what never ran, a dash for what was left out."""
        if self.start is None or (self.end is None and self.state not in UNFINISHED):
            return "–" if self.state in TERMINATED else ""
        if self.took is not None:
            return formats.duration(self.took)
        return formats.duration((self.end - self.start) / 1000) if self.end is not None else ""

    @property
    def loop_total(self) -> int:
        return sum(count for _, count in self.loop)

    @property
    def loop_bar(self) -> list[tuple[str, str, str]]:
        """(state, x, width) of each part of the bar of counts."""
        at, parts = 0.0, []
        for name, count in self.loop:
            width = 100 * count / self.loop_total
            parts.append((name, f"{at:.2f}%", f"{width:.2f}%"))
            at += width
        return parts

    @property
    def search(self) -> str:
        return f"{self.name} {self.kind_text}".lower()


@dataclass(frozen=True, slots=True)
class Tree:
    """What has to be known about rows that are not drawn: the level of each task run, and which have something below them."""

    levels: Mapping[str, int] = field(default_factory=dict)
    parents: frozenset[str] = frozenset()


# --- rows ---------------------------------------------------------------------------------------------------------------------


def tree_of(runs: Iterable[TaskRunLike], steps: Iterable[StepLike]) -> Tree:
    """Levels and parents of a whole execution."""
    parent_of = {run.id: run.parent_id for run in runs}
    return Tree(levels_of(parent_of), frozenset(filter(None, parent_of.values())) | {step.task_run_id for step in steps})


def levels_of(parent_of: Mapping[str, str | None]) -> dict[str, int]:
    """The level (from 1) of each task run, given the parent of each."""
    levels: dict[str, int] = {}

    def level(run_id: str) -> int:
        if run_id not in levels:
            parent = parent_of.get(run_id)
            levels[run_id] = 1 if parent is None or parent not in parent_of else level(parent) + 1
        return levels[run_id]

    for run_id in parent_of:
        level(run_id)
    return levels


def rows(
    runs: Sequence[TaskRunLike],
    steps: Sequence[StepLike],
    types: Mapping[str, str],
    axis: Axis,
    tree: Tree | None = None,
    loops: Mapping[str, Mapping[str, int]] | None = None,
) -> list[Row]:
    """Every row, parents before their children, siblings in order of creation. `types` maps task id to task type, `loops` the id of
    a long loop to how many of its task runs are in which state.

    Given a `tree`, `runs` and `steps` may be a part of the execution: then rows whose parent is missing stand on their own.
    """
    tree = tree or tree_of(runs, steps)
    made = [*(_task_row(run, types, axis, tree) for run in runs), *_step_rows(steps, axis, tree)]
    if loops:
        made = [_folded(row, loops[row.id]) if row.id in loops else row for row in made]
    return _in_order(made)


def _folded(row: Row, counts: Mapping[str, int]) -> Row:
    """A long loop: a row that has nothing to open and close by itself, with the counts of what is in it."""
    return replace(row, has_children=False, loop=tuple((name, counts[name]) for name in ALL if counts.get(name)))


def _in_order(made: Sequence[Row]) -> list[Row]:
    """Depth first; what stands below a closed row is hidden."""
    known = {row.id for row in made}
    below: dict[str, list[Row]] = defaultdict(list)
    for row in made:
        below[row.parent if row.parent in known else ""].append(row)
    ordered: list[Row] = []
    stack = [(row, False) for row in sorted(below[""], key=_order, reverse=True)]
    while stack:
        row, hidden = stack.pop()
        ordered.append(_hide(row) if hidden else row)
        stack.extend((child, hidden or not row.is_open) for child in sorted(below[row.id], key=_order, reverse=True) if row.id)
    return ordered


def _order(row: Row) -> tuple[int, str]:
    return (row.position, row.id)


def _hide(row: Row) -> Row:
    return replace(row, hidden=True)


def _task_row(run: TaskRunLike, types: Mapping[str, str], axis: Axis, tree: Tree) -> Row:
    bars = _task_bars(run, axis, run.id in tree.parents)
    start = bars[0].start if bars else None
    end = None if run.state in UNFINISHED else (bars[-1].end if bars else None)
    kind = short_type(types.get(run.task_id, ""))
    note = value_note(run)
    return Row(
        id=run.id,
        parent=run.parent_id or "",
        level=tree.levels.get(run.id, 1),
        position=run.position,
        name=run.task_id,
        kind="task",
        kind_text=kind,
        note=note,
        state=run.state,
        start=start,
        end=end,
        bars=bars,
        has_children=run.id in tree.parents,
        tip=" · ".join(filter(None, (kind, f"attempt {len(run.attempts)}" if len(run.attempts) > 1 else "", note))),
    )


def value_note(run: TaskRunLike) -> str:
    """The value or iteration of a task run in a loop, short enough for a row."""
    if run.value is None:
        return "" if run.iteration is None else f"iteration {run.iteration}"
    return run.value if len(run.value) <= 60 else run.value[:57] + "…"


def short_type(name: str) -> str:
    """`io.kestra.plugin.dbt.cli.DbtCLI` → `dbt.cli.DbtCLI`; core types by their last word."""
    short = name.removeprefix("io.kestra.plugin.")
    return short.rsplit(".", 1)[-1] if short.startswith("core.") else short


def _task_bars(run: TaskRunLike, axis: Axis, is_group: bool) -> tuple[Bar, ...]:
    """One bar for each attempt; for what has none (a flowable) one from its first RUNNING to its end."""
    css = "group" if is_group else ""
    if run.attempts and not is_group:
        made = [_span_of(attempt.get("histories") or [], axis, css) for attempt in run.attempts]
        bars = tuple(bar for bar in made if bar is not None)
        if bars:
            return bars
    bar = _span_of(run.histories, axis, css)
    return (bar,) if bar else ()


def _span_of(histories: Sequence[Sequence[str]], axis: Axis, css: str) -> Bar | None:
    """The bar of `[[state, date], …]` from its first RUNNING; None for what never ran."""
    began = next((date for state, date in histories if state == RUNNING), None)
    if began is None:
        return None
    state, date = histories[-1]
    end = None if state in UNFINISHED else _offset(moment_of(date), axis)
    return Bar(state, _offset(moment_of(began), axis), end, css)


def _offset(value: datetime, axis: Axis) -> int:
    return milliseconds(value - axis.origin)


def _step_rows(steps: Sequence[StepLike], axis: Axis, tree: Tree) -> list[Row]:
    """Steps stand under their task run, a test under the model that it tests."""
    by_name = {(step.task_run_id, step.attempt, step.name): step for step in steps}
    tests: dict[str, list[StepLike]] = defaultdict(list)
    parent_of: dict[str, StepLike] = {}
    for step in steps:
        above = parent_name_of(step)
        parent = by_name.get((step.task_run_id, step.attempt, above)) if above else None
        if parent is not None and parent is not step:
            parent_of[step.id] = parent
            tests[parent.id].append(step)
    return [_step_row(step, parent_of.get(step.id), tests.get(step.id, []), axis, tree) for step in steps]


def parent_name_of(step: StepLike) -> str:
    """The name of the step that this one belongs to: as reported, else the node of a dbt test, or the model of a unit test."""
    data = step.data or {}
    if step.parent_name:
        return step.parent_name
    if data.get("attached_node"):
        return str(data["attached_node"])
    if step.kind == "unit_test":
        return next((str(name) for name in data.get("depends_on") or () if str(name).startswith("model.")), "")
    return ""


def _step_row(step: StepLike, parent: StepLike | None, tests: Sequence[StepLike], axis: Axis, tree: Tree) -> Row:
    bar = _step_bar(step, axis)
    kind = kind_of(step)
    return Row(
        id=step.id,
        parent=parent.id if parent else step.task_run_id,
        level=tree.levels.get(step.task_run_id, 1) + (2 if parent else 1),
        position=step.position,
        name=step.label or step.name,
        kind=kind,
        kind_text="" if kind in ("test", "unit_test") and parent else kind.replace("_", " "),
        note=step_note(step),
        state=step.state,
        start=bar.start if bar else None,
        end=bar.end if bar else None,
        bars=(*((bar,) if bar else ()), *_test_bars(tests, axis)),
        has_children=bool(tests),
        is_open=any(test.state in WORTH_OPENING for test in tests),
        is_task=False,
        tip=step_tip(step, kind),
        took=took_of(step),
    )


def took_of(step: StepLike) -> timedelta | None:
    """How long an ended step took: as it says itself, else from its start to its end.

    dbt's own figure, which its log lines and run_results.json repeat, leaves out the time in which a node waits for dbt's bookkeeping.
    """
    if step.started is None or step.ended is None:
        return None
    told = (step.data or {}).get("duration")
    return timedelta(seconds=told) if isinstance(told, int | float) else step.ended - step.started


def _step_bar(step: StepLike, axis: Axis, css: str = "") -> Bar | None:
    if step.started is None:
        return None
    end = _offset(step.ended, axis) if step.ended else (None if step.state in UNFINISHED else _offset(step.started, axis))
    return Bar(step.state, _offset(step.started, axis), end, css)


def _test_bars(tests: Sequence[StepLike], axis: Axis) -> list[Bar]:
    """What a model's tests did, as thin bars behind the model's own."""
    return [bar for bar in (_step_bar(test, axis, "test") for test in tests) if bar is not None]


def kind_of(step: StepLike) -> str:
    """What a step is: how a model is materialized, else its resource type, else the kind it reported."""
    data = step.data or {}
    if step.kind in ("model", "") and data.get("materialized") and data.get("resource_type", "model") == "model":
        return str(data["materialized"])
    return step.kind or str(data.get("resource_type") or "step")


def step_note(step: StepLike) -> str:
    """What is worth saying beside the name: why it failed, how many rows a test found, what caused a skip, a badge."""
    data = step.data or {}
    if step.state in WORTH_OPENING:
        failures = data.get("num_failures")
        if isinstance(failures, int) and failures > 0:
            return formats.plural(failures, "row")
        return first_line(step.message)
    if step.state == "SKIPPED":
        badge = data.get("badge")
        return str(badge) if badge else f"{data['cause']} failed" if data.get("cause") else ""
    return " · ".join(filter(None, (str(data.get("badge") or ""), f"attempt {step.attempt + 1}" if step.attempt else "")))


def step_tip(step: StepLike, kind: str) -> str:
    """The second line of the hover text."""
    data = step.data or {}
    rows_affected = data.get("rows_affected")
    return " · ".join(
        filter(
            None,
            (
                kind.replace("_", " "),
                formats.plural(rows_affected, "row") if isinstance(rows_affected, int) and rows_affected >= 0 else "",
                str(data.get("thread") or ""),
                first_line(step.message) if step.state in WORTH_OPENING else "",
            ),
        )
    )


def first_line(text: str, limit: int = 160) -> str:
    """The first line of a message that says something, cut where it is long."""
    line = next((line.strip() for line in (text or "").splitlines() if line.strip()), "")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def states(made: Iterable[Row]) -> dict[str, int]:
    """How many rows are in each state."""
    counts: dict[str, int] = defaultdict(int)
    for row in made:
        counts[row.state] += 1
    return dict(counts)
