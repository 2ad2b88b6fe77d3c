"""Filters over lists, maps and dates, and what turns values into text and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from engine.errors import ExpressionError, WorldNeeded
from engine.expressions.dates import add_to_date, format_date, to_date
from engine.expressions.ion import to_ion
from engine.expressions.runtime import Run
from engine.expressions.text_filters import check_size
from engine.expressions.values import is_list, is_number, java_class, java_date, to_json, to_text

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
ORDERED: tuple[Callable[[Any], bool], ...] = (lambda item: isinstance(item, str), is_number, lambda item: isinstance(item, dt.date))
MICROSECOND = dt.timedelta(microseconds=1)


def need_list(value: Any, name: str) -> list[Any]:
    if is_list(value):
        return list(value)
    raise ExpressionError(f"'{name}' filter can only be applied to List. Actual type was: {java_class(value)}")


def is_empty(value: Any) -> bool:
    """Null, blank text, an empty list or map."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    return (is_list(value) or isinstance(value, Mapping)) and not value


def chunk(value: Any, size: int) -> Any:
    if value is None:
        return None
    if not isinstance(size, int) or size < 1:
        raise ExpressionError("'chunk' filter expects a size of at least 1")
    items = need_list(value, "chunk")
    return [items[start:start + size] for start in range(0, len(items), size)]


def _end(name: str, index: int) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Mapping):
            value = [{"key": key, "value": item} for key, item in value.items()]
        if isinstance(value, str) or is_list(value):
            values = value if isinstance(value, str) else list(value)
            return values[index] if values else None
        raise ExpressionError(f"The '{name}' filter needs a list or text, found {java_class(value)}")

    return apply


