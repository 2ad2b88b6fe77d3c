"""The rows of an execution: engine values are made from them here, and saved to them by compare-and-set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from django.db.models import F, Max

from engine import commands, states
from engine.execution import Attempt, Execution, TaskRun
from engine.folding import folds
from engine.states import Moment, State
from engine.texts import storable
from executions import models

RUN_FIELDS = ["state", "histories", "attempts", "outputs", "notes", "seq", "parent_id", "path", "value", "iteration", "position", "folded"]


SUBFLOW = "io.kestra.plugin.core.flow.Subflow"  # the trigger of an execution that a task started, for itself or for one line of a file
EACH = "io.kestra.plugin.core.flow.ForEachItem$ForEachItemExecutable"


class Conflict(Exception):
    """Someone else saved the execution first: load it and decide again."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An execution as it was in the database, and the version that a save compares with.

    Task runs that are folded are left out, unless it was loaded `whole`.
    """

    execution: Execution
    version: int
    whole: bool = False


@dataclass(slots=True)
class Effects:
    """What the engine decided beside the execution's new value, until it is written."""

    runs: list[commands.RunTask] = field(default_factory=list)
    stops: list[commands.StopTask] = field(default_factory=list)
    timers: dict[str, datetime] = field(default_factory=dict)
    others: list[commands.Command] = field(default_factory=list)
    kept: str = ""  # the worker that keeps the cheap ones of `runs` for itself
    inline: frozenset[str] = frozenset()  # ids of task runs whose attempts are cheap
    finished: bool = False  # somebody waits for the end of the execution, which is now
    moved: tuple[int, int] | None = None  # which of its states are new and to be told to Flow triggers: places in its history

    def __bool__(self) -> bool:
        return bool(self.runs or self.stops or self.timers or self.others)


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save wrote: the sequence number it was given, rows to hand to workers, and what a page must draw again."""

    seq: int
    deliveries: Sequence[models.Delivery] = ()
    commands: Sequence[models.Command] = ()
    task_run_ids: Sequence[str] = ()


# --- Values from rows -----------------------------------------------------------------------------------------------------


def state_of(histories: Iterable[Sequence[str]]) -> State:
    """A state from `[[name, ISO date], …]`."""
    return State(tuple(Moment(name, datetime.fromisoformat(date)) for name, date in histories))


def histories_of(state: State) -> list[list[str]]:
    """`[[name, ISO date], …]` of a state."""
    return [[moment.state, moment.date.isoformat()] for moment in state.histories]


def task_run_of(row: models.TaskRun) -> TaskRun:
    """The engine's value of a task run's row."""
    attempts = tuple(Attempt(entry["number"], state_of(entry["histories"]), entry.get("logFile")) for entry in row.attempts)
    return TaskRun(
        row.id,
        row.task_id,
        state_of(row.histories),
        row.parent_id,
        row.path,
        row.value,
        row.iteration,
        attempts,
        row.outputs,
        row.position,
        row.notes,
    )


def execution_of(row: models.Execution, task_runs: Iterable[models.TaskRun]) -> Execution:
    """The engine's value of an execution's row with its task runs."""
    runs = tuple(task_run_of(run) for run in task_runs)
    return Execution(
        id=row.id,
        namespace=row.namespace,
        flow_id=row.flow_id,
        flow_revision=row.flow_revision,
        state=state_of(row.histories),
        task_runs=runs,
        inputs=row.inputs,
        outputs=row.outputs,
        labels=tuple((key, value) for key, value in row.labels),
        variables=row.variables,
        trigger=row.trigger,
        parent_id=row.parent_id,
        original_id=row.original_id,
        attempt_number=row.attempt_number,
        original_created=row.original_created,
        schedule_date=row.schedule_date,
        error=row.error or None,
        notes=row.notes,
        next_position=runs[-1].position + 1 if runs else 0,
    )


def load(execution_id: str, *, whole: bool = False) -> Loaded | None:
    """The execution, None where there is none; with `whole` the task runs that are folded, too.

    A change between the two reads is noticed when it is saved.
    """
    row = models.Execution.objects.filter(id=execution_id).first()
    if row is None:
        return None
    rows = models.TaskRun.objects.filter(execution_id=execution_id).order_by("position")
    execution = execution_of(row, rows if whole else rows.filter(folded=False))
    if not whole and any(map(folds, execution.task_runs)):
        execution = replace(execution, next_position=(rows.aggregate(last=Max("position"))["last"] or 0) + 1)
    return Loaded(execution, row.version, whole)


# --- Rows from values -----------------------------------------------------------------------------------------------------


def _execution_fields(execution: Execution) -> dict[str, Any]:
    ended = execution.state.end if execution.state.terminated else None
    plain = {entry.name: getattr(execution, entry.name) for entry in fields(Execution)}
    for name in ("id", "task_runs", "next_position", "state", "labels", "error"):
        del plain[name]
    known = {
        **plain,
        "state": execution.state.current,
        "histories": histories_of(execution.state),
        "labels": [list(pair) for pair in execution.labels],
        "error": execution.error or "",
        "ended": ended,
    }
    return {name: storable(value) for name, value in known.items()}


def _task_run_row(execution_id: str, run: TaskRun, seq: int, *, folded: bool = False) -> models.TaskRun:
    return models.TaskRun(
        id=run.id,
        execution_id=execution_id,
        task_id=run.task_id,
        parent_id=run.parent_id,
        path=run.path,
        value=storable(run.value),
        iteration=run.iteration,
        state=run.state.current,
        histories=histories_of(run.state),
        attempts=list(map(_attempt_entry, run.attempts)),
        outputs=storable(run.outputs),
        position=run.position,
        notes=storable(run.notes),
        folded=folded,
        seq=seq,
    )


def _attempt_entry(attempt: Attempt) -> dict[str, Any]:
    entry = {"number": attempt.number, "histories": histories_of(attempt.state)}
    return {**entry, "logFile": attempt.log_file} if attempt.log_file else entry


def _label_rows(execution: Execution) -> list[models.ExecutionLabel]:
    pairs = [(storable(str(key))[:100], storable(str(value))[:300]) for key, value in execution.labels]
    return [models.ExecutionLabel(execution_id=execution.id, key=key, value=value) for key, value in pairs]


def _caller(execution: Execution) -> dict[str, str]:
    """Which task of which execution started it, as its trigger tells."""
    trigger = execution.trigger or {}
    if trigger.get("type") not in (SUBFLOW, EACH):
        return {}
    return {"caller_id": trigger["variables"]["executionId"], "caller_task": trigger["id"]}


def create(execution: Execution, *, created_by_id: int | None = None) -> None:
    """Write a new execution, with the task runs it may bring from another one. Within the caller's transaction."""
    known = _execution_fields(execution) | _caller(execution)
    row = models.Execution(id=execution.id, created=execution.state.start, created_by_id=created_by_id, seq=1, **known)
    row.save(force_insert=True)
    models.TaskRun.objects.bulk_create([_task_run_row(execution.id, run, 1) for run in execution.task_runs])
    models.ExecutionLabel.objects.bulk_create(_label_rows(execution))


