"""Where the nodes of a graph stand: layers from left to right, few crossings, in time that grows with nodes and edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.graph import Graph

SWEEPS = 4
WIDTH, HEIGHT = 190, 42  # of a node
COLUMN, ROW = 240, 54  # from one node to the next
MARGIN = 24


@dataclass(frozen=True, slots=True)
class Layout:
    """Nodes in drawing order with their places, and edges between them as pairs of positions in that order."""

    names: list[str]
    places: list[tuple[int, int]]
    edges: list[tuple[int, int]]
    width: int
    height: int


def lay_out(graph: Graph, chosen: Iterable[str]) -> Layout:
    """Place the chosen nodes; edges lead from left to right, those of a cycle excepted."""
    names = sorted(chosen)
    number = {name: place for place, name in enumerate(names)}
    parents = [[number[one] for one in graph.parents.get(name, ()) if one in number] for name in names]
    children = [[number[one] for one in graph.children.get(name, ()) if one in number] for name in names]
    layers = _layers(parents, children)
    _order(layers, parents, children)
    ys = _heights(layers, parents, children)
    columns = {one: column for column, layer in enumerate(layers) for one in layer}
    top = min(ys, default=0.0)
    places = [(MARGIN + columns[one] * COLUMN, MARGIN + round((ys[one] - top) * ROW)) for one in range(len(names))]
    edges = [(parent, one) for one, above in enumerate(parents) for parent in above]
    height = max((y for _, y in places), default=0) + HEIGHT + MARGIN
    return Layout(names, places, edges, len(layers) * COLUMN - (COLUMN - WIDTH) + 2 * MARGIN, height)


def _layers(parents: list[list[int]], children: list[list[int]]) -> list[list[int]]:
    """Each node one layer after its last parent; then those without parents move next to their first child."""
    depth = [0] * len(parents)
    waiting = [len(above) for above in parents]
    front = [one for one, count in enumerate(waiting) if not count]
    for one in front:
        for child in children[one]:
            depth[child] = max(depth[child], depth[one] + 1)
            waiting[child] -= 1
            if not waiting[child]:
                front.append(child)
    for one, above in enumerate(parents):
        if not above and children[one]:
            depth[one] = max(min(depth[child] for child in children[one]) - 1, 0)
    layers: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for one, layer in enumerate(depth):
        layers[layer].append(one)
    return [layer for layer in layers if layer]


def _order(layers: list[list[int]], parents: list[list[int]], children: list[list[int]]) -> None:
    """Order each layer by the mean place of its neighbours in the layer before, forwards and backwards in turn."""
    place = [0.0] * len(parents)
    for layer in layers:
        _number(layer, place)
    for sweep in range(SWEEPS):
        neighbours, walk = (parents, layers) if sweep % 2 == 0 else (children, layers[::-1])
        for layer in walk:
            mean = {one: sum(place[other] for other in near) / len(near) if (near := neighbours[one]) else place[one] for one in layer}
            layer.sort(key=mean.__getitem__)
            _number(layer, place)


def _number(layer: list[int], place: list[float]) -> None:
    for position, one in enumerate(layer):
        place[one] = position / len(layer)


def _heights(layers: list[list[int]], parents: list[list[int]], children: list[list[int]]) -> list[float]:
    """Rows: each node near the mean of its neighbours, none nearer than one row to the next in its layer."""
    ys = [0.0] * len(parents)
    tallest = max(map(len, layers), default=0)
    for layer in layers:
        start = (tallest - len(layer)) / 2
        for position, one in enumerate(layer):
            ys[one] = start + position
    for neighbours, walk in ((parents, layers[1:]), (children, layers[-2::-1]), (parents, layers[1:])):
        for layer in walk:
            wished = [sum(ys[other] for other in near) / len(near) if (near := neighbours[one]) else ys[one] for one in layer]
            _settle(layer, wished, ys)
    return ys


def _settle(layer: list[int], wished: list[float], ys: list[float]) -> None:
    """Give each node what it wishes, in order and one row apart: those that would meet share the mean of their wishes."""
    blocks: list[tuple[float, int]] = []  # sum of (wish - position within the block), count
    for wish in wished:
        total, count = wish, 1
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][1] > total / count:
            before, size = blocks.pop()
            total, count = before + total - size * count, size + count
        blocks.append((total, count))
    position = 0
    for total, count in blocks:
        for offset in range(count):
            ys[layer[position]] = total / count + offset
            position += 1
