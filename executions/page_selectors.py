"""What the pages of executions read beyond `selectors`: rows for the Gantt, windows of log lines, figures for lists."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from engine.document import Flow, Task
from engine.states import UNFINISHED
from executions import gantt, long_loops, page_logs, presenters, time_axis
from executions.long_loops import Opened, Seen
from executions.models import Execution, LogLine, Step, TaskRun
from flows import selectors as flow_selectors
from ui import formats
from ui.errors import KestraError

MOST_NODES = 900  # of a picture, whose task runs are asked for by name
STEP_PLACES = 1_000_000  # steps stand after the task runs beside them, those of attempt n after those of attempt n - 1


def tasks_of(execution: Execution) -> tuple[Task, ...]:
    """The tasks of the flow as this execution runs it; nothing where the flow can no longer be read."""
    flow = flow_of(execution)
    return flow.all_tasks if flow else ()


def known_tasks(execution: Execution) -> dict[str, Task]:
    """Task id → task, of every task of the flow however deep."""
    found: dict[str, Task] = {}
    stack = list(tasks_of(execution))
    while stack:
        task = stack.pop()
        found[task.id] = task
        stack.extend(child for branch in task.branches.values() for child in branch)
    return found


def task_types(execution: Execution) -> dict[str, str]:
    """Task id → type, of every task of the flow however deep."""
    return {id_: task.type for id_, task in known_tasks(execution).items()}


# --- the Gantt ------------------------------------------------------------------------------------------------------------------

RUN_FIELDS = ("id", "task_id", "parent_id", "value", "iteration", "state", "histories", "attempts", "position")


def _runs(execution: Execution) -> QuerySet[TaskRun]:
    return TaskRun.objects.filter(execution=execution).only(*RUN_FIELDS)


def _ordered(steps: Iterable[Step]) -> list[Step]:
    """Steps whose position counts over all attempts."""
    made = list(steps)
    for step in made:
        step.position += (step.attempt + 1) * STEP_PLACES
    return made


def gantt_axis(execution: Execution, now: datetime) -> time_axis.Axis:
    """The time axis of an execution at this moment."""
    last = Step.objects.filter(execution=execution).aggregate(last=Max("ended"))["last"] if execution.ended else None
    return time_axis.axis_of(execution.histories, now, last=last)


def gantt_rows(execution: Execution, axis: time_axis.Axis, opened: Opened = Opened()) -> list[gantt.Row]:  # noqa: B008 -- frozen
    """Every row of the Gantt in order; of long loops only what is opened."""
    seen = long_loops.of(execution, opened)
    base = long_loops.of(execution).parents if seen.loops and (opened.loop or opened.row) else seen.parents
    runs = list(_runs(execution).filter(id__in=seen.parents) if seen.loops else _runs(execution))
    steps = _ordered(_steps_of(execution, seen))
    made = gantt.rows(runs, steps, task_types(execution), axis, _tree(seen, steps), seen.loops)
    if seen.loops:
        made = [replace(row, iteration=True) if row.is_task and row.id not in base else row for row in made]
    return made


def _steps_of(execution: Execution, seen: Seen) -> QuerySet[Step]:
    steps = Step.objects.filter(execution=execution).defer("histories")
    return steps.filter(task_run_id__in=seen.parents) if seen.loops else steps


def gantt_row_count(execution: Execution) -> int:
    """How many rows the Gantt has while no loop is opened."""
    seen = long_loops.of(execution)
    return len(seen.parents) + _steps_of(execution, seen).count()


def changed_gantt_rows(execution: Execution, axis: time_axis.Axis, since: int) -> list[gantt.Row]:
    """Rows that changed after the sequence number `since`, with those that must be drawn again because of them: what stands above them.

    Of a long loop that is its own row, whose counts have changed.
    """
    seen = long_loops.of(execution)
    steps = list(_steps_of(execution, seen).filter(seq__gt=since))
    changed = TaskRun.objects.filter(execution=execution, seq__gt=since).order_by()
    if seen.loops:
        run_ids = set(changed.filter(id__in=seen.parents).values_list("id", flat=True))
        run_ids |= set(changed.filter(parent_id__in=seen.loops).values_list("parent_id", flat=True).distinct())
    else:
        run_ids = set(changed.values_list("id", flat=True))
    run_ids |= {step.task_run_id for step in steps}
    run_ids |= {parent for parent in (seen.parents.get(run_id) for run_id in run_ids) if parent}
    steps = _with_families(execution, steps)
    with_steps = _steps_of(execution, seen).order_by().values_list("task_run_id", flat=True).distinct()
    tree = gantt.Tree(gantt.levels_of(seen.parents), frozenset(seen.with_children) | frozenset(with_steps))
    runs = list(_runs(execution).filter(id__in=run_ids))
    made = gantt.rows(runs, _ordered(steps), task_types(execution), axis, tree, seen.loops)
    wanted = {step.id for step in steps} | run_ids
    return [row for row in made if row.id in wanted]


def _tree(seen: Seen, steps: Iterable[Step]) -> gantt.Tree:
    return gantt.Tree(gantt.levels_of(seen.parents), frozenset(seen.with_children) | {step.task_run_id for step in steps})


def _with_families(execution: Execution, changed: Sequence[Step]) -> list[Step]:
    """The changed steps, the models above changed tests, and all tests of those models: a model's row draws its tests."""
    wanted = {_family(step) for step in changed}
    if not wanted:
        return []
    names = {name for _, _, name in wanted}
    related = Q(name__in=names) | Q(parent_name__in=names) | Q(data__attached_node__in=names) | Q(kind="unit_test")
    family = Step.objects.filter(execution=execution, task_run_id__in={run_id for run_id, _, _ in wanted}).filter(related)
    kept = [step for step in family if _family(step) in wanted or (step.task_run_id, step.attempt, step.name) in wanted]
    known = {step.id for step in kept}
    return [*kept, *(step for step in changed if step.id not in known)]


