"""The tests of the expression language: what stands after `is`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import ExpressionError
from engine.expressions.data_filters import is_empty
from engine.expressions.functions import parse_json
from engine.expressions.values import Missing, equal, is_list, is_number, java_class


def _whole(value: Any) -> int:
    if not is_number(value):
        raise ExpressionError(f"only numbers are even or odd, found {java_class(value)}")
    return int(value)


def is_even(value: Any) -> bool:
    """Whether a number is even.

    {{ 4 is even }} → true
    """
    return _whole(value) % 2 == 0


def is_odd(value: Any) -> bool:
    """Whether a number is odd.

    {{ 4 is odd }} → false
    """
    return _whole(value) % 2 != 0


def is_null(value: Any) -> bool:
    """There, but null.

    {{ null is null }} → true
    """
    return value is None


def is_iterable(value: Any) -> bool:
    """A list.

    {{ [1] is iterable }} → true
    """
    return is_list(value)


def is_map(value: Any) -> bool:
    """A map.

    {{ {'a': 1} is map }} → true
    """
    return isinstance(value, Mapping)


def is_json(value: Any) -> bool:
    """A text that can be read as JSON.

    {{ '{"a": 1}' is json }} → true
    """
    try:
        parse_json(value)
    except ExpressionError:
        return False
    return True


def is_equal(value: Any, to: Any) -> bool:
    """Equal, as `==` compares.

    {{ 1 is equalTo(1.0) }} → true
    """
    return equal(value, to)


def is_defined(value: Any) -> bool:
    """There, and not null, however deep.

    {{ nowhere.at.all is defined }} → false
    """
    return not isinstance(value, Missing) and value is not None


TESTS: dict[str, Callable[..., Any]] = {
    "null": is_null,
    "empty": is_empty,
    "even": is_even,
    "odd": is_odd,
    "iterable": is_iterable,
    "map": is_map,
    "json": is_json,
    "equalTo": is_equal,
}
