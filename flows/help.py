"""What the editor knows of flows and task types: computed from the plugin classes, the same for completion, hover and the reference."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from engine.expressions import names
from plugins import catalog
from plugins.contract import BaseTask, BaseTrigger, FlowableTask, Schema, TaskRunner

EXAMPLE = re.compile(r"```ya?ml\n(.*?)```", re.DOTALL)
FLOW_PROPERTIES: dict[str, tuple[str, str, bool]] = {
    "id": ("string", "Name of the flow, unique in its namespace.", True),
    "namespace": ("string", "Where the flow lives, such as company.team.", True),
    "description": ("string", "What the flow is for.", False),
    "labels": ("object", "Keys and values to find the flow and its executions by.", False),
    "inputs": ("array", "Values that are given when the flow is executed.", False),
    "variables": ("object", "Values used in several places, as {{ vars.name }}.", False),
    "tasks": ("array", "What is done, one task after another.", True),
    "errors": ("array", "Tasks that run once something failed.", False),
    "finally": ("array", "Tasks that run at the end, whatever happened.", False),
    "afterExecution": ("array", "Tasks that run after the execution has ended; they see how in {{ execution.state }}.", False),
    "triggers": ("array", "What starts the flow by itself.", False),
    "outputs": ("array", "Values that the flow gives back.", False),
    "pluginDefaults": ("array", "Property values for all tasks of a type.", False),
    "concurrency": ("object", "How many executions may run at the same time.", False),
    "retry": ("object", "When a failed execution is tried again.", False),
    "checks": ("array", "What must hold before an execution begins, by its inputs.", False),
    "sla": ("array", "What an execution must keep to.", False),
    "disabled": ("boolean", "A disabled flow cannot be executed.", False),
}


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a type, as a reader needs it."""

    name: str
    type: str
    description: str
    required: bool
    default: Any
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Help:
    """A type with its docs. `problem` says why it cannot be used on this machine, empty where it can."""

    type: str
    kind: str
    title: str
    description: str
    example: str
    properties: tuple[Property, ...]
    common: tuple[Property, ...]
    outputs: tuple[tuple[str, str], ...]
    aliases: tuple[str, ...]
    problem: str = ""

    @property
    def name(self) -> str:
        return self.type.rsplit(".", 1)[-1]

    @property
    def group(self) -> str:
        return self.type.removeprefix("io.kestra.plugin.").rsplit(".", 1)[0]


def _kind(found: type[Schema]) -> str:
    if issubclass(found, FlowableTask):
        return "flowable task"
    if issubclass(found, BaseTask):
        return "task"
    if issubclass(found, TaskRunner):
        return "task runner"
    return "trigger" if issubclass(found, BaseTrigger) else "condition"


def _shown_type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """(`string`, `array of string`, …; the values it may take) of a JSON schema."""
    if "$ref" in schema:
        return _shown_type(definitions.get(schema["$ref"].rsplit("/", 1)[-1], {}), definitions)
    if "enum" in schema:
        return "string", tuple(str(value) for value in schema["enum"])
    if "const" in schema:
        return "string", (str(schema["const"]),)
    for combined in ("anyOf", "allOf", "oneOf"):
        if combined in schema:
            shown = [_shown_type(one, definitions) for one in schema[combined] if one.get("type") != "null"]
            names = list(dict.fromkeys(name for name, _ in shown if name))
            return " or ".join(names), tuple(value for _, values in shown for value in values)
    if schema.get("type") == "array":
        inner = _shown_type(schema.get("items") or {}, definitions)[0]
        return f"array of {inner}" if inner else "array", ()
    return str(schema.get("type", "")), ()


def _properties(found: type[Schema]) -> tuple[Property, ...]:
    schema = found.model_json_schema(by_alias=True)
    definitions, required = schema.get("$defs", {}), set(schema.get("required", ()))
    shown = []
    for name, about in schema.get("properties", {}).items():
        type_, values = _shown_type(about, definitions)
        shown.append(Property(name, type_, about.get("description", ""), name in required, about.get("default"), values))
    return tuple(sorted(shown, key=lambda one: not one.required))


@cache
def help_of(type_: str) -> Help:
    """Everything about one type; raises `catalog.UnknownType` for one that does not exist."""
    found = catalog.find(type_)
    text = inspect.cleandoc(sys.modules[found.__module__].__doc__ or "")
    example = EXAMPLE.search(text)
    prose = EXAMPLE.sub("", text).strip()
    title, _, description = prose.partition("\n")
    base = next((one for one in (BaseTask, BaseTrigger) if issubclass(found, one)), Schema)
    aliases = {field.alias or name for name, field in base.model_fields.items()}
    own = _properties(found)
    return Help(
        type=type_,
        kind=_kind(found),
        title=title.strip(),
        description=description.strip(),
        example=example[1].rstrip() if example else "",
        properties=tuple(one for one in own if one.name not in aliases),
        common=tuple(one for one in own if one.name in aliases and one.name not in ("id", "type")),
        outputs=tuple(getattr(found, "outputs_schema", {}).items()),
        aliases=tuple(getattr(found, "aliases", ())),
    )


def all_help() -> list[Help]:
    """Every type in alphabetical order; one whose library is missing carries the reason."""
    listed = []
    for type_ in sorted(catalog.all_types()):
        try:
            listed.append(help_of(type_))
        except catalog.CatalogError as error:
            listed.append(Help(type_, "", str(error), "", "", (), (), (), (), problem=str(error)))
    return listed


def _for_editor(one: Property) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": one.type, "description": one.description, "required": one.required}
    if one.default not in (None, "", [], {}):
        shape["default"] = one.default
    return shape | ({"values": list(one.values)} if one.values else {})


@cache
def editor_schema() -> dict[str, Any]:
    """What the editor completes from: `{flow: {property: …}, types: {type: {kind, title, properties}}, expressions: [{kind, name, …}]}`."""
    flow = {name: {"type": type_, "description": text, "required": required} for name, (type_, text, required) in FLOW_PROPERTIES.items()}
    types = {
        one.type: {
            "kind": one.kind,
            "title": one.title,
            "properties": {p.name: _for_editor(p) for p in (*one.properties, *one.common)} | {"id": {"type": "string", "required": True}},
        }
        for one in all_help()
        if not one.problem
    }
    return {"flow": flow, "types": types, "expressions": [asdict(entry) for entry in names.entries()]}
