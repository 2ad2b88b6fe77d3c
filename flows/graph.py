"""What follows what inside a flow: its tasks as a graph, with a cluster around each flowable, and with task runs where an execution ran.

Pure: flows and task runs in, nodes, edges and clusters out. The API tells it in Kestra's words; a page may draw it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.document import Flow, Task, Trigger
from engine.execution import TaskRun

FLOW = "io.kestra.plugin.core.flow."
SEQUENTIAL, PARALLEL, CHOICE, DYNAMIC, DEPENDENCIES, ERROR, FINALLY, AFTER = (
    "SEQUENTIAL", "PARALLEL", "CHOICE", "DYNAMIC", "DEPENDENCIES", "ERROR", "FINALLY", "AFTER_EXECUTION",
)  # fmt: skip
RELATIONS = {
    f"{FLOW}Parallel": PARALLEL, f"{FLOW}Dag": DEPENDENCIES, f"{FLOW}Switch": CHOICE, f"{FLOW}If": CHOICE,
    f"{FLOW}ForEach": DYNAMIC, f"{FLOW}EachSequential": DYNAMIC, f"{FLOW}EachParallel": DYNAMIC,
}  # fmt: skip
SUBFLOWS = frozenset({f"{FLOW}Subflow", f"{FLOW}ForEachItem"})
ROOT, TRIGGERS = "root", "Triggers"
BESIDE = ("errors", "finally")  # branches that are not what a flowable is for

Kind = Literal["start", "end", "task", "subflow", "trigger"]


@dataclass(frozen=True, slots=True)
class Node:
    """A task, a trigger, or where a cluster begins and ends. `values` are those of the loops around it, outermost first."""

    uid: str
    kind: Kind
    task: Task | None = None
    trigger: Trigger | None = None
    run: TaskRun | None = None
    values: tuple[str, ...] = ()
    relation: str = ""
    branch: str = ""  # ERROR, FINALLY or AFTER_EXECUTION beside what a flow is for

    @property
    def error(self) -> bool:
        """Whether it stands in an errors branch."""
        return self.branch == ERROR


@dataclass(frozen=True, slots=True)
class Edge:
    """What comes after what. `value` names the case of a choice or the value of an iteration."""

    source: str
    target: str
    relation: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A flowable with what is inside it; `node` is its own task's node, empty for the triggers. `parents` are clusters, outermost first."""

    uid: str
    node: str
    relation: str
    nodes: tuple[str, ...]
    parents: tuple[str, ...]
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...]


Subflow = Callable[[str, Task], Flow | None]


