"""Which failures another attempt would only find again."""

from __future__ import annotations

import pytest

from plugins.contract import StepReport
from plugins.dbt._failure import lasting


def report(kind: str, message: str, status: str = "error", state: str = "FAILED") -> StepReport:
    return StepReport(f"{kind}.shop.a", state, "a", kind, message=message, data={"status": status})


def test_what_tests_found_stays() -> None:
    found = report("test", "Got 1 result, configured to fail if != 0", "fail")
    assert lasting([report("model", "", state="SUCCESS"), found], []) == "only tests failed"
    assert lasting([found, report("model", "could not connect to server")], []) == ""


@pytest.mark.parametrize(
    "message",
    [
        "Compilation Error in model a (models/a.sql)\n  'nothing' is undefined",
        "Runtime Error in model a\n  Parser Error: syntax error at or near \"selct\"",
        'Database Error in model a\n  syntax error at or near "form"',
    ],
)  # fmt: skip
def test_what_is_written_wrong_stays(message: str) -> None:
    assert lasting([report("model", message)], []) == "what is written is wrong"
    assert lasting([], [message]) == "what is written is wrong"


@pytest.mark.parametrize(
    "message",
    [
        'could not connect to server: Connection refused\n\tIs the server running on host "db"?',
        "Database Error in model a\n  canceling statement due to lock timeout",
        "IO Error: Could not set lock on file \"x.duckdb\": Conflicting lock is held in python",
        "deadlock detected",
        "Compilation Error in model a: the query that it asks timed out",
        "503 Service Unavailable",
        "something that nobody has seen before",
        "Binder Error: Referenced column \"x\" not found",
    ],
)  # fmt: skip
def test_what_may_pass_is_tried_again(message: str) -> None:
    assert lasting([report("model", message)], []) == ""
    assert lasting([], [message]) == ""


def test_one_failure_that_may_pass_is_enough() -> None:
    both = [report("model", "Compilation Error in model a"), report("model", "deadlock detected")]
    assert lasting(both, []) == ""


def test_a_test_that_broke_is_no_test_that_found() -> None:
    assert lasting([report("test", "connection reset by peer", "error")], []) == ""


def test_what_nothing_is_known_of_may_pass() -> None:
    assert lasting([], []) == ""
