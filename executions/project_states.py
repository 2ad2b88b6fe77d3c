"""The states of dbt projects: manifests that were promoted, their history, and how two of them differ."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from executions import storage
from executions.models import Execution, ProjectState, TaskRun
from kv import services as kv
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person
from plugins.dbt import _state
from plugins.dbt._state import Change
from ui.errors import Invalid, Missing

KEPT = 20  # of each state
RECENT = 10  # executions among which those to promote by hand are looked for
LARGEST = 32 << 20  # bytes of a manifest that is read in the web process
FIELDS = ("namespace", "project", "target", "branch")


class NoSuchState(Missing):
    """There is no such state of a dbt project here; it may have been forgotten, as the oldest are."""


def in_force(namespace: str, project: str, target: str, branch: str) -> ProjectState | None:
    """The state that runs compare with."""
    return ProjectState.objects.filter(namespace=namespace, project=project, target=target, branch=branch).order_by("-id").first()


def all_in_force(namespace: str) -> QuerySet[ProjectState]:
    """The states in force of a namespace, without their contents."""
    newest = ProjectState.objects.filter(namespace=namespace).values(*FIELDS).annotate(newest=Max("id")).values("newest")
    return _light().filter(id__in=newest).order_by("project", "target", "branch")


def history(row: ProjectState) -> QuerySet[ProjectState]:
    """All promotions of the same project, target and branch, newest first, without their contents."""
    return _light().filter(**{name: getattr(row, name) for name in FIELDS}).select_related("promoted_by").order_by("-id")


def one(namespace: str, state_id: int) -> ProjectState:
    """A promotion of this namespace, without its contents."""
    row = _light().filter(namespace=namespace, id=state_id).first()
    if row is None:
        raise NoSuchState
    return row


def _light() -> QuerySet[ProjectState]:
    return ProjectState.objects.defer("manifest", "digest")


def manifest_of(row: ProjectState) -> bytes:
    """The bytes that dbt wrote."""
    return gzip.decompress(bytes(row.manifest))


def changes(before: ProjectState | None, after: ProjectState) -> list[Change]:
    """How two promotions differ; against nothing all is new."""
    return _state.changes(digest_of(before) if before is not None else {}, digest_of(after))


def digest_of(row: ProjectState) -> dict[str, dict[str, Any]]:
    """What of each node is compared."""
    found: dict[str, dict[str, Any]] = json.loads(gzip.decompress(bytes(row.digest)))
    return found


def promote(
    *,
    namespace: str,
    project: str,
    target: str,
    branch: str,
    manifest: bytes,
    digest: Mapping[str, Mapping[str, Any]],
    version: str = "",
    stored: tuple[str, str] | None = None,
    execution_id: str = "",
) -> ProjectState:
    """Put the manifest of a full build in force; the oldest ones beyond `KEPT` are forgotten."""
    place = stored or ("", "")
    row = ProjectState(
        namespace=namespace,
        project=project[:200],
        target=target[:200],
        branch=branch[:250],
        execution_id=execution_id,
        version=version[:30],
        nodes=len(digest),
        manifest=gzip.compress(manifest, 1),
        digest=gzip.compress(json.dumps(digest).encode(), 1),
        stored_namespace=place[0],
        stored_key=place[1],
    )
    return _add(row)


def promote_again(*, user: Person, namespace: str, state_id: int) -> ProjectState:
    """Put an earlier state in force again, by hand; the key that its task had stored it under gets it, too."""
    rights.require(user, namespace, Role.MEMBER)
    row = one(namespace, state_id)
    row.refresh_from_db(fields=["manifest", "digest"])
    content = manifest_of(row)
    if row.stored_key:
        kv.set(row.stored_namespace, row.stored_key, json.loads(content), user=user)
    row.pk, row.promoted_by, row.promoted = None, user, timezone.now()
    return _add(row)


def promote_run(*, user: Person, namespace: str, state_id: int, execution_id: str) -> ProjectState:
    """Put the manifest that an execution left in force, by hand, though it was no full build or did not succeed."""
    rights.require(user, namespace, Role.MEMBER)
    row = one(namespace, state_id)
    uri = next((run.uri for run in candidates(row) if run.execution_id == execution_id), None)
    if uri is None:
        raise NoSuchState("This execution left no manifest that could be promoted here")
    content = storage.existing(uri).read_bytes()
    try:
        if len(content) > LARGEST:
            raise ValueError
        manifest = json.loads(content)
        digest = _state.digest(manifest)
    except (ValueError, AttributeError) as error:
        raise Invalid(f"Only a manifest of at most {LARGEST >> 20} MB that dbt wrote can be promoted by hand") from error
    if row.stored_key:
        kv.set(row.stored_namespace, row.stored_key, manifest, user=user)
    row.pk, row.promoted_by, row.promoted, row.execution_id = None, user, timezone.now(), execution_id
    row.manifest, row.digest, row.nodes = gzip.compress(content, 1), gzip.compress(json.dumps(digest).encode(), 1), len(digest)
    return _add(row)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An execution that left a manifest and did not promote it."""

    execution_id: str
    state: str
    created: datetime
    uri: str


def candidates(row: ProjectState) -> list[Candidate]:
    """The last executions of the flow that built this state whose manifest was not promoted, newest first."""
    flow = Execution.objects.filter(id=row.execution_id).values("namespace", "flow_id").first()
    if flow is None:
        return []
    promoted = set(history(row).values_list("execution_id", flat=True))
    recent = Execution.objects.filter(**flow).exclude(id__in=promoted).order_by("-created")[:RECENT]
    by_id = {execution.id: execution for execution in recent}
    found = {}
    for run in TaskRun.objects.filter(execution_id__in=by_id).only("execution_id", "outputs"):
        uri = ((run.outputs or {}).get("outputFiles") or {}).get("manifest.json") if isinstance(run.outputs, dict) else None
        if isinstance(uri, str):
            execution = by_id[run.execution_id]
            found[execution.id] = Candidate(execution.id, execution.state, execution.created, uri)
    return sorted(found.values(), key=lambda candidate: candidate.created, reverse=True)


def _add(row: ProjectState) -> ProjectState:
    with transaction.atomic():
        row.save(force_insert=True)
        old = history(row).values_list("id", flat=True)[KEPT:]
        ProjectState.objects.filter(id__in=list(old)).delete()
    return row


def forget(*, user: Person, namespace: str, state_id: int) -> None:
    """Forget a project, target and branch with all its history; what the key-value store holds stays."""
    rights.require(user, namespace, Role.MEMBER)
    history(one(namespace, state_id)).delete()
