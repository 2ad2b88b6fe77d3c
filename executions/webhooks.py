"""Starting a flow by the address of its Webhook trigger. Nobody signs in: whoever knows the key may start the flow."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from engine import context
from engine.document import Flow, Trigger
from engine.errors import ExpressionError
from engine.execution import Execution
from engine.expressions import render
from engine.states import State
from executions import executor, models, ports, services, world
from flows import selectors as flow_selectors
from flows.selectors import FlowMissing
from plugins.catalog import CATALOG
from ui.errors import Missing

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
) -> models.Execution:
    """Start the flow whose Webhook trigger has this key. Raises NoSuchFlow, NoSuchWebhook, starting.FlowDisabled, starting.InvalidInput."""
    try:
        flow = flow_selectors.parsed(namespace, flow_id)
    except FlowMissing as error:
        raise NoSuchFlow from error
    trigger = _found(flow, key)
    if trigger is None:
        raise NoSuchWebhook
    variables = {
        "body": body,
        "headers": {name: list(values) for name, values in headers.items() if name.lower() not in PRIVATE},
        "parameters": {name: list(values) for name, values in parameters.items()},
    }
    given = {"id": trigger.id, "type": trigger.type, "variables": variables}
    return services.start(user=None, namespace=namespace, flow_id=flow_id, trigger=given)


def _found(flow: Flow, key: str) -> Trigger | None:
    """The trigger of this key. All are looked at, each in constant time, so that an answer's time tells nothing about keys."""
    found = None
    for trigger in flow.triggers:
        if CATALOG.canonical(trigger.type) == WEBHOOK:
            wanted = _key(flow, trigger)
            if wanted and hmac.compare_digest(wanted.encode(), key.encode()):
                found = found or trigger
    return found


def _key(flow: Flow, trigger: Trigger) -> str:
    """The trigger's key, rendered; empty where it cannot be, which no key equals."""
    execution = Execution(world.new_id(), flow.namespace, flow.id, flow.revision, State.new(timezone.now()))
    known = {**context.variables(flow, execution, world=executor.world()), "trigger": {"id": trigger.id, "type": trigger.type}}
    functions = world.functions(execution, world.Masks(), ports.People(execution).may_read)
    try:
        text = render(str(trigger.properties.get("key", "")), known, functions=functions, options=world.options())
    except ExpressionError:
        return ""
    return text.strip()[:LONGEST_KEY]
