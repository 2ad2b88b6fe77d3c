"""The connections tab of a namespace: how its flows reach their warehouses, and whether that works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from engine import yaml_
from executions import connection_tests
from namespaces.forms import Form, WriteOnly
from namespaces.models import Connection, Role
from namespaces.rights import login_required
from namespaces.services import connections as service
from namespaces.views.shell import shell
from plugins.dbt._adapters import ADAPTERS, Field
from ui.errors import Conflict, Invalid
from ui.htmx import done, invalid, page

LIST, ROWS = "executions/connections.html", "executions/_connections.html"
EDIT, FORM = "executions/connection.html", "executions/_connection_form.html"
_TOLD = ("host", "account", "server", "path", "project", "region_name", "database", "dbname", "dataset", "schema")  # what a list shows


class ConnectionForm(Form):
    """The form of one connection, with the fields of its adapter."""

    name = forms.CharField(label="Name", max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))
    description = forms.CharField(label="Description", max_length=300, required=False)
    more = forms.CharField(
        label="More settings",
        required=False,
        help_text="As YAML, one setting on each line, as dbt's documentation of the adapter names them; threads, for example.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    is_default = forms.BooleanField(label="Use it where a task names no connection", required=False)
    protected = forms.BooleanField(label="Protected: only plans, and flows that a trigger starts, build there", required=False)

    personal = forms.BooleanField(label="What people start by hand goes to a schema of their own: dbt_ and their name", required=False)

    def __init__(self, *args: Any, adapter: str, kept: frozenset[str] = frozenset(), **kwargs: Any) -> None:
        self.adapter, self.kept = adapter, kept
        super().__init__(*args, **kwargs)

    def __new__(cls, *args: Any, adapter: str, kept: frozenset[str] = frozenset(), **kwargs: Any) -> ConnectionForm:
        own = {f"field_{field.name}": _widget(field, field.name in kept) for field in ADAPTERS[adapter]}
        made: ConnectionForm = object.__new__(type(cls.__name__, (cls,), own))
        return made

    def own_fields(self) -> Iterator[forms.BoundField]:
        """The fields of the adapter."""
        return (self[f"field_{field.name}"] for field in ADAPTERS[self.adapter])

    def clean_more(self) -> dict[str, Any]:
        """The settings as a map; what has a field of its own is not among them."""
        text = self.cleaned_data["more"]
        if not text.strip():
            return {}
        try:
            found = yaml_.load_value(text)
        except yaml.YAMLError as error:
            raise forms.ValidationError(f"This is not YAML: {error}") from error
        if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
            raise forms.ValidationError("Expected names and values, such as `threads: 8`.")
        taken = sorted({field.name for field in ADAPTERS[self.adapter]} & found.keys()) + (["type"] if "type" in found else [])
        if taken:
            raise forms.ValidationError(f"{', '.join(taken)} has a field of its own.")
        return dict(found)


def _widget(field: Field, kept: bool) -> forms.Field:
    attrs = {"autocomplete": "off", "spellcheck": "false"}
    required = field.required and not field.secret
    if field.kind == "flag":
        return forms.BooleanField(label=field.label, required=False)
    if field.choices:
        return forms.ChoiceField(label=field.label, required=required, choices=[(choice, choice) for choice in field.choices])
    if field.secret:
        once = "Leave it empty to keep what is stored." if kept else "Written once, never shown again."
        told = " ".join(filter(None, [field.help, once]))
        rows = {"rows": 4 if field.kind == "json" or field.name == "private_key" else 1}
        return forms.CharField(label=field.label, required=required, strip=False, help_text=told, widget=WriteOnly(attrs={**attrs, **rows}))
    return forms.CharField(label=field.label, required=required, max_length=2000, help_text=field.help, widget=forms.TextInput(attrs=attrs))


@login_required
@never_cache
@require_safe
def connections(request: HttpRequest, namespace: str) -> HttpResponse:
    """The connections that flows of this namespace can name."""
    return page(request, LIST, ROWS, _list(request, namespace))


@login_required
@never_cache
@require_safe
def edit(request: HttpRequest, namespace: str, name: str = "") -> HttpResponse:
    """The form of a connection, or of a new one; `?adapter=` chooses whose fields it has."""
    context = shell(request, namespace, "connections", Role.OWNER)
    row = _own(namespace, name) if name else None
    adapter = request.GET.get("adapter") or (row.adapter if row else "duckdb")
    if adapter not in ADAPTERS:
        raise Invalid(f"There is no adapter '{adapter[:40]}' here; there are {', '.join(ADAPTERS)}.")
    kept = _kept(row, adapter)
    initial: dict[str, Any] = {f"field_{field.name}": field.default for field in ADAPTERS[adapter]}
    if row is not None:
        own = {field.name for field in ADAPTERS[adapter]}
        more = {key: value for key, value in row.fields.items() if key not in own} if row.adapter == adapter else {}
        initial |= {f"field_{key}": value for key, value in row.fields.items() if key in own}
        initial |= {"name": row.name, "description": row.description, "is_default": row.is_default, "protected": row.protected}
        initial["personal"] = row.personal
        initial["more"] = yaml_.dump(more) if more else ""
    typed = {key: request.GET[key] for key in ("name", "description") if key in request.GET}
    form = ConnectionForm(initial={**initial, **typed}, adapter=adapter, kept=kept)
    return page(request, EDIT, FORM, _edited(context, form, row))


@login_required
@require_POST
def put(request: HttpRequest, namespace: str) -> HttpResponse:
    """Set a new connection, or change the one that `was` names."""
    context = shell(request, namespace, "connections", Role.OWNER)
    was = request.POST.get("was", "")
    row = _own(namespace, was) if was else None
    adapter = request.POST.get("adapter", "")
    if adapter not in ADAPTERS:
        raise Invalid(f"There is no adapter '{adapter[:40]}' here; there are {', '.join(ADAPTERS)}.")
    kept = _kept(row, adapter)
    form = ConnectionForm({**request.POST.dict(), **({"name": was} if was else {})}, adapter=adapter, kept=kept)
    if form.is_valid():
        given = {field: form.cleaned_data[f"field_{field.name}"] for field in ADAPTERS[adapter]}
        secrets = {field.name: value for field, value in given.items() if field.secret and value}
        plain = {field.name: value for field, value in given.items() if not field.secret and value not in ("", None, False)}
        common = {key: form.cleaned_data[key] for key in ("name", "description", "is_default", "protected", "personal")}
        try:
            service.put(
                user=request.user,
                namespace=namespace,
                adapter=adapter,
                fields={**plain, **form.cleaned_data["more"]},
                secrets=secrets,
                kept=kept - secrets.keys(),
                must_be_new=row is None,
                **common,
            )
        except (Invalid, Conflict) as error:
            form.refuse(error.message, "name")
        else:
            return done(request, reverse("executions:connections", args=[namespace]), message=f"{common['name']} is saved")
    return invalid(request, EDIT, FORM, _edited(context, form, row))


@login_required
@require_POST
def delete(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Delete a connection."""
    shell(request, namespace, "connections", Role.OWNER)
    service.delete(user=request.user, namespace=namespace, name=name)
    address = reverse("executions:connections", args=[namespace])
    return done(request, address, message=f"{name} is deleted", fragment=ROWS, context=_list(request, namespace))


