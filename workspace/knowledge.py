"""What the editor knows of a dbt project: its files as they are now, with what the catalog knows of the same nodes. No dbt is asked."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from catalog.graph import at
from catalog.models import Node, Outcome, Trace
from catalog.models import Project as Catalogued
from namespaces.services import connections
from workspace import project_files
from workspace.dbt_configs import CONFIGS
from workspace.project_files import Found, Project

KINDS = ("model", "seed", "snapshot", "source", "exposure")
SHOWN_DOCS = 2_000  # characters of a docs block
_DOC = re.compile(r"\{\{-?\s*doc\(\s*(?:(['\"])(?P<package>\w+)\1\s*,\s*)?(['\"])(?P<name>\w+)\3\s*\)\s*-?\}\}")
SHOWN = 200  # characters of a variable's value
MOST_KEPT = 16
_kept: OrderedDict[str, tuple[dict[str, Any], bytes]] = OrderedDict()
_guard = threading.Lock()


def document(project: Project) -> tuple[str, bytes]:
    """An ETag and the JSON of all that is known; the same again while neither files nor catalog change."""
    etag, (_, content) = _found(project)
    return etag, content


def known(project: Project) -> dict[str, Any]:
    """What the JSON says."""
    return _found(project)[1][0]


def _found(project: Project) -> tuple[str, tuple[dict[str, Any], bytes]]:
    catalogued = in_catalog(project)
    etag = state(project, catalogued)
    with _guard:
        if etag in _kept:
            _kept.move_to_end(etag)
            return etag, _kept[etag]
    gathered = gather(project, catalogued)
    made = gathered, json.dumps(gathered, ensure_ascii=False, separators=(",", ":"), default=str).encode()
    with _guard:
        _kept[etag] = made
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return etag, made


def in_catalog(project: Project) -> Catalogued | None:
    """The project as the catalog knows it from the last run in this namespace."""
    rows = Catalogued.objects.filter(namespace=project.place.namespace, name=project.name, version__gt=0)
    return rows.order_by("-updated").first()


def state(project: Project, catalogued: Catalogued | None) -> str:
    """What tells one state of files and catalog from another."""
    digest = hashlib.sha256(repr((project.place, project.folder)).encode())
    if catalogued is not None:
        digest.update(repr((catalogued.pk, catalogued.version, catalogued.updated, catalogued.tracing)).encode())
    for entry in project.entries:
        digest.update(f"{entry.path}\0{entry.size}\0{entry.modified.timestamp()}\n".encode())
    return digest.hexdigest()[:32]


def gather(project: Project, catalogued: Catalogued | None) -> dict[str, Any]:
    """All that is known, as the editor gets it."""
    scanned = [(entry.path, package, found) for entry, package, found in project_files.scan(project)]
    project_files.forget_gone(project)
    blocks = _blocks((package == project.name, package, entry) for _, package, found in scanned for entry in found.docs)
    described = {key: _told(told, blocks) for key, told in _described(found for _, _, found in scanned).items()}
    rows = _from_catalog(catalogued) if catalogued is not None else {}
    models, here = [], set()
    for path, package, found in scanned:
        for node in found.nodes:
            key = (node["kind"], node["name"], node.get("source", ""))
            if package != project.name or key in here:
                continue
            here.add(key)
            told = described.get((node["kind"], node["name"]), {})
            models.append(_node(_told(node, blocks), told, rows.get(key), package, path))
    models += [_foreign(row) for key, row in rows.items() if row["package"] != project.name and key not in here]
    return {
        "project": project.name,
        "folder": project.folder,
        "adapter": catalogued.adapter if catalogued is not None else _adapter(project),
        "models": models,
        "macros": [_macro(macro, described, package, path) for path, package, found in scanned for macro in found.macros],
        "vars": [{"name": name, "value": _shown(value)} for name, value in sorted(project.vars().items())],
        "docs": [{**entry, "text": entry["text"][:SHOWN_DOCS], "path": path} for path, _, found in scanned for entry in found.docs],
        "versioned": [name for _, _, found in scanned for name in found.versioned],
        "configs": CONFIGS,
    }


def _described(scanned: Iterator[Found]) -> dict[tuple[str, str], dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in scanned:
        found |= one.described
    return found


def _blocks(entries: Iterable[tuple[bool, str, Mapping[str, Any]]]) -> dict[tuple[str, str], str]:
    """The texts of docs blocks by package and name; under an empty package those that are found without one, the project's own first."""
    found: dict[tuple[str, str], str] = {}
    for _, package, entry in sorted(entries, key=lambda one: not one[0]):
        found.setdefault((package, entry["name"]), entry["text"])
        found.setdefault(("", entry["name"]), entry["text"])
    return found