def _family(step: Step) -> tuple[str, int, str]:
    """A model and its tests have the same one."""
    return (step.task_run_id, step.attempt, gantt.parent_name_of(step) or step.name)


# --- figures of many executions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figures:
    """How many steps or task runs an execution has in each state, and what it is doing."""

    steps: Mapping[str, int]
    task_runs: Mapping[str, int]
    doing: str = ""


def figures(execution_ids: Sequence[str]) -> dict[str, Figures]:
    """Figures for the executions of one page of a list: three queries whatever their number."""
    steps: dict[str, Counter[str]] = defaultdict(Counter)
    runs: dict[str, Counter[str]] = defaultdict(Counter)
    for execution_id, state, count in _by_state(Step.objects.filter(execution_id__in=execution_ids)):
        steps[execution_id][state] = count
    for execution_id, state, count in _by_state(TaskRun.objects.filter(execution_id__in=execution_ids)):
        runs[execution_id][state] = count
    doing: dict[str, str] = {}
    unfinished = TaskRun.objects.filter(execution_id__in=execution_ids, state__in=("RUNNING", "PAUSED", "RETRYING")).order_by("position")
    for execution_id, task_id in unfinished.values_list("execution_id", "task_id"):
        doing[execution_id] = task_id  # the last one is the innermost
    return {key: Figures(steps.get(key, {}), runs.get(key, {}), doing.get(key, "")) for key in execution_ids}


def _by_state(rows: QuerySet[TaskRun] | QuerySet[Step]) -> Iterable[tuple[str, str, int]]:
    return rows.order_by().values_list("execution_id", "state").annotate(count=Count("id"))


# --- one execution ------------------------------------------------------------------------------------------------------------------


def flow_of(execution: Execution) -> Flow | None:
    """The flow as this execution runs it; None where it can no longer be read."""
    try:
        return flow_selectors.parsed(execution.namespace, execution.flow_id, execution.flow_revision)
    except KestraError:
        return None


@dataclass(frozen=True, slots=True)
class TaskState:
    """What became of a task: its most telling state, how many task runs are in which, how long a single one took."""

    state: str
    counts: Mapping[str, int]
    took: str = ""

    @property
    def word(self) -> str:
        return self.state.capitalize()

    @property
    def note(self) -> str:
        total = sum(self.counts.values())
        if total == 1:
            return self.took
        mine = self.counts[self.state]
        return f"{formats.number(mine)} of {formats.number(total)}" if mine != total else f"× {formats.number(total)}"

    @property
    def text(self) -> str:
        return ", ".join(f"{formats.number(count)} {state.lower()}" for state, count in self.counts.items())


