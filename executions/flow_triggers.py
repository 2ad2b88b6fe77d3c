"""Flow triggers: every new state of an execution, told to the flows that listen.

A Command row says that an execution came into new states; it is written with them, so it is never lost. What comes of it is decided
first, then written in one transaction that also deletes the row, so nothing happens twice. What several executions must bring together
is kept by compare-and-set: who loses decides again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from django.db import IntegrityError, transaction
from django.utils import timezone

from engine import context
from engine.document import Flow, Trigger
from engine.errors import ExpressionError
from engine.execution import Execution
from engine.needs import NOTHING, needs_of
from engine.states import State
from executions import executor, models, ports, starting, store, triggering
from executions.dispatch import Outgoing
from executions.schedule_dates import SERVER
from executions.triggering import Scene
from flows import selectors as flow_selectors
from plugins.catalog import CATALOG
from plugins.contract import ConditionFailed, Facts, TaskFailed, Window
from plugins.core.condition.multiple_condition import MultipleCondition
from plugins.core.trigger.flow import Flow as FlowTrigger
from ui.errors import KestraError

TYPE = flow_selectors.FLOW_TRIGGER
TRIES = 30
Key = tuple[str, str, str, str]  # namespace, flow, trigger, name of what gathers
Listener = tuple[Flow, Trigger, FlowTrigger]
logger = logging.getLogger(__name__)


class Gathering(Protocol):
    """Conditions that must come together within a window: a MultipleCondition, or preconditions."""

    @property
    def id(self) -> str: ...
    @property
    def reset_on_success(self) -> bool: ...
    def names(self) -> tuple[str, ...]: ...
    def judge(self, name: str, facts: Facts) -> bool: ...
    def window_at(self, now: datetime, server: Any) -> Window: ...


@dataclass(slots=True)
class Open:
    """A window as it was read (None where there was none) and as it is to be written."""

    row: models.TriggerWindow | None
    window: Window
    results: set[str]
    changed: bool = False


@dataclass(slots=True)
class Plan:
    """What comes of an execution's new states, until it is written."""

    now: datetime
    windows: dict[Key, Open] = field(default_factory=dict)
    starts: list[tuple[Execution, Flow, Trigger]] = field(default_factory=list)
    said: list[tuple[Flow, Trigger, str]] = field(default_factory=list)
    stopped: Trigger | None = None


def changed(row: models.Command) -> list[Outgoing]:
    """Tell the flows that listen, and switch off the execution's own trigger where its `stopAfter` says so. Raises executor.Stale."""
    execution = _execution(row.execution_id, whole=False)
    first, after = row.payload["moved"]
    listening = list(_listening(execution, {moment.state for moment in execution.state.histories[first:after]}))
    if any(_names_task_runs(trigger) for _, trigger, _ in listening):
        execution = _execution(row.execution_id, whole=True)
    for _ in range(TRIES):
        plan = _plan(execution, listening, first, after, timezone.now())
        try:
            with transaction.atomic():
                _write(plan, row, execution)
        except (store.Conflict, IntegrityError):
            continue  # another execution was faster with the same window
        return []
    raise store.Conflict(f"the windows that execution {row.execution_id} concerns were saved by others {TRIES} times in a row")


def _execution(execution_id: str, *, whole: bool) -> Execution:
    loaded = store.load(execution_id, whole=whole)
    if loaded is None:
        raise executor.ExecutionMissing
    return loaded.execution


def _names_task_runs(trigger: Trigger) -> bool:
    """Whether it may look at outputs, states or attempts of tasks, of which those of a long loop are not loaded unless one asks."""
    return needs_of(dict(trigger.properties)) != NOTHING or "HasRetryAttempt" in str(trigger.properties.get("conditions"))


# --- deciding -------------------------------------------------------------------------------------------------------------------