def save(loaded: Loaded, after: Execution, effects: Effects, now: datetime, folded: Sequence[TaskRun] = ()) -> Saved:
    """Write the differences and the decisions within the caller's transaction; raises Conflict if someone was faster.

    `folded` are task runs that `after` does without from now on.
    """
    before = loaded.execution
    changes = _changes(_execution_fields(before), _execution_fields(after))
    updated = models.Execution.objects.filter(id=before.id, version=loaded.version).update(
        version=F("version") + 1, seq=F("seq") + 1, **changes
    )
    if not updated:
        raise Conflict(before.id)
    seq = models.Execution.objects.values_list("seq", flat=True).get(id=before.id)
    changed = _save_task_runs(loaded, after, folded, seq)
    if before.labels != after.labels:
        models.ExecutionLabel.objects.filter(execution_id=before.id).delete()
        models.ExecutionLabel.objects.bulk_create(_label_rows(after))
    _save_timers(before, after, effects)
    _save_stops(after, changed, effects, now)
    return Saved(seq, _save_deliveries(after, effects, now), _save_commands(after, effects, now), [run.id for run in changed])


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in after.items() if before[name] != value}


def _save_task_runs(loaded: Loaded, after: Execution, folded: Sequence[TaskRun], seq: int) -> list[TaskRun]:
    execution_id, known = after.id, {run.id: run for run in loaded.execution.task_runs}
    if loaded.whole:
        models.TaskRun.objects.filter(execution_id=execution_id, folded=True).update(folded=False)
    changed = [run for run in after.task_runs if known.get(run.id) is not run and known.get(run.id) != run]
    removed = known.keys() - {run.id for run in (*after.task_runs, *folded)}
    if removed:
        models.TaskRun.objects.filter(execution_id=execution_id, id__in=removed).delete()
    rows = [_task_run_row(execution_id, run, seq) for run in changed]
    rows += [_task_run_row(execution_id, run, seq, folded=True) for run in folded]
    models.TaskRun.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=RUN_FIELDS)
    return [*changed, *folded]


