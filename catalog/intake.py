"""Taking in the artifacts of one task run, on a worker: what changed becomes a new version that pages see all at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from catalog import nodes, outcomes, reading, sending, tracing, words
from catalog.models import Intake, Invocation, Node, NodeRun, Project, Text, Version
from catalog.reading import Unreadable, mapping, moment, number, text
from executions import storage
from executions.masks import Masks
from executions.models import TaskRun
from namespaces import vault
from namespaces.services import connections
from ui.errors import KestraError

BATCH = 500  # rows written in one transaction
BUSY = timedelta(minutes=5)  # so long a taking in may be silent until another worker goes on in its place
RESEND = timedelta(seconds=5)
MOST_SENDS = 12
SAMPLE = 50  # nodes by whose tables a target is recognised
ARGUMENTS = (
    "select",
    "exclude",
    "selector",
    "full_refresh",
    "target",
    "threads",
    "defer",
    "state",
    "empty",
    "fail_fast",
)
logger = logging.getLogger(__name__)


def resend(now: datetime) -> None:
    """Announce again what nobody has taken in, at growing distances; what failed that often is given up."""
    for row in Intake.objects.filter(sent__lt=now - RESEND).order_by("id")[:100]:
        if now - row.sent < RESEND * 2 ** min(row.sends - 1, 6):
            continue
        if row.sends >= MOST_SENDS:
            row.delete()
        elif Intake.objects.filter(id=row.id, sends=row.sends).update(sends=row.sends + 1, sent=now):
            sending.send(row.id)


def take_in(intake_id: int) -> None:
    """Take in what one row names and remove it. Artifacts of a namespace are taken in as they were left: who comes too early goes away,
    and is called when the one before has ended. Without effect, too, where another worker is at the same project, or was faster."""
    row = Intake.objects.filter(id=intake_id).first()
    if row is None or _before(row).exists():
        return
    try:
        files = {name: storage.existing(uri) for name, uri in row.files.items() if name in sending.ARTIFACTS}
        done = _take(row, files)
    except (Unreadable, KestraError) as error:  # an artifact that cannot be read is nobody's failure: the run has ended long ago
        logger.warning("The artifacts of execution %s were not taken into the catalog: %s", row.execution_id, error)
        done = True
    if done:
        row.delete()
        following = Intake.objects.filter(namespace=row.namespace).order_by("id").first()
        if following is not None:
            sending.send(following.id)


def _before(row: Intake) -> QuerySet[Intake]:
    """Rows of the same namespace that come first; nobody waits for one that has been tried for long."""
    return Intake.objects.filter(namespace=row.namespace, id__lt=row.id, created__gt=timezone.now() - BUSY)


def _take(row: Intake, files: Mapping[str, Path]) -> bool:
    about = _about(files)
    if not about.get("project"):
        logger.info("The artifacts of execution %s do not say of which project they are", row.execution_id)
        return True
    project = _project(row.namespace, about["project"], about["target"], files)
    now = timezone.now()
    if not Project.objects.filter(Q(busy=None) | Q(busy__lt=now - BUSY), id=project.id).update(busy=now):
        return False
    try:
        _into(project, row, files, about)
    finally:
        Project.objects.filter(id=project.id).update(busy=None)
    return True


def _about(files: Mapping[str, Path]) -> dict[str, Any]:
    """Whose artifacts these are and how dbt was called."""
    manifest = _section(files.get("manifest.json"), "metadata")
    results = _section(files.get("run_results.json"), "metadata")
    arguments = _section(files.get("run_results.json"), "args")
    generated = moment(manifest.get("generated_at")) or moment(results.get("generated_at")) or timezone.now()
    return {
        "project": text(manifest.get("project_name"), 200),
        "target": text(arguments.get("target"), 100),
        "generated": generated,
        "dbt_version": text(manifest.get("dbt_version"), 50),
        "adapter": text(manifest.get("adapter_type"), 50),
        "command": text(arguments.get("which"), 50),
        "environment": {str(name): str(value) for name, value in (mapping(manifest.get("env")) | mapping(results.get("env"))).items()},
        "arguments": {name: arguments[name] for name in ARGUMENTS if arguments.get(name) not in (None, "", [], False)}
        | ({"vars": arguments["vars"]} if arguments.get("vars") else {}),
    }


def _project(namespace: str, name: str, target: str, files: Mapping[str, Path]) -> Project:
    """The project with that target. Where the command left it to the profile, the one whose tables are those of the manifest."""
    others = Project.objects.filter(namespace=namespace, name=name)
    exact = others.filter(target=target).first() if target else None
    if exact is not None:
        return exact
    tables = list(islice(_tables(files.get("manifest.json")), SAMPLE))
    for other in others.order_by("target") if tables else ():
        known = dict(
            Node.objects.filter(project=other, last=None, unique_id__in=[key for key, _ in tables]).values_list("unique_id", "relation")
        )
        same = sum(known.get(key) == table for key, table in tables)
        if same * 2 > len(tables) and (not target or not other.target):
            if target:  # now we hear how the profile's target is called
                Project.objects.filter(id=other.pk).update(target=target)
                other.target = target
            return other
    return Project.objects.get_or_create(namespace=namespace, name=name, target=target)[0]


def _tables(path: Path | None) -> Iterator[tuple[str, str]]:
    for _, key, entry in reading.items(path, {"nodes"}) if path else ():
        table = nodes.relation(mapping(entry))
        if table:
            yield text(key), table


def _section(path: Path | None, name: str) -> dict[str, Any]:
    """A section of an artifact that is a small mapping, read no further than to its end."""
    found: dict[str, Any] = {}
    for section, key, value in reading.items(path, {name, "nodes", "results"}) if path else ():
        if section != name:
            if found:
                break
            continue
        found[key] = value
    return found


def _into(project: Project, row: Intake, files: Mapping[str, Path], about: Mapping[str, Any]) -> None:
    now = timezone.now()
    masks = _masks(row.namespace)
    project.refresh_from_db()
    if "manifest.json" in files and (project.generated is None or about["generated"] >= project.generated):
        _manifest(project, row, files["manifest.json"], about)
    if "catalog.json" in files:
        _batches(outcomes.of_catalog(files["catalog.json"]), lambda batch: outcomes.save_tables(project, batch))
    if "sources.json" in files:
        _batches(outcomes.of_sources(files["sources.json"]), lambda batch: outcomes.save_freshness(project, batch))
    found = outcomes.Found(row.execution_id, row.task_run_id, about["generated"], masks)
    results = found.results(files.get("run_results.json"), about["command"])
    _batches(results, lambda batch: outcomes.save_runs(project, found, batch, now))
    _note_invocation(project, row, files, masks.value(about))
    Project.objects.filter(id=project.id).update(updated=now)
    _forget(project, now)
    tracing.want(project)


def _masks(namespace: str) -> Masks:
    """What hides every secret that dbt can have been given in a namespace."""
    masks = Masks()
    for secret in (*vault.all_values([namespace]), *connections.secrets_of(namespace)):
        masks.add(secret)
    return masks


def _batches(rows: Iterable[Any], save: Any) -> None:
    """Save rows a batch at a time, each in a transaction of its own, so that nobody waits long."""
    stream = iter(rows)
    while batch := list(islice(stream, BATCH)):
        with transaction.atomic():
            save(batch)


# --- the manifest -----------------------------------------------------------------------------------------------------------------


def _manifest(project: Project, row: Intake, path: Path, about: Mapping[str, Any]) -> None:
    """Write the nodes that changed as those of the next version, then let pages see it."""
    number = project.version
    _undo(project)
    known = {key: (own, digest) for own, key, digest in project.nodes.filter(last=None).values_list("id", "unique_id", "digest")}
    seen: set[str] = set()
    counts = {"added": 0, "changed": 0, "removed": 0}
    parents = reading.parent_map(path)

    def changed() -> Iterator[tuple[str, dict[str, Any]]]:
        for _, unique_id, entry in reading.items(path, nodes.SECTIONS):
            if unique_id in seen or not unique_id or not text(mapping(entry).get("resource_type")):
                continue
            seen.add(unique_id)
            values = nodes.values_of(unique_id, entry, parents.get(unique_id))
            if unique_id in known and known[unique_id][1] == values["digest"]:
                continue
            counts["changed" if unique_id in known else "added"] += 1
            yield text(unique_id), values

    _batches(changed(), lambda batch: _write(project, number + 1, batch))
    changed_ids = set(project.nodes.filter(first=number + 1).values_list("unique_id", flat=True))
    gone = [own for key, (own, _) in known.items() if key not in seen]
    over = [own for key, (own, _) in known.items() if key in changed_ids] + gone
    counts["removed"] = len(gone)
    values = {"generated": about["generated"], "dbt_version": about["dbt_version"], "adapter": about["adapter"]}
    with transaction.atomic():
        if any(counts.values()):
            for chunk in _chunks(over):
                Node.objects.filter(id__in=chunk).update(last=number)
            words.forget(over)
            Version.objects.create(project=project, number=number + 1, execution_id=row.execution_id, **counts)
            values["version"] = number + 1
        Project.objects.filter(id=project.id).update(**values)
    project.refresh_from_db()


def _undo(project: Project) -> None:
    """Take back what a worker that died had written of the next version."""
    half = list(project.nodes.filter(first__gt=project.version).values_list("id", flat=True))
    if half:
        words.forget(half)
        for chunk in _chunks(half):
            Node.objects.filter(id__in=chunk).delete()


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _write(project: Project, version: int, batch: list[tuple[str, dict[str, Any]]]) -> None:
    rows = [Node(project=project, unique_id=unique_id, first=version, **values) for unique_id, values in batch]
    Node.objects.bulk_create(rows)
    words.put((row.id, _words(row)) for row in rows)
    Project.objects.filter(id=project.id).update(busy=timezone.now())


def _words(row: Node) -> str:
    columns = [text for column in row.columns for text in (column["name"], column["description"])]
    return words.words_of(row.name, row.kind, row.owner, row.path, row.relation, *row.tags, row.description, *columns, row.code)


# --- around it ----------------------------------------------------------------------------------------------------------------------


def _note_invocation(project: Project, row: Intake, files: Mapping[str, Path], about: Mapping[str, Any]) -> None:
    elapsed = (
        next((value for _, _, value in reading.items(files["run_results.json"], {"elapsed_time"})), None)
        if "run_results.json" in files
        else None
    )
    used = sorted(set(project.nodes.filter(last=None).values_list("package", flat=True)))
    outputs = TaskRun.objects.filter(id=row.task_run_id).values_list("outputs", flat=True).first()
    versions = mapping(mapping(outputs).get("packages"))
    packages = dict.fromkeys(used, "") | {text(name, 200): text(version, 100) for name, version in versions.items()}
    values = {name: about[name] for name in ("generated", "command", "dbt_version", "adapter", "arguments", "environment")}
    Invocation.objects.update_or_create(
        execution_id=row.execution_id,
        task_run_id=row.task_run_id,
        project=project,
        defaults={**values, "version": project.version, "seconds": number(elapsed), "packages": packages},
    )


def _forget(project: Project, now: datetime) -> None:
    """Keep history as long as executions are kept."""
    seconds = settings.KESTRA_LIMITS["retain_executions"]
    if seconds:
        before = now - timedelta(seconds=seconds)
        NodeRun.objects.filter(project=project, ended__lt=before).delete()
        Invocation.objects.filter(project=project, generated__lt=before).delete()
        Text.objects.filter(used__lt=before - timedelta(days=1)).delete()
