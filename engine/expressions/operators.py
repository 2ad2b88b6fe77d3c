"""Pebble's operators on plain values: arithmetic as Java does it, comparison, truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.errors import ExpressionError
from engine.expressions.values import Double, Float32, Missing, index_of, is_list, is_number, java_class, same_kind, to_float32, to_text


def as_bool(value: Any) -> bool:
    """What `and`, `or`, `not` and `? :` ask: null is false, numbers that are not zero and text that is not empty are true."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Missing):
        raise value.error()
    if value is None:
        return False
    if isinstance(value, str) or is_number(value):
        return bool(value)
    name = java_class(value).rpartition(".")[2]
    raise ExpressionError(f'Unsupported value type {name}. Expected Boolean, String, Number in "if" statement')


def as_condition(value: Any) -> bool:
    """What `{% if %}` asks: as `as_bool`, but null is refused."""
    if value is None:
        raise ExpressionError("null value given to if statement and strict variables is set to true")
    return as_bool(value)


def _numbers(left: Any, right: Any, verb: str) -> tuple[Any, Any]:
    if not is_number(left) or not is_number(right):
        raise ExpressionError(f"invalid operands for mathematical operation [{verb}]: {java_class(left)} and {java_class(right)}")
    if isinstance(left, Decimal) != isinstance(right, Decimal):
        return Decimal(str(left)), Decimal(str(right))
    return left, right


def wrap(value: Any) -> Any:
    """Whole numbers overflow at 64 bits, as Java's do."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return (value + 2**63) % 2**64 - 2**63
    return value


def _fit(value: Any, left: Any, right: Any) -> Any:
    """The result of an operation in the class that Java gives it: the wider of the two."""
    if not isinstance(value, float):
        return wrap(value)
    if Double in (type(left), type(right)) or float in (type(left), type(right)):
        return Double(value) if Double in (type(left), type(right)) else value
    return to_float32(value) if isinstance(left, Float32) or isinstance(right, Float32) else value


def add(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return _java_string(left) + _java_string(right)
    if isinstance(left, (list, tuple)):
        return [*left, *right] if is_list(right) else [*left, right]
    left, right = _numbers(left, right, "ADD")
    return _fit(left + right, left, right)


def subtract(left: Any, right: Any) -> Any:
    if isinstance(left, (list, tuple)):
        among = index_of(right if is_list(right) else [right])
        return [item for item in left if not among(item)]
    left, right = _numbers(left, right, "SUBTRACT")
    return _fit(left - right, left, right)


def multiply(left: Any, right: Any) -> Any:
    left, right = _numbers(left, right, "MULTIPLICATION")
    return _fit(left * right, left, right)


def _divided(left: Any, right: Any, verb: str) -> Any:
    left, right = _numbers(left, right, verb)
    if right == 0:
        if isinstance(left, float) or isinstance(right, float):
            return _by_zero(left, right, verb)
        raise ExpressionError("/ by zero")
    if not isinstance(left, int) or not isinstance(right, int):
        if verb == "MODULUS":
            return _fit(math.fmod(left, right) if isinstance(left + right, float) else left % right, left, right)
        return _fit(left / right, left, right)
    quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    return wrap(left - right * quotient if verb == "MODULUS" else quotient)


def _by_zero(left: Any, right: Any, verb: str) -> float:
    if left == 0 or verb == "MODULUS" or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def divide(left: Any, right: Any) -> Any:
    """Whole numbers divide to a whole number, as in Java."""
    return _divided(left, right, "DIVISION")


def modulus(left: Any, right: Any) -> Any:
    return _divided(left, right, "MODULUS")


def _java_string(value: Any) -> str:
    return "null" if value is None else to_text(value)


def concatenate(left: Any, right: Any) -> str:
    return to_text(left) + to_text(right)


def contains(left: Any, right: Any) -> bool:
    if left is None:
        return False
    if is_list(left):
        return all(map(index_of(left), right if is_list(right) else [right]))
    if isinstance(left, Mapping):
        return right in left
    if isinstance(left, str):
        return _java_string(right) in left
    raise ExpressionError(f"Contains operator can only be used on Collections, Maps and arrays. Actual type was: {java_class(left)}")


def is_in(left: Any, right: Any) -> bool:
    """`isIn`: `contains` the other way round; nothing is in null."""
    return contains(right, left)


def compare(name: str, decide: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """An order between numbers; null is in no order."""

    def comparison(left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        if not is_number(left) or not is_number(right):
            raise ExpressionError(f"invalid operands for mathematical comparison [{name}]: {java_class(left)} and {java_class(right)}")
        return decide(left, right) if type(left) is type(right) else decide(same_kind(left), same_kind(right))

    return comparison