def _plan(execution: Execution, listening: Sequence[Listener], first: int, after: int, now: datetime) -> Plan:
    plan = Plan(now)
    for place in range(first, min(after, len(execution.state.histories))):
        judged = replace(execution, state=State(execution.state.histories[: place + 1]))
        for flow, trigger, plugin in listening:
            if judged.state.current in plugin.states:
                _hear(plan, flow, trigger, plugin, judged)
        plan.stopped = plan.stopped or _stopped(judged)
    return plan


def _listening(execution: Execution, states: set[str]) -> Iterator[Listener]:
    """The Flow triggers of other flows that are switched on and listen to one of these states."""
    off = set(models.TriggerState.objects.filter(disabled=True, type=TYPE).values_list("namespace", "flow_id", "trigger_id"))
    for namespace, flow_id, revision in flow_selectors.listeners():
        if (namespace, flow_id) == (execution.namespace, execution.flow_id):
            continue
        try:
            flow = flow_selectors.parsed(namespace, flow_id, revision)
        except KestraError:
            continue  # one that cannot be run is not started
        for trigger in flow.triggers:
            if trigger.type == TYPE and not trigger.disabled and (namespace, flow_id, trigger.id) not in off:
                plugin = _plugin(trigger)
                if plugin is not None and states & set(plugin.states):
                    yield flow, trigger, plugin


def _plugin(trigger: Trigger) -> FlowTrigger | None:
    try:
        plugin = CATALOG.trigger(trigger)
    except TaskFailed as error:
        logger.warning("The trigger %s does not listen: %s", trigger.id, error)
        return None
    return plugin if isinstance(plugin, FlowTrigger) else None


def _hear(plan: Plan, flow: Flow, trigger: Trigger, plugin: FlowTrigger, judged: Execution) -> None:
    """Whether one trigger starts its flow, and with what."""
    variables = _variables(judged)
    scene = Scene(flow, trigger, variables, _known(flow, judged, variables))
    facts = scene.facts(judged)
    try:
        ports.People(scene.execution).may_read(judged.namespace)
    except KestraError:
        return  # its people may not see that execution
    try:
        conditions = [CATALOG.condition(one) for one in triggering.written_conditions(trigger)]
        gatherings: list[Gathering] = [one for one in conditions if isinstance(one, MultipleCondition)]
        if not all(one.holds(facts) for one in conditions if not isinstance(one, MultipleCondition)):
            return
    except ConditionFailed as error:
        plan.said.append((flow, trigger, f"A condition cannot be judged for execution {judged.id}: {error}"))
        return
    if plugin.preconditions is not None:
        gatherings.append(plugin.preconditions)
    complete = [_gather(plan, flow, trigger, one, facts) for one in gatherings]
    if all(complete):
        for one in gatherings:
            if one.reset_on_success:
                _window(plan, flow, trigger, one).results.clear()
        _start(plan, scene, judged, variables)


def _gather(plan: Plan, flow: Flow, trigger: Trigger, gathering: Gathering, facts: Facts) -> bool:
    """Note which of its conditions hold now; whether all have held within the window, one of them now."""
    window = _window(plan, flow, trigger, gathering)
    if not window.window.holds(plan.now):
        return False
    found = set()
    for name in gathering.names():
        try:
            if gathering.judge(name, facts):
                found.add(name)
        except ConditionFailed as error:
            plan.said.append((flow, trigger, f"The condition {name} of {gathering.id} cannot be judged: {error}"))
    if found - window.results:
        window.results |= found
        window.changed = True
    return bool(found) and set(gathering.names()) <= window.results


def _window(plan: Plan, flow: Flow, trigger: Trigger, gathering: Gathering) -> Open:
    key = (flow.namespace, flow.id, trigger.id, gathering.id)
    if key not in plan.windows:
        row = models.TriggerWindow.objects.filter(**_where(key)).first()
        if row is not None and row.start <= plan.now < row.end:
            plan.windows[key] = Open(row, Window(row.start, row.end), set(row.results))
        else:
            plan.windows[key] = Open(row, gathering.window_at(plan.now, SERVER), set())
    return plan.windows[key]


