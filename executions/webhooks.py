"""Starting a flow by the address of its Webhook trigger. Nobody signs in: whoever knows the key may start the flow."""

from __future__ import annotations

import hmac
import json
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
from plugins.core.trigger.webhook import SIGNED, signed
from ui.errors import Conflict, Invalid, KestraError, Missing

WEBHOOK = "io.kestra.plugin.core.trigger.Webhook"
LONGEST_KEY = 256
PRIVATE = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-gitlab-token"}
)  # headers that are the caller's secrets: executions are read by many


class NoSuchFlow(Missing):
    """Flow not found"""


class NoSuchWebhook(Missing):
    """Webhook not found"""


class NotSigned(KestraError):
    """The request is not signed with the secret of this webhook"""

    @property
    def status(self) -> int:
        """Unauthorized."""
        return 401


def call(
    *, namespace: str, flow_id: str, key: str, raw: bytes, headers: Mapping[str, str], parameters: Mapping[str, Sequence[str]]
) -> models.Execution | None:
    """Start the flow whose Webhook trigger has this key; None where the trigger's conditions do not hold for what would be started.

    `raw` are the bytes of the body, `headers` are found whatever their case. A trigger that is switched off starts its flow too, as in
    Kestra. Raises NoSuchFlow, NoSuchWebhook, NotSigned, starting.FlowDisabled, starting.InvalidInput.
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
    _require_signature(flow, trigger, raw, headers)
    variables = {
        "body": _body(raw),
        "headers": {name: [value] for name, value in headers.items() if name.lower() not in PRIVATE},
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


def _body(raw: bytes) -> Any:
    """A JSON object or array, else the text, None where there is nothing."""
    text = raw.decode("utf-8", errors="replace")
    if not text:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict | list) else text


def _require_signature(flow: Flow, trigger: Trigger, raw: bytes, headers: Mapping[str, str]) -> None:
    """Raise NotSigned unless the request proves to know the secret, where the trigger asks for that; its log tells what was wrong."""
    signature = trigger.properties.get("signature")
    if signature is None:
        return
    header = SIGNED[signature["type"]]
    secret = _rendered(flow, trigger, str(signature["secret"]))
    if not secret:
        wrong = "the secret cannot be rendered or is empty: write it into the secrets of the namespace"
    elif signed(signature["type"], secret, raw, headers):
        return
    else:
        wrong = f"the header {header} does not fit the secret" if headers.get(header) else f"the header {header} is missing"
    triggering.say(triggering.remember(flow.namespace, flow.id, trigger), "WARN", f"A request was turned away: {wrong}")
    raise NotSigned


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
    return _rendered(flow, trigger, str(trigger.properties.get("key", "")))[:LONGEST_KEY]


def _rendered(flow: Flow, trigger: Trigger, template: str) -> str:
    """The text of a template; empty where it cannot be rendered."""
    try:
        return Scene(flow, trigger, {}).render(template).strip()
    except ExpressionError:
        return ""
