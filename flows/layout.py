"""Where things stand in a picture of what follows what: layers from top to bottom, boxes around those that belong together.

Pure geometry in pixels: sizes, boxes and lines in, places out. Flows' topology and the dependencies between flows are drawn with it.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

GAP_X, GAP_Y, PAD, HEAD = 28.0, 44.0, 20.0, 80.0
NECK = 32.0  # from where lines leave the head of a box to what is inside
SWEEPS = 4  # times that each layer is put in the order of its neighbours
BEND = 10.0  # width of the place that a line takes in a layer which it passes

Point = tuple[float, float]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rect:
    """A thing's corner and size; `depth` counts the boxes around it."""

    x: float
    y: float
    width: float
    height: float
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """From one thing to another, through the points at which it passes layers."""

    source: str
    target: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    rects: Mapping[str, Rect] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    width: float = 0
    height: float = 0


@dataclass(slots=True)
class _Local:
    """What is inside one box, its places counted from the box's corner."""

    width: float
    height: float
    centers: dict[str, Point]  # of things
    lines: list[Line]


def place(sizes: Mapping[str, tuple[float, float]], within: Mapping[str, str], pairs: Iterable[Pair]) -> Picture:
    """The places of things with these `sizes`; `within` names the box that a thing or box stands in, where it stands in one.

    Each pair leads from one thing or box to another in the same box, or from a box to something right inside it. A pair that closes a
    circle is drawn upwards.
    """
    inside: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys([*sizes, *within, *within.values()]):
        inside[within.get(name, "")].append(name)
    level_pairs: dict[str, list[Pair]] = defaultdict(list)
    for source, target in dict.fromkeys(pairs):
        level_pairs[within.get(target, "")].append((source, target))
    known: dict[str, tuple[float, float]] = dict(sizes)
    locals_: dict[str, _Local] = {}
    for box in reversed(_from_the_outside(inside)):
        made = _level(box, inside[box], known, level_pairs[box])
        locals_[box] = made
        if box:
            least = sizes.get(box, (0.0, 0.0))[0]
            known[box] = (max(made.width + 2 * PAD, least), made.height + HEAD + PAD)
    return _whole(locals_, inside, known)


def _from_the_outside(inside: Mapping[str, Sequence[str]]) -> list[str]:
    """Boxes, each before those inside it."""
    ordered, at = [""], 0
    while at < len(ordered):
        ordered += [name for name in inside.get(ordered[at], ()) if name in inside]
        at += 1
    return ordered


def _whole(locals_: Mapping[str, _Local], inside: Mapping[str, Sequence[str]], sizes: Mapping[str, tuple[float, float]]) -> Picture:
    """Everything counted from the corner of the picture."""
    rects: dict[str, Rect] = {}
    lines: list[Line] = []
    for box in _from_the_outside(inside):
        made, outer = locals_[box], rects.get(box)
        dx = outer.x + (outer.width - made.width) / 2 if outer else 0.0
        dy = outer.y + HEAD if outer else 0.0
        for name, (x, y) in made.centers.items():
            width, height = sizes[name]
            rects[name] = Rect(x + dx - width / 2, y + dy - height / 2, width, height, outer.depth + 1 if outer else 0)
        lines += [Line(one.source, one.target, tuple((x + dx, y + dy) for x, y in one.points)) for one in made.lines]
    root = locals_[""]
    return Picture(rects, tuple(lines), root.width, root.height)


# --- one box ------------------------------------------------------------------------------------------------------------------


def _level(box: str, names: Sequence[str], sizes: Mapping[str, tuple[float, float]], pairs: Sequence[Pair]) -> _Local:
    """The places of what stands right inside one box."""
    if not names:
        return _Local(0, 0, {}, [])
    inner = [(source, target) for source, target in pairs if source not in (box, target)]
    forward = _without_circles(names, inner)
    layer = _layers(names, forward)
    layers, chains = _with_bends(names, layer, inner)
    below, above = _neighbours(chains)
    _sort(layers, above, below)
    width_of = {name: sizes.get(name, (BEND, 0.0))[0] for row in layers for name in row}
    across = _across(layers, width_of, above, below)
    left = min(across[name] - width_of[name] / 2 for name in across)
    right = max(across[name] + width_of[name] / 2 for name in across)
    heights = [max(sizes.get(name, (0.0, 0.0))[1] for name in row) for row in layers]
    tops, y = [], 0.0
    for height in heights:
        tops.append(y)
        y += height + GAP_Y
    row_of = {name: number for number, row in enumerate(layers) for name in row}

    def center(name: str) -> Point:
        # Things hang from the top of their layer, so that the heads of boxes stand beside single tasks.
        return (across[name] - left, tops[row_of[name]] + sizes.get(name, (0.0, 0.0))[1] / 2)

    lines = []
    for source, target in pairs:
        if source == box:
            x, _ = center(target)
            top = tops[row_of[target]]
            lines.append(Line(source, target, (((right - left) / 2, -NECK), (x, top))))
            continue
        if source == target:
            continue
        names_between = chains[source, target]
        first, last = names_between[0], names_between[-1]
        start = (center(first)[0], tops[row_of[first]] + sizes[first][1])
        points = [start]
        if row_of[first] < row_of[last]:
            points.append((start[0], tops[row_of[first]] + heights[row_of[first]]))
        for bend in names_between[1:-1]:
            top = tops[row_of[bend]]
            points += [(across[bend] - left, top), (across[bend] - left, top + heights[row_of[bend]])]
        points.append((center(last)[0], tops[row_of[last]]))
        lines.append(Line(source, target, tuple(dict.fromkeys(points))))
    return _Local(right - left, y - GAP_Y, {name: center(name) for name in names}, lines)


