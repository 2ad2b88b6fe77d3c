"""Starting a flow by the address of its Webhook trigger. Nobody signs in: whoever knows the key may start the flow."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from engine.document import Flow, Trigger
from engine.errors import ExpressionError
from executions import models, services, triggering
from executions.triggering import Scene
from flows import selectors as flow_selectors
from flows.selectors import FlowMissing
from flows.validation import InvalidFlow
from plugins.contract import ConditionFailed
from ui.errors import Conflict, Invalid, Missing

WEBHOOK = "io.kestra.plugin.core.trigger.Webhook"
LONGEST_KEY = 256
PRIVATE = frozenset(
    {"authorization", "proxy-authorization", "cookie"}
)  # headers that are the caller's secrets: executions are read by many


class NoSuchFlow(Missing):
    """Flow not found"""


class NoSuchWebhook(Missing):
    """Webhook not found"""


def call(
    *, namespace: str, flow_id: str, key: str, body: Any, headers: Mapping[str, Sequence[str]], parameters: Mapping[str, Sequence[str]]
) -> models.Execution | None:
    """Start the flow whose Webhook trigger has this key; None where the trigger's conditions do not hold for what would be started.

    A trigger that is switched off starts it too, as in Kestra. Raises NoSuchFlow, NoSuchWebhook, starting.FlowDisabled,
    starting.InvalidInput.
    """
    try:
        flow = flow_selectors.parsed(namespace, flow_id)
    except FlowMissing as error:
        raise NoSuchFlow from error
    except InvalidFlow as error:
        raise Conflict(f"Cannot execute an invalid flow: {error.message}") from error
    trigger = _found(flow, key)
    if trigger is None:
        raise NoSuchWebhook
    variables = {
        "body": body,
        "headers": {name: list(values) for name, values in headers.items() if name.lower() not in PRIVATE},
        "parameters": {name: list(values) for name, values in parameters.items()},
    }
    scene = Scene(flow, trigger, variables)
    if not _let_pass(scene):
        return None
    try:
        inputs = scene.render_any(trigger.properties.get("inputs") or {})
    except ExpressionError as error:
        raise Invalid(f"The inputs of the trigger {trigger.id} cannot be rendered: {scene.masks.text(error.message)}") from error
    row = services.start(user=None, namespace=namespace, flow_id=flow_id, inputs=inputs, trigger=scene.execution.trigger)
    state = triggering.remember(namespace, flow_id, trigger)
    models.TriggerState.objects.filter(pk=state.pk).update(date=row.created, last_execution_id=row.id)
    return row


def _let_pass(scene: Scene) -> bool:
    """Whether all conditions hold; one that cannot be judged does not, which the trigger's log tells."""
    try:
        return triggering.all_hold(triggering.written_conditions(scene.trigger), scene.facts(scene.execution))
    except ConditionFailed as error:
        state = triggering.remember(scene.flow.namespace, scene.flow.id, scene.trigger)
        triggering.say(state, "WARN", f"A condition cannot be judged: {error}")
        return False


def _found(flow: Flow, key: str) -> Trigger | None:
    """The trigger of this key. All are looked at, each in constant time, so that an answer's time tells nothing about keys."""
    found = None
    for trigger in flow.triggers:
        if trigger.type == WEBHOOK:
            wanted = _key(flow, trigger)
            if wanted and hmac.compare_digest(wanted.encode(), key.encode()):
                found = found or trigger
    return found


def _key(flow: Flow, trigger: Trigger) -> str:
    """The trigger's key, rendered; empty where it cannot be, which no key equals."""
    try:
        text = Scene(flow, trigger, {}).render(str(trigger.properties.get("key", "")))
    except ExpressionError:
        return ""
    return text.strip()[:LONGEST_KEY]
