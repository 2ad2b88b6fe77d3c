"""The newer way to filter a search, beside the plain parameters: `filters[FIELD][OP]=value`, grouped by `filters[and|or][i]…`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any

import regex
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from engine.expressions.values import parse_duration
from namespaces.rights import below
from ui.errors import Invalid

NAME = re.compile(r"filters((?:\[[^\[\]]+\])+)")
PART = re.compile(r"\[([^\[\]]+)\]")
LOOKUPS = {
    "EQUALS": "exact", "GREATER_THAN": "gt", "GREATER_THAN_OR_EQUAL_TO": "gte", "LESS_THAN": "lt", "LESS_THAN_OR_EQUAL_TO": "lte",
    "STARTS_WITH": "startswith", "ENDS_WITH": "endswith", "CONTAINS": "icontains",
}  # fmt: skip
NEGATED = {"NOT_EQUALS": "EQUALS", "NOT_IN": "IN", "NOT_CONTAINS": "CONTAINS", "IS_NOT_NULL": "IS_NULL"}
OPERATORS = frozenset({*LOOKUPS, *NEGATED, *NEGATED.values(), "PREFIX", "REGEX"})
DEEPEST = 5
SYSTEM = "system"  # the namespace of flows that serve the installation
PATTERN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `key` is that of a label."""

    field: str
    operator: str
    value: str
    key: str = ""


Meaning = Callable[[Condition], Q]
Pairs = Sequence[tuple[tuple[str, ...], str]]


def of(request: HttpRequest, fields: Mapping[str, Meaning]) -> Q:
    """What the filters of a request ask of a query; raises Invalid for a field or operator that is not known here."""
    pairs = []
    for name in request.GET:
        if match := NAME.fullmatch(name):
            parts = tuple(PART.findall(match[1]))
            pairs += [(parts, value) for value in request.GET.getlist(name)]
    return _all(pairs, fields, 0)


def values(request: HttpRequest, fields: Collection[str]) -> list[tuple[str, str]]:
    """The (field, value) pairs of filters on what is no table; raises Invalid for a field that is not known or an operator but these."""
    found = []
    for name in request.GET:
        if match := NAME.fullmatch(name):
            parts = PART.findall(match[1])
            if len(parts) != 2 or parts[0] not in fields or parts[1] not in ("EQUALS", "CONTAINS", "PREFIX", "STARTS_WITH"):
                raise Invalid(f"A filter here reads filters[FIELD][CONTAINS]=value with one of {', '.join(sorted(fields))}")
            found += [(parts[0], value) for value in request.GET.getlist(name)]
    return found


def _all(pairs: Pairs, fields: Mapping[str, Meaning], depth: int) -> Q:
    """Everything at this level holds; of an `or` group one child."""
    if depth > DEEPEST:
        raise Invalid(f"Filters may be nested {DEEPEST} deep")
    found, groups = Q(), defaultdict[str, dict[str, list[tuple[tuple[str, ...], str]]]](dict)
    for parts, value in pairs:
        if parts[0] in ("and", "or") and len(parts) > 2:
            groups[parts[0]].setdefault(parts[1], []).append((parts[2:], value))
        else:
            found &= one(parts, value, fields)
    for word, children in groups.items():
        group = Q()
        for child in children.values():
            inner = _all(child, fields, depth + 1)
            group = group & inner if word == "and" else group | inner
        found &= group
    return found


def one(parts: tuple[str, ...], value: str, fields: Mapping[str, Meaning]) -> Q:
    """What one comparison asks: `parts` are the field, the operator and perhaps the key of a label. Raises Invalid."""
    if len(parts) not in (2, 3) or parts[1] not in OPERATORS:
        raise Invalid(f"A filter reads filters[FIELD][OPERATOR]=value with one of {', '.join(sorted(OPERATORS))}")
    if parts[0] not in fields:
        raise Invalid(f"Unknown filter field {parts[0]}; there are {', '.join(sorted(fields))}")
    condition = Condition(parts[0], parts[1], value, parts[2] if len(parts) == 3 else "")
    if condition.operator in NEGATED:
        plain = Condition(condition.field, NEGATED[condition.operator], value, condition.key)
        return ~fields[condition.field](plain)
    return fields[condition.field](condition)


def listed(asked: Any, fields: Mapping[str, Meaning]) -> Q:
    """What a body asks as a list of `{field, operation, value}`, its fields in any spelling. Raises Invalid."""
    if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
        raise Invalid("`filters` is a list of {field, operation, value}")
    found = Q()
    for each in asked:
        name, value = str(each.get("field", "")), each.get("value")
        field = next((known for known in fields if known.lower() == name.lower().replace("_", "")), name)
        text = ",".join(map(str, value)) if isinstance(value, list) else str("" if value is None else value)
        found &= one((field, str(each.get("operation") or "EQUALS")), text, fields)
    return found


# --- what fields mean ---------------------------------------------------------------------------------------------------------


