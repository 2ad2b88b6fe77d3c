"""What people do to triggers: switch them off and on, and let one go whose execution will not end."""

from __future__ import annotations

from django.utils import timezone

from executions.models import Execution, TriggerState
from flows import selectors as flow_selectors
from namespaces.models import Role
from namespaces.rights import Person, require
from ui.errors import Conflict, Missing


class NoSuchTrigger(Missing):
    """Trigger not found"""


class NotLocked(Conflict):
    """The trigger does not wait for an execution."""


def find(*, user: Person, namespace: str, flow_id: str, trigger_id: str, role: Role = Role.MEMBER) -> TriggerState:
    """What is remembered of a trigger that the flow declares; made where nothing is yet. Raises NoSuchTrigger and what `require` raises."""
    require(user, namespace, role)
    row = flow_selectors.flow(namespace, flow_id)
    declared = row.raw.get("triggers")
    found = (
        next((one for one in declared if isinstance(one, dict) and one.get("id") == trigger_id), None)
        if isinstance(declared, list)
        else None
    )
    if found is None:
        raise NoSuchTrigger
    key = {"namespace": namespace, "flow_id": flow_id, "trigger_id": trigger_id}
    return TriggerState.objects.get_or_create(**key, defaults={"type": str(found.get("type", ""))[:200]})[0]


def set_disabled(*, user: Person, namespace: str, flow_id: str, trigger_id: str, disabled: bool) -> TriggerState:
    """Switch a trigger off or on without touching the flow's source; dates that pass while it is off are not made up for."""
    row = find(user=user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)
    if row.disabled != disabled:
        row.disabled, row.next_date, row.updated = disabled, None, timezone.now()
        row.save(update_fields=["disabled", "next_date", "updated"])
    return row


def unlock(*, user: Person, namespace: str, flow_id: str, trigger_id: str) -> TriggerState:
    """Let a trigger fire again though the execution it started has not ended. Raises NotLocked."""
    row = find(user=user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)
    if not row.execution_id or not Execution.objects.filter(id=row.execution_id, ended=None).exists():
        raise NotLocked
    row.execution_id, row.updated = "", timezone.now()
    row.save(update_fields=["execution_id", "updated"])
    return row
