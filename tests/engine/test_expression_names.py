"""Everything that expressions know has help, and the examples in it are true."""

from __future__ import annotations

import inspect

import pytest

from engine.expressions import names, render
from engine.expressions.names import Entry
from engine.expressions.world import WORLD, World

EXAMPLES = [(entry, example, result) for entry in names.entries() for example, result in entry.examples]


@pytest.mark.parametrize(("entry", "example", "result"), EXAMPLES, ids=[f"{one.kind} {one.name}" for one, _, _ in EXAMPLES])
def test_an_example_is_true(entry: Entry, example: str, result: str) -> None:
    assert render(example, {}) == result
    assert entry.name.split()[0].strip("?: ") in example


@pytest.mark.parametrize("entry", names.entries(), ids=lambda entry: f"{entry.kind} {entry.name}")
def test_everything_has_help(entry: Entry) -> None:
    assert entry.help
    assert entry.examples or entry.kind == "variable" or entry.name in WORLD | {
        "currentEachOutput", "parentOutput", "decrypt", "parent", "printContext", "fetchContext", "json",
    }


def test_a_signature_shows_names_and_defaults() -> None:
    written = {(entry.kind, entry.name): entry.signature for entry in names.entries()}
    assert written["filter", "date"] == "date(format=null, timeZone=null, existingFormat=null, locale=null)"
    assert written["filter", "split"] == "split(delimiter, limit=0)"
    assert written["filter", "upper"] == "upper"
    assert written["function", "kv"] == "kv(key, namespace=null, errorOnMissing=false)"
    assert written["function", "max"] == "max(numbers…)"
    assert written["test", "equalTo"] == "equalTo(to)"


def test_a_function_of_the_world_says_what_it_takes() -> None:
    for name in WORLD:
        assert inspect.signature(getattr(World, name)).parameters["self"]
