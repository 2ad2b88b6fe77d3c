"""Advancing an execution: load it, let the engine decide, save what it decided by compare-and-set, return what to send.

Nothing is sent, run or rendered within the transaction; all of that happens before it or after it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from engine import commands, events, machine, states
from engine.document import Flow
from engine.execution import Execution
from engine.folding import unfolded
from executions import logbook, models, publish, signals, store
from executions.dispatch import Outgoing
from executions.logbook import Line
from executions.namespace_variables import NamespaceVariables
from flows import selectors as flow_selectors
from plugins.catalog import CATALOG
from ui.errors import Missing

TRIES = 60
Key = tuple[str, int, str]  # task run id, attempt, phase


class ExecutionMissing(Missing):
    """There is no such execution, or you may not see it."""


class Stale(Exception):
    """The answer comes from somebody who does not hold the attempt any more; it does not count."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Rows that an answer uses up, in the transaction that saves it; where one is not there as expected, the answer is Stale."""

    deliveries: Sequence[tuple[int, int]] = ()  # id, number of claims
    timers: Sequence[int] = ()
    commands: Sequence[int] = ()


def world(namespace: str = "") -> dict[str, Any]:
    """What every expression sees of the installation, and of its namespace where that is given."""
    found: dict[str, Any] = {"envs": settings.KESTRA_ENVS, "globals": settings.KESTRA_GLOBALS}
    return {**found, "namespace": NamespaceVariables(namespace)} if namespace else found


@dataclass(frozen=True, slots=True)
class Own:
    """What an attempt that was run in place wrote."""

    lines: list[Line] = field(default_factory=list)
    metrics: list[models.Metric] = field(default_factory=list)


