"""Pebble's operators on plain values: arithmetic as Java does it, comparison, truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.errors import ExpressionError
from engine.expressions.values import Missing, equal, is_list, is_number, java_class, to_text


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


def add(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return _java_string(left) + _java_string(right)
    if isinstance(left, (list, tuple)):
        return [*left, *right] if is_list(right) else [*left, right]
    left, right = _numbers(left, right, "ADD")
    return wrap(left + right)


def subtract(left: Any, right: Any) -> Any:
    if isinstance(left, (list, tuple)):
        removed = list(right) if is_list(right) else [right]
        return [item for item in left if item not in removed]
    left, right = _numbers(left, right, "SUBTRACT")
    return wrap(left - right)


def multiply(left: Any, right: Any) -> Any:
    left, right = _numbers(left, right, "MULTIPLICATION")
    return wrap(left * right)


def _divided(left: Any, right: Any, verb: str) -> Any:
    left, right = _numbers(left, right, verb)
    if right == 0:
        if isinstance(left, float) or isinstance(right, float):
            return float("nan") if left == 0 or verb == "MODULUS" else float("inf") if left > 0 else float("-inf")
        raise ExpressionError("/ by zero")
    quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    if verb == "MODULUS":
        return left - right * quotient
    return wrap(quotient) if isinstance(left, int) and isinstance(right, int) else left / right


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
        wanted = list(right) if is_list(right) else [right]
        return all(any(equal(item, one) for item in left) for one in wanted)
    if isinstance(left, Mapping):
        return right in left
    if isinstance(left, str):
        return _java_string(right) in left
    raise ExpressionError(f"Contains operator can only be used on Collections, Maps and arrays. Actual type was: {java_class(left)}")


def compare(name: str, decide: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """An order between numbers; null is in no order."""

    def comparison(left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        if not is_number(left) or not is_number(right):
            raise ExpressionError(f"invalid operands for mathematical comparison [{name}]: {java_class(left)} and {java_class(right)}")
        return decide(left, right)

    return comparison
