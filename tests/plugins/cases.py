"""Acceptance cases by their ids."""

from __future__ import annotations

import pytest


def case(name: str) -> pytest.MarkDecorator:
    """The test is that of an acceptance case: its id ends with the case's."""
    return pytest.mark.parametrize((), [pytest.param(id=name)])
