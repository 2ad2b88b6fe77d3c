"""Changing flows: every save is a revision that is never changed again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from engine.document import Flow as FlowDocument
from engine.document import Problem
from engine.yaml_ import dump
from flows import selectors, templates
from flows.models import Flow, Revision
from flows.selectors import FlowMissing
from flows.validation import InvalidFlow, Validation, validate
from namespaces import rights
from namespaces.models import Role
from namespaces.services.tree import ensure
from ui.errors import Conflict, Missing

__all__ = [
    "FlowMissing",
    "InvalidFlow",
    "create",
    "delete",
    "delete_revisions",
    "put",
    "replace_all",
    "replace_task",
    "restore",
    "set_disabled",
    "update",
]

REVISION_LINE = re.compile(r"^revision:[^\n]*\n?", re.MULTILINE)
DISABLED_LINE = re.compile(r"^disabled:[^\n]*\n?", re.MULTILINE)


class TaskMissing(Missing):
    """There is no such task in this flow."""


def _refuse(message: str, path: str = "") -> InvalidFlow:
    return InvalidFlow([Problem(message, 1, 1, path)])


def _checked(user: Any, outcome: Validation) -> FlowDocument:
    """The flow that was validated; its templates must be such as the user may read."""
    if outcome.flow is None or not outcome.valid:
        raise InvalidFlow(outcome.problems)
    for namespace in templates.named_in(outcome.flow.raw):
        if namespace != outcome.flow.namespace:
            rights.require(user, namespace, Role.READER)
    return outcome.flow


def _plain(source: str) -> str:
    """The source without its `revision:` line, as sources are compared."""
    return REVISION_LINE.sub("", source)


def create(*, user: Any, source: str) -> Flow:
    """A new flow, as revision 1 or the one after its deletion.

    Raises InvalidFlow (also when the id is taken) and what `namespaces.rights` raises.
    """
    document = _named(user, source)
    ensure(document.namespace)
    with transaction.atomic():
        row = Flow.objects.filter(namespace=document.namespace, flow_id=document.id).first()
        if row is not None and not row.deleted:
            raise _refuse("Flow id already exists", "flow.id")
        try:
            with transaction.atomic():
                return _save(row or Flow(namespace=document.namespace, flow_id=document.id, revision=0), document, source, user)
        except IntegrityError as error:  # someone else created it meanwhile
            raise _refuse("Flow id already exists", "flow.id") from error


def _named(user: Any, source: str) -> FlowDocument:
    """The flow of a source in a namespace where the user may write; without the right to it nothing is said about the source's types."""
    outcome = validate(source)
    if outcome.flow is not None:
        rights.require(user, outcome.flow.namespace, Role.MEMBER)
    return _checked(user, outcome)


def update(*, user: Any, namespace: str, flow_id: str, source: str) -> Flow:
    """The flow with a new source; the same revision where nothing changed. Raises FlowMissing, InvalidFlow and what `rights` raises."""
    rights.require(user, namespace, Role.MEMBER)
    document = _checked(user, validate(source))
    if document.id != flow_id:
        raise _refuse("Illegal flow id update", "flow.id")
    if document.namespace != namespace:
        raise _refuse("Illegal namespace update", "flow.namespace")
    with transaction.atomic():
        row = _locked(namespace, flow_id)
        if _plain(row.source) == _plain(source):
            return row
        return _save(row, document, source, user)


def put(*, user: Any, source: str) -> Flow:
    """The flow of a source, updated where it is there and created where it is not. Raises as `create` and `update` do."""
    document = _named(user, source)
    if Flow.objects.filter(namespace=document.namespace, flow_id=document.id, deleted=False).exists():
        return update(user=user, namespace=document.namespace, flow_id=document.id, source=source)
    return create(user=user, source=source)


def replace_all(
    *, user: Any, sources: Sequence[str], namespace: str | None = None, below: bool = False, delete_others: bool = False
) -> list[Flow]:
    """Create or update all of these flows, or none of them where one is not valid.

    With `namespace` they must all stand in it (or `below` it too), and `delete_others` deletes what else stands right there.
    """
    documents = [_named(user, source) for source in sources]
    names = [(document.namespace, document.id) for document in documents]
    if namespace is not None:
        rights.require(user, namespace, Role.MEMBER)
        if any(not _inside(name, namespace, below) for name, _ in names):
            raise _refuse("Flow namespace is invalid", "flow.namespace")
    if len(set(names)) < len(names):
        raise _refuse("Duplicate flow id", "flow.id")
    with transaction.atomic():
        if namespace is not None and delete_others:
            for flow_id in Flow.objects.filter(namespace=namespace, deleted=False).values_list("flow_id", flat=True):
                if (namespace, flow_id) not in names:
                    delete(user=user, namespace=namespace, flow_id=flow_id)
        return [put(user=user, source=source) for source in sources]


