"""Pictures: nothing lies on anything else, what follows stands below, boxes hold what is theirs, and large ones are quick."""

from __future__ import annotations

import itertools
import random
import time

import pytest

from engine.parser import parse
from flows import graph, layout, topology
from flows.layout import Picture, Rect
from plugins.catalog import CATALOG

SIZE = (216.0, 48.0)
LOG = "type: io.kestra.plugin.core.log.Log, message: x"


def _apart(one: Rect, other: Rect) -> bool:
    return (
        one.x + one.width <= other.x or other.x + other.width <= one.x or one.y + one.height <= other.y or other.y + other.height <= one.y
    )


def _holds(outer: Rect, inner: Rect) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def _random_picture(seed: int) -> tuple[Picture, dict[str, str], list[tuple[str, str]]]:
    chance = random.Random(seed)
    names = [f"n{number}" for number in range(40)]
    within = {name: f"box{chance.randrange(6)}" for name in names if chance.random() < 0.5}
    within |= {"box1": "box0", "box2": "box1"}
    siblings = [(a, b) for a, b in itertools.combinations(names, 2) if within.get(a) == within.get(b)]
    pairs = chance.sample(siblings, min(60, len(siblings))) + [(box, name) for name, box in within.items() if chance.random() < 0.2]
    return layout.place(dict.fromkeys(names, SIZE), within, pairs), within, pairs


@pytest.mark.parametrize("seed", range(30))
def test_boxes_hold_what_is_theirs_and_nothing_else_touches(seed: int) -> None:
    picture, within, pairs = _random_picture(seed)

    def around(name: str) -> set[str]:
        return {name} | (around(within[name]) if name in within else set())

    for one, other in itertools.combinations(picture.rects, 2):
        if one in around(other):
            assert _holds(picture.rects[one], picture.rects[other])
        elif other in around(one):
            assert _holds(picture.rects[other], picture.rects[one])
        else:
            assert _apart(picture.rects[one], picture.rects[other]), (one, other)
    for rect in picture.rects.values():
        assert rect.x >= -0.01
        assert rect.x + rect.width <= picture.width + 0.01
        assert rect.y >= 0
        assert rect.y + rect.height <= picture.height + 0.01
    for source, target in pairs:
        if within.get(target) != source:
            assert picture.rects[source].y + picture.rects[source].height <= picture.rects[target].y


def test_a_circle_is_drawn_and_ends() -> None:
    picture = layout.place(dict.fromkeys("abc", SIZE), {}, [("a", "b"), ("b", "c"), ("c", "a"), ("c", "c")])
    assert [picture.rects[name].y for name in "abc"] == sorted(picture.rects[name].y for name in "abc")
    assert {(line.source, line.target) for line in picture.lines} == {("a", "b"), ("b", "c"), ("c", "a")}


def test_lines_go_around_what_they_pass() -> None:
    picture = layout.place(dict.fromkeys("abc", SIZE), {}, [("a", "b"), ("b", "c"), ("a", "c")])
    passing = next(line for line in picture.lines if (line.source, line.target) == ("a", "c"))
    b = picture.rects["b"]
    assert all(not (b.x < x < b.x + b.width and b.y <= y <= b.y + b.height) for x, y in passing.points)


def test_five_hundred_nodes_are_placed_quickly() -> None:
    chance = random.Random(1)
    names = [f"n{number}" for number in range(500)]
    pairs = [(names[chance.randrange(max(0, number - 20), number)], names[number]) for number in range(1, 500) for _ in range(2)]
    times = []
    for _ in range(5):
        began = time.perf_counter()
        layout.place(dict.fromkeys(names, SIZE), {}, pairs)
        times.append(time.perf_counter() - began)
    assert min(times) <= 0.05


def test_a_flow_is_drawn_with_boxes_and_named_branches() -> None:
    flow, problems = parse(
        f"""id: a
namespace: b
tasks:
  - id: choose
    type: io.kestra.plugin.core.flow.If
    condition: "true"
    then: [{{id: yes_, {LOG}}}]
    else: [{{id: no_, {LOG}}}]
    errors: [{{id: oh, {LOG}}}]
  - {{id: next, {LOG}}}
errors: [{{id: alert, {LOG}}}]
finally: [{{id: tidy, {LOG}}}]
triggers: [{{id: hook, type: io.kestra.plugin.core.trigger.Webhook, key: abcdefgh}}]
""",
        catalog=CATALOG,
    )
    assert flow is not None, problems
    drawing = topology.draw(graph.of(flow))
    branches = {node.id: node.branch for node in drawing.nodes if node.branch}
    assert branches == {"yes_": "then", "no_": "else", "oh": "errors", "alert": "errors", "tidy": "finally"}
    assert {node.id for node in drawing.boxes} == {"choose", "Triggers"}
    assert [edge.kind for edge in drawing.edges].count("errors") == 2
