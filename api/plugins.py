"""Task types over HTTP: what there is, with documentation, JSON schema and icon."""

from __future__ import annotations

import base64
import colorsys
import re
import zlib
from collections.abc import Iterable
from html import escape
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from api import shapes
from api.doors import page_of, text_of
from api.server import VERSION
from engine.fields import INPUT
from executions.dashboard_schema import Dashboard
from flows import help as helps
from flows import json_schema, selectors
from flows.help import Help
from plugins import catalog
from ui.errors import Missing

router = Router(tags=["plugins"])
LISTS = {"task": "tasks", "flowable task": "tasks", "trigger": "triggers", "condition": "conditions", "task runner": "taskRunners"}
WORD = re.compile(r"[A-Z][a-z0-9]*|[a-z0-9]+")


# --- lists ------------------------------------------------------------------------------------------------------------------


def _root(one: Help) -> str:
    """`io.kestra.plugin.scripts` of `io.kestra.plugin.scripts.python.Script`."""
    return ".".join(one.type.split(".")[:4])


def _plugin(group: str, listed: Iterable[Help], subgroup: str = "") -> dict[str, Any]:
    title = (subgroup or group).rsplit(".", 1)[-1]
    told: dict[str, Any] = {"name": group.rsplit(".", 1)[-1], "title": title, "group": group, "version": VERSION, "categories": []}
    told |= {"subGroup": subgroup} if subgroup else {}
    for name in dict.fromkeys(LISTS.values()):
        told[name] = []
    told["aliases"] = []
    for one in listed:
        told[LISTS[one.kind]].append({"cls": one.type, "deprecated": False})
        told["aliases"] += one.aliases
    return told


def _groups(*, by_subgroup: bool = False) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[Help]] = {}
    for one in _usable():
        groups.setdefault((_root(one), ""), []).append(one)
        if by_subgroup:
            groups.setdefault((_root(one), one.type.rpartition(".")[0]), []).append(one)
    return [_plugin(group, listed, subgroup) for (group, subgroup), listed in sorted(groups.items())]


def _usable() -> list[Help]:
    return [one for one in helps.all_help() if not one.problem and one.kind in LISTS]


@router.get("", summary="Task types by group")
@router.get("/", include_in_schema=False)
def listed(request: HttpRequest, page: int | None = None, size: int | None = None, sort: list[str] = Query([])) -> Any:
    """A list; a page of it where `page` or `size` is given."""
    found = _groups()
    return found if page is None and size is None else page_of(found, lambda one: one, page or 1, size or 10)


@router.get("/groups/subgroups", summary="Task types by group and subgroup")
def subgroups(request: HttpRequest) -> list[dict[str, Any]]:
    return _groups(by_subgroup=True)


@router.get("/triggers", summary="Trigger types")
def triggers(request: HttpRequest) -> dict[str, Any]:
    found = [
        {"id": one.type, "name": one.name, "description": one.title, "group": "CORE" if ".core." in one.type else "APP", "isEE": False,
         "icon": one.type}
        for one in _usable()
        if one.kind == "trigger"
    ]  # fmt: skip
    return {"results": found, "total": len(found)}


# --- schemas ----------------------------------------------------------------------------------------------------------------


@router.get("/schemas/{name}", summary="JSON schema of a flow, task, trigger, template or plugindefault")
def schema(request: HttpRequest, name: str, arrayOf: bool = False, includeCatalog: bool = False) -> dict[str, Any]:
    """`arrayOf` tells that of a list of them. What this server has none of (apps, for example) has an empty schema."""
    found = _schema(name)
    if not arrayOf:
        return found
    around = {key: found[key] for key in ("$schema", "definitions") if key in found}
    return around | {"type": "array", "items": {key: value for key, value in found.items() if key not in around}}


def _schema(name: str) -> dict[str, Any]:
    wanted = name.lower().replace("_", "")
    if wanted in json_schema.NAMES:
        return json_schema.of(wanted)
    if wanted == "dashboard":
        return Dashboard.model_json_schema()
    if wanted in ("apps", "testsuites", "cases"):
        return {"$schema": json_schema.DRAFT, "definitions": {}, "type": "object"}
    raise Missing(f"There is no schema '{name}'; there are {', '.join(json_schema.NAMES)}")


@router.get("/properties/{name}", summary="Properties of a flow, task, trigger, template or plugindefault")
def properties(request: HttpRequest, name: str) -> dict[str, Any]:
    found = _schema(name)
    whole = found["definitions"].get(str(found.get("$ref", "")).removeprefix("#/definitions/"), found)
    return dict(whole.get("properties", {}))


