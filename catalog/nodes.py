"""What is kept of one entry of a manifest: pure functions from dbt's JSON to the values of a Node."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from catalog.reading import mapping, text, texts
from engine.texts import storable

SECTIONS = ("nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "unit_tests")
LONGEST = 1_000_000  # characters of one text
MOST_COLUMNS = 2_000
FACTS = (
    "access",
    "version",
    "latest_version",
    "deprecation_date",
    "url",
    "maturity",
    "type",
    "loader",
    "group",
    "language",
    "source_name",
    "label",
)
SETTINGS = ("unique_key", "incremental_strategy", "strategy", "on_schema_change", "severity", "event_time", "batch_size")


def values_of(unique_id: str, entry: Mapping[str, Any], known: object = None) -> dict[str, Any]:
    """The values of a Node, `digest` among them, which differs where anything else does. `known`: its parents by the manifest's map."""
    config = mapping(entry.get("config"))
    kind = text(entry.get("resource_type"), 30)
    attached = text(entry.get("attached_node"))
    columns = [_column(name, mapping(column)) for name, column in list(mapping(entry.get("columns")).items())[:MOST_COLUMNS]]
    values = {
        "kind": kind,
        "name": _name(kind, entry)[:300],
        "package": text(entry.get("package_name"), 200),
        "path": text(entry.get("original_file_path")) or text(entry.get("path")),
        "materialized": text(config.get("materialized"), 50) if kind in ("model", "snapshot", "seed") else "",
        "owner": _owner(entry, config),
        "relation": relation(entry),
        "attached": attached,
        "fqn": ".".join(texts(entry.get("fqn")))[:700],
        "tags": sorted({*texts(entry.get("tags")), *texts(config.get("tags"))}),
        "parents": _parents(entry, known),
        "facts": _facts(kind, entry, config),
        "columns": columns,
        "description": text(entry.get("description"), LONGEST),
        "code": text(entry.get("raw_code") or entry.get("raw_sql"), LONGEST),
    }
    values = storable(values)
    values["lower_name"] = values["name"].lower()[:300]
    parts = json.dumps([values, mapping(entry.get("checksum")).get("checksum")], sort_keys=True, default=str)
    return {**values, "digest": hashlib.sha256(parts.encode()).hexdigest()}


def _parents(entry: Mapping[str, Any], known: object) -> list[str]:
    """Those of the map, where it has others than the node says itself."""
    own = texts(mapping(entry.get("depends_on")).get("nodes"))
    return texts(known) if isinstance(known, list) and {*texts(known)} != {*own} else own


def relation(entry: Mapping[str, Any]) -> str:
    """`database.schema.identifier` in small letters, by which projects meet; empty for what is no table or view."""
    name = text(entry.get("identifier")) or text(entry.get("alias")) or text(entry.get("name"))
    if (
        entry.get("resource_type") not in ("model", "seed", "snapshot", "source")
        or mapping(entry.get("config")).get("materialized") == "ephemeral"
    ):
        return ""
    parts = (text(entry.get("database"), 200), text(entry.get("schema"), 200), name)
    return ".".join(part for part in parts if part).lower()[:700]


def _name(kind: str, entry: Mapping[str, Any]) -> str:
    name = text(entry.get("name")) or text(entry.get("unique_id"))
    return f"{text(entry.get('source_name'))}.{name}" if kind == "source" else name


def _owner(entry: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Who answers for a node, as dbt and its users write it: `owner` of an exposure, `meta.owner`, else the group."""
    given = entry.get("owner") or mapping(config.get("meta")).get("owner") or mapping(entry.get("meta")).get("owner")
    if isinstance(given, Mapping):
        given = given.get("name") or given.get("email")
    found = texts(given)
    return ", ".join(found)[:300] or text(entry.get("group") or config.get("group"), 300)


def _column(name: str, column: Mapping[str, Any]) -> dict[str, Any]:
    found = {"name": text(column.get("name"), 300) or text(name, 300), "description": text(column.get("description"), 20_000)}
    kind, tags = text(column.get("data_type"), 200), texts(column.get("tags"))
    return found | ({"type": kind} if kind else {}) | ({"tags": tags} if tags else {})


def _facts(kind: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: entry[name] for name in FACTS if isinstance(entry.get(name), str | int | float) and entry[name] != ""}
    found |= {name: config[name] for name in SETTINGS if config.get(name) is not None}
    meta = {**mapping(entry.get("meta")), **mapping(config.get("meta"))}
    if meta:
        found["meta"] = meta
    if mapping(entry.get("freshness")) and kind == "source":
        found["freshness"] = {name: mapping(entry["freshness"]).get(name) for name in ("warn_after", "error_after")}
    if kind == "test":
        found["test"] = text(mapping(entry.get("test_metadata")).get("name"), 200)
        found["column"] = text(entry.get("column_name"), 300)
    return found  # without the macros that it depends on: running a node adds some