def text(column: str, names: Callable[[], Iterable[str]] | None = None) -> Meaning:
    """A column of text: the operators for texts; `PREFIX` is the name of a namespace with all below it.

    `names` gives all the values that there are, where they are few enough for a pattern to be tried on each.
    """

    def meaning(condition: Condition) -> Q:
        match condition.operator:
            case "IN":
                return Q(**{f"{column}__in": condition.value.split(",")})
            case "IS_NULL":
                return Q(**{f"{column}__isnull": True}) | Q(**{column: ""})
            case "PREFIX":
                return below(condition.value, column)
            case "REGEX" if names is not None:
                return Q(**{f"{column}__in": matching(condition.value, names())})
            case "REGEX":
                raise Invalid("Patterns are not searched for here, because one of them could hold up everybody: use CONTAINS")
        return Q(**{f"{column}__{LOOKUPS[condition.operator]}": condition.value})

    return meaning


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names in which a pattern is found; raises Invalid for one that is no pattern, or takes too long."""
    try:
        compiled = regex.compile(pattern)
        return [name for name in names if compiled.search(name, timeout=PATTERN_SECONDS)]
    except TimeoutError as error:
        raise Invalid("This pattern takes too long: write one that can be decided faster") from error
    except (regex.error, RecursionError, OverflowError) as error:
        raise Invalid(f"invalid pattern [{pattern[:200]}]: {error}") from error


def label_of(condition: Condition) -> tuple[str, str]:
    """Key and value of a condition on labels: `filters[labels][EQUALS][team]=data`, or `=team:data`."""
    if condition.key:
        return condition.key, condition.value
    key, _, value = condition.value.partition(":")
    return key, value


def date(column: str, equals: str = "exact") -> Meaning:
    """A column of dates; `equals` is what EQUALS stands for (`gte` for a start, `lte` for an end)."""

    def meaning(condition: Condition) -> Q:
        lookup = equals if condition.operator == "EQUALS" else LOOKUPS.get(condition.operator, "")
        if lookup not in ("exact", "gt", "gte", "lt", "lte"):
            raise Invalid(f"{condition.operator} says nothing about dates")
        return Q(**{f"{column}__{lookup}": moment(condition.value, condition.field)})

    return meaning


def number(column: str) -> Meaning:
    """A column of whole numbers."""

    def meaning(condition: Condition) -> Q:
        lookup = "in" if condition.operator == "IN" else LOOKUPS.get(condition.operator, "")
        values = condition.value.split(",") if lookup == "in" else [condition.value]
        if lookup not in ("exact", "gt", "gte", "lt", "lte", "in") or not all(one.strip().isdecimal() and len(one) < 10 for one in values):
            raise Invalid(f"`{condition.field}` is compared with a whole number, got {condition.operator} {condition.value[:50]}")
        numbers = [int(one) for one in values]
        return Q(**{f"{column}__{lookup}": numbers if lookup == "in" else numbers[0]})

    return meaning


def recent(column: str) -> Meaning:
    """The last while, as a duration: `PT24H`."""
    return lambda condition: Q(**{f"{column}__gte": since(condition.value)})


def words(*columns: str) -> Meaning:
    """A text anywhere in one of these columns."""

    def meaning(condition: Condition) -> Q:
        if condition.operator not in ("EQUALS", "CONTAINS"):
            raise Invalid(f"{condition.field} is looked for with EQUALS or CONTAINS")
        found = Q()
        for column in columns:
            found |= Q(**{f"{column}__icontains": condition.value})
        return found

    return meaning


def either(first: Meaning, second: Meaning) -> Meaning:
    """A field that one of two columns holds."""
    return lambda condition: first(condition) | second(condition)


def anything(condition: Condition) -> Q:
    """A field that changes nothing here, such as the kind of an execution, of which there is one."""
    return Q()


def scope(*columns: str) -> Meaning:
    """USER or SYSTEM: the namespace (in one of these columns) `system` with all below it is the system's, every other the users'."""

    def meaning(condition: Condition) -> Q:
        wanted = set(condition.value.split(","))
        if condition.operator not in ("EQUALS", "IN") or not wanted <= {"USER", "SYSTEM"}:
            raise Invalid(f"`scope` is USER or SYSTEM, got {condition.operator} {condition.value[:50]}")
        of_system = Q()
        for column in columns:
            of_system |= below(SYSTEM, column)
        return Q() if len(wanted) == 2 else of_system if wanted == {"SYSTEM"} else ~of_system

    return meaning


def scoped(request: HttpRequest, fields: Mapping[str, Meaning]) -> Q:
    """What the plain parameter `scope` of a request asks, which may be repeated."""
    return one_of_scopes(request.GET.getlist("scope"), fields["scope"])


def one_of_scopes(listed: Iterable[str], meaning: Meaning) -> Q:
    """What a list of scopes asks; nothing where it is empty."""
    named = ",".join(value for value in listed if value)
    return meaning(Condition("scope", "IN", named)) if named else Q()


# --- values -------------------------------------------------------------------------------------------------------------------


def moment(value: str, name: str) -> datetime:
    """An ISO 8601 instant with its zone; raises Invalid."""
    try:
        read = datetime.fromisoformat(value)
    except ValueError as error:
        raise Invalid(f"`{name}` must be an ISO 8601 date with a zone such as 2026-11-22T13:15:20Z, got {value}") from error
    if read.tzinfo is None:
        raise Invalid(f"`{name}` needs a time zone, got {value}")
    if not MINYEAR < read.year < MAXYEAR:  # something can be added to it, and it can be told in every zone
        raise Invalid(f"`{name}` must lie in the years {MINYEAR + 1} to {MAXYEAR - 1}, got {value}")
    return read


def since(time_range: str) -> datetime:
    """`PT24H` before now; raises Invalid."""
    try:
        return timezone.now() - parse_duration(time_range)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"`timeRange` must be an ISO 8601 duration such as PT24H, got {time_range}") from error
