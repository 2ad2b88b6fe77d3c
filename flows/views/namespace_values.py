"""What a namespace says once for all of its flows: variables, and plugin defaults. Both are written as YAML and inherited from above."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from engine import yaml_
from flows import help
from namespaces.models import Namespace, Role
from namespaces.rights import Person, ancestry, login_required
from namespaces.services import tree as services
from namespaces.views.shell import shell
from plugins import catalog
from ui.errors import Invalid
from ui.htmx import done, page

LONGEST = 200_000  # characters of a text


@dataclass(frozen=True, slots=True)
class Row:
    """One variable or default as it counts here: where it is said, and whether something closer is said instead."""

    name: str
    value: str
    origin: str
    hidden: bool = False
    forced: bool = False


@login_required
@require_http_methods(["GET", "POST"])
def variables(request: HttpRequest, namespace: str) -> HttpResponse:
    """Names and values that flows read as `namespace.<name>`."""
    return _tab(request, namespace, "variables", {}, read_variables, services.set_variables, _variable_rows)


@login_required
@require_http_methods(["GET", "POST"])
def plugin_defaults(request: HttpRequest, namespace: str) -> HttpResponse:
    """Values that tasks of a type have where their flow says none."""
    return _tab(request, namespace, "plugin_defaults", [], read_defaults, services.set_plugin_defaults, _default_rows)


def _tab(
    request: HttpRequest,
    namespace: str,
    field: str,
    empty: Any,
    read: Callable[[str], Any],
    save: Callable[..., Any],
    rows: Callable[[str], list[Row]],
) -> HttpResponse:
    tab = field.replace("_", "-")
    context = shell(request, namespace, tab, Role.OWNER if request.method == "POST" else Role.READER)
    address = reverse(f"flows:namespace_{field}", args=[namespace])
    error = ""
    if request.method == "POST":
        text = request.POST.get("text", "")[: LONGEST + 1]
        try:
            _save(request.user, namespace, field, read(text) if text.strip() else empty, save)
        except Invalid as problem:
            error = problem.message
        else:
            return done(request, address, message="Saved")
    else:
        own = Namespace.objects.filter(name=namespace).values_list(field, flat=True).first()
        text = yaml_.dump(own) if own else ""
    context |= {"field": tab, "text": text, "error": error, "rows": rows(namespace)}
    return page(request, "flows/namespace_values.html", "flows/_namespace_values.html", context, status=422 if error else 200)


def _save(user: Person, namespace: str, field: str, value: Any, save: Callable[..., Any]) -> None:
    save(user=user, name=namespace, **{"variables" if field == "variables" else "defaults": value})


# --- reading ------------------------------------------------------------------------------------------------------------------


def _value(text: str) -> tuple[Any, yaml_.Document]:
    if len(text) > LONGEST:
        raise Invalid(f"The text is too long: at most {LONGEST} characters")
    document = yaml_.load(text)
    if document.problems:
        problem = document.problems[0]
        raise Invalid(f"Line {problem.line}: {problem.message.splitlines()[0]}")
    try:
        json.dumps(document.value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Invalid("Only texts, numbers, true, false, null, lists and maps can be kept; write a date between quotes") from error
    return document.value, document


def read_variables(text: str) -> dict[str, Any]:
    """A map of names and values; raises Invalid."""
    value, document = _value(text)
    if not isinstance(value, dict):
        raise Invalid("Write a map: a name, a colon and a value on each line, such as `region: eu`")
    for name in value:
        if not name:
            raise Invalid(f"Line {document.place((name,))[0] or 1}: an empty text is no name")
    return value


def read_defaults(text: str) -> list[dict[str, Any]]:
    """A list of `{type, values, forced}`: a type that there is, or how several begin, and properties that it has. Raises Invalid."""
    value, document = _value(text)
    if not isinstance(value, list):
        raise Invalid("Write a list: `- type: …` with `values:` below it")
    for number, entry in enumerate(value):
        line = document.place((number,))[0] or 1
        if not isinstance(entry, dict) or not isinstance(entry.get("type"), str) or not isinstance(entry.get("values"), dict):
            raise Invalid(f"Line {line}: expected a map with `type`, a text, and `values`, a map")
        if unknown := [str(key) for key in entry if key not in ("type", "values", "forced")]:
            raise Invalid(f"Line {line}: `{unknown[0]}` is unknown here; there are type, values and forced")
        if not isinstance(entry.get("forced", False), bool):
            raise Invalid(f"Line {line}: `forced` is true or false")
        _check_type(entry["type"], entry["values"], line)
    return value


def _check_type(type_: str, values: Mapping[str, Any], line: int) -> None:
    try:
        known = help.help_of(catalog.canonical(type_))
    except catalog.UnknownType:
        if not type_.strip() or not any(name.startswith(type_) for name in catalog.all_types()):
            raise Invalid(f"Line {line}: there is no type {type_}, and none begins with it") from None
        return
    except catalog.CatalogError:
        return  # it is known, its library is not installed here
    names = {one.name for one in (*known.properties, *known.common)}
    if unknown := [str(name) for name in values if name not in names]:
        raise Invalid(f"Line {line}: {known.name} has no property `{unknown[0]}`; it has {', '.join(sorted(names))}")


# --- what counts ---------------------------------------------------------------------------------------------------------------


def _above(namespace: str, field: str) -> list[tuple[str, Any]]:
    """The namespace and those above it with what they say, the closest first."""
    said = dict(Namespace.objects.filter(name__in=ancestry(namespace)).values_list("name", field))
    return [(name, said[name]) for name in reversed(ancestry(namespace)) if said.get(name)]


def _variable_rows(namespace: str) -> list[Row]:
    seen: set[str] = set()
    rows = []
    for origin, said in _above(namespace, "variables"):
        for name, value in said.items():
            rows.append(Row(name, _shown(value), origin, hidden=name in seen))
        seen |= said.keys()
    return sorted(rows, key=lambda row: (row.name, row.hidden))


def _default_rows(namespace: str) -> list[Row]:
    return [
        Row(entry.get("type", ""), yaml_.dump(entry.get("values")).strip(), origin, forced=entry.get("forced") is True)
        for origin, said in _above(namespace, "plugin_defaults")
        for entry in said
    ]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