def join(value: Any, separator: str | None = None) -> Any:
    if value is None:
        return None
    texts, between = [to_text(item) for item in need_list(value, "join")], separator or ""
    check_size(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def length(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, (str, Mapping)) or is_list(value):
        return len(value)
    return 0


def merge(value: Any, items: Any) -> Any:
    if isinstance(value, Mapping):
        if isinstance(items, Mapping):
            return {**value, **items}
        return {**value, **{item: item for item in need_list(items, "merge")}}
    if isinstance(items, Mapping):
        return need_list(value, "merge") + list(items)
    return need_list(value, "merge") + need_list(items, "merge")


def slice_(value: Any, fromIndex: int | None = None, toIndex: int | None = None) -> Any:
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


def _sorted(name: str, backwards: bool) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if value is None:
            return None
        items = need_list(value, name)
        if not any(all(fits(item) for item in items) for fits in ORDERED):
            raise ExpressionError(f"The '{name}' filter needs values of one kind that have an order")
        return sorted(items, reverse=backwards)

    return apply


def reverse(value: Any) -> Any:
    if value is None:
        return None
    return value[::-1] if isinstance(value, str) else need_list(value, "reverse")[::-1]


def flatten(value: Any) -> Any:
    if value is None:
        return None
    flat: list[Any] = []
    for item in need_list(value, "flatten"):
        flat += list(item) if is_list(item) else [item]
    return flat


def keys(value: Any) -> Any:
    if value is None:
        return None
    return list(value) if isinstance(value, Mapping) else list(range(len(need_list(value, "keys"))))


def values(value: Any) -> Any:
    if value is None:
        return None
    return list(value.values()) if isinstance(value, Mapping) else need_list(value, "values")


def absolute(value: Any) -> Any:
    if value is None:
        return None
    if not is_number(value):
        raise ExpressionError(f"The 'abs' filter needs a number, found {java_class(value)}")
    return abs(value)


def default(value: Any, default: Any = None) -> Any:
    return default if is_empty(value) else value


def class_name(value: Any) -> Any:
    return None if value is None else java_class(value)


def affixed(name: str, ask: Callable[[str, str], bool]) -> Callable[[Any, str], Any]:
    """startsWith and endsWith."""

    def apply(text: Any, value: str) -> Any:
        if text is None:
            return False
        if not isinstance(text, str):
            raise ExpressionError(f"The '{name}' filter needs text, found {java_class(text)}")
        return ask(text, to_text(value))

    return apply


class YamlWriter(yaml.SafeDumper):
    """Writes YAML as Kestra's filter does: lists indented by one space inside, no aliases."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def plain(value: Any) -> Any:
    """Only what YAML and JSON know: text, numbers, booleans, null, lists, maps."""
    if isinstance(value, Mapping):
        return {to_text(key): plain(item) for key, item in value.items()}
    if is_list(value):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, str)):
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, float):
        return float(to_text(value))
    return java_date(value, always_seconds=True) if isinstance(value, dt.datetime) else to_text(value)


def to_yaml(value: Any) -> str:
    """YAML text that ends with a newline; a list at the top is indented by one space."""
    text = yaml.dump(plain(value), Dumper=YamlWriter, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10**9)
    text = text.removesuffix("...\n")
    if is_list(value) and value:
        text = "".join(f" {line}" for line in text.splitlines(keepends=True))
    return text


def _stamp(value: Any, run: Run, timeZone: str | None, existingFormat: str | None) -> int:
    """Microseconds since 1970."""
    return (to_date(value, timeZone, existingFormat, run.options.time_zone) - EPOCH) // MICROSECOND


def date(
    run: Run,
    value: Any,
    format: str | None = None,
    timeZone: str | None = None,
    existingFormat: str | None = None,
    locale: str | None = None,
) -> Any:
    return None if value is None else format_date(to_date(value, timeZone, existingFormat, run.options.time_zone), format)


def date_add(
    run: Run,
    value: Any,
    amount: int,
    unit: str,
    format: str | None = None,
    timeZone: str | None = None,
    existingFormat: str | None = None,
    locale: str | None = None,
) -> Any:
    if value is None:
        return None
    moved = add_to_date(to_date(value, timeZone, existingFormat, run.options.time_zone), int(amount), unit)
    return format_date(moved, format)


def timestamp(run: Run, value: Any, timeZone: str | None = None, existingFormat: str | None = None) -> Any:
    return None if value is None else _stamp(value, run, timeZone, existingFormat) // 1_000_000


def timestamp_micro(run: Run, value: Any, timeZone: str | None = None, existingFormat: str | None = None) -> Any:
    """Microseconds. (Kestra ships seconds times a thousand million plus microseconds, which nobody can use.)"""
    return None if value is None else _stamp(value, run, timeZone, existingFormat)


def timestamp_nano(run: Run, value: Any, timeZone: str | None = None, existingFormat: str | None = None) -> Any:
    return None if value is None else _stamp(value, run, timeZone, existingFormat) * 1000


def jq(run: Run, value: Any, expression: str) -> Any:
    """Every result of a jq program, always a list. The program runs where the caller says."""
    if "jq" not in run.functions:
        raise WorldNeeded("jq")
    return run.functions["jq"](value, expression)


DATA_FILTERS: dict[str, Callable[..., Any]] = {
    "abs": absolute,
    "chunk": chunk,
    "className": class_name,
    "default": default,
    "endsWith": affixed("endsWith", str.endswith),
    "startsWith": affixed("startsWith", str.startswith),
    "first": _end("first", 0),
    "last": _end("last", -1),
    "flatten": flatten,
    "join": join,
    "json": to_json,
    "keys": keys,
    "length": length,
    "merge": merge,
    "reverse": reverse,
    "rsort": _sorted("rsort", True),
    "slice": slice_,
    "sort": _sorted("sort", False),
    "toIon": to_ion,
    "toJson": to_json,
    "values": values,
    "yaml": to_yaml,
}
RUN_FILTERS: dict[str, Callable[..., Any]] = {
    "date": date, "dateAdd": date_add, "timestamp": timestamp, "timestampMicro": timestamp_micro, "timestampNano": timestamp_nano, "jq": jq,
}
