"""A task takes only what did not succeed before, or what a person chose: dbt says what that is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.contract import Narrowed
from plugins.dbt import _narrowing
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import PROFILES, PROJECT, dbt, failure_of

NODES = ("model", "seed", "snapshot", "test", "unit_test")
LEFT_OUT = "dbt build --exclude test_name:accepted_values"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dbt build --select a", ["dbt", "build", "--select", "a"]),
        ("dbt build --vars '{a: \"$b\"}'", ["dbt", "build", "--vars", '{a: "$b"}']),
        ("dbt build && echo", None),
        ("dbt build --target $T", None),
        ('dbt build --target "$T"', None),
        ("time dbt build", None),
        ("dbt build # all", None),
        ("dbt build 'x", None),
    ],
)
def test_only_a_plain_call_is_changed(line: str, words: list[str] | None) -> None:
    assert _narrowing.simple(line) == words


@pytest.mark.parametrize(
    ("unique_id", "selector"),
    [
        ("model.shop.orders", "orders,package:shop,resource_type:model"),
        ("model.shop.orders.v2", "orders.v2,package:shop,resource_type:model"),
        ("test.shop.not_null_orders_id.abc123", "not_null_orders_id,package:shop,resource_type:test"),
        ("test.shop.singular", "singular,package:shop,resource_type:test"),
        ("unit_test.shop.orders.adds_up", "adds_up,package:shop,resource_type:unit_test"),
    ],
)
def test_a_node_is_told_by_name_package_and_type(unique_id: str, selector: str) -> None:
    assert _narrowing.selector(unique_id) == selector


def test_a_listing_has_the_selection_and_the_place_of_the_command() -> None:
    words = _narrowing.simple(
        "dbt build --project-dir dbt --threads 4 --select a b --exclude=c --full-refresh --target prod --defer --state ./x"
    )
    assert words is not None
    listed = _narrowing.listing(words, (), "/t")
    assert listed.startswith("dbt ls --project-dir dbt --select a b --exclude c --target prod --defer --state ./x --output json")
    assert _narrowing.listing(words, ("orders+",), "/t").startswith(
        "dbt ls --project-dir dbt --target prod --defer --state ./x --select orders+ --output json"
    )


def test_the_command_takes_the_nodes_and_keeps_the_rest() -> None:
    line = "dbt build --select a b --vars '{x: 1}' --exclude c --threads 4 -s d --indirect-selection cautious --fail-fast"
    assert _narrowing.taking(line, ["model.shop.a"]) == (
        "dbt build --vars '{x: 1}' --threads 4 --fail-fast --select a,package:shop,resource_type:model --indirect-selection empty"
    )
    assert _narrowing.taking(line, []) == "true"


@pytest.mark.parametrize(
    ("profiles", "gone"),
    [
        ("type: duckdb\npath: ':memory:'", True),
        ("type: duckdb\npath: warehouse.duckdb", True),
        ("type: duckdb", True),
        ("type: duckdb\npath: /data/w.duckdb", False),
        ("type: duckdb\npath: \"{{ env_var('P') }}\"", False),
        ("type: duckdb\npath: md:shop", False),
        ("type: postgres\nhost: x", False),
        ("", False),
    ],
)
def test_a_database_in_the_folder_of_the_task_goes_with_it(profiles: str, gone: bool) -> None:
    assert _narrowing.forgets(profiles) is gone


def test_what_failed_is_run_though_the_command_takes_it_no_more() -> None:
    rehearsal = _narrowing.Rehearsal(["dbt seed", "dbt build --select state:modified+"], {0: [], 1: ["model.shop.a", "model.shop.b"]})
    narrowed = Narrowed(
        without=frozenset({"model.shop.a"}), failed=frozenset({"model.shop.b", "model.shop.c", "model.shop.gone", "seed.shop.s"})
    )
    known = {"model.shop.a", "model.shop.b", "model.shop.c", "seed.shop.s"}
    assert rehearsal.chosen(narrowed, known) == {0: ["seed.shop.s"], 1: ["model.shop.b", "model.shop.c"]}


def test_a_command_that_had_begun_takes_what_it_was_going_to_run_whatever_it_would_select_now() -> None:
    rehearsal = _narrowing.Rehearsal(["dbt seed", "dbt build --select tag:new"], {0: ["seed.shop.s"], 1: ["model.shop.new"]})
    narrowed = Narrowed(
        without=frozenset({"model.shop.a"}),
        failed=frozenset({"model.shop.b", "model.shop.c"}),
        selected={1: ("model.shop.a", "model.shop.b", "model.shop.c", "model.shop.gone")},
    )
    known = {"model.shop.a", "model.shop.b", "model.shop.c", "model.shop.new", "seed.shop.s"}
    assert rehearsal.chosen(narrowed, known) == {0: ["seed.shop.s"], 1: ["model.shop.b", "model.shop.c"]}


@pytest.fixture
def again(make_context: Callable[..., MemoryContext], tmp_path: Path) -> Callable[[Narrowed | None], MemoryContext]:
    """A function that makes a context with the project in it; all write to one warehouse."""

    def make(narrowed: Narrowed | None) -> MemoryContext:
        context = make_context()
        shutil.copytree(PROJECT, context.working_dir, dirs_exist_ok=True)
        context.narrowed = narrowed
        return context

    return make


@pytest.mark.dbt
def test_what_did_not_succeed_is_run_and_nothing_else(again: Callable[[Narrowed | None], MemoryContext], tmp_path: Path) -> None:
    profiles = PROFILES.replace("warehouse.duckdb", str(tmp_path / "warehouse.duckdb"))
    first = again(None)
    failure_of(dbt(LEFT_OUT, profiles=profiles), first)
    states = {step.data["unique_id"]: step.state for step in first.steps().values() if step.kind in NODES}
    done = frozenset(name for name, state in states.items() if state in ("SUCCESS", "WARNING"))
    assert {"FAILED", "SKIPPED"} <= set(states.values())
    assert set(first.selected[0]) == set(states)
    second = again(Narrowed(without=done))
    (second.working_dir / "models" / "broken.sql").write_text("select 1 as id")
    dbt(LEFT_OUT, profiles=profiles).run(second)
    ran = {step.data["unique_id"]: step.state for step in second.steps().values() if step.kind in NODES}
    assert set(ran) == set(states) - done
    assert set(ran.values()) == {"SUCCESS"}
    assert second.headers["selection"].startswith(f"{len(ran)} nodes: those that did not succeed before")


@pytest.mark.dbt
def test_one_node_with_what_comes_before_it_is_run(again: Callable[[Narrowed | None], MemoryContext]) -> None:
    context = again(Narrowed(nodes=("+counts",)))
    dbt("dbt seed", "dbt run --exclude broken", "dbt snapshot", profiles=PROFILES).run(context)
    ran = [step.data["unique_id"] for step in context.steps().values() if step.kind in NODES]
    assert ran == ["seed.shop.raw_people", "model.shop.stg_people", "model.shop.counts"]


@pytest.mark.dbt
def test_in_a_database_that_is_gone_all_is_built(again: Callable[[Narrowed | None], MemoryContext]) -> None:
    context = again(Narrowed(without=frozenset({"model.shop.stg_people"})))
    dbt("dbt seed", "dbt run --select stg_people", profiles=PROFILES).run(context)
    assert "model.shop.stg_people" in context.steps()
    assert any("goes with its folder" in line for line in context.lines("WARN"))


@pytest.mark.dbt
def test_a_failed_test_is_not_tried_again_and_a_failed_model_is(again: Callable[[Narrowed | None], MemoryContext]) -> None:
    context = again(None)
    retry = {"type": "constant", "interval": "PT1S", "maxAttempts": 3}
    failed = failure_of(dbt("dbt build --select raw_people stg_people", profiles=PROFILES, retry=retry), context)
    assert not failed.retryable
    assert any("only tests failed" in line for line in context.lines("INFO"))
    assert failure_of(dbt("dbt run --select broken", profiles=PROFILES, retry=retry), context).retryable
