"""The state of a dbt project: what a manifest says in few words, how two of them differ, and which project, target and branch it is of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from plugins.dbt._command import Invocation
from plugins.scripts import _folders

Digest = Mapping[str, Mapping[str, Any]]  # unique_id -> what of a node is compared

_BUILDS = ("build", "run")
_WORDS = {
    "sql": "SQL",
    "config": "configuration",
    "relation": "name in the database",
    "columns": "columns or contract",
    "docs": "description",
    "macros": "macros",
    "parents": "parents",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Of what a manifest is the state. `branch` is empty for files that come from no Git repository."""

    project: str
    target: str
    branch: str


def is_full(calls: Iterable[Invocation]) -> bool:
    """Whether the commands build every node of a project: one `build` or `run` among them that leaves nothing out."""
    return any(call.verb in _BUILDS and not call.selective and not call.deferred for call in calls)


def identity(folder: Path, project: Path, calls: Sequence[Invocation], env: Mapping[str, str]) -> Identity:
    """The project, target and branch that the commands work on, as the files in the working directory say."""
    settings = _yaml(folder, project / "dbt_project.yml")
    named = next((call.target for call in calls if call.target), None) or env.get("DBT_TARGET")
    target = named or str(profile(folder, project, [call.profiles_dir for call in calls]).get("target") or "default")
    return Identity(str(settings.get("name") or project.name), "default" if "{{" in target else target, _branch(folder, project))


def profile_name(folder: Path, project: Path) -> str:
    """The profile that the project asks for; empty where it names none."""
    return str(_yaml(folder, project / "dbt_project.yml").get("profile") or "")


def profile(folder: Path, project: Path, given: Iterable[str | None]) -> Mapping[str, Any]:
    """The project's profile, from the first profiles.yml that has it: in a folder that a flag names, the working directory, the project."""
    name = profile_name(folder, project)
    for place in dict.fromkeys([*(folder / one for one in given if one), folder / ".profile", folder, project]):
        found = _yaml(folder, place / "profiles.yml").get(name)
        if isinstance(found, Mapping):
            return found
    return {}


def _branch(folder: Path, project: Path) -> str:
    """The branch of the repository that the project was cloned from into the working directory."""
    for place in (project, *project.parents):
        head = (_folders.read_inside(folder, place / ".git" / "HEAD") or b"").decode(errors="replace").strip()
        if head:
            return head.removeprefix("ref: refs/heads/") if head.startswith("ref: ") else head[:12]
        if place == folder:
            break
    return ""


def _yaml(folder: Path, path: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load((_folders.read_inside(folder, path) or b"").decode(errors="replace"))
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, Mapping) else {}


# --- what a manifest says -------------------------------------------------------------------------------------------------------


def digest(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What is compared of every node, some hundred bytes each; tolerant of whatever a manifest lacks."""
    macros = _macro_sums(manifest)
    found: dict[str, dict[str, Any]] = {}
    for kind in ("nodes", "sources", "unit_tests", "exposures", "metrics", "semantic_models", "saved_queries"):
        entries = manifest.get(kind)
        for unique_id, node in entries.items() if isinstance(entries, Mapping) else ():
            if isinstance(node, Mapping):
                found[unique_id] = _digest(node, macros)
    return found


def _digest(node: Mapping[str, Any], macros: Mapping[str, str]) -> dict[str, Any]:
    checksum = node.get("checksum")
    needs = node.get("depends_on")
    needs = needs if isinstance(needs, Mapping) else {}
    return {
        "type": node.get("resource_type"),
        "name": node.get("name"),
        "path": node.get("original_file_path"),
        "sql": checksum.get("checksum") if isinstance(checksum, Mapping) else _sum(node.get("raw_code")),
        "config": _sum(node.get("unrendered_config") or node.get("config")),
        "relation": node.get("relation_name"),
        "columns": _sum([_columns(node), node.get("contract")]),
        "docs": _sum(node.get("description")),
        "macros": _sum(sorted(macros.get(str(name), "") for name in needs.get("macros") or ())),
        "parents": sorted(str(name) for name in needs.get("nodes") or ()),
    }


def _columns(node: Mapping[str, Any]) -> list[Any]:
    columns = node.get("columns")
    return sorted(
        [str(name), column.get("data_type")] if isinstance(column, Mapping) else [str(name), None]
        for name, column in (columns.items() if isinstance(columns, Mapping) else ())
    )


def _macro_sums(manifest: Mapping[str, Any]) -> dict[str, str]:
    """For every macro a sum of its text and that of the macros that it calls."""
    macros = {name: macro for name, macro in (manifest.get("macros") or {}).items() if isinstance(macro, Mapping)}
    own = {name: _sum(macro.get("macro_sql")) for name, macro in macros.items()}
    found = {}
    for name in macros:
        seen, open_ = {name}, [name]
        while open_:
            needs = macros[open_.pop()].get("depends_on") or {}
            for other in needs.get("macros") or () if isinstance(needs, Mapping) else ():
                if other in macros and other not in seen:
                    seen.add(other)
                    open_.append(other)
        found[name] = _sum(sorted(own[other] for other in seen))
    return found


def _sum(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


# --- how two differ -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One node that two states do not have alike. `kind` is added, removed or changed, `what` says in words what changed."""

    unique_id: str
    kind: str
    type: str
    name: str
    path: str
    what: tuple[str, ...] = ()


def changes(before: Digest, after: Digest) -> list[Change]:
    """Every node that was added, removed or changed, by kind and name."""
    found = [_change(unique_id, "added", node) for unique_id, node in after.items() if unique_id not in before]
    found += [_change(unique_id, "removed", node) for unique_id, node in before.items() if unique_id not in after]
    for unique_id, node in after.items():
        what = tuple(word for key, word in _WORDS.items() if unique_id in before and before[unique_id].get(key) != node.get(key))
        if what:
            found.append(_change(unique_id, "changed", node, what))
    return sorted(found, key=lambda change: (change.kind, change.type, change.name))


def _change(unique_id: str, kind: str, node: Mapping[str, Any], what: tuple[str, ...] = ()) -> Change:
    type_ = str(node.get("type") or unique_id.partition(".")[0])
    return Change(unique_id, kind, type_, str(node.get("name") or unique_id), str(node.get("path") or ""), what)
