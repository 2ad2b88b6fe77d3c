"""Two executions side by side: how dbt was called, which nodes differ, how long they took and how they ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from catalog.graph import at
from catalog.models import Invocation, Node, NodeRun, Project
from catalog.selectors import compiled
from executions import presenters
from executions.models import Execution, TaskRun
from flows.diff import Diff, compare
from namespaces.rights import Person, filter_readable

OTHERS = 30  # executions that are offered to compare with
SLOWER = 1.5  # times as long, and
SECONDS = 1.0  # so many seconds longer: a duration that is worth a word
_HEADER = {"runner": "ran in", "image": "image", "dbt": "dbt process"}  # what an execution says of where its tasks ran
WORSE = {"FAILED": 0, "WARNING": 1, "SKIPPED": 2, "SUCCESS": 3, "": 4}


@dataclass(frozen=True, slots=True)
class Side:
    """One execution with what its dbt tasks left."""

    execution: Execution
    invocations: list[Invocation]
    runs: dict[str, NodeRun]

    @property
    def seconds(self) -> float | None:
        """How long the whole execution took."""
        ended = self.execution.ended
        return (ended - self.execution.created).total_seconds() if ended else None


@dataclass(slots=True)
class NodeRow:
    """One node in both executions, and in which ways it differs."""

    unique_id: str
    before: NodeRun | None
    after: NodeRun | None
    ways: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The telling part of the unique_id."""
        parts = self.unique_id.split(".")
        return parts[2] if parts[0] in ("test", "unit_test") and len(parts) > 3 else ".".join(parts[2:]) or self.unique_id

    @property
    def kind(self) -> str:
        """The kind of node, from its unique_id."""
        return self.unique_id.partition(".")[0]

    @property
    def project_id(self) -> int:
        """The project of the later run."""
        run = self.after or self.before
        assert run is not None  # a row is made of at least one
        return run.project_id

    @property
    def more_seconds(self) -> float | None:
        """How much longer the later run took."""
        return _difference(self.before, self.after, "seconds")

    @property
    def more_rows(self) -> float | None:
        """How many more rows the later run wrote."""
        return _difference(self.before, self.after, "rows")


def side(execution: Execution) -> Side:
    """What is known of one execution; of a node that ran more than once its last run."""
    runs = NodeRun.objects.filter(execution_id=execution.id).order_by("ended")
    invocations = Invocation.objects.filter(execution_id=execution.id).select_related("project").order_by("generated")
    return Side(execution, list(invocations), {run.unique_id: run for run in runs})


def others(user: Person, execution: Execution) -> list[Execution]:
    """Executions to compare with: the latest of its flow, and those of other flows that built the same projects."""
    rows = filter_readable(Execution.objects.exclude(id=execution.id), user)
    projects = Invocation.objects.filter(execution_id=execution.id).values("project")
    built = list(
        Invocation.objects.filter(project__in=projects).order_by("-generated").values_list("execution_id", flat=True)[: OTHERS * 2]
    )
    same = Q(namespace=execution.namespace, flow_id=execution.flow_id)
    return list(rows.filter(same | Q(id__in=built)).order_by("-created")[:OTHERS])


def before(execution: Execution, candidates: Iterable[Execution]) -> Execution | None:
    """The one that an execution is compared with unless somebody chooses another: the last one of its flow before it."""
    earlier = [one for one in candidates if one.created <= execution.created]
    return next((one for one in earlier if one.flow_id == execution.flow_id), earlier[0] if earlier else None)


def node_rows(left: Side, right: Side) -> list[NodeRow]:
    """Every node that ran in either, those that differ most first."""
    defined = _redefined(left, right)
    rows = [NodeRow(name, left.runs.get(name), right.runs.get(name)) for name in {**left.runs, **right.runs}]
    for row in rows:
        row.ways = list(_ways(row, row.unique_id in defined))
    return sorted(
        rows, key=lambda row: (not row.ways, _order(row), row.kind in ("test", "unit_test"), -abs(row.more_seconds or 0), row.name)
    )


def _order(row: NodeRow) -> int:
    if "state" in row.ways and row.after:
        return WORSE.get(row.after.state, 4)
    return 5 if {"sql", "definition"} & set(row.ways) else 7 if {"new", "gone"} & set(row.ways) else 6


