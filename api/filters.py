"""The newer way to filter a search: `filters[FIELD][OP]=value`, beside the plain parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.http import HttpRequest

from ui.errors import Invalid

FORM = re.compile(r"filters\[(\w+)\]\[(\w+)\](?:\[([^\]]+)\])?")
OPERATORS = frozenset({
    "EQUALS", "NOT_EQUALS", "GREATER_THAN", "GREATER_THAN_OR_EQUAL_TO", "LESS_THAN", "LESS_THAN_OR_EQUAL_TO", "IN", "NOT_IN", "STARTS_WITH", "ENDS_WITH",
    "CONTAINS", "NOT_CONTAINS", "IS_NULL", "IS_NOT_NULL", "REGEX", "PREFIX",
})


@dataclass(frozen=True, slots=True)
class Filter:
    field: str
    operator: str
    key: str | None
    value: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What a request asks for, in the order given."""

    given: tuple[Filter, ...]

    def text(self, *fields: str) -> str:
        """The value of the first filter on one of these fields, empty where there is none."""
        return next((one.value for one in self.given if one.field in fields), "")

    def values(self, field: str) -> list[str]:
        """All values of a field; lists are joined by commas."""
        return [value for one in self.given if one.field == field and one.operator in ("EQUALS", "IN") for value in one.value.split(",") if value]

    def labels(self) -> list[tuple[str, str]]:
        return [(one.key, one.value) for one in self.given if one.field == "labels" and one.key]


def wanted(request: HttpRequest) -> Filters:
    """The filters of a request; an unknown operator is refused."""
    found = []
    for name in request.GET:
        match = FORM.fullmatch(name)
        if not match:
            continue
        if match[2] not in OPERATORS:
            raise Invalid(f"Unknown filter operator {match[2]}; there are {', '.join(sorted(OPERATORS))}")
        found += [Filter(match[1], match[2], match[3], value) for value in request.GET.getlist(name)]
    return Filters(tuple(found))
