"""Filters over lists and maps, and what turns values into text and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import ExpressionError, WorldNeeded
from engine.expressions.ion import to_ion
from engine.expressions.patterns import MAX_TEXT, check_size
from engine.expressions.run import Run, weigh
from engine.expressions.values import growing_index, is_list, is_number, java_class, to_json, to_text
from engine.expressions.yaml_text import to_yaml

YAML_NODE = 500  # characters that one value counts as
ORDERED: tuple[Callable[[Any], bool], ...] = (lambda item: isinstance(item, str), is_number, lambda item: isinstance(item, dt.date))


def need_list(value: Any, name: str) -> list[Any]:
    if is_list(value):
        return list(value)
    raise ExpressionError(f"'{name}' filter can only be applied to List. Actual type was: {java_class(value)}")


def is_empty(value: Any) -> bool:
    """Null, blank text, an empty list or map.

    {{ '' is empty }} → true
    """
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    return (is_list(value) or isinstance(value, Mapping)) and not value


def chunk(value: Any, size: int) -> Any:
    """A list in lists of at most `size`.

    {{ [1, 2, 3] | chunk(2) }} → [[1,2],[3]]
    """
    if value is None:
        return None
    if not isinstance(size, int) or size < 1:
        raise ExpressionError("'chunk' filter expects a size of at least 1")
    items = need_list(value, "chunk")
    return [items[start:start + size] for start in range(0, len(items), size)]


def _end(name: str, index: int, doc: str) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Mapping):
            value = [{"key": key, "value": item} for key, item in value.items()]
        if isinstance(value, (str, list, tuple)):
            return value[index] if value else None
        if is_list(value):
            return list(value)[index] if value else None
        raise ExpressionError(f"The '{name}' filter needs a list or text, found {java_class(value)}")

    apply.__doc__ = doc
    return apply


def join(value: Any, separator: str | None = None) -> Any:
    """All items as one text, with `separator` between them.

    {{ [1, 2] | join(', ') }} → 1, 2
    """
    if value is None:
        return None
    texts, between = [to_text(item) for item in need_list(value, "join")], separator or ""
    check_size(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def length(value: Any) -> int:
    """How many characters, items or keys there are.

    {{ [4, 5] | length }} → 2
    """
    if value is None:
        return 0
    if isinstance(value, (str, Mapping)) or is_list(value):
        return len(value)
    return 0


def merge(value: Any, items: Any) -> Any:
    """A list or map, and what another one has.

    {{ {'a': 1} | merge({'b': 2}) }} → {"a":1,"b":2}
    """
    if value is None and items is None:
        raise ExpressionError("The two arguments to be merged are null")
    if value is None or items is None:
        return items if value is None else value
    if isinstance(value, Mapping):
        if isinstance(items, Mapping):
            return {**value, **items}
        return {**value, **{to_text(item): item for item in need_list(items, "merge")}}
    if isinstance(items, Mapping):
        return need_list(value, "merge") + [{"key": key, "value": item} for key, item in items.items()]
    return need_list(value, "merge") + need_list(items, "merge")


def slice_(value: Any, fromIndex: int | None = None, toIndex: int | None = None) -> Any:
    """The part of a text or list from one index to before another.

    {{ 'abcd' | slice(1, 3) }} → bc
    """
    if value is None:
        return None
    if not isinstance(value, str) and not is_list(value):
        raise ExpressionError(f"Slice filter can only be applied to String, List and array inputs. Actual type was: {java_class(value)}")
    items = value if isinstance(value, str) else list(value)
    start, end = fromIndex or 0, len(items) if toIndex is None else toIndex
    if start < 0:
        raise ExpressionError("fromIndex must be greater than 0")
    if end > len(items):
        raise ExpressionError(f"toIndex must be smaller than input size: {len(items)}")
    if toIndex is not None and start >= end:
        raise ExpressionError("toIndex must be greater than fromIndex")
    return items[start:end]


def _sorted(name: str, backwards: bool, doc: str) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if value is None:
            return None
        items = need_list(value, name)
        if not any(all(fits(item) for item in items) for fits in ORDERED):
            raise ExpressionError(f"The '{name}' filter needs values of one kind that have an order")
        return sorted(items, reverse=backwards)

    apply.__doc__ = doc
    return apply


def distinct(value: Any) -> Any:
    """A list without the items that it has already had.

    {{ [1, 2, 1] | distinct }} → [1,2]
    """
    if value is None:
        return None
    found: list[Any] = []
    among = growing_index(found)
    for item in need_list(value, "distinct"):
        if not among(item):
            found.append(item)
    return found


def reverse(value: Any) -> Any:
    """A list or text backwards.

    {{ [1, 2] | reverse }} → [2,1]
    """
    if value is None:
        return None
    return value[::-1] if isinstance(value, str) else need_list(value, "reverse")[::-1]


def flatten(value: Any) -> Any:
    """A list with the items of the lists in it, one level.

    {{ [[1], 2] | flatten }} → [1,2]
    """
    if value is None:
        return None
    flat: list[Any] = []
    for item in need_list(value, "flatten"):
        flat += list(item) if is_list(item) else [item]
    return flat


def keys(value: Any) -> Any:
    """The keys of a map, or the indexes of a list.

    {{ {'a': 1} | keys }} → ["a"]
    """
    if value is None:
        return None
    return list(value) if isinstance(value, Mapping) else list(range(len(need_list(value, "keys"))))


def values(value: Any) -> Any:
    """The values of a map.

    {{ {'a': 1} | values }} → [1]
    """
    if value is None:
        return None
    return list(value.values()) if isinstance(value, Mapping) else need_list(value, "values")


def absolute(value: Any) -> Any:
    """A number without its sign.

    {{ -7 | abs }} → 7
    """
    if value is None:
        return None
    if not is_number(value):
        raise ExpressionError(f"The 'abs' filter needs a number, found {java_class(value)}")
    return abs(value)


def default(value: Any, default: Any = None) -> Any:
    """The value, or `default` where it is missing, null or empty.

    {{ nowhere.at.all | default('none') }} → none
    """
    return default if is_empty(value) else value


def class_name(value: Any) -> Any:
    """The name that Java gives to the class of a value.

    {{ 1.5 | className }} → java.lang.Double
    """
    return None if value is None else java_class(value)


def affixed(name: str, ask: Callable[[str, str], bool], doc: str) -> Callable[[Any, str], Any]:
    """startsWith and endsWith."""

    def apply(text: Any, value: str) -> Any:
        if text is None:
            return False
        if not isinstance(text, str):
            raise ExpressionError(f"The '{name}' filter needs text, found {java_class(text)}")
        return ask(text, to_text(value))

    apply.__doc__ = doc
    return apply


def json(value: Any) -> str:
    """A value as JSON text.

    {{ {'a': 1.5} | toJson }} → {"a":1.5}
    """
    return to_json(value, MAX_TEXT)


def older_json(value: Any) -> str:
    """The older name of `toJson`."""
    return json(value)


def ion(value: Any) -> str:
    """A value as text of Amazon Ion.

    {{ {'a': 1} | toIon }} → {a:1}
    """
    return to_ion(value)


def yaml(run: Run, value: Any) -> str:
    """A value as YAML text that ends with a newline; lists are indented by one space.

    {{ {'a': 1} | yaml | trim }} → a: 1
    """
    run.charge(YAML_NODE * weigh(value, run.options.max_work // YAML_NODE))  # it takes much longer than anything else here
    return to_yaml(value)


def jq(run: Run, value: Any, expression: str) -> Any:
    """Every result of a jq program, always a list: `| first` takes the one that there usually is.

    {{ {'a': [1, 2]} | jq('.a[]') }} → [1,2]
    """
    if "jq" not in run.functions:
        raise WorldNeeded("jq")
    return run.functions["jq"](value, expression)


DATA_FILTERS: dict[str, Callable[..., Any]] = {
    "abs": absolute,
    "chunk": chunk,
    "className": class_name,
    "default": default,
    "distinct": distinct,
    "endsWith": affixed("endsWith", str.endswith, "Whether a text ends with another.\n\n{{ 'a.sql' | endsWith('.sql') }} → true"),
    "startsWith": affixed("startsWith", str.startswith, "Whether a text begins with another.\n\n{{ 'abc' | startsWith('a') }} → true"),
    "first": _end("first", 0, "The first item of a list, or character of a text.\n\n{{ [4, 5] | first }} → 4"),
    "last": _end("last", -1, "The last item of a list, or character of a text.\n\n{{ [4, 5] | last }} → 5"),
    "flatten": flatten,
    "join": join,
    "json": older_json,
    "keys": keys,
    "length": length,
    "merge": merge,
    "reverse": reverse,
    "rsort": _sorted("rsort", True, "A list in descending order.\n\n{{ [1, 3, 2] | rsort }} → [3,2,1]"),
    "slice": slice_,
    "sort": _sorted("sort", False, "A list in ascending order.\n\n{{ [3, 1, 2] | sort }} → [1,2,3]"),
    "toIon": ion,
    "toJson": json,
    "values": values,
}
RUN_FILTERS: dict[str, Callable[..., Any]] = {"jq": jq, "yaml": yaml}
