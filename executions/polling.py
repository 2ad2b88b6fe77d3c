"""Polling triggers: the scheduler asks for an evaluation, a worker makes it, and what it finds starts the flow.

The row of the trigger is the lock. It is taken by the scheduler's conditional update, claimed by one worker, and given back in the
transaction that begins the execution; `lock` grows each time, so that an evaluation that was given up for lost starts nothing any more.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from engine.document import Flow, Task, Trigger
from engine.execution import Execution, TaskRun
from engine.expressions.values import parse_duration
from executions import attempts, claims, dispatch, logbook, models, ports, storage, triggering
from executions.aside import AsideContext
from executions.context import Sink
from executions.dispatch import Outgoing
from executions.logbook import Line
from executions.sight import Sight
from executions.triggering import Scene
from flows import selectors as flow_selectors
from plugins import catalog
from plugins.catalog import CATALOG, CatalogError
from plugins.contract import ConditionFailed, PollingTrigger, TaskFailed
from ui.errors import KestraError

RESEND = timedelta(seconds=30)  # so long a message may wait for a worker
LOST = timedelta(seconds=12)  # as long without a heartbeat a worker is gone
LOOK_SECONDS = 0.5
State = models.TriggerState
logger = logging.getLogger(__name__)


def interval(trigger: Trigger) -> timedelta | None:
    """The time between two evaluations of a polling trigger; None for one that is no polling trigger, or cannot be used."""
    try:
        found = catalog.find(trigger.type)
        if not issubclass(found, PollingTrigger):
            return None
        return parse_duration(str(trigger.properties.get("interval") or found.model_fields["interval"].default))
    except (CatalogError, ValueError) as error:
        logger.warning("The trigger %s cannot be evaluated: %s", trigger.id, error)
        return None


# --- the scheduler's side -------------------------------------------------------------------------------------------------------


def request(state: State, trigger: Trigger, now: datetime) -> None:
    """Have a worker evaluate a trigger that is due, if nobody else has asked for it."""
    if interval(trigger) is None:
        State.objects.filter(pk=state.pk, next_date=state.next_date).update(next_date=None)
        return
    free = State.objects.filter(pk=state.pk, evaluating=None, disabled=False, next_date=state.next_date)
    if free.update(evaluating=now, worker="", lock=F("lock") + 1):
        dispatch.send([Outgoing("evaluate_trigger", state.pk)])


def release_lost(now: datetime) -> None:
    """Give back what a worker that is gone has held, and what no worker took because the message was lost."""
    alive = set(models.Worker.objects.filter(heartbeat__gte=now - LOST).values_list("name", flat=True))
    for state in State.objects.filter(evaluating__lte=now - timedelta(seconds=1)):
        untaken = not state.worker and now - state.evaluating > RESEND
        gone = state.worker and (claims.gone(state.worker) or (state.worker not in alive and now - state.evaluating > LOST))
        if untaken or gone:
            logger.warning("The evaluation of %s.%s.%s was lost", state.namespace, state.flow_id, state.trigger_id)
            State.objects.filter(pk=state.pk, lock=state.lock).update(evaluating=None, worker="", lock=F("lock") + 1)


# --- the worker's side ----------------------------------------------------------------------------------------------------------


def evaluate(state_id: int) -> None:
    """Evaluate a trigger once, if nobody does already, and begin the execution that comes of it.

    This is the outermost place of a trigger, and so the only one that catches every Exception: a bug in its type is told in its log.
    """
    claims.start_beating()
    waiting = State.objects.filter(pk=state_id, worker="", evaluating__isnull=False)
    if not waiting.update(worker=claims.process_name()):
        return
    state = State.objects.get(pk=state_id)
    try:
        flow = flow_selectors.parsed(state.namespace, state.flow_id)
        trigger = triggering.find(flow, state.trigger_id)
    except KestraError:
        trigger = None
    if trigger is None or trigger.disabled or flow.disabled:
        _held(state).update(evaluating=None, worker="", next_date=None)
        return
    _finish(state, flow, trigger, _evaluated(state, flow, trigger))


def _evaluated(state: State, flow: Flow, trigger: Trigger) -> Execution | None:
    scene = Scene(flow, trigger, {"date": timezone.now().isoformat()})
    context = TriggerContext(scene, state)
    try:
        plugin = CATALOG.trigger(trigger)
        if not isinstance(plugin, PollingTrigger):
            raise TaskFailed(f"{trigger.type} is no trigger that can be evaluated")
        if not triggering.all_hold(triggering.written_conditions(trigger), scene.facts()):
            return None
        outputs = attempts.checked(context, plugin.evaluate(context))
        return None if outputs is None else _execution(scene, trigger, outputs)
    except TaskFailed as failure:
        context.log("ERROR", failure.message)
    except ConditionFailed as failure:
        context.log("WARN", f"A condition cannot be judged: {failure}")
    except Exception as error:
        logger.exception("The trigger %s of %s.%s failed unexpectedly", trigger.id, flow.namespace, flow.id)
        context.log("ERROR", f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    finally:
        if context.folder_was_made:
            shutil.rmtree(context.working_dir.parent, ignore_errors=True)
    return None


def _execution(scene: Scene, trigger: Trigger, outputs: Mapping[str, Any]) -> Execution:
    """As Kestra makes it: with the trigger's own labels only, and inputs that nobody checks."""
    variables = {"trigger": outputs}
    inputs = scene.render_any(trigger.properties.get("inputs") or {}, variables)
    made = scene.unchecked(inputs=inputs, labels=scene.labels(variables))
    return replace(made, trigger={"id": trigger.id, "type": trigger.type, "variables": dict(outputs)})