@login_required
@require_POST
def test(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Have a worker try to connect."""
    shell(request, namespace, "connections", Role.MEMBER)
    connection_tests.ask(_own(namespace, name))
    address = reverse("executions:connections", args=[namespace])
    return done(request, address, fragment="executions/_connection_test.html", context=_tested(request, namespace, name))


@login_required
@never_cache
@require_safe
def tested(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """How the test of a connection stands."""
    return render(request, "executions/_connection_test.html", _tested(request, namespace, name))


def _tested(request: HttpRequest, namespace: str, name: str) -> dict[str, Any]:
    return {**shell(request, namespace, "connections"), "row": _row(_own(namespace, name), namespace)}


def _list(request: HttpRequest, namespace: str) -> dict[str, Any]:
    rows = [_row(row, namespace) for row in service.of_namespace(namespace)]
    return {**shell(request, namespace, "connections"), "rows": rows}


def _row(row: Connection, namespace: str) -> dict[str, Any]:
    told = [str(row.fields[key]) for key in _TOLD if row.fields.get(key)]
    state = connection_tests.state(row)
    label = {"": "not tested", "running": "testing", "ok": "works", "failed": "failed"}[state]
    shown = {"running": "RUNNING", "ok": "SUCCESS", "failed": "FAILED"}.get(state, "")
    reason = connection_tests.reason(row.test_log) if shown == "FAILED" else ""
    about = {"told": " · ".join(told[:3]), "inherited": row.namespace != namespace}
    return {"it": row, **about, "state": shown, "label": label, "reason": reason}


def _edited(context: Mapping[str, Any], form: ConnectionForm, row: Connection | None) -> dict[str, Any]:
    return {**context, "form": form, "row": row, "adapters": list(ADAPTERS), "adapter": form.adapter, "own_fields": list(form.own_fields())}


def _own(namespace: str, name: str) -> Connection:
    row = Connection.objects.filter(namespace=namespace, name=name).first()
    if row is None:
        raise service.NoSuchConnection
    return row


def _kept(row: Connection | None, adapter: str) -> frozenset[str]:
    """The secret fields that have a value already."""
    return frozenset(service.secret_fields(row)) if row is not None and row.adapter == adapter else frozenset()
