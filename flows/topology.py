"""Where the tasks of a flow stand in its picture: a layered layout from top to bottom, flowables as boxes around their tasks.

Pure geometry in pixels; the templates draw it. Executions colour the same nodes by the state of their task runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.document import Flow, Task, Trigger

NODE_WIDTH, NODE_HEIGHT = 224, 48
GAP_X, GAP_Y, PAD, HEAD = 32, 32, 20, 34
# Branches whose tasks start together instead of one after another.
PARALLEL = frozenset({"io.kestra.plugin.core.flow.Parallel", "io.kestra.plugin.core.flow.EachParallel"})
DAG = "io.kestra.plugin.core.flow.Dag"


@dataclass(frozen=True, slots=True)
class Node:
    """A task or trigger: its corner, its size, the path of task ids that leads to it."""

    id: str
    type: str
    x: float
    y: float
    kind: str = "task"
    width: float = NODE_WIDTH
    height: float = NODE_HEIGHT

    @property
    def short_type(self) -> str:
        return self.type.rsplit(".", 1)[-1]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The box of a flowable; `label` names a branch such as `then` or a case where it has several."""

    id: str
    type: str
    label: str
    x: float
    y: float
    width: float
    height: float

    @property
    def short_type(self) -> str:
        return self.type.rsplit(".", 1)[-1]


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from the bottom of one node to the top of another; `error` for the way into an errors branch."""

    x1: float
    y1: float
    x2: float
    y2: float
    error: bool = False

    @property
    def path(self) -> str:
        middle = (self.y1 + self.y2) / 2
        return f"M{self.x1:g},{self.y1:g} C{self.x1:g},{middle:g} {self.x2:g},{middle:g} {self.x2:g},{self.y2:g}"


@dataclass(frozen=True, slots=True)
class Drawing:
    """Nodes, boxes (outermost first), lines, and the size of the whole. `top` and `bottom` are where lines enter and leave."""

    nodes: tuple[Node, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    edges: tuple[Edge, ...] = ()
    width: float = 0
    height: float = 0
    top: tuple[tuple[float, float], ...] = ()
    bottom: tuple[tuple[float, float], ...] = ()

    def moved(self, dx: float, dy: float) -> Drawing:
        return replace(
            self,
            nodes=tuple(replace(n, x=n.x + dx, y=n.y + dy) for n in self.nodes),
            clusters=tuple(replace(c, x=c.x + dx, y=c.y + dy) for c in self.clusters),
            edges=tuple(replace(e, x1=e.x1 + dx, y1=e.y1 + dy, x2=e.x2 + dx, y2=e.y2 + dy) for e in self.edges),
            top=tuple((x + dx, y + dy) for x, y in self.top),
            bottom=tuple((x + dx, y + dy) for x, y in self.bottom),
        )


def draw(flow: Flow) -> Drawing:
    """The whole flow: triggers above, tasks in order, errors and finally branches beside them in boxes of their own."""
    main = _in_order([_task(task) for task in flow.tasks])
    if flow.triggers:
        main = _in_order([_beside([_trigger(trigger) for trigger in flow.triggers]), main])
    extra = [_box("errors", "", "on failure", flow.errors, error=True)] if flow.errors else []
    extra += [_box("finally", "", "finally", flow.finally_)] if flow.finally_ else []
    whole = _beside([main, *extra], align_top=True, join=False) if extra else main
    return replace(whole.moved(PAD, PAD), width=whole.width + 2 * PAD, height=whole.height + 2 * PAD)


def _box(id_: str, type_: str, label: str, tasks: Sequence[Task], *, error: bool = False) -> Drawing:
    return _around(id_, type_, label, _in_order([_task(task) for task in tasks]))


def _trigger(trigger: Trigger) -> Drawing:
    return _leaf(Node(trigger.id, trigger.type, 0, 0, "trigger"))


def _leaf(node: Node) -> Drawing:
    middle = node.width / 2
    return Drawing((node,), width=node.width, height=node.height, top=((middle, 0),), bottom=((middle, node.height),))


def _task(task: Task) -> Drawing:
    branches = {name: inner for name, inner in task.branches.items() if inner}
    if not branches:
        return _leaf(Node(task.id, task.type, 0, 0))
    drawn = [_branch(task, name, inner) for name, inner in branches.items() if name not in ("errors", "finally")]
    drawn += [_around(f"{task.id}.{name}", "", "on failure" if name == "errors" else name, _in_order([_task(one) for one in inner]))
              for name, inner in branches.items() if name in ("errors", "finally")]  # fmt: skip
    return _around(task.id, task.type, task.id, _beside(drawn, align_top=True))


def _branch(task: Task, name: str, inner: Sequence[Task]) -> Drawing:
    if task.type == DAG:
        drawing = _dag(inner, _dependencies(task))
    elif task.type in PARALLEL:
        drawing = _beside([_task(one) for one in inner])
    else:
        drawing = _in_order([_task(one) for one in inner])
    return drawing if name == "tasks" else _around(f"{task.id}.{name}", "", name.removeprefix("cases."), drawing)


def _dependencies(task: Task) -> Mapping[str, Sequence[str]]:
    listed = task.properties.get("tasks") or []
    return {
        entry["task"]["id"]: entry.get("dependsOn") or []
        for entry in listed
        if isinstance(entry, Mapping) and isinstance(entry.get("task"), Mapping)
    }


def _around(id_: str, type_: str, label: str, inner: Drawing) -> Drawing:
    """A box with a heading around a drawing; lines enter and leave at its border."""
    width, height = max(inner.width, NODE_WIDTH) + 2 * PAD, inner.height + HEAD + PAD
    moved = inner.moved((width - inner.width) / 2, HEAD)
    box = Cluster(id_, type_, label, 0, 0, width, height)
    return replace(moved, clusters=(box, *moved.clusters), width=width, height=height, top=((width / 2, 0),), bottom=((width / 2, height),))


def _in_order(parts: Sequence[Drawing]) -> Drawing:
    """One below the other, joined by lines."""
    if not parts:
        return Drawing()
    width, y, whole = max(part.width for part in parts), 0.0, Drawing()
    for part in parts:
        moved = part.moved((width - part.width) / 2, y)
        joins = tuple(Edge(x1, y1, x2, y2) for x1, y1 in whole.bottom for x2, y2 in moved.top)
        whole = Drawing(
            whole.nodes + moved.nodes,
            whole.clusters + moved.clusters,
            whole.edges + joins + moved.edges,
            top=whole.top or moved.top,
            bottom=moved.bottom,
        )
        y += part.height + GAP_Y
    return replace(whole, width=width, height=y - GAP_Y)


def _beside(parts: Sequence[Drawing], *, align_top: bool = False, join: bool = True) -> Drawing:
    """Side by side; with `join` all of them are entered and left, else only the first."""
    x, height, whole = 0.0, max(part.height for part in parts), Drawing()
    for number, part in enumerate(parts):
        moved = part.moved(x, 0 if align_top else (height - part.height) / 2)
        entered = join or number == 0
        whole = Drawing(
            whole.nodes + moved.nodes,
            whole.clusters + moved.clusters,
            whole.edges + moved.edges,
            top=whole.top + (moved.top if entered else ()),
            bottom=whole.bottom + (moved.bottom if entered else ()),
        )
        x += part.width + GAP_X
    return replace(whole, width=x - GAP_X, height=height)


def _dag(tasks: Sequence[Task], depends_on: Mapping[str, Sequence[str]]) -> Drawing:
    """Each task one row below the lowest that it depends on; a cycle (refused on save) falls back to one row."""
    row: dict[str, int] = {}
    for _ in tasks:
        for task in tasks:
            row[task.id] = max((row.get(other, -1) + 1 for other in depends_on.get(task.id, ())), default=0)
    rows = [[task for task in tasks if row[task.id] == number] for number in range(min(max(row.values(), default=0), len(tasks)) + 1)]
    drawn = [_beside([_task(task) for task in level]) for level in rows if level]
    width, y, placed = max(part.width for part in drawn), 0.0, Drawing()
    tops: dict[str, tuple[float, float]] = {}
    bottoms: dict[str, tuple[float, float]] = {}
    for part, level in zip(drawn, [level for level in rows if level], strict=True):
        moved = part.moved((width - part.width) / 2, y)
        tops |= {task.id: place for task, place in zip(level, moved.top, strict=False)}
        bottoms |= {task.id: place for task, place in zip(level, moved.bottom, strict=False)}
        placed = replace(
            placed, nodes=placed.nodes + moved.nodes, clusters=placed.clusters + moved.clusters, edges=placed.edges + moved.edges
        )
        y += part.height + GAP_Y
    joins = tuple(
        Edge(*bottoms[other], *tops[task.id])
        for task in tasks
        for other in depends_on.get(task.id, ())
        if other in bottoms and task.id in tops
    )
    used = {other for others in depends_on.values() for other in others}
    return replace(
        placed,
        edges=placed.edges + joins,
        width=width,
        height=y - GAP_Y,
        top=tuple(tops[task.id] for task in tasks if not depends_on.get(task.id) and task.id in tops),
        bottom=tuple(bottoms[task.id] for task in tasks if task.id not in used and task.id in bottoms),
    )