def _ways(row: NodeRow, redefined: bool) -> Iterator[str]:
    before, after = row.before, row.after
    if before is None or after is None:
        yield "new" if before is None else "gone"
        return
    if before.state != after.state:
        yield "state"
    if before.compiled and after.compiled and before.compiled != after.compiled:
        yield "sql"
    if redefined:
        yield "definition"
    more, fewer = row.more_seconds, before.seconds or 0
    if more is not None and abs(more) >= SECONDS and max(after.seconds or 0, fewer) >= SLOWER * min(after.seconds or 0, fewer):
        yield "slower" if more > 0 else "faster"
    if row.more_rows:
        yield "rows"


def _difference(before: NodeRun | None, after: NodeRun | None, name: str) -> float | None:
    one, other = getattr(before, name, None), getattr(after, name, None)
    return other - one if one is not None and other is not None else None


def _redefined(left: Side, right: Side) -> set[str]:
    """Nodes that the manifests of both define differently; only within one project and target, since targets have tables of their own."""
    versions: dict[int, list[int]] = {}
    for own in (left, right):
        latest = {invocation.project_id: invocation.version for invocation in own.invocations}
        for project, version in latest.items():
            versions.setdefault(project, []).append(version)
    found: set[str] = set()
    for project, both in versions.items():
        if len(both) == 2 and both[0] != both[1]:
            older, newer = (_digests(project, version, *sorted(both)) for version in both)
            found |= {name for name in older.keys() & newer.keys() if older[name] != newer[name]}
    return found


def _digests(project: int, version: int, low: int, high: int) -> dict[str, str]:
    """The digests in a version of nodes that changed between two versions."""
    changed = Node.objects.filter(project=project, first__gt=low, first__lte=high).values("unique_id")
    return dict(Node.objects.filter(at(version), project=project, unique_id__in=changed).values_list("unique_id", "digest"))


# --- how dbt was called ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that may differ, as text on both sides."""

    name: str
    before: str
    after: str

    @property
    def differs(self) -> bool:
        """Whether it does."""
        return self.before != self.after


def settings(left: Side, right: Side) -> list[Setting]:
    """Revision, inputs, versions, arguments, variables, environment and packages, those that differ first."""
    one, other = _told(left), _told(right)
    made = [Setting(name, one.get(name, ""), other.get(name, "")) for name in {**one, **other}]
    return sorted(made, key=lambda setting: not setting.differs)


def _told(side: Side) -> dict[str, str]:
    found = {"flow": f"{side.execution.namespace}.{side.execution.flow_id}", "flow revision": str(side.execution.flow_revision)}
    found |= {f"input {name}": _text(value) for name, value in presenters.flat(presenters.display(side.execution.inputs or {})) if name}
    found |= {title: str(side.execution.header[key]) for key, title in _HEADER.items() if key in side.execution.header}
    tasks = dict(TaskRun.objects.filter(id__in=[one.task_run_id for one in side.invocations]).values_list("id", "task_id"))
    for invocation in side.invocations:
        mark = f"{tasks[invocation.task_run_id]}: " if len(tasks) > 1 and invocation.task_run_id in tasks else ""
        found |= {f"{mark}{name}": text for name, text in _of_invocation(invocation)}
    return found


def _of_invocation(invocation: Invocation) -> Iterator[tuple[str, str]]:
    project: Project = invocation.project
    yield "project", project.name
    yield "target", project.target
    yield "manifest version", str(invocation.version)
    yield "dbt version", invocation.dbt_version
    yield "adapter", invocation.adapter
    yield "command", invocation.command
    for name, value in _flat(invocation.arguments):
        if name != "target":
            yield name.replace("_", " ") if not name.startswith("vars.") else f"var {name[5:]}", _text(value)
    for name, value in _flat(invocation.environment):
        yield f"env {name}", _text(value)
    packages = invocation.packages
    for name, version in (packages.items() if isinstance(packages, dict) else ((name, "") for name in packages)):
        if version or name != project.name:
            yield f"package {name}", version or "used"


def _flat(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in presenters.flat(dict(values)) if name]


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def sql_diff(row: NodeRow) -> Diff:
    """The compiled SQL of both runs of a node, line by line."""
    return compare(*(compiled(run) if run else "" for run in (row.before, row.after)))