@router.get("/inputs", summary="Types of inputs")
def inputs(request: HttpRequest) -> list[dict[str, str]]:
    return [{"type": name, "cls": _input_class(name)} for name in json_schema.input_types()]


def _input_class(name: str) -> str:
    return f"io.kestra.core.models.flows.input.{name.capitalize()}Input"


@router.get("/inputs/{name}", summary="Documentation of a type of input")
def input_type(request: HttpRequest, name: str) -> dict[str, Any]:
    known = name.upper()
    if known not in json_schema.input_types():
        raise Missing(f"There is no type of input '{name}'; there are {', '.join(json_schema.input_types())}")
    shape = {
        "properties": {one: {} for one in INPUT} | {"type": {"const": known}},
        "required": ["id", "type"],
        "title": _input_class(known),
    }
    return {"markdown": f"# {known}\n", "schema": {"properties": shape, "outputs": {}, "definitions": {}}}


# --- icons ------------------------------------------------------------------------------------------------------------------


def svg(name: str) -> str:
    """An icon with the first letters of a name, in a colour that is always the same for it."""
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(zlib.crc32(name.encode()) % 360 / 360, 0.42, 0.5))
    letters = "".join(word[0] for word in WORD.findall(name))[:2] or name[:1]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
        f'<rect width="24" height="24" rx="5" fill="#{red:02x}{green:02x}{blue:02x}"/>'
        '<text x="12" y="16" text-anchor="middle" font-family="sans-serif" font-size="11" fill="#fff">'
        f"{escape(letters.upper())}</text></svg>"
    )


def _icon(name: str, *, flowable: bool = False) -> dict[str, Any]:
    return {"name": name, "icon": base64.b64encode(svg(name).encode()).decode(), "flowable": flowable}


@router.get("/icons", summary="Icons of all types")
def icons(request: HttpRequest) -> dict[str, Any]:
    return {type_: _icon(one.name, flowable=one.kind == "flowable task") for one in _usable() for type_ in (one.type, *one.aliases)}


@router.get("/icons/groups", summary="Icons of groups")
def group_icons(request: HttpRequest) -> dict[str, Any]:
    groups = {name for one in _usable() for name in (_root(one), one.type.rpartition(".")[0])}
    return {group: _icon(group.rsplit(".", 1)[-1]) for group in sorted(groups)}


@router.get("/icons/{cls}", summary="Icon of a type")
def icon(request: HttpRequest, cls: str) -> dict[str, Any]:
    one = _help(cls)
    return _icon(one.name, flowable=one.kind == "flowable task")


@router.get("/icons/{cls}/icon.svg", summary="Icon of a type as SVG")
def icon_svg(request: HttpRequest, cls: str) -> HttpResponse:
    return HttpResponse(svg(_help(cls).name), content_type="image/svg+xml")


# --- documentation ----------------------------------------------------------------------------------------------------------


def _help(type_: str) -> Help:
    try:
        return helps.help_of(catalog.canonical(type_))
    except catalog.CatalogError as error:
        raise Missing(f"There is no type '{type_}'") from error


@router.get("/{cls}", summary="Documentation and schema of a type")
def documentation(request: HttpRequest, cls: str, all: bool = False) -> dict[str, Any]:
    """`all` is taken and changes nothing: every property is told always."""
    one = _help(cls)
    return {"markdown": catalog.docs(one.type), "schema": json_schema.parts(one.type)}


@router.get("/{cls}/versions", summary="Versions of a type")
def versions(request: HttpRequest, cls: str) -> dict[str, Any]:
    return {"type": _help(cls).type, "versions": [VERSION]}


@router.get("/{cls}/versions/{version}", summary="Documentation of a type in a version")
def documentation_of(request: HttpRequest, cls: str, version: str, all: bool = False) -> dict[str, Any]:
    if version not in (VERSION, "latest"):
        raise Missing(f"There is no version '{version}' of '{cls}'; there is {VERSION}")
    return documentation(request, cls)


@router.post("/auto-install/detect", summary="Types of a flow that this server has not")
def missing_types(request: HttpRequest) -> dict[str, Any]:
    """Body: the flow's source. Nothing is ever installed by itself, so the artifacts are always none."""
    return {"types": sorted(set(_unknown(selectors.mapping(text_of(request))))), "artifacts": []}


def _unknown(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        type_ = node.get("type")
        if isinstance(type_, str) and type_.startswith("io.kestra.") and catalog.kind(type_) is None:
            yield type_
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _unknown(value)


@router.post("/pluginUiManifest", summary="Parts that types bring for pages of others: none")
def ui_manifest(request: HttpRequest) -> dict[str, Any]:
    return shapes.without_nulls({"plugins": {}})
