"""What is wrong with an expression, and where, in words of whoever wrote it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import ExpressionError
from engine.expressions.values import MissingValue, Place, java_class

MISTAKES = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
LONGEST = 200  # characters of an expression that a message shows
MISSING_ARGUMENT = re.compile(r"missing a required (?:keyword-only )?argument: '(\w+)'")


def locate(error: ExpressionError, place: Place) -> None:
    """Says where an error is, unless something inside has said so."""
    if not error.column and not error.template:
        error.line, error.column = place


def misfit(
    error: BaseException, place: Place, called: str, function: Callable[..., Any] | None, given: tuple[Any, ...], named: Mapping[str, Any]
) -> ExpressionError:
    """What is wrong with the arguments of a filter, function or test, in words of whoever wrote the expression."""
    told = ExpressionError(_fault(error, called, function, given, named))
    told.line, told.column = place
    return told


def _fault(error: BaseException, called: str, function: Callable[..., Any] | None, given: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    if isinstance(error, RecursionError):
        return "the expression is nested too deep"
    if function is None:
        return f"{called}: {str(error).replace('macro_', '')}" if str(error) else f"{called} cannot take this"
    signature = inspect.signature(function)
    own = [name for name in signature.parameters if name not in OURS]
    try:
        bound = signature.bind(*given, **named)
    except TypeError as wrong:
        missing = MISSING_ARGUMENT.search(str(wrong))
        if missing:
            return f"{called} expects an argument '{missing[1]}'."
        return f"{called} does not take these arguments ({wrong}); it takes {', '.join(own[1:] if own[:1] == ['value'] else own) or 'none'}"
    for name, value in bound.arguments.items():
        written = str(signature.parameters[name].annotation)
        fits, wanted = KINDS.get(written.removesuffix(" | None"), (None, ""))
        if fits and not fits(value) and not (value is None and written.endswith("None")):
            found = "null" if value is None else java_class(value)
            return f"{called} expects an argument '{name}' that is {wanted}, found {found}"
    return f"{called}: {error}" if str(error) else f"{called} cannot take this"


OURS = ("run", "context")
KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "int": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "str": (lambda value: isinstance(value, str), "a text"),
    "bool": (lambda value: isinstance(value, bool), "true or false"),
}


def told(error: ExpressionError, message: str, source: str) -> ExpressionError:
    """The same error with its place in its message, in Kestra's words as far as it has any."""
    line, column = shown(source, error.line, error.column), f"column {error.column}" if error.column else ""
    if isinstance(error, MissingValue):
        where = f"at line {error.line}{', ' if column else ''}{column}"
        message = f"Unable to find `{error.name}` used in the expression `{line}` {where}: {message}"
    else:
        message = f"{message} ({line}:{error.line}){' at ' if column else ''}{column}"
    error.args, error.message, error.template = (message,), message, source
    return error


def shown(source: str, line: int, column: int = 0) -> str:
    """The line of a template that an error is about; of a long one only the expression: the rest may be what a variable held."""
    lines = source.splitlines() or [""]
    whole = lines[min(max(line, 1), len(lines)) - 1]
    text = source.strip() if len(lines) == 1 else whole.strip()
    if len(text) <= LONGEST:
        return text
    start = max(whole.rfind(sign, 0, column + 1) for sign in ("{{", "{%"))
    return whole[start:][:LONGEST].partition("}}")[0] + "…" if column and start >= 0 else "…"
