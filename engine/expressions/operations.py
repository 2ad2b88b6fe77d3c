"""The sandbox that templates run in: every operation that they can name, guarded and counted."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from engine.errors import ExpressionError
from engine.expressions import operators, runtime
from engine.expressions.data_filters import DATA_FILTERS, RUN_FILTERS, is_empty
from engine.expressions.date_filters import DATE_FILTERS
from engine.expressions.faults import MISTAKES, locate, misfit
from engine.expressions.questions import TESTS, is_defined
from engine.expressions.run import limited, run_of
from engine.expressions.runtime import Box
from engine.expressions.text_filters import TEXT_FILTERS, TEXT_RUN_FILTERS
from engine.expressions.values import Double, Long, Missing, Place, equal

BULKY = frozenset({str, list, tuple, dict})


def _filter(name: str, apply: Callable[..., Any], takes_run: bool = False) -> Callable[..., Any]:
    """A filter that lets what is missing through, so that `??` may still answer it, and whose input and result are counted."""

    @pass_context
    def guarded(context: Context, value: Any, place: Place, *arguments: Any, **named: Any) -> Any:
        if type(value) is Missing:
            return value
        for argument in (*arguments, *named.values()):
            if type(argument) is Missing:
                return argument
        run = run_of(context)
        if type(value) is str or type(value) is list:
            run.charge(len(value) // 4)
        given = (run, value, *arguments) if takes_run else (value, *arguments)
        try:
            return limited(run, apply(*given, **named))
        except ExpressionError as error:
            locate(error, place)
            raise
        except MISTAKES as error:
            raise misfit(error, place, f"The '{name}' filter", apply, given, named) from error

    return guarded


@pass_context
def _default(context: Context, value: Any, place: Place, default: Any = None) -> Any:
    return default if isinstance(value, Missing) or is_empty(value) else value


def _operator(apply: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    @pass_context
    def guarded(context: Context, left: Any, place: Place, right: Any) -> Any:
        if type(left) is Missing:
            return left
        if type(right) is Missing:
            return right
        run = run_of(context)
        if type(left) in BULKY:
            run.touch(left)
        if type(right) in BULKY:
            run.touch(right)
        try:
            return limited(run, apply(left, right))
        except ExpressionError as error:
            locate(error, place)
            raise
        except MISTAKES as error:
            raise misfit(error, place, "This operator", None, (), {}) from error

    return guarded


@pass_context
def _range(context: Context, first: Any, place: Place, last: Any) -> Any:
    for value in (first, last):
        if type(value) is Missing:
            return value
    try:
        return runtime.make_range(run_of(context), first, last)
    except ExpressionError as error:
        locate(error, place)
        raise
    except MISTAKES as error:
        raise misfit(error, place, "`..`", None, (), {}) from error


def _test(name: str, ask: Callable[..., bool]) -> Callable[..., Any]:
    def guarded(value: Any, place: Place, *arguments: Any, **named: Any) -> Any:
        for argument in (value, *arguments, *named.values()):
            if type(argument) is Missing:
                return argument
        try:
            return ask(value, *arguments, **named)
        except ExpressionError as error:
            locate(error, place)
            raise
        except MISTAKES as error:
            raise misfit(error, place, f"The '{name}' test", ask, (value, *arguments), named) from error

    return guarded


def _one(apply: Callable[[Any], Any]) -> Callable[..., Any]:
    """An operation on one value; what is missing goes through where `apply` does not use it."""

    def guarded(value: Any, place: Place) -> Any:
        try:
            return apply(value)
        except ExpressionError as error:
            locate(error, place)
            raise
        except MISTAKES as error:
            raise misfit(error, place, "This operator", None, (), {}) from error

    return guarded


@functools.lru_cache(maxsize=2048)
def _number(text: str) -> Double | Long:
    return Double(text) if "." in text else Long(text)


def _negated(value: Any) -> Any:
    return value if isinstance(value, Missing) else not operators.as_bool(value)


def _signed(sign: int) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, Missing) else operators.multiply(sign, value)


OPERATORS: dict[str, Callable[..., Any]] = {
    "$load": runtime.load, "$get": runtime.get, "$set": runtime.set_name, "$for": runtime.for_each, "$looped": runtime.looped,
    "$call": runtime.call, "$block": runtime.block, "$print": runtime.print_value, "$text": runtime.print_text,
    "$if": _one(operators.as_condition), "$bool": _one(operators.as_bool), "$not": _one(_negated),
    "$literal": runtime.literal, "$number": _number,
    "$not_null": lambda value: None if value is None or isinstance(value, Missing) else Box(value),
    "$not_missing": lambda value: None if isinstance(value, Missing) else Box(value),
    "$box": Box,
    "$unbox": lambda box: box.value,
    "$plus": _one(_signed(1)), "$minus": _one(_signed(-1)),
    "$range": _range,
    "$eq": _operator(equal), "$ne": _operator(lambda left, right: not equal(left, right)),
    "$add": _operator(operators.add), "$sub": _operator(operators.subtract), "$mul": _operator(operators.multiply),
    "$div": _operator(operators.divide), "$mod": _operator(operators.modulus), "$concat": _operator(operators.concatenate),
    "$contains": _operator(operators.contains), "$in": _operator(operators.is_in),
    "$gt": _operator(operators.compare("GREATER_THAN", lambda left, right: left > right)),
    "$ge": _operator(operators.compare("GREATER_THAN_EQUALS", lambda left, right: left >= right)),
    "$lt": _operator(operators.compare("LESS_THAN", lambda left, right: left < right)),
    "$le": _operator(operators.compare("LESS_THAN_EQUALS", lambda left, right: left <= right)),
}


def _make_environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(autoescape=False, optimized=False, cache_size=0)
    environment.globals.clear()
    environment.tests.clear()
    environment.filters.clear()
    environment.filters.update(OPERATORS)
    for name, apply in (TEXT_FILTERS | DATA_FILTERS).items():
        environment.filters[f"filter:{name}"] = _filter(name, apply)
    for name, apply in (RUN_FILTERS | TEXT_RUN_FILTERS | DATE_FILTERS).items():
        environment.filters[f"filter:{name}"] = _filter(name, apply, takes_run=True)
    environment.filters["filter:default"] = _default
    for name, apply in TESTS.items():
        environment.filters[f"test:{name}"] = _test(name, apply)
    environment.filters["test:defined"] = lambda value, place: is_defined(value)
    return environment


ENVIRONMENT = _make_environment()
KNOWN = {
    kind: frozenset(name.partition(":")[2] for name in ENVIRONMENT.filters if name.startswith(f"{kind}:")) for kind in ("filter", "test")
}
