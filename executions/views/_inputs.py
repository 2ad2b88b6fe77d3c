"""Forms made from inputs that a flow (or a task that waits) declares: fields with their values and errors, and what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from engine.document import Input

# How a type is filled in; every other type is one line of text.
WIDGETS = {
    "BOOLEAN": "check",
    "BOOL": "check",
    "FILE": "file",
    "JSON": "area",
    "YAML": "area",
    "ARRAY": "area",
    "SECRET": "secret",
    "MULTISELECT": "many",
}
FORMATS = {
    "INT": "A whole number",
    "FLOAT": "A number such as 1.5",
    "DATETIME": "A moment such as 2026-11-22T06:00:00Z",
    "DATE": "A date such as 2026-11-22",
    "TIME": "A time such as 06:30",
    "DURATION": "A duration such as PT15M (15 minutes) or P1D (a day)",
    "URI": "An address such as https://example.org/data.csv",
    "EMAIL": "An e-mail address",
    "JSON": 'A JSON value such as {"key": 1}',
    "YAML": "A YAML value",
    "ARRAY": 'A JSON list such as ["a", "b"]',
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form. `widget` is text, check, area, file, secret, select, combo or many; `values` are what may be chosen."""

    name: str
    id: str
    label: str
    type: str
    widget: str
    required: bool
    value: Any = ""
    checked: bool = False
    help: str = ""
    values: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    default: str = ""
    errors: tuple[str, ...] = ()
    enabled: bool = True
    numeric: bool = False
    depends: bool = False

    @property
    def described_by(self) -> str:
        return " ".join(filter(None, (f"{self.id}-help" if self.help else "", f"{self.id}-error" if self.errors else "")))


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form sent: values by input id, and files."""

    values: dict[str, Any] = field(default_factory=dict)
    files: dict[str, UploadedFile] = field(default_factory=dict)


def field_of(declared: Input, value: Any = None, *, prefix: str = "input-") -> Field:
    """The field of an input; without a value it shows the default."""
    properties = declared.properties
    shown = declared.defaults if value is None else value
    widget = WIDGETS.get(declared.type, "text")
    values = tuple(str(one) for one in properties.get("values") or properties.get("options") or ())
    if declared.type in ("SELECT", "ENUM"):
        widget = "combo" if properties.get("allowCustomValue") else "select"
    if declared.type == "MULTISELECT" and (properties.get("allowCustomValue") or not values):
        widget = "area"
    return Field(
        name=declared.id,
        id=f"{prefix}{declared.id}".replace(".", "-"),
        label=declared.display_name or declared.id,
        type=declared.type,
        widget=widget,
        required=declared.required and declared.defaults is None,
        value=_text(shown),
        checked=str(shown).lower() == "true",
        help=" ".join(filter(None, (declared.description, _format_help(declared)))),
        values=values,
        chosen=tuple(map(str, shown)) if isinstance(shown, list | tuple) else _listed(shown),
        default=_text(declared.defaults),
        numeric=declared.type in ("INT", "FLOAT"),
        depends=bool(declared.depends_on),
    )


def _format_help(declared: Input) -> str:
    properties = declared.properties
    parts = [FORMATS.get(declared.type, "")]
    low, high = properties.get("min"), properties.get("max")
    if low is not None or high is not None:
        parts.append(
            f"from {low} to {high}" if low is not None and high is not None else f"at least {low}" if low is not None else f"at most {high}"
        )
    if properties.get("validator"):
        parts.append(f"must match {properties['validator']}")
    text = ", ".join(filter(None, parts))
    return f"{text}." if text and declared.description else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _listed(value: Any) -> tuple[str, ...]:
    if not isinstance(value, str) or not value.startswith("["):
        return ()
    try:
        return tuple(map(str, json.loads(value)))
    except ValueError:
        return ()


def sent(request: HttpRequest, declared: Iterable[Input]) -> Sent:
    """What the form sent for the declared inputs: an unticked box is false, an empty optional field is left out."""
    made = Sent()
    for one in declared:
        uploaded = request.FILES.get(one.id)
        if isinstance(uploaded, UploadedFile):
            made.files[one.id] = uploaded
            continue
        widget = field_of(one).widget
        if widget == "check":
            made.values[one.id] = "true" if request.POST.get(one.id) else "false"
        elif widget == "many":
            made.values[one.id] = json.dumps(request.POST.getlist(one.id))
        elif one.id in request.POST and (request.POST[one.id] != "" or one.type == "STRING"):
            text = request.POST[one.id]
            if text != "" or (not one.required and one.defaults is None) or one.defaults is not None:
                made.values[one.id] = text
    return made


def filled(
    declared: Iterable[Input], values: Mapping[str, Any], checks: Iterable[Mapping[str, Any]] = (), *, prefix: str = "input-"
) -> list[Field]:
    """The fields with what was sent and what is wrong with it; `checks` come from `services.validate_inputs`."""
    by_id = {check["input"].id: check for check in checks}
    fields = []
    for one in declared:
        made = field_of(one, values.get(one.id), prefix=prefix)
        check = by_id.get(one.id)
        if check is not None:
            errors = tuple(error.removeprefix(f"{one.id}: ") for error in check["errors"])
            made = replace(made, errors=errors, enabled=check["enabled"])
        fields.append(made)
    return fields


def with_error(fields: list[Field], name: str, message: str) -> list[Field]:
    """The fields with one more error at the field of that name."""
    return [replace(one, errors=(*one.errors, message.removeprefix(f"{name}: "))) if one.name == name else one for one in fields]


def without_missing(fields: list[Field], values: Mapping[str, Any]) -> list[Field]:
    """While someone still types, an empty field is not an error yet."""
    return [one if one.name in values and values[one.name] != "" else replace(one, errors=()) for one in fields]