def _told(entry: Mapping[str, Any], blocks: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """What is said of a node and its columns, each `{{ doc(…) }}` in it being the text that it stands for."""

    def written(match: re.Match[str]) -> str:
        return blocks.get((match["package"] or "", match["name"]), match[0])

    columns = [{**column, "description": _DOC.sub(written, column["description"])} for column in entry.get("columns") or ()]
    return {**entry, "description": _DOC.sub(written, entry.get("description") or ""), "columns": columns}


def _node(node: Mapping[str, Any], told: Mapping[str, Any], row: Mapping[str, Any] | None, package: str, path: str) -> dict[str, Any]:
    """What the file says, what YAML says, and what the catalog knows beside it."""
    description = told.get("description") or node.get("description") or ""
    if row is not None and ("{{" in description or not description):
        description = row["description"]  # there it is rendered
    columns = [*(told.get("columns") or ()), *(node.get("columns") or ()), *(row["columns"] if row is not None else ())]
    return {
        "name": node["name"],
        "package": package,
        "path": path,
        "kind": node["kind"],
        **({"source": node["source"]} if node["kind"] == "source" else {}),
        "description": description,
        "columns": _merged(columns),
        "whole": node["kind"] == "seed" or (row is not None and row["whole"]),  # no other columns than these
    }


def _merged(columns: list[dict[str, str]]) -> list[dict[str, str]]:
    """Each column once, with what any of them says of it, the first first."""
    found: dict[str, dict[str, str]] = {}
    for column in columns:
        one = found.setdefault(column["name"].lower(), dict(column))
        for name in ("type", "description"):
            one[name] = one[name] or column[name]
    return list(found.values())


def _foreign(row: Mapping[str, Any]) -> dict[str, Any]:
    """A node of an installed package."""
    shown = {name: row[name] for name in ("name", "package", "path", "kind", "description", "columns", "whole")}
    return shown | ({"source": row["source"]} if row["kind"] == "source" else {})


def _macro(macro: Mapping[str, Any], described: Mapping[tuple[str, str], Mapping[str, Any]], package: str, path: str) -> dict[str, Any]:
    told = described.get(("macro", macro["name"]), {})
    return {**macro, "package": package, "path": path, "description": told.get("description", "")}


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def _adapter(project: Project) -> str:
    """Which database it is for, before it was ever run: that of the default connection of the namespace."""
    default = connections.find(project.place.namespace, None)
    return default.adapter if default is not None else ""


# --- the catalog ------------------------------------------------------------------------------------------------------------------


def _from_catalog(catalogued: Catalogued) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The nodes of the present manifest, with the types that the warehouse told and the columns that their SQL gives them."""
    outcomes = Outcome.objects.filter(project=catalogued).exclude(types={}).values_list("unique_id", "types")
    types = dict(outcomes.iterator())
    traces = Trace.objects.filter(project=catalogued).values_list("unique_id", "names")
    traced = dict(traces.iterator())
    rows = Node.objects.filter(at(catalogued.version), project=catalogued, kind__in=KINDS)
    fields = ("unique_id", "kind", "name", "package", "path", "description", "columns", "facts")
    found = {}
    for unique_id, kind, name, package, path, description, written, facts in rows.values_list(*fields).iterator():
        source = str(facts.get("source_name") or "") if kind == "source" else ""
        plain = name.removeprefix(f"{source}.") if source else name
        kinds = types.get(unique_id, {})
        columns = [_plain(column, kinds) for column in written]
        named = (*(traced.get(unique_id) or ()), *kinds)
        columns += [{"name": one, "type": kinds.get(one.lower(), ""), "description": ""} for one in named]
        found[kind, plain, source] = {
            "kind": kind,
            "name": plain,
            "source": source,
            "package": package,
            "path": path,
            "description": description,
            "columns": _merged(columns),
            "whole": bool(kinds) or traced.get(unique_id) is not None,
        }
    return found


def _plain(column: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, str]:
    name = str(column["name"])
    return {
        "name": name,
        "type": str(kinds.get(name.lower()) or column.get("type") or ""),
        "description": str(column.get("description") or ""),
    }
