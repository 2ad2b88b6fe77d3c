"""What all triggers share: what their expressions see, judging conditions, the execution that comes of them, lines in their log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from engine import context
from engine.document import Flow, Trigger
from engine.errors import ExpressionError
from engine.execution import Execution
from engine.expressions import Options, render, render_any, to_text
from engine.states import Moment, State
from executions import dispatch, executor, logbook, models, ports, sources, starting, world
from executions.logbook import Line
from plugins.catalog import CATALOG
from plugins.contract import ConditionFailed, Facts, FlowReference

SECONDS = 0.4  # the scheduler renders too, and must not be held up


def _options() -> Options:
    return replace(world.options(), max_seconds=SECONDS)


class Scene:
    """A trigger of a flow at one moment: what its expressions may name, and the execution that may come of it.

    `variables` become `trigger.*`; `known`, where given, replaces everything else that expressions see.
    """

    def __init__(self, flow: Flow, trigger: Trigger, variables: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> None:
        self.flow, self.trigger = flow, trigger
        self.masks = world.Masks()
        self.execution = Execution(
            id=world.new_id(),
            namespace=flow.namespace,
            flow_id=flow.id,
            flow_revision=flow.revision,
            state=State.new(timezone.now()),
            trigger={"id": trigger.id, "type": trigger.type, "variables": dict(variables)},
        )
        self._functions = world.functions(self.execution, self.masks, ports.People(self.execution).may_read)
        self._known = {**context.variables(flow, self.execution, world=executor.world(flow.namespace)), **(known or {})}
        if known is None:
            self._known["trigger"] = {"id": trigger.id, "type": trigger.type, **variables}

    def render(self, template: str, extra: Mapping[str, Any] | None = None) -> str:
        """Text of a template; raises ExpressionError."""
        return str(render(template, {**self._known, **(extra or {})}, functions=self._functions, options=_options()))

    def render_any(self, value: Any, extra: Mapping[str, Any] | None = None) -> Any:
        """Every text inside a map or list, rendered; raises ExpressionError."""
        return render_any(value, {**self._known, **(extra or {})}, functions=self._functions, options=_options())

    def facts(self, judged: Execution | None = None) -> Facts:
        """What conditions look at; `judged` is the execution that they judge."""

        def rendered(template: str, extra: Mapping[str, Any]) -> str:
            try:
                return self.render(template, extra)
            except ExpressionError as error:
                raise ConditionFailed(self.masks.text(error.message)) from error

        return Facts(FlowReference(self.flow.namespace, self.flow.id, self.flow.revision), judged, rendered, CATALOG.condition)

    def labels(self, extra: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
        """The trigger's own labels; one that cannot be rendered is dropped, as Kestra does, and so is one that is Kestra's to set."""
        found = []
        for key, value in pairs(self.trigger.properties.get("labels")):
            if key.startswith(starting.SYSTEM):
                continue
            try:
                found.append((key, self.render(value, extra)))
            except ExpressionError:
                continue
        return found

    def begun(self, *, inputs: Mapping[str, Any], labels: Iterable[tuple[str, str]], date: datetime | None = None) -> Execution:
        """The execution, with inputs that are checked as those of a person are. Raises KestraError, ExpressionError."""
        own = starting.labels_of(self.flow, labels)
        return starting.new(
            self.flow, inputs=inputs, labels=own, trigger=self.execution.trigger, schedule_date=date, id=self.execution.id
        )

    def unchecked(self, *, inputs: Mapping[str, Any], labels: Sequence[tuple[str, str]]) -> Execution:
        """The execution, with inputs as they are."""
        made = self.execution
        notes = {**made.notes, **sources.deployed(made.namespace)}
        return replace(made, inputs=dict(inputs), labels=tuple(labels), original_id=made.id, original_created=made.state.start, notes=notes)

    def failed(self, message: str) -> Execution:
        """An execution that says why it never began."""
        moment = Moment("FAILED", timezone.now())
        ended = replace(self.execution.state, histories=(*self.execution.state.histories, moment))
        own = self.unchecked(inputs={}, labels=starting.labels_of(self.flow, ()))
        return replace(own, state=ended, error=self.masks.text(message))


def pairs(written: Any) -> list[tuple[str, str]]:
    """Labels as they are written, as a map or as a list of `{key, value}`."""
    if isinstance(written, Mapping):
        return [(str(key), to_text(value)) for key, value in written.items()]
    listed = written if isinstance(written, list) else []
    return [(str(one.get("key")), to_text(one.get("value"))) for one in listed if isinstance(one, Mapping)]


def all_hold(conditions: Iterable[Mapping[str, Any]], facts: Facts) -> bool:
    """Whether all conditions hold. Raises ConditionFailed where one cannot be told."""
    return all(CATALOG.condition(one).holds(facts) for one in conditions)


def written_conditions(trigger: Trigger) -> list[Mapping[str, Any]]:
    """The conditions of a trigger as they are written."""
    listed = trigger.properties.get("conditions")
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []


def begin(execution: Execution, flow: Flow) -> None:
    """Write a new execution and begin it, within the caller's transaction; one that has ended already is only written."""
    if not execution.state.terminated:
        dispatch.send(executor.start(execution, flow))
        return
    dispatch.send(executor.write_ended(execution))
    message = f"The trigger could not start the flow: {execution.error}"
    logbook.insert(execution.id, [Line(execution.id, logbook.NUMBERS["ERROR"], message, timezone.now())])


def find(flow: Flow, trigger_id: str) -> Trigger | None:
    """The trigger of this id."""
    return next((each for each in flow.triggers if each.id == trigger_id), None)


def say(state: models.TriggerState, level: str, message: str) -> None:
    """Write a line into the log of a trigger."""
    text = message.replace("\0", "")[: logbook.LONGEST]
    models.LogLine.objects.create(trigger=state, level=logbook.NUMBERS[level], timestamp=timezone.now(), message=text)


def remember(namespace: str, flow_id: str, trigger: Trigger) -> models.TriggerState:
    """The row of a trigger; made where there is none yet."""
    key = {"namespace": namespace, "flow_id": flow_id, "trigger_id": trigger.id}
    return models.TriggerState.objects.get_or_create(**key, defaults={"type": trigger.type, "stale": True})[0]