def of(flow: Flow, runs: Iterable[TaskRun] = (), *, subflow: Subflow = lambda uid, task: None) -> Graph:
    """The graph of a flow. `runs` are the task runs of an execution of it; `subflow` gives the flow to show inside a task that calls it.

    A uid is `root` and the ids that lead to a node, each with the value of its iteration: `root.each.load_a`.
    """
    builder = _Builder(runs, subflow)
    builder.whole(flow)
    return builder.graph()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where tasks stand: the uid above them, the clusters around them, the run of their flowable, the values of their loops."""

    above: str
    clusters: tuple[str, ...] = ()
    parent: str | None = None
    values: tuple[str, ...] = ()
    value: str | None = None
    branch: str = ""
    ran: bool = True  # whether runs of these tasks can be among those known

    def uid(self, task: Task) -> str:
        return f"{self.above}.{task.id}" + (f"_{self.value}" if self.value is not None else "")


Entries = Sequence[Edge]  # edges whose target is what comes next


def _from(sources: Iterable[str], relation: str = SEQUENTIAL, value: str = "") -> list[Edge]:
    return [Edge(source, "", relation, value) for source in sources]


@dataclass(slots=True)
class _Open:
    """A cluster that is being filled."""

    node: str
    relation: str
    parents: tuple[str, ...]
    nodes: list[str] = field(default_factory=list)


class _Builder:
    """Collects nodes, edges and clusters while it walks down a flow."""

    def __init__(self, runs: Iterable[TaskRun], subflow: Subflow) -> None:
        self.subflow = subflow
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.clusters: dict[str, _Open] = {}
        self.runs: dict[tuple[str | None, str], list[TaskRun]] = defaultdict(list)
        for run in sorted(runs, key=lambda run: run.position):
            self.runs[run.parent_id, run.task_id].append(run)

    def graph(self) -> Graph:
        clusters = tuple(
            Cluster(f"cluster_{uid}", made.node, made.relation, tuple(made.nodes), made.parents, f"{uid}.~start", f"{uid}.~end")
            for uid, made in self.clusters.items()
        )
        return Graph(tuple(self.nodes), tuple(self.edges), clusters)

    def whole(self, flow: Flow) -> None:
        place = _Place(ROOT)
        self._ends(ROOT, place)
        entries = _from([f"{ROOT}.~start"])
        if flow.triggers:
            entries = self._triggers(flow.triggers, entries)
        exits = self.chain(flow.tasks, place, entries)
        exits += self.chain(flow.errors, replace(place, branch=ERROR), _from([f"{ROOT}.~start"], ERROR)) if flow.errors else []
        if flow.finally_:
            exits = self.chain(flow.finally_, replace(place, branch=FINALLY), _from(exits, FINALLY))
        if flow.after_execution:
            exits = self.chain(flow.after_execution, replace(place, branch=AFTER), _from(exits, AFTER))
        self._enter(f"{ROOT}.~end", _from(exits, ""))

    def _triggers(self, triggers: Sequence[Trigger], entries: Entries) -> list[Edge]:
        uid = f"{ROOT}.{TRIGGERS}"
        inside = self._cluster(uid, "", PARALLEL, _Place(ROOT), entries)
        for trigger in triggers:
            self._node(Node(f"{uid}.{trigger.id}", "trigger", trigger=trigger), inside, [Edge(f"{uid}.~start", "")])
            self._enter(f"{uid}.~end", [Edge(f"{uid}.{trigger.id}", "")])
        return _from([f"{uid}.~end"])

    # --- tasks ------------------------------------------------------------------------------------------------------------------

    def chain(self, tasks: Sequence[Task], place: _Place, entries: Entries) -> list[str]:
        """Tasks one after another; answers the uids that lead on."""
        exits: list[str] = [entry.source for entry in entries]
        for task in tasks:
            exits = self.task(task, place, entries)
            entries = _from(exits)
        return exits

    def task(self, task: Task, place: _Place, entries: Entries) -> list[str]:
        """One task, with a cluster around it where others are inside."""
        uid, run = place.uid(task), self._run(task, place)
        called = self.subflow(uid, task) if task.type in SUBFLOWS else None
        relation = RELATIONS.get(task.type, SEQUENTIAL)
        kind: Kind = "subflow" if task.type in SUBFLOWS else "task"
        node = Node(uid, kind, task, run=run, values=place.values, relation=relation, branch=place.branch)
        if called is None and not any(task.branches.values()):
            self._node(node, place, entries)
            return [uid]
        inside = replace(self._cluster(uid, uid, relation, place, entries), parent=run.id if run else None, value=None, ran=run is not None)
        self._node(node, inside, [Edge(f"{uid}.~start", "")])
        exits = self.chain(called.tasks, replace(inside, ran=False), _from([uid])) if called is not None else self._branches(node, inside)
        self._enter(f"{uid}.~end", _from(exits, ""))
        return [f"{uid}.~end"]

    def _run(self, task: Task, place: _Place) -> TaskRun | None:
        found = self.runs.get((place.parent, task.id), ()) if place.ran else ()
        if place.value is not None:
            found = [run for run in found if run.value == place.value]
        return found[-1] if found else None

    def _branches(self, node: Node, place: _Place) -> list[str]:
        """What is inside a flowable; answers the uids that lead to its end."""
        task = node.task
        assert task is not None
        exits: list[str] = []
        for name, inner in task.branches.items():
            if inner and name not in BESIDE:
                exits += self._branch(node, task, name, inner, place)
        exits = exits or [node.uid]
        if errors := task.branches.get("errors"):
            exits += self.chain(errors, replace(place, branch=ERROR), _from([node.uid], ERROR))
        if last := task.branches.get("finally"):
            exits = self.chain(last, replace(place, branch=FINALLY), _from(exits, FINALLY))
        return exits

    def _branch(self, node: Node, task: Task, name: str, inner: Sequence[Task], place: _Place) -> list[str]:
        match node.relation:
            case "PARALLEL":
                return [uid for one in inner for uid in self.task(one, place, _from([node.uid], PARALLEL))]
            case "DEPENDENCIES":
                return self._dag(node.uid, inner, _depends_on(task), place)
            case "CHOICE":
                return self.chain(inner, place, _from([node.uid], CHOICE, name.removeprefix("cases.")))
            case "DYNAMIC":
                return self._iterations(node.uid, inner, place)
        return self.chain(inner, place, _from([node.uid]))

    def _iterations(self, uid: str, inner: Sequence[Task], place: _Place) -> list[str]:
        """The tasks of a loop once for each value that has begun, or once where none has."""
        begun = [run for task in inner for run in self.runs.get((place.parent, task.id), ())] if place.ran else []
        values = list(dict.fromkeys(run.value for run in sorted(begun, key=lambda run: run.position) if run.value is not None))
        if not values:
            return self.chain(inner, place, _from([uid], DYNAMIC))
        exits: list[str] = []
        for value in values:
            exits += self.chain(inner, replace(place, value=value, values=(*place.values, value)), _from([uid], DYNAMIC, value))
        return exits

    def _dag(self, uid: str, inner: Sequence[Task], depends_on: Mapping[str, Sequence[str]], place: _Place) -> list[str]:
        """Each task after those that it depends on."""
        ends: dict[str, list[str]] = {}
        waiting = list(inner)
        while waiting:
            ready = [task for task in waiting if all(other in ends for other in depends_on.get(task.id, ()))] or waiting
            for task in ready:
                known = [exit_ for other in depends_on.get(task.id, ()) for exit_ in ends.get(other, ())]
                ends[task.id] = self.task(task, place, _from(known or [uid], DEPENDENCIES))
            waiting = [task for task in waiting if task.id not in ends]
        used = {other for others in depends_on.values() for other in others}
        return [exit_ for id_, exits in ends.items() if id_ not in used for exit_ in exits]

    # --- writing down -------------------------------------------------------------------------------------------------------------

    def _cluster(self, uid: str, node: str, relation: str, place: _Place, entries: Entries) -> _Place:
        """A cluster with its start and end, entered by `entries`; answers the place inside it."""
        self.clusters[uid] = _Open(node, relation, place.clusters)
        inside = replace(place, above=uid, clusters=(*place.clusters, f"cluster_{uid}"))
        self._ends(uid, inside)
        self._enter(f"{uid}.~start", entries)
        return inside

    def _ends(self, uid: str, place: _Place) -> None:
        self._node(Node(f"{uid}.~start", "start", branch=place.branch), place, ())
        self._node(Node(f"{uid}.~end", "end", branch=place.branch), place, ())

    def _node(self, node: Node, place: _Place, entries: Entries) -> None:
        self.nodes.append(node)
        if place.clusters:
            self.clusters[place.clusters[-1].removeprefix("cluster_")].nodes.append(node.uid)
        self._enter(node.uid, entries)

    def _enter(self, target: str, entries: Entries) -> None:
        self.edges += [replace(entry, target=target) for entry in entries]


def _depends_on(task: Task) -> dict[str, Sequence[str]]:
    listed = task.properties.get("tasks") or []
    return {
        entry["task"]["id"]: entry.get("dependsOn") or []
        for entry in listed
        if isinstance(entry, Mapping) and isinstance(entry.get("task"), Mapping) and isinstance(entry["task"].get("id"), str)
    }
