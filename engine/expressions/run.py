"""The state of one rendering, and the limits on what it costs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from jinja2.runtime import Context

from engine.errors import ExpressionError, WorldNeeded
from engine.expressions.options import Options
from engine.expressions.values import Double, Float32, Long, is_list

LARGE = 256
NODE = 16  # characters that one value of a list or map counts as
WATCHED = 200  # steps between two looks at the clock
CALL = 25  # steps that a macro costs


class Run:
    """The state of one rendering: variables by scope, what has been used up, what has been printed."""

    __slots__ = (
        "built_in",
        "caller",
        "depth",
        "functions",
        "iterations",
        "literal",
        "looped",
        "nested",
        "nodes",
        "options",
        "printed",
        "scopes",
        "started",
        "steps",
        "typed",
        "values",
        "variables",
        "watched",
        "work",
    )

    def __init__(
        self, variables: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]], options: Options, typed: bool = False
    ) -> None:
        self.variables = variables
        self.functions = functions
        self.options = options
        self.typed = typed
        self.built_in: Mapping[str, Callable[..., Any]] = {}
        self.scopes: list[dict[str, Any] | Mapping[str, Any]] = [variables]
        self.values: list[Any] = []
        self.literal = self.looped = False
        self.printed = self.work = self.nodes = self.iterations = self.steps = self.depth = self.nested = 0
        self.caller: Callable[[str, bool], str] | None = None
        self.started = options.clock() if options.clock else 0.0
        self.watched = WATCHED

    def charge(self, amount: int) -> None:
        """Counts characters and items made on the way."""
        self.work += amount
        if self.work > self.options.max_work:
            raise self.beyond(f"the expression makes more than {self.options.max_work} characters on its way")
        if amount > LARGE:
            self.watch()

    def charge_nodes(self, value: Any) -> None:
        """Counts every value inside a new list or map, so that nesting one in itself again and again is refused."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            self.nodes += 1
            if self.nodes > self.options.max_nodes:
                raise self.beyond(f"the expression makes lists and maps of more than {self.options.max_nodes} values")
            if isinstance(item, Mapping):
                waiting.extend(item.values())
            elif is_list(item):
                waiting.extend(item)

    def text(self, text: str) -> str:
        """Counts what is printed."""
        self.step()
        self.printed += len(text)
        if self.printed > self.options.max_output:
            raise ExpressionError(f"the expression prints more than {self.options.max_output} characters")
        return text

    def step(self, cost: int = 1) -> None:
        """Counts an operation, and for how many simple ones it stands."""
        self.steps += cost
        if self.steps > self.watched:
            if self.steps > self.options.max_steps:
                raise self.beyond(f"the expression takes more than {self.options.max_steps} steps")
            self.watched = min(self.steps + WATCHED, self.options.max_steps)
            self.watch()

    def beyond(self, message: str) -> ExpressionError:
        """The error of going beyond a limit."""
        return WorldNeeded("", message) if self.options.hands_on else ExpressionError(message)

    def touch(self, value: Any) -> None:
        """Counts what an operation must look at: all characters of a text, all values of a list or map, through and through."""
        if type(value) is str:
            if len(value) > LARGE:
                self.charge(len(value) // 16)
        elif isinstance(value, (Mapping, list, tuple, set, frozenset)):
            self.charge(NODE * weigh(value, self.options.max_work // NODE))

    def watch(self) -> None:
        """Looks at the clock, if there is one."""
        clock = self.options.clock
        if clock is not None and clock() - self.started > self.options.max_seconds:
            raise ExpressionError(f"the expression takes more than {self.options.max_seconds} seconds")

    def enter(self) -> None:
        self.step(CALL)
        self.depth += 1
        if self.depth > self.options.max_depth:
            raise ExpressionError(f"macros call each other more than {self.options.max_depth} deep")


def run_of(context: Context) -> Run:
    """The state that belongs to a context."""
    run: Run = context.parent["$run"]
    return run


def weigh(value: Any, most: int) -> int:
    """How many values are in a list or map, through and through; it stops counting past `most`."""
    count, waiting = 0, [value]
    while waiting and count <= most:
        item = waiting.pop()
        if not isinstance(item, Mapping) and not is_list(item):
            continue
        count += len(item)
        waiting.extend([inner for inner in (item.values() if isinstance(item, Mapping) else item) if type(inner) not in SCALARS])
    return count


SCALARS = frozenset({str, int, float, bool, type(None), Long, Double, Float32, Decimal, dt.datetime, dt.date})


def limited(run: Run, value: Any) -> Any:
    """The value, one step and its size counted."""
    run.step()
    if isinstance(value, str):
        if len(value) > LARGE:
            run.charge(len(value))
    elif isinstance(value, Mapping) or is_list(value):
        run.charge(NODE * weigh(value, run.options.max_work // NODE))
    return value
