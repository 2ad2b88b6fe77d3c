"""dbt's words for how a node ended."""

from __future__ import annotations

import pytest

from plugins.dbt._status import status_of


@pytest.mark.parametrize(
    ("word", "state", "badge"),
    [
        ("success", "SUCCESS", None),
        ("pass", "SUCCESS", None),
        ("run", "SUCCESS", None),
        ("reused", "SUCCESS", "reused"),
        ("warn", "WARNING", None),
        ("partial success", "WARNING", "partial"),
        ("error", "FAILED", None),
        ("fail", "FAILED", None),
        ("runtime_error", "FAILED", None),
        ("runtime error", "FAILED", None),
        ("skipped", "SKIPPED", None),
        ("no-op", "SKIPPED", "no-op"),
    ],
)
def test_every_word_of_dbt_has_its_state(word: str, state: str, badge: str | None) -> None:
    status = status_of(word)
    assert (status.state, status.badge, status.known) == (state, badge, True)


@pytest.mark.parametrize("word", ["some-future-status", "", None])
def test_a_word_nobody_knows_is_a_warning_and_no_failure(word: str | None) -> None:
    assert (status_of(word).state, status_of(word).known) == ("WARNING", False)
