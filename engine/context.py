"""The variables of an expression: what a flow's templates may name (flow, execution, task, taskrun, outputs, inputs, vars…)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from engine.document import Flow, Task
from engine.execution import Execution, TaskRun
from engine.needs import ALL, Needs

EMPTY: Mapping[str, Any] = {}
SCHEDULE_TYPES = ("io.kestra.plugin.core.trigger.Schedule", "io.kestra.core.models.triggers.types.Schedule")


def instant(moment: datetime) -> str:
    """An instant as expressions see it: `2024-12-20T10:00:00.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def variables(
    flow: Flow,
    execution: Execution,
    task_run: TaskRun | None = None,
    *,
    world: Mapping[str, Any] = EMPTY,
    task: Task | None = None,
    runs: Mapping[str, TaskRun] | None = None,
    needs: Needs = ALL,
) -> dict[str, Any]:
    """Everything that a template of this execution (or of one of its task runs) may name, as in Kestra.

    `world` gives `envs` and `globals`, and `namespace` with its variables. `task` saves looking the task up. `runs`, by id and in the
    order of creation, stand in for those of the execution. `needs` leaves out of `outputs` and `tasks` what the template does not name.
    What does not apply is absent, not null.
    """
    if runs is None:
        runs = {run.id: run for run in execution.task_runs}
    installation = {"envs": {}, "globals": {}} | {name: world[name] for name in ("envs", "globals", "namespace") if name in world}
    found = _itself(flow, execution) | installation | _inputs(flow, execution) | _trigger(execution)
    if runs:
        named = _named(runs, needs)
        found |= {"outputs": outputs(named, runs), "tasks": states_of_tasks(named, runs)}
    if task_run is not None:
        found |= _task_run(task_run, runs, task)
    return {**execution.variables, **found}


def _itself(flow: Flow, execution: Execution) -> dict[str, Any]:
    found: dict[str, Any] = {
        "flow": {"id": execution.flow_id, "namespace": execution.namespace, "revision": execution.flow_revision},
        "execution": {
            "id": execution.id,
            "startDate": instant(execution.state.start),
            "originalId": execution.original_id or execution.id,
            "state": execution.state.current,
        },
    }
    if flow.variables or execution.variables:
        found["vars"] = {**flow.variables, **execution.variables}
    if execution.labels:
        found["labels"] = labels(execution)
    return found


def _named(runs: Mapping[str, TaskRun], needs: Needs) -> list[TaskRun]:
    if needs is ALL:
        return list(runs.values())
    return [run for run in runs.values() if run.task_id in needs] if needs else []


def labels(execution: Execution) -> dict[str, Any]:
    """Labels by key, the first one winning; `system.x` stands under `system`."""
    plain: dict[str, Any] = {}
    system: dict[str, Any] = {}
    for key, value in execution.labels:
        if key.startswith("system."):
            system.setdefault(key.removeprefix("system."), value)
        else:
            plain.setdefault(key, value)
    return {**plain, "system": system} if system else plain


def outputs(named: Iterable[TaskRun], runs: Mapping[str, TaskRun]) -> dict[str, Any]:
    """Outputs of some of the task runs by task id, below the values of the loops around it, outermost first: `outputs.task[v1][v2]`."""
    found: dict[str, Any] = {}
    paths = _Values(runs)
    for run in named:
        if run.outputs is None:
            continue
        place, key = found, run.task_id
        for value in paths.of(run):
            inner = place.get(key)
            if not isinstance(inner, dict):
                place[key] = inner = {}
            place, key = inner, value
        place[key] = dict(run.outputs)
    return found


def states_of_tasks(named: Iterable[TaskRun], runs: Mapping[str, TaskRun]) -> dict[str, Any]:
    """`tasks.<id>.state`, or `tasks.<id>[value].state` in a loop."""
    found: dict[str, Any] = {}
    paths = _Values(runs)
    for run in named:
        values = paths.of(run)
        entry = {"state": run.state.current}
        if values:
            found.setdefault(run.task_id, {})[values[-1]] = entry
        else:
            found[run.task_id] = entry
    return found


def find_task(flow: Flow, runs: Mapping[str, TaskRun], task_run: TaskRun) -> Task | None:
    """The task that a task run runs, `runs` by id holding those above it; None where the flow does not have it."""
    if task_run.parent_id is None:
        candidates = flow.branches.get(task_run.path, ())
    else:
        parent = runs.get(task_run.parent_id)
        above = find_task(flow, runs, parent) if parent is not None else None
        candidates = above.branches.get(task_run.path, ()) if above is not None else ()
    return next((task for task in candidates if task.id == task_run.task_id), None)


class _Values:
    """The loop values above and at a task run, outermost first; remembered per task run."""

    def __init__(self, runs: Mapping[str, TaskRun]) -> None:
        self.runs = runs
        self.known: dict[str, tuple[str, ...]] = {}

    def of(self, run: TaskRun) -> tuple[str, ...]:
        found = self.known.get(run.id)
        if found is None:
            above = self.runs.get(run.parent_id) if run.parent_id is not None else None
            found = (*(self.of(above) if above is not None else ()), *((run.value,) if run.value is not None else ()))
            self.known[run.id] = found
        return found


def _inputs(flow: Flow, execution: Execution) -> dict[str, Any]:
    given = dict(execution.inputs)
    for declared in flow.inputs:
        if declared.defaults is not None and not _has(given, declared.id):
            _place(given, declared.id, declared.defaults)
    return {"inputs": given} if given else {}


def _has(values: Mapping[str, Any], dotted: str) -> bool:
    if dotted in values:
        return True
    head, dot, rest = dotted.partition(".")
    inner = values.get(head)
    return bool(dot) and isinstance(inner, Mapping) and _has(inner, rest)


def _place(values: dict[str, Any], dotted: str, value: Any) -> None:
    head, dot, rest = dotted.partition(".")
    if not dot:
        values[head] = value
        return
    inner = values.get(head)
    values[head] = deeper = dict(inner) if isinstance(inner, Mapping) else {}
    _place(deeper, rest, value)


def _trigger(execution: Execution) -> dict[str, Any]:
    if not execution.trigger:
        return {}
    given = execution.trigger.get("variables") or {}
    found: dict[str, Any] = {"trigger": given}
    if execution.trigger.get("type") in SCHEDULE_TYPES:
        found["schedule"] = given
    return found


def _task_run(run: TaskRun, runs: Mapping[str, TaskRun], task: Task | None) -> dict[str, Any]:
    found: dict[str, Any] = {"task": {"id": run.task_id}, "taskrun": _own(run)}
    if task is not None:
        found["task"]["type"] = task.type
    above = list(_above(run, runs))
    parents = [entry for entry in map(_ancestor, above) if entry]
    if parents:
        found["parent"] = parents[0]
    found["parents"] = parents
    workspace = next((parent for parent in above if parent.notes.get("phase")), None)
    if workspace is not None:
        found["workerTaskrun"] = _own(workspace)
    return found


def _own(run: TaskRun) -> dict[str, Any]:
    ended = sum(attempt.state.terminated for attempt in run.attempts)
    entry: dict[str, Any] = {"id": run.id, "startDate": instant(run.state.start), "attemptsCount": ended}
    optional = {"parentId": run.parent_id, "value": run.value, "iteration": run.iteration}
    return entry | {key: value for key, value in optional.items() if value is not None}


def _above(run: TaskRun, runs: Mapping[str, TaskRun]) -> Iterator[TaskRun]:
    parent = runs.get(run.parent_id) if run.parent_id is not None else None
    while parent is not None:
        yield parent
        parent = runs.get(parent.parent_id) if parent.parent_id is not None else None


def _ancestor(run: TaskRun) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if run.value is not None:
        entry["taskrun"] = {"value": run.value}
    if run.outputs:
        entry["outputs"] = run.outputs
    return entry
