"""Programs of jq run beside the server: quick, ended when they do not end, and blind to its files."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import ExpressionError
from executions import jq_child
from executions.jq_child import CHILDREN, run_jq


@pytest.mark.parametrize(
    ("value", "program", "found"),
    [
        ({"a": [1, 2.5, None, "é\0"]}, ".a[]", [1, 2.5, None, "é\0"]),
        ([1, 2, 3], "add", [6]),
        ({}, ".missing", [None]),
        ({}, "empty", []),
        ([3.0], ".[0]", [3]),
        ({"n": 12345678901234567890}, ".n|type", ["number"]),
    ],
)
def test_a_program_gives_all_its_results(value: object, program: str, found: list[object]) -> None:
    assert run_jq(value, program) == found


@pytest.mark.parametrize("program", ["[", ".a.b.c", "error(\"no\")", "nothing_like_this"])
def test_a_wrong_program_is_told_and_the_child_goes_on(program: str) -> None:
    with pytest.raises(ExpressionError, match="Unable to process jq expression"):
        run_jq({"a": 1}, program)
    assert run_jq([5], ".[0]") == [5]


def test_more_results_than_anybody_wants_are_refused() -> None:
    with pytest.raises(ExpressionError, match=r"more than \d+ results|took longer than"):
        run_jq({}, "range(1; 1e12)")


ENDLESS = ["[range(1; 1e12)] | length", "def f: f; f", "last(repeat(1))", 'reduce range(0; 1e9) as $i ("x"; . + .)']


@pytest.mark.parametrize("program", ENDLESS)
def test_a_program_without_end_is_ended(program: str) -> None:
    run_jq(1, ".")
    started = time.monotonic()
    with pytest.raises(ExpressionError, match="took longer than"):
        run_jq({}, program)
    assert time.monotonic() - started < 8
    assert run_jq([5], ".[0]") == [5]


def test_other_programs_run_beside_one_that_does_not_end() -> None:
    run_jq(1, ".")
    with ThreadPoolExecutor(1) as pool:
        endless = pool.submit(run_jq, {}, "def f: f; f")
        assert run_jq([1], "length") == [1]
        assert not endless.done()
        with pytest.raises(ExpressionError, match="took longer than"):
            endless.result(5)


def test_a_program_reads_no_file_and_no_environment(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"secret": "hush"}))
    (tmp_path / "more.jq").write_text("def more: 1;")
    for program in (f'import "keys" as $k {{search: "{tmp_path}"}}; $k', f'include "more" {{search: "{tmp_path}"}}; more'):
        with pytest.raises(ExpressionError) as told:
            run_jq({}, program)
        assert "hush" not in told.value.message
    assert not run_jq({}, "env | keys | map(select(. != \"LC_CTYPE\")) | .[]")


def test_a_child_that_died_is_replaced() -> None:
    run_jq(1, ".")
    child = CHILDREN.take()
    os.kill(child.process.pid, 9)
    child.process.wait()
    CHILDREN.give_back(child)
    assert run_jq([7], ".[0]") == [7]


def test_a_value_that_is_too_large_is_refused_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jq_child, "LONGEST", 1000)
    with pytest.raises(ExpressionError, match="longer than"):
        run_jq(["x" * 2000], ".")
