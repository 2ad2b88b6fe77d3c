"""The picture of a flow: its graph laid out, with a box around each flowable whose head is the flowable itself.

Pure: a graph in, what a template draws out. Executions colour the same nodes by the states of their task runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flows import graph, layout
from flows.dependencies import FLOW_TASK, Dependency, Name
from flows.graph import Graph

NODE = (216.0, 48.0)
END = (16.0, 16.0)
TRIGGERS = f"{graph.ROOT}.{graph.TRIGGERS}"
LABELS = {graph.ERROR: "errors", graph.FINALLY: "finally", graph.AFTER: "afterExecution"}
MARGIN = 16.0
LETTERS = 24  # of an id that a node has room for


@dataclass(frozen=True, slots=True)
class Node:
    """A task, trigger, flow, or where everything begins or ends; with `box` it is the head of those inside it."""

    uid: str
    id: str
    kind: str
    type: str
    x: float
    y: float
    width: float
    height: float
    box: bool = False
    branch: str = ""  # how it is come to, where that has a name: `errors`, `then`, a case
    error: bool = False
    disabled: bool = False
    expands: bool = False  # calls a flow that can be shown inside it
    note: str = ""  # second line, in place of the type

    @property
    def short_id(self) -> str:
        room = max(LETTERS, int(self.width / 8.5)) if self.box else LETTERS
        return self.id if len(self.id) <= room else f"{self.id[: room - 1]}…"

    @property
    def short_type(self) -> str:
        text = self.note or self.type.rsplit(".", 1)[-1]
        return text if len(text) <= LETTERS + 4 else f"{text[: LETTERS + 3]}…"

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def branch_width(self) -> int:
        return 14 + 7 * len(self.short_branch)

    @property
    def short_branch(self) -> str:
        return self.branch if len(self.branch) <= 22 else f"{self.branch[:21]}…"

    @property
    def branch_x(self) -> float:
        return self.middle - self.branch_width / 2


@dataclass(frozen=True, slots=True)
class Edge:
    """A line; `kind` is `errors`, `finally` or `afterExecution` where it leads into such a branch, `subflow` or `trigger` between flows."""

    path: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes first and outermost first, so that nothing is covered."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    width: int = 0
    height: int = 0

    @property
    def boxes(self) -> list[Node]:
        return [node for node in self.nodes if node.box]

    @property
    def leaves(self) -> list[Node]:
        return [node for node in self.nodes if not node.box]


def draw(made: Graph) -> Drawing:
    """The picture of a flow's graph. A box has the uid of the flowable that is its head."""
    heads = {cluster.uid: cluster.node or TRIGGERS for cluster in made.clusters}
    stands_for = {cluster.start: heads[cluster.uid] for cluster in made.clusters}
    stands_for |= {cluster.end: heads[cluster.uid] for cluster in made.clusters}
    within: dict[str, str] = {}
    for cluster in made.clusters:
        head = heads[cluster.uid]
        if cluster.parents:
            within[head] = heads[cluster.parents[-1]]
        within |= {uid: head for uid in cluster.nodes if uid not in stands_for and uid != head and uid not in heads.values()}
    nodes = [node for node in made.nodes if node.uid not in stands_for]
    sizes = {node.uid: END if node.kind in ("start", "end") else NODE for node in nodes}
    pairs, branches, kinds = _pairs(made, stands_for, within)
    picture = layout.place(sizes, within, pairs)
    boxes = set(within.values())
    drawn = [_drawn(node, picture.rects[node.uid], branches.get(node.uid, ""), node.uid in boxes) for node in nodes]
    if TRIGGERS in boxes:
        drawn.append(_node(TRIGGERS, "Triggers", "triggers", "", picture.rects[TRIGGERS], box=True))
    return _drawing(drawn, picture, kinds)


def _pairs(
    made: Graph, stands_for: Mapping[str, str], within: Mapping[str, str]
) -> tuple[list[layout.Pair], dict[str, str], dict[layout.Pair, str]]:
    """Edges between what is drawn, how each node is come to, and what kind of line leads there."""
    pairs: list[layout.Pair] = []
    branches: dict[str, str] = {}
    kinds: dict[layout.Pair, str] = {}
    for edge in made.edges:
        pair = stands_for.get(edge.source, edge.source), stands_for.get(edge.target, edge.target)
        if pair[0] == pair[1] or within.get(pair[0]) == pair[1] or (pair[0] == TRIGGERS and within.get(pair[1]) == TRIGGERS):
            continue  # from the head of a box to itself, or from inside it to its end
        pairs.append(pair)
        label = LABELS.get(edge.relation) or edge.value
        if label:
            branches[pair[1]] = label
        if edge.relation in LABELS:
            kinds[pair] = LABELS[edge.relation]
    return pairs, branches, kinds


def _drawn(node: graph.Node, rect: layout.Rect, branch: str, box: bool) -> Node:
    known = node.task or node.trigger
    return _node(
        node.uid,
        known.id if known else node.kind,
        node.kind,
        known.type if known else "",
        rect,
        box=box,
        branch=branch,
        error=node.error,
        disabled=known.disabled if known else False,
        expands=node.kind == "subflow",
    )


def _node(uid: str, id_: str, kind: str, type_: str, rect: layout.Rect, **more: object) -> Node:
    return Node(uid, id_, kind, type_, rect.x + MARGIN, rect.y + MARGIN, rect.width, rect.height, **more)  # type: ignore[arg-type]  # the fields above


def _drawing(nodes: Sequence[Node], picture: layout.Picture, kinds: Mapping[layout.Pair, str]) -> Drawing:
    depth = {node.uid: picture.rects[node.uid].depth for node in nodes}
    ordered = sorted(nodes, key=lambda node: (not node.box, depth[node.uid] if node.box else 0))
    edges = [
        Edge(layout.path_of([(x + MARGIN, y + MARGIN) for x, y in line.points]), kinds.get((line.source, line.target), ""))
        for line in picture.lines
    ]
    return Drawing(tuple(ordered), tuple(edges), int(picture.width + 2 * MARGIN) + 1, int(picture.height + 2 * MARGIN) + 1)


def draw_dependencies(found: Iterable[Dependency], also: Iterable[Name] = ()) -> Drawing:
    """Flows and what leads from one to another. A node's uid is `namespace/id`."""
    listed = list(found)
    names = dict.fromkeys([*also, *(name for one in listed for name in (one.source, one.target))])
    pairs = {("/".join(one.source), "/".join(one.target)): one.relation for one in listed}
    picture = layout.place({"/".join(name): NODE for name in names}, {}, pairs)
    nodes = [_node("/".join(name), name[1], "flow", "", picture.rects["/".join(name)], note=name[0]) for name in names]
    return _drawing(nodes, picture, {pair: "subflow" if relation == FLOW_TASK else "trigger" for pair, relation in pairs.items()})