def _save_timers(before: Execution, after: Execution, effects: Effects) -> None:
    if after.state.terminated and not before.state.terminated:
        models.Timer.objects.filter(execution_id=after.id).delete()
    if not effects.timers:
        return
    rows = [models.Timer(execution_id=after.id, key=key, due=due) for key, due in effects.timers.items()]
    models.Timer.objects.bulk_create(rows, update_conflicts=True, unique_fields=["execution", "key"], update_fields=["due"])


def _save_stops(after: Execution, changed: Iterable[TaskRun], effects: Effects, now: datetime) -> None:
    open_ones = models.Delivery.objects.filter(execution_id=after.id)
    for stop in effects.stops:
        open_ones.filter(
            task_run_id=stop.task_run_id, attempt=stop.attempt, status=models.Delivery.Status.CLAIMED, stop_requested=None
        ).update(stop_requested=now)
    ended = [run.id for run in changed if run.state.current in states.TERMINATED]
    if ended:  # what has ended must not be begun any more
        open_ones.filter(task_run_id__in=ended, status=models.Delivery.Status.WAITING).update(status=models.Delivery.Status.DONE)


def _save_deliveries(after: Execution, effects: Effects, now: datetime) -> list[models.Delivery]:
    if not effects.runs:
        return []
    rows = [_delivery_row(after.id, run, effects, now) for run in effects.runs]
    # A restarted task run opens its working directory again under the same key: the row of the earlier time makes room.
    models.Delivery.objects.filter(task_run_id__in=[run.task_run_id for run in effects.runs if run.phase != "run"], status="done").delete()
    return models.Delivery.objects.bulk_create(rows)


def _delivery_row(execution_id: str, run: commands.RunTask, effects: Effects, now: datetime) -> models.Delivery:
    inline = run.phase == "run" and run.task_run_id in effects.inline
    row = models.Delivery(
        execution_id=execution_id,
        task_run_id=run.task_run_id,
        attempt=run.attempt,
        phase=run.phase,
        workspace=run.workspace or "",
        inline=inline,
        created=now,
        sent=now,
        sends=1,
    )
    if inline and effects.kept:
        row.status, row.worker, row.claims, row.claimed, row.heartbeat = models.Delivery.Status.CLAIMED, effects.kept, 1, now, now
    return row


def _save_commands(after: Execution, effects: Effects, now: datetime) -> list[models.Command]:
    rows = [
        models.Command(execution_id=after.id, kind=type(command).__name__, payload=payload_of(command), created=now, sent=now, sends=1)
        for command in effects.others
    ]
    if effects.finished:
        payload = {"parent": after.notes["parent"][0]} if "parent" in after.notes else {}
        rows.append(models.Command(execution_id=after.id, kind=FINISHED, payload=payload, created=now, sent=now, sends=1))
    if effects.moved:
        rows.append(_change(after.id, effects.moved, now))
    return models.Command.objects.bulk_create(rows)


def tell(execution_id: str, moved: tuple[int, int], now: datetime) -> models.Command:
    """Write that an execution came into new states, for those who listen. Within the caller's transaction."""
    row = _change(execution_id, moved, now)
    row.save()
    return row


def _change(execution_id: str, moved: tuple[int, int], now: datetime) -> models.Command:
    return models.Command(execution_id=execution_id, kind=CHANGED, payload={"moved": list(moved)}, created=now, sent=now, sends=1)


# --- Commands as JSON -----------------------------------------------------------------------------------------------------

CHANGED = "Changed"  # not of the engine: tell those who listen that the execution came into new states
FINISHED = "Finished"  # not of the engine: tell the parent, start the next one that is queued
KINDS = {
    kind.__name__: kind
    for kind in (
        commands.Evaluate,
        commands.RenderOutputs,
        commands.JudgeListener,
        commands.StartExecution,
        commands.StartEach,
        commands.KillChildren,
    )
}


def payload_of(command: commands.Command) -> dict[str, Any]:
    """The values of a command as JSON."""
    values = {entry.name: getattr(command, entry.name) for entry in fields(command)}
    return {name: value.isoformat() if isinstance(value, datetime) else storable(value) for name, value in values.items()}


def command_of(row: models.Command) -> commands.Command:
    """The command that a row keeps."""
    values = dict(row.payload)
    if "labels" in values:
        values["labels"] = tuple((key, value) for key, value in values["labels"])
    if values.get("schedule_date"):
        values["schedule_date"] = datetime.fromisoformat(values["schedule_date"])
    return KINDS[row.kind](**values)
