"""The expression language of a flow: Kestra's Pebble, on jinja2's sandbox.

Pure: what needs a clock, a store, a file or a random number comes in as a function from the caller.
Imports nothing of ours outside `engine`.
"""

from __future__ import annotations

from engine.errors import ExpressionError, WorldNeeded
from engine.expressions.dates import clock_function, format_date
from engine.expressions.environment import BOUNDED, PURE, render, render_any, render_typed
from engine.expressions.functions import random_int_function
from engine.expressions.inspecting import mistake, needs_world
from engine.expressions.options import DEFAULTS, SHORT, Options
from engine.expressions.truth import truthy
from engine.expressions.values import duration_of, to_json, to_text
from engine.expressions.world import WORLD

__all__ = [
    "BOUNDED",
    "DEFAULTS",
    "PURE",
    "SHORT",
    "WORLD",
    "ExpressionError",
    "Options",
    "WorldNeeded",
    "clock_function",
    "duration_of",
    "format_date",
    "mistake",
    "needs_world",
    "random_int_function",
    "render",
    "render_any",
    "render_typed",
    "to_json",
    "to_text",
    "truthy",
]
