"""Which flow needs which other: a task that calls it, or a trigger that waits for its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flows.graph import SUBFLOWS
from flows.models import Flow
from namespaces import rights
from namespaces.rights import Person
from plugins.catalog import canonical

FLOW_TASK, FLOW_TRIGGER = "FLOW_TASK", "FLOW_TRIGGER"
TRIGGER = "io.kestra.plugin.core.trigger.Flow"
Name = tuple[str, str]  # namespace, id


@dataclass(frozen=True, slots=True, order=True)
class Dependency:
    """`target` comes after `source`: it is called by it, or is started at its end."""

    source: Name
    target: Name
    relation: str


def of(user: Person) -> list[Dependency]:
    """Every dependency between flows that somebody may see."""
    rows = rights.filter_readable(Flow.objects.filter(deleted=False), user)
    return between({(namespace, flow_id): raw for namespace, flow_id, raw in rows.values_list("namespace", "flow_id", "raw")})


def between(flows: Mapping[Name, Mapping[str, Any]]) -> list[Dependency]:
    """The dependencies between these flows, given as they were written; what is named by an expression is not known before it runs."""
    found = set()
    for name, raw in flows.items():
        found |= {Dependency(name, called, FLOW_TASK) for called in _called(raw) if called in flows}
        found |= {Dependency(other, name, FLOW_TRIGGER) for other in _waited_for(raw, flows) if other != name}
    return sorted(found)


def around(flow: Name, known: Iterable[Dependency], *, all_the_way: bool = False, incoming_only: bool = False) -> list[Dependency]:
    """Those that a flow is part of; `all_the_way` goes on from each that is reached."""
    edges, reached, found = list(known), {flow}, set[Dependency]()
    while True:
        touching = {one for one in edges if one.target in reached or (not incoming_only and one.source in reached)}
        more = {name for one in touching for name in (one.source, one.target)} - reached
        if touching == found or not all_the_way:
            return sorted(touching)
        found, reached = touching, reached | more


def _called(raw: Mapping[str, Any]) -> Iterator[Name]:
    for mapping in _mappings([value for key, value in raw.items() if key not in ("inputs", "triggers", "outputs", "variables")]):
        type_ = mapping.get("type")
        if isinstance(type_, str) and canonical(type_) in SUBFLOWS:
            yield str(mapping.get("namespace")), str(mapping.get("flowId"))


def _waited_for(raw: Mapping[str, Any], flows: Mapping[Name, Any]) -> Iterator[Name]:
    """Flows that the conditions of a Flow trigger name; those in a namespace that one names."""
    for trigger in _mappings(raw.get("triggers")):
        if isinstance(trigger.get("type"), str) and canonical(trigger["type"]) == TRIGGER:
            for mapping in _mappings([trigger.get("conditions"), trigger.get("preconditions")]):
                named = mapping.get("namespace"), mapping.get("flowId")
                if isinstance(named[0], str):
                    yield from (flow for flow in flows if _fits(flow, mapping, *named))


def _fits(flow: Name, condition: Mapping[str, Any], namespace: str, flow_id: Any) -> bool:
    if flow_id is not None:
        return flow == (namespace, flow_id)
    way = str(condition.get("comparison") or ("PREFIX" if condition.get("prefix") else "EQUALS")).upper()
    match way:
        case "PREFIX":
            return flow[0].startswith(namespace)
        case "SUFFIX":
            return flow[0].endswith(namespace)
    return flow[0] == namespace


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from _mappings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _mappings(inner)
