"""The names that expressions know, for whoever completes or lists them."""

from __future__ import annotations

from engine.expressions.data_filters import DATA_FILTERS, RUN_FILTERS
from engine.expressions.functions import CONTEXT_FUNCTIONS, PURE_FUNCTIONS
from engine.expressions.runtime import WORLD
from engine.expressions.text_filters import TEXT_FILTERS


def filters() -> list[str]:
    """The filters, in alphabetical order."""
    return sorted(TEXT_FILTERS.keys() | DATA_FILTERS.keys() | RUN_FILTERS.keys())


def functions() -> list[str]:
    """The functions, in alphabetical order; those that need the world are among them."""
    return sorted(PURE_FUNCTIONS.keys() | CONTEXT_FUNCTIONS.keys() | WORLD)