BADNESS = {
    state: place
    for place, state in enumerate(
        (
            "SKIPPED",
            "SUCCESS",
            "RETRIED",
            "CREATED",
            "QUEUED",
            "WARNING",
            "CANCELLED",
            "KILLED",
            "FAILED",
            "RESTARTED",
            "RETRYING",
            "KILLING",
            "PAUSED",
            "RUNNING",
        )
    )
}


def task_states(execution: Execution) -> dict[str, TaskState]:
    """Task id → what became of it; tasks that never began are not in it. Two queries, however long its loops are."""
    grouped: dict[str, dict[str, int]] = defaultdict(dict)
    runs = TaskRun.objects.filter(execution=execution).order_by()
    for task_id, state, count in runs.values_list("task_id", "state").annotate(count=Count("id")):
        grouped[task_id][state] = count
    single = [task_id for task_id, counts in grouped.items() if sum(counts.values()) == 1]
    took = {run.task_id: _took(run.histories) for run in runs.filter(task_id__in=single[:MOST_NODES]).only("task_id", "histories")}
    return {task_id: TaskState(_worst(counts), counts, took.get(task_id, "")) for task_id, counts in grouped.items()}


def _worst(counts: Mapping[str, int]) -> str:
    return max(counts, key=lambda state: BADNESS.get(state, 0))


def _took(histories: Sequence[Sequence[str]]) -> str:
    span = presenters.ran(histories)
    return formats.duration(span) if span is not None else ""


@dataclass(frozen=True, slots=True)
class Notable:
    """A step or task run that is worth a line on the Overview."""

    id: str
    name: str
    state: str
    text: str
    took: timedelta | None


def notable(execution: Execution, limit: int) -> list[Notable]:
    """What is not a success, the worst first: steps, and task runs that have none."""
    order = ("FAILED", "WARNING", "SKIPPED", "KILLED")
    steps = Step.objects.filter(execution=execution, state__in=order)
    runs = TaskRun.objects.filter(execution=execution, state__in=order[:2]).exclude(id__in=steps.values("task_run_id"))
    runs = list(runs.exclude(id__in=_parents(execution)).order_by("position")[:limit])
    found = [
        Notable(step.id, step.label or step.name, step.state, gantt.first_line(step.message) or gantt.step_note(step), gantt.took_of(step))
        for step in sorted(steps, key=lambda step: (order.index(step.state), step.position))[:limit]
    ]
    messages = _last_errors(execution, [run.id for run in runs])
    found += [
        Notable(run.id, run.task_id, run.state, messages.get(run.id, ""), presenters.ran(run.histories))
        for run in runs
    ]
    return sorted(found, key=lambda item: order.index(item.state))[:limit]