def _without_circles(names: Sequence[str], pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs but those that lead back to something on the way to them."""
    following: dict[str, list[str]] = defaultdict(list)
    for source, target in pairs:
        following[source].append(target)
    state: dict[str, int] = {}  # 1 on the way, 2 done
    kept: list[Pair] = []
    for root in names:
        if state.get(root):
            continue
        state[root] = 1
        stack = [(root, iter(following[root]))]
        while stack:
            name, rest = stack[-1]
            target = next(rest, None)
            if target is None:
                state[name] = 2
                stack.pop()
            elif state.get(target) != 1:
                kept.append((name, target))
                if target not in state:
                    state[target] = 1
                    stack.append((target, iter(following[target])))
    return kept


def _layers(names: Sequence[str], pairs: Sequence[Pair]) -> dict[str, int]:
    """Each thing one layer below the lowest of those that lead to it."""
    following: dict[str, list[str]] = defaultdict(list)
    waiting = dict.fromkeys(names, 0)
    for source, target in pairs:
        following[source].append(target)
        waiting[target] += 1
    layer = dict.fromkeys(names, 0)
    ready = [name for name in names if not waiting[name]]
    for name in ready:
        for target in following[name]:
            layer[target] = max(layer[target], layer[name] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return layer


def _with_bends(names: Sequence[str], layer: Mapping[str, int], pairs: Sequence[Pair]) -> tuple[list[list[str]], dict[Pair, list[str]]]:
    """The layers, with a place in each layer that a line passes; and what each line goes through, from its source to its target."""
    layers: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name in names:
        layers[layer[name]].append(name)
    chains: dict[Pair, list[str]] = {}
    for source, target in pairs:
        first, last = layer[source], layer[target]
        step = 1 if first < last else -1
        bends = []
        for number in range(first + step, last, step):
            bend = f"\0{source}\0{target}\0{number}"
            layers[number].append(bend)
            bends.append(bend)
        chains[source, target] = [source, *bends, target]
    return layers, chains


def _neighbours(chains: Mapping[Pair, Sequence[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    below: dict[str, list[str]] = defaultdict(list)
    above: dict[str, list[str]] = defaultdict(list)
    for chain in chains.values():
        for upper, lower in itertools.pairwise(chain):
            below[upper].append(lower)
            above[lower].append(upper)
    return below, above


def _sort(layers: list[list[str]], above: Mapping[str, list[str]], below: Mapping[str, list[str]]) -> None:
    """Put each layer in the order of the middle of its neighbours, downwards and upwards in turn, so that few lines cross."""
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        order = layers if down else layers[::-1]
        place_of = {name: number for row in layers for number, name in enumerate(row)}
        for row in order:
            wanted = {}
            for number, name in enumerate(row):
                near = neighbours.get(name)
                wanted[name] = sum(place_of[other] for other in near) / len(near) if near else float(number)
            row.sort(key=wanted.__getitem__)
            for number, name in enumerate(row):
                place_of[name] = number


def _across(
    layers: Sequence[Sequence[str]], width_of: Mapping[str, float], above: Mapping[str, list[str]], below: Mapping[str, list[str]]
) -> dict[str, float]:
    """The middle of each thing: as near to the middle of its neighbours as its layer's order allows."""
    across: dict[str, float] = {}
    for row in layers:
        at = -(sum(width_of[name] for name in row) + GAP_X * (len(row) - 1)) / 2
        for name in row:
            across[name] = at + width_of[name] / 2
            at += width_of[name] + GAP_X
    for sweep in range(SWEEPS):
        down = sweep % 2 == 1
        near_of, rows = (above, layers) if down else (below, layers[::-1])
        for row in rows:
            wanted = []
            for name in row:
                near = near_of.get(name)
                wanted.append(sum(across[other] for other in near) / len(near) if near else across[name])
            for name, x in zip(row, _apart(wanted, [width_of[name] for name in row]), strict=True):
                across[name] = x
    return across


def _apart(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """The middles nearest to those wanted (least squares) at which things of these widths do not touch, in the given order."""
    offsets, at = [], 0.0
    for number, width in enumerate(widths):
        at += width / 2 + (widths[number - 1] / 2 + GAP_X if number else 0.0)
        offsets.append(at)
    groups: list[tuple[float, int]] = []  # (sum, count) of those that move together
    for x, offset in zip(wanted, offsets, strict=True):
        total, count = x - offset, 1
        while groups and groups[-1][0] / groups[-1][1] > total / count:
            more, others = groups.pop()
            total, count = total + more, count + others
        groups.append((total, count))
    shifts = [total / count for total, count in groups for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]


def path_of(points: Sequence[Point]) -> str:
    """A line through the points as an SVG path, its bends round."""
    text = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        if abs(x1 - x2) < 0.5:
            text.append(f"L{x2:.1f},{y2:.1f}")
        else:
            middle = (y1 + y2) / 2
            text.append(f"C{x1:.1f},{middle:.1f} {x2:.1f},{middle:.1f} {x2:.1f},{y2:.1f}")
    return " ".join(text)
