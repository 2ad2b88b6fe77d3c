"""Two tests for `test_lacking.py` to run in a session of their own; pytest does not find them by name."""

from __future__ import annotations

import pytest


def test_that_needs_nothing() -> None:
    assert True


@pytest.mark.browser
def test_that_needs_chromium() -> None:
    assert True