@dataclass(slots=True)
class Turn:
    """An execution with the events applied to it since it was loaded, until they are committed.

    `runs` holds the attempts that were decided on and not begun; whoever begins one in place takes it out. `mine` are those whose rows this
    process has claimed already, `kept` the rows of cheap ones that it kept for itself at the last commit. `own` holds what each attempt
    that was run in place wrote: it is saved with the same commit, unless somebody else was faster. `history` is what happened, None
    where it was decided upon.
    """

    loaded: store.Loaded
    flow: Flow
    table: machine.Table
    history: list[tuple[events.Event | None, datetime]] = field(default_factory=list)
    runs: dict[Key, commands.RunTask] = field(default_factory=dict)
    mine: dict[Key, commands.RunTask] = field(default_factory=dict)
    kept: list[models.Delivery] = field(default_factory=list)
    begun: set[Key] = field(default_factory=set)
    answered: list[commands.Command] = field(default_factory=list)
    effects: store.Effects = field(default_factory=store.Effects)
    said: list[Line] = field(default_factory=list)
    own: dict[Key, Own] = field(default_factory=dict)
    own_metrics: list[models.Metric] = field(default_factory=list)
    slot: bool = False
    unborn: bool = False
    created_by_id: int | None = None

    @classmethod
    def begin(cls, execution_id: str, *, whole: bool = False) -> Turn:
        """Load an execution, with `whole` also the task runs that are folded; raises ExecutionMissing."""
        loaded = store.load(execution_id, whole=whole)
        if loaded is None:
            raise ExecutionMissing
        execution = loaded.execution
        flow = flow_selectors.parsed(execution.namespace, execution.flow_id, execution.flow_revision)
        return cls(loaded, flow, _table(flow, loaded))

    @classmethod
    def create(cls, execution: Execution, flow: Flow, created_by_id: int | None) -> Turn:
        """A new execution that the first commit writes."""
        loaded = store.Loaded(execution, 0)
        return cls(loaded, flow, _table(flow, loaded), unborn=True, created_by_id=created_by_id)

    @property
    def execution(self) -> Execution:
        """The execution as it stands."""
        return self.table.execution

    def hear(self, event: events.Event, now: datetime | None = None) -> None:
        """Tell the engine what happened, without asking yet what comes of it."""
        moment = now or timezone.now()
        self.history.append((event, moment))
        self.table.hear(event, moment)

    def decide(self, now: datetime | None = None) -> None:
        """Have the engine decide about what it heard."""
        moment = now or timezone.now()
        self.history.append((None, moment))
        self._decide(moment)

    def apply(self, event: events.Event, now: datetime | None = None) -> None:
        """Tell the engine what happened and have it decide."""
        moment = now or timezone.now()
        self.hear(event, moment)
        self.decide(moment)

    def is_inline(self, run: commands.RunTask) -> bool:
        """Whether an attempt is so cheap that it is run in place."""
        task = self.table.task(run.task_run_id) if run.phase == "run" else None
        return task is not None and CATALOG.inline(task.type)

    def is_free(self, run: commands.RunTask) -> bool:
        """Whether an attempt may be run in place before its row is there: who is slower than others can take back all that it did."""
        task = self.table.task(run.task_run_id)
        return task is not None and self.is_inline(run) and not CATALOG.acts(task.type)

    def runs_now(self, task_run_id: str) -> bool:
        """Whether a task run is RUNNING as things stand."""
        run = self.table.runs.get(task_run_id)
        return run is not None and run.state.current == states.RUNNING

    def take_run(self, key: Key) -> commands.RunTask:
        """Take an attempt out of what is to be given to workers: it is begun in place."""
        self.begun.add(key)
        return self.mine.pop(key) if key in self.mine else self.runs.pop(key)

    def take_command(self, command: commands.Command) -> None:
        """Take a decision out of what is to be carried out by workers: it is carried out in place."""
        self.answered.append(command)
        self.effects.others.remove(command)

    def commit(self, guard: Guard | None = None, *, kept_by: str = "") -> list[Outgoing]:
        """Save everything in one short transaction, again and again while others are faster; answers what to send.

        `kept_by` is the worker that keeps the cheap attempts for itself. Raises Stale where `guard` does not hold any more.
        """
        for attempt in range(TRIES):
            try:
                with transaction.atomic():
                    saved = self.save_once(guard, kept_by)
            except store.Conflict:
                time.sleep(secrets.randbelow(min(2 * 2**attempt, 100)) / 1000)
                self._again()
            else:
                return self._sent(saved)
        raise store.Conflict(f"execution {self.execution.id} was saved by others {TRIES} times in a row")

    # --- inside

    def _decide(self, now: datetime) -> None:
        for command in self.table.decide():
            if isinstance(command, commands.AskSlot):
                self.slot = slot_is_free(self.flow)
                self.table.hear(events.SlotDecided(self.slot), now)
                self._decide(now)
            else:
                self._note(command, now)

    def _note(self, command: commands.Command, now: datetime) -> None:
        match command:
            case commands.RunTask():
                key = (command.task_run_id, command.attempt, command.phase)
                if key not in self.begun:
                    self.runs[key] = command
            case commands.StopTask():
                self.runs.pop((command.task_run_id, command.attempt, "run"), None)
                self.effects.stops.append(command)
            case commands.WakeAt():
                self.effects.timers[command.key] = command.at
            case commands.WriteLog():
                self.said.append(self._line(command, now))
            case _ if command in self.answered:
                self.answered.remove(command)
            case _:
                self.effects.others.append(command)

    def _line(self, command: commands.WriteLog, now: datetime) -> Line:
        run = self.table.runs.get(command.task_run_id or "")
        level = logbook.NUMBERS[command.level]
        return Line(
            self.loaded.execution.id, level, command.message, now, command.task_run_id or "", run.task_id if run else "", command.attempt
        )

    def _again(self) -> None:
        """Load anew and tell the engine the same things again: ids are the same each time, so what was done in place still fits."""
        loaded = self.loaded if self.unborn else store.load(self.loaded.execution.id, whole=self.loaded.whole)
        if loaded is None:
            raise ExecutionMissing
        self.loaded, self.table = loaded, _table(self.flow, loaded)
        self.runs, self.effects, self.said, self.slot = {}, store.Effects(), [], False
        answered = list(self.answered)
        for event, moment in self.history:
            if event is None:
                self._decide(moment)
                continue
            self.table.hear(event, moment)
            if isinstance(event, events.TaskStarted) and not self.runs_now(event.task_run_id):
                self.own.pop((event.task_run_id, event.attempt, event.phase), None)  # somebody else ran it, or nobody may any more
        self.answered = answered

    def save_once(self, guard: Guard | None = None, kept_by: str = "") -> store.Saved:
        """Within the caller's transaction: use up what the guard names, and save; raises Conflict, Stale."""
        if guard is not None:
            _use_up(guard)
        if self.slot:
            _check_slot(self.flow)
        if self.unborn:
            store.create(self.loaded.execution, created_by_id=self.created_by_id)
        effects = self.effects
        effects.runs, effects.kept = list(self.runs.values()), kept_by
        effects.inline = frozenset(run.task_run_id for run in effects.runs if self.is_inline(run))
        folded = self.table.fold()
        execution, saved = self.execution, store.Saved(0)
        if execution is not self.loaded.execution or effects:
            effects.finished = self._is_awaited()
            effects.moved = self._moved()
            saved = store.save(self.loaded, execution, effects, timezone.now(), folded)
            publish.execution_changed(execution, execution.state.current, saved.seq)
            publish.task_runs_changed(execution.id, saved.task_run_ids, saved.seq)
        self._tell_of_files()
        lines = sorted([*self.said, *(line for own in self.own.values() for line in own.lines)], key=lambda line: line.timestamp)
        logbook.insert(execution.id, lines)
        models.Metric.objects.bulk_create([*self.own_metrics, *(metric for own in self.own.values() for metric in own.metrics)])
        return saved

    def _tell_of_files(self) -> None:
        """Tell other rooms of the files that attempts have kept."""
        for event, _ in self.history:
            if isinstance(event, events.TaskSucceeded | events.TaskFailed) and event.outputs:
                files = event.outputs.get("outputFiles")
                if isinstance(files, Mapping) and files:
                    signals.files_kept.send(Turn, execution=self.execution, task_run_id=event.task_run_id, files=files)

    def _sent(self, saved: store.Saved) -> list[Outgoing]:
        """After a commit: forget what is saved, so that the turn may go on, and answer what to send."""
        if saved.seq:
            self.loaded = store.Loaded(self.execution, self.loaded.version + 1)
        sent = [Outgoing("carry_out", row.id) for row in saved.commands]
        waiting = [row for row in saved.deliveries if row.status == models.Delivery.Status.WAITING]
        sent += [Outgoing("run_cheap", row.id) for row in waiting if row.inline][:1]  # who takes one of the cheap ones takes them all
        sent += [Outgoing("run_task", row.id) for row in waiting if not row.inline]
        self.history, self.runs, self.begun, self.answered = [], {}, set(), []
        self.effects, self.said, self.own, self.own_metrics = store.Effects(), [], {}, []
        self.slot = self.unborn = False
        self.kept = [row for row in saved.deliveries if row.status == models.Delivery.Status.CLAIMED]
        return sent

    def _is_awaited(self) -> bool:
        """Whether the execution ends now and somebody waits for that: a parent, or an execution that is queued."""
        ends = self.execution.state.terminated and not self.loaded.execution.state.terminated
        return ends and (self.flow.concurrency is not None or "parent" in self.execution.notes)

    def _moved(self) -> tuple[int, int] | None:
        """Which of the execution's states are new, where somebody is to hear of them: a Flow trigger, or `stopAfter` of its own trigger."""
        before, after = len(self.loaded.execution.state.histories), len(self.execution.state.histories)
        first = before - 1 if self.unborn else before
        own = (self.execution.trigger or {}).get("id")
        stops = any(trigger.id == own and trigger.properties.get("stopAfter") for trigger in self.flow.triggers)
        return (first, after) if first < after and (stops or flow_selectors.somebody_listens()) else None