def _finish(state: State, flow: Flow, trigger: Trigger, execution: Execution | None) -> None:
    """Give the lock back and begin the execution, in one transaction; nothing where the lock was taken from us."""
    changes: dict[str, Any] = {"evaluating": None, "worker": ""}
    pause = interval(trigger)
    changes["next_date"] = state.evaluating + pause if pause is not None and state.evaluating is not None else None
    if execution is not None:
        waits = not trigger.properties.get("allowConcurrent")
        changes |= {"date": timezone.now(), "last_execution_id": execution.id, "execution_id": execution.id if waits else ""}
    with transaction.atomic():
        if not _held(state).filter(disabled=False).update(**changes):
            _held(state).update(evaluating=None, worker="")  # it was switched off meanwhile
        elif execution is not None:
            triggering.begin(execution, flow)


def _held(state: State) -> Any:
    return State.objects.filter(pk=state.pk, lock=state.lock, worker=claims.process_name())


# --- how it sees the world ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Storage(ports.Storage):
    """The files that a trigger keeps for the execution that may come of it."""

    def uri(self, name: str) -> str:
        """Under which URI a file of this name is kept."""
        return storage.trigger_uri(self.execution, self.task_id, name)


class TriggerContext(AsideContext):
    """One evaluation of a trigger: as the context of a task, but what it says goes into the trigger's log and there is no task run."""

    def __init__(self, scene: Scene, state: State) -> None:
        execution, trigger = scene.execution, scene.trigger
        run = TaskRun(execution.id, trigger.id, execution.state)
        task = Task(trigger.id, trigger.type, log_level=trigger.properties.get("logLevel"))
        super().__init__(scene.flow, execution, {}, run, task, 0, sink=Sink(self._say))
        self._state, self._looked, self._stopped = state, time.monotonic(), False
        itself = {"id": trigger.id, "type": trigger.type}
        self._sight = Sight(scene.flow, replace(execution, trigger={**itself, "variables": itself}), {}, self.masks)
        self.storage = Storage(execution, trigger.id, run.id, lambda: self.working_dir, self._people)

    def _say(self, line: Line) -> None:
        triggering.say(self._state, logbook.LEVELS[line.level], line.message)

    def cancelled(self) -> bool:
        """Whether the trigger was taken from us: it was switched off, unlocked or restarted."""
        if not self._stopped and time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._stopped = not _held(self._state).filter(disabled=False).exists()
        return self._stopped

    @contextmanager
    def on_cancel(self, action: Callable[[], None]) -> Iterator[None]:
        """Call `action` once, from another thread, when the trigger is taken from us while the block runs."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_SECONDS):
                if self.cancelled():
                    action()
                    return

        threading.Thread(target=watch, name="trigger", daemon=True).start()
        try:
            yield
        finally:
            over.set()