def _last_errors(execution: Execution, run_ids: Sequence[str]) -> dict[str, str]:
    lines = LogLine.objects.filter(execution=execution, level__gte=3, task_run_id__in=run_ids).order_by("number")
    return {line.task_run_id: gantt.first_line(line.message) for line in lines[:200]}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an execution did not succeed: a title, the message, and the row it happened in."""

    title: str
    text: str
    row_id: str


def cause(execution: Execution) -> Cause | None:
    """The first thing that failed; None where nothing did."""
    if execution.state not in ("FAILED", "KILLED", "CANCELLED", "WARNING"):
        return None
    steps = Step.objects.filter(execution=execution, state="FAILED").order_by("ended", "position")
    step = steps.first()
    if step is not None:
        skipped = Step.objects.filter(execution=execution, state="SKIPPED", data__cause__isnull=False).count()
        more = steps.count() - 1
        others = [f"{more} more failed" if more else "", f"{formats.plural(skipped, 'step')} after it skipped" if skipped else ""]
        title = ", ".join([f"{step.label or step.name} failed", *filter(None, others)])
        return Cause(title, step.message or execution.error, step.id)
    if execution.state == "WARNING":
        return None
    run = TaskRun.objects.filter(execution=execution, state="FAILED").exclude(id__in=_parents(execution)).order_by("position").first()
    if run is not None:
        text = _last_errors(execution, [run.id]).get(run.id, "") or execution.error
        return Cause(f"{run.task_id} failed", text, run.id)
    return Cause(gantt.first_line(execution.error), "", "") if execution.error else None


def _parents(execution: Execution) -> QuerySet[TaskRun]:
    return TaskRun.objects.filter(execution=execution).exclude(parent_id=None).values("parent_id")


@dataclass(frozen=True, slots=True)
class Source:
    """A task run or step in the list beside the log lines: how many lines it wrote, how many of them are WARN or ERROR."""

    run_id: str
    step: str
    name: str
    state: str
    level: int
    lines: int
    loud: int
    loud_state: str


SOURCES = 1500


def log_sources(execution: Execution) -> list[Source]:
    """Task runs that wrote lines (or stand above such), each followed by its steps that did."""
    counts = page_logs.by_source(execution)
    steps: dict[str, list[Step]] = defaultdict(list)
    for step in Step.objects.filter(execution=execution).only("task_run_id", "name", "label", "state", "position", "attempt")[:SOURCES]:
        if (step.task_run_id, step.name) in counts:
            steps[step.task_run_id].append(step)
    runs = list(_runs(execution)[:SOURCES])
    levels = gantt.levels_of({run.id: run.parent_id for run in runs})
    totals: Counter[str] = Counter()
    for (run_id, _), (count, _) in counts.items():
        totals[run_id] += count
    made: list[Source] = []
    above = {run.parent_id for run in runs}
    for row in _depth_first(runs):
        if not totals.get(row.id) and row.id not in above:
            continue
        loud = counts.get((row.id, ""), (0, 0))[1]
        made.append(
            Source(
                row.id,
                "",
                _named(row),
                row.state,
                levels[row.id],
                totals.get(row.id, 0),
                loud,
                "FAILED" if row.state == "FAILED" else "WARNING",
            )
        )
        for step in steps.get(row.id, ()):
            lines, loud = counts[(row.id, step.name)]
            made.append(
                Source(
                    row.id,
                    step.name,
                    step.label or step.name,
                    step.state,
                    levels[row.id] + 1,
                    lines,
                    loud,
                    "FAILED" if step.state == "FAILED" else "WARNING",
                )
            )
    return made


def _named(run: TaskRun) -> str:
    note = gantt.value_note(run)
    return f"{run.task_id} {note}" if note else run.task_id


def _depth_first(runs: Sequence[TaskRun]) -> list[TaskRun]:
    known = {run.id for run in runs}
    below: dict[str, list[TaskRun]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.position):
        below[run.parent_id if run.parent_id in known else ""].append(run)
    ordered: list[TaskRun] = []
    stack = below[""][::-1]
    while stack:
        run = stack.pop()
        ordered.append(run)
        stack.extend(below[run.id][::-1])
    return ordered


# --- what an execution would do -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is known before pressing Execute: how long it usually takes, how many run, whether it would wait."""

    usual: timedelta | None
    fastest: timedelta | None
    slowest: timedelta | None
    runs: int
    running: int
    limit: int | None
    behavior: str

    @property
    def waits(self) -> bool:
        return self.limit is not None and self.running >= self.limit


def expectation(namespace: str, flow_id: str, flow: Flow) -> Expectation:
    """From the last 20 executions that succeeded, and those that have not ended."""
    own = Execution.objects.filter(namespace=namespace, flow_id=flow_id)
    ended = own.filter(state__in=("SUCCESS", "WARNING"), ended__isnull=False).order_by("-created").values_list("created", "ended")[:20]
    spans = sorted(end - start for start, end in ended)
    concurrency = flow.concurrency
    return Expectation(
        usual=spans[len(spans) // 2] if spans else None,
        fastest=spans[0] if spans else None,
        slowest=spans[-1] if spans else None,
        runs=len(spans),
        running=own.filter(state__in=UNFINISHED - {"QUEUED", "PAUSED"}).count(),
        limit=concurrency.limit if concurrency else None,
        behavior=concurrency.behavior if concurrency else "",
    )


def flat_inputs(execution: Execution) -> dict[str, Any]:
    """The inputs of an execution by their dotted names; encrypted ones and files are left out."""
    values = dict(presenters.flat(presenters.display(execution.inputs)))
    return {
        name: value
        for name, value in values.items()
        if name and not (isinstance(value, str) and (value.startswith("kestra://") or value == presenters.HIDDEN))
    }