def write_ended(execution: Execution) -> list[Outgoing]:
    """Write an execution that ended before it began, within the caller's transaction; answers what to send."""
    store.create(execution)
    if not flow_selectors.somebody_listens():
        return []
    return [Outgoing("carry_out", store.tell(execution.id, (0, len(execution.state.histories)), timezone.now()).id)]


def _table(flow: Flow, loaded: store.Loaded) -> machine.Table:
    execution = unfolded(loaded.execution) if loaded.whole else loaded.execution
    return machine.Table(flow, execution, timezone.now(), CATALOG.flowables, world=world())


def start(execution: Execution, flow: Flow, created_by_id: int | None = None) -> list[Outgoing]:
    """Write a new execution and begin it, in one transaction; answers what to send."""
    turn = Turn.create(execution, flow, created_by_id)
    turn.apply(events.ExecutionCreated())
    return turn.commit()


def running(flow: Flow) -> int:
    """How many executions of a flow count against its concurrency limit."""
    rows = models.Execution.objects.filter(namespace=flow.namespace, flow_id=flow.id)
    return rows.filter(state__in=(states.RUNNING, states.PAUSED, states.RETRYING, states.KILLING, states.RESTARTED)).count()


def slot_is_free(flow: Flow) -> bool:
    """Whether one more execution of the flow may run."""
    return flow.concurrency is None or running(flow) < flow.concurrency.limit