def _inside(name: str, namespace: str, below: bool) -> bool:
    return name == namespace or (below and name.startswith(f"{namespace}."))


def replace_task(*, user: Any, namespace: str, flow_id: str, task_id: str, task: Mapping[str, Any]) -> Flow:
    """The flow with another task in the place of one of its own. Raises FlowMissing, TaskMissing, InvalidFlow."""
    rights.require(user, namespace, Role.MEMBER)
    if task.get("id") != task_id:
        raise _refuse("Can't update a task with another id", "task.id")
    raw = selectors.mapping(selectors.flow(namespace, flow_id).source)
    old = selectors.find_task(raw, task_id)
    if old is None:
        raise TaskMissing
    old.clear()
    old.update(task)
    return update(user=user, namespace=namespace, flow_id=flow_id, source=dump(raw))


def delete_revisions(*, user: Any, namespace: str, flow_id: str, numbers: Sequence[int]) -> int:
    """Forget revisions for good, never the current one; answers how many. Raises FlowMissing, Conflict."""
    rights.require(user, namespace, Role.MEMBER)
    row = Flow.objects.filter(namespace=namespace, flow_id=flow_id).first()
    if row is None:
        raise FlowMissing
    if row.revision in numbers:
        raise Conflict(f"Revision {row.revision} is the current one and stays")
    return row.revisions.filter(number__in=list(numbers)).delete()[0]


def delete(*, user: Any, namespace: str, flow_id: str) -> Flow:
    """The flow marked as deleted, by a revision of its own; its past stays readable."""
    rights.require(user, namespace, Role.MEMBER)
    with transaction.atomic():
        row = _locked(namespace, flow_id)
        row.revision += 1
        row.deleted = True
        row.updated = timezone.now()
        row.save()
        _revision(row, user, deleted=True)
        return row


def restore(*, user: Any, namespace: str, flow_id: str, number: int) -> Flow:
    """The source of revision `number` saved as a new revision; brings a deleted flow back. Raises FlowMissing and InvalidFlow."""
    rights.require(user, namespace, Role.MEMBER)
    old = selectors.flow_revision(namespace, flow_id, number)
    document = _checked(user, validate(old.source))
    with transaction.atomic():
        row = Flow.objects.select_for_update().get(pk=old.flow_id)
        return _save(row, document, old.source, user, comment=f"Restored from revision {number}")


def set_disabled(*, user: Any, namespace: str, flow_id: str, disabled: bool) -> Flow:
    """The flow with `disabled:` in its source set or taken out, as a new revision."""
    row = selectors.flow(namespace, flow_id)
    if row.disabled == disabled:
        rights.require(user, namespace, Role.MEMBER)
        return row
    source = _with_disabled(row.source, disabled)
    return update(user=user, namespace=namespace, flow_id=flow_id, source=source)


def _with_disabled(source: str, disabled: bool) -> str:
    """The source with its `disabled:` line set or taken out; written anew where it is no plain block of lines (JSON, for example)."""
    edited = DISABLED_LINE.sub("", source)
    if disabled:
        edited = f"{edited.rstrip()}\ndisabled: true\n"
    wanted = {name: value for name, value in selectors.mapping(source).items() if name != "disabled"}
    if disabled:
        wanted["disabled"] = True
    return edited if selectors.mapping(edited) == wanted else dump(wanted)


def _locked(namespace: str, flow_id: str) -> Flow:
    row = Flow.objects.select_for_update().filter(namespace=namespace, flow_id=flow_id, deleted=False).first()
    if row is None:
        raise FlowMissing
    return row


def _save(row: Flow, document: FlowDocument, source: str, user: Any, comment: str = "") -> Flow:
    row.revision += 1
    row.source = source
    row.raw = dict(document.raw)
    row.description = document.description or ""
    row.labels = dict(reversed(document.labels))  # of two equal keys the first wins
    row.disabled = document.disabled
    row.listens = any(trigger.type == selectors.FLOW_TRIGGER for trigger in document.triggers)
    row.deleted = False
    row.updated = timezone.now()
    row.save()
    _revision(row, user, comment=comment)
    return row


def _revision(row: Flow, user: Any, *, deleted: bool = False, comment: str = "") -> Revision:
    author = user if getattr(user, "pk", None) else None
    return Revision.objects.create(flow=row, number=row.revision, source=row.source, deleted=deleted, created_by=author, comment=comment)
