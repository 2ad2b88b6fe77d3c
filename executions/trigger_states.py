"""What people do to triggers: switch them off and on, unlock and restart them, make up for past dates."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.utils import timezone

from executions.models import Execution, TriggerState
from flows import selectors as flow_selectors
from namespaces.models import Role
from namespaces.rights import Person, require
from plugins.catalog import CATALOG
from ui.errors import Conflict, Missing


class NoSuchTrigger(Missing):
    """Trigger not found"""


class NotLocked(Conflict):
    """The trigger is not locked: it waits neither for an execution nor for an evaluation."""


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
    type_ = CATALOG.canonical(str(found.get("type", "")))[:200]
    return TriggerState.objects.get_or_create(**key, defaults={"type": type_, "stale": True})[0]


def change(row: TriggerState, **changes: Any) -> TriggerState:
    """Write some columns of a row, as a change that whoever fires it just now does not overlook."""
    TriggerState.objects.filter(pk=row.pk).update(updated=timezone.now(), **changes)
    row.refresh_from_db()
    return row


def set_disabled(
    *, user: Person, namespace: str, flow_id: str, trigger_id: str, disabled: bool, recover: bool = True
) -> TriggerState:
    """Switch a trigger off or on without touching the flow's source.

    Dates that pass while it is off count as missed: `recoverMissedSchedules` says what becomes of them, unless `recover` is False, which
    lets it go on with its next date.
    """
    row = find(user=user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)
    if row.disabled == disabled:
        return row
    return change(row, disabled=disabled, **({} if disabled or recover else {"next_date": None, "stale": True}))


def locked(row: TriggerState) -> bool:
    """Whether it waits for the end of an execution, or is being evaluated."""
    busy = bool(row.execution_id) and Execution.objects.filter(id=row.execution_id, ended=None).exists()
    return busy or row.evaluating is not None


def unlock(*, user: Person, namespace: str, flow_id: str, trigger_id: str) -> TriggerState:
    """Let a trigger fire again though what it waits for has not ended. Raises NotLocked."""
    row = find(user=user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)
    if not locked(row):
        raise NotLocked
    return change(row, execution_id="", evaluating=None, worker="", lock=F("lock") + 1)


def restart(*, user: Person, namespace: str, flow_id: str, trigger_id: str) -> TriggerState:
    """Forget what a trigger waits for and when it fired last; an evaluation that runs is given up."""
    row = find(user=user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)
    return change(row, execution_id="", evaluating=None, worker="", lock=F("lock") + 1, date=None)


def forget(*, user: Person, namespace: str, flow_id: str, trigger_id: str) -> None:
    """Forget everything about a trigger: it begins anew at its next date."""
    row = find(user=user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)
    empty: dict[str, Any] = {"date": None, "next_date": None, "execution_id": "", "last_execution_id": "", "disabled": False}
    change(row, **empty, backfill=None, evaluating=None, worker="", lock=F("lock") + 1, stale=True)