def _check_slot(flow: Flow) -> None:
    """Within the transaction: someone else may have taken the slot since we counted."""
    rows = models.Execution.objects.select_for_update().filter(namespace=flow.namespace, flow_id=flow.id)
    list(rows.filter(state__in=states.UNFINISHED).values_list("id", flat=True))
    if not slot_is_free(flow):
        raise store.Conflict(f"the slot of {flow.namespace}.{flow.id} is taken")


def _use_up(guard: Guard) -> None:
    for claims in {claims for _, claims in guard.deliveries}:
        ids = [number for number, count in guard.deliveries if count == claims]
        held = models.Delivery.objects.filter(id__in=ids, claims=claims, status=models.Delivery.Status.CLAIMED)
        if held.update(status=models.Delivery.Status.DONE) < len(ids):
            raise Stale(f"one of the deliveries {ids}")
    if guard.timers and models.Timer.objects.filter(id__in=guard.timers, due__lte=timezone.now()).delete()[0] < len(guard.timers):
        raise Stale("timer")
    if guard.commands and models.Command.objects.filter(id__in=guard.commands).delete()[0] < len(guard.commands):
        raise Stale("command")


def advance(
    execution_id: str, *happened: events.Event, guard: Guard | None = None, now: datetime | None = None, whole: bool = False
) -> list[Outgoing]:
    """Tell an execution what happened and save what the engine makes of it; answers what to send. Raises ExecutionMissing, Stale.

    What goes back to task runs that have ended needs the execution `whole`.
    """
    turn = Turn.begin(execution_id, whole=whole)
    for event in happened:
        turn.apply(event, now)
    return turn.commit(guard)


def edit(execution_id: str, change: Callable[[Execution], Execution]) -> None:
    """Save a change that is not for the engine to decide, such as labels; raises ExecutionMissing."""
    for _ in range(TRIES):
        turn = Turn.begin(execution_id)
        turn.table = machine.Table(turn.flow, change(turn.execution), timezone.now(), CATALOG.flowables, world=world())
        try:
            with transaction.atomic():
                turn.save_once()
        except store.Conflict:
            continue
        return
    raise store.Conflict(f"execution {execution_id} was saved by others {TRIES} times in a row")