def _where(key: Key) -> dict[str, str]:
    return dict(zip(("namespace", "flow_id", "trigger_id", "name"), key, strict=True))


def _variables(judged: Execution) -> dict[str, Any]:
    """What the new execution knows as `trigger`."""
    known: dict[str, Any] = {
        "executionId": judged.id,
        "namespace": judged.namespace,
        "flowId": judged.flow_id,
        "flowRevision": judged.flow_revision,
        "state": judged.state.current,
    }
    return {**known, "outputs": dict(judged.outputs)} if judged.outputs else known


def _known(flow: Flow, judged: Execution, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What conditions see: the execution that they judge, with the flow that listens."""
    found = context.variables(flow, judged, world=executor.world(flow.namespace))
    own = {"id": flow.id, "namespace": flow.namespace, "revision": flow.revision}
    return {**found, "flow": own, "trigger": {**variables, "outputs": judged.outputs or {}, **(found.get("trigger") or {})}}


def _start(plan: Plan, scene: Scene, judged: Execution, variables: Mapping[str, Any]) -> None:
    written = scene.trigger.properties.get("inputs") or {}
    try:
        inputs = scene.render_any(written, {"trigger": {**variables, "outputs": judged.outputs or {}}})
    except ExpressionError as error:
        name = f"{scene.flow.namespace}.{scene.flow.id}"
        text = f"Failed to trigger flow {name} for trigger {scene.trigger.id}, invalid inputs: {scene.masks.text(error.message)}"
        plan.said.append((scene.flow, scene.trigger, text))
        return
    labels = starting.labels_of(scene.flow, scene.labels())
    plan.starts.append((scene.unchecked(inputs=inputs, labels=labels), scene.flow, scene.trigger))


def _stopped(execution: Execution) -> Trigger | None:
    """The trigger that started the execution, where its `stopAfter` names the state in which it ended."""
    own = (execution.trigger or {}).get("id")
    if not own or not execution.state.terminated:
        return None
    try:
        flow = flow_selectors.parsed(execution.namespace, execution.flow_id, execution.flow_revision)
    except KestraError:
        return None
    trigger = triggering.find(flow, str(own))
    return trigger if trigger is not None and execution.state.current in (trigger.properties.get("stopAfter") or ()) else None


# --- writing --------------------------------------------------------------------------------------------------------------------


def _write(plan: Plan, row: models.Command, execution: Execution) -> None:
    if not models.Command.objects.filter(id=row.id).delete()[0]:
        raise executor.Stale("command")
    for key, window in plan.windows.items():
        _save(key, window)
    for flow, trigger, text in plan.said:
        triggering.say(triggering.remember(flow.namespace, flow.id, trigger), "WARN", text)
    for made, flow, trigger in plan.starts:
        state = triggering.remember(flow.namespace, flow.id, trigger)
        models.TriggerState.objects.filter(pk=state.pk).update(date=plan.now, last_execution_id=made.id)
        triggering.begin(made, flow)
    if plan.stopped is not None:
        state = triggering.remember(execution.namespace, execution.flow_id, plan.stopped)
        models.TriggerState.objects.filter(pk=state.pk).update(disabled=True, updated=plan.now)
        triggering.say(state, "INFO", f"Switched off, because execution {execution.id} ended with {execution.state.current}")


def _save(key: Key, window: Open) -> None:
    """Write what is known of a window, unless it changed meanwhile; raises store.Conflict, IntegrityError."""
    row = window.row
    if row is None:
        if window.results:
            models.TriggerWindow.objects.create(
                **_where(key), start=window.window.start, end=window.window.end, results=sorted(window.results)
            )
        return
    same = models.TriggerWindow.objects.filter(pk=row.pk, version=row.version)
    if not window.results:
        if row.results and not same.delete()[0]:
            raise store.Conflict("window")
    elif (window.changed or sorted(window.results) != row.results) and not same.update(
        start=window.window.start, end=window.window.end, results=sorted(window.results), version=row.version + 1
    ):
        raise store.Conflict("window")
