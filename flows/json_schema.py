"""JSON schemas (draft 7) of flows, tasks and triggers, put together from those of the task types, for editors of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from engine.input_types import TYPES
from flows.help import FLOW_PROPERTIES, Help, all_help
from plugins import catalog

DRAFT = "http://json-schema.org/draft-07/schema#"
TASKS, TRIGGERS = ("task", "flowable task"), ("trigger",)
KINDS: Mapping[str, tuple[str, ...]] = {"task": TASKS, "trigger": TRIGGERS}
NAMES = ("flow", "template", "task", "trigger", "plugindefault")


@cache
def of(name: str) -> dict[str, Any]:
    """The schema of one of NAMES. Every type is a definition of its own."""
    if name in KINDS:
        return {"$schema": DRAFT, "definitions": _definitions(KINDS[name]), **_one_of(KINDS[name])}
    if name == "plugindefault":
        types = {"type": "string", "anyOf": [{"enum": catalog.all_types()}, {}]}
        shape = {"type": types, "values": {"type": "object"}, "forced": {"type": "boolean", "default": False}}
        return {"$schema": DRAFT, "definitions": {}, "type": "object", "properties": shape, "required": ["type", "values"]}
    whole = {"type": "object", "properties": _flow_properties(), "required": ["id", "namespace", "tasks"], "additionalProperties": False}
    key = f"io.kestra.core.models.{name}s.{name.capitalize()}"
    return {"$schema": DRAFT, "definitions": {key: whole} | _definitions((*TASKS, *TRIGGERS)), "$ref": f"#/definitions/{key}"}


def _flow_properties() -> dict[str, Any]:
    made: dict[str, Any] = {
        name: {"description": text} | ({} if type_ == "object" else {"type": type_}) for name, (type_, text, _) in FLOW_PROPERTIES.items()
    }
    for name in ("tasks", "errors", "finally", "afterExecution"):
        made[name]["items"] = _one_of(TASKS)
    made["triggers"]["items"] = _one_of(TRIGGERS)
    return made | {"revision": {"type": "integer"}, "deleted": {"type": "boolean"}, "listeners": {"type": "array"}}


def _usable(kinds: Iterable[str]) -> list[Help]:
    return [one for one in all_help() if not one.problem and one.kind in kinds]


def _one_of(kinds: Iterable[str]) -> dict[str, Any]:
    return {"anyOf": [{"$ref": f"#/definitions/{one.type}"} for one in _usable(kinds)]}


def _definitions(kinds: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in _usable(kinds):
        schema = dict(catalog.schema(one.type))
        inner = schema.pop("$defs", {})
        schema["properties"] = schema.get("properties", {}) | {"type": {"const": one.type}}
        found[one.type] = _moved(schema, one.type)
        found |= {f"{one.type}-{name}": _moved(value, one.type) for name, value in inner.items()}
    return found


def _moved(value: Any, owner: str) -> Any:
    """The same with its references to where the definitions stand now."""
    if isinstance(value, Mapping):
        return {
            key: f"#/definitions/{owner}-{item.rsplit('/', 1)[-1]}" if key == "$ref" and isinstance(item, str) else _moved(item, owner)
            for key, item in value.items()
        }
    return [_moved(item, owner) for item in value] if isinstance(value, list) else value


def parts(type_: str) -> dict[str, Any]:
    """The schema of one type as Kestra's documentation has it: `{properties, outputs, definitions}`. Raises `catalog.CatalogError`."""
    found = catalog.find(type_)
    schema = dict(catalog.schema(type_))
    outputs = getattr(found, "outputs_schema", {})
    return {
        "properties": {key: value for key, value in _moved(schema, type_).items() if key != "$defs"},
        "outputs": {"properties": {name: {"description": text} for name, text in outputs.items()}},
        "definitions": {f"{type_}-{name}": _moved(value, type_) for name, value in schema.get("$defs", {}).items()},
    }


def input_types() -> list[str]:
    """The types that an input may have."""
    return sorted(TYPES)
