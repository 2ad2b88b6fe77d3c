"""What is wrong with an unsaved text, found without dbt while somebody types: in its Jinja or YAML, and in what it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any

from engine import yaml_
from flows import validation
from namespaces.paths import FLOWS
from workspace import schemas, templates
from workspace.project_files import PROJECT, Project
from workspace.templates import Broken, Call

MOST = 200
_WORDS = (
    "as|cross|full|group|having|inner|join|lateral|left|limit|natural|on|order|qualify|right|select|union|using|where|window"  # no alias
)
_ALIAS = rf"(?P<alias>(?!(?:{_WORDS})\b)[a-z_]\w*)"
_TABLE = (
    r"\{\{-?\s*(?:ref\(\s*['\"](?P<name>\w+)['\"]\s*\)"
    r"|source\(\s*['\"](?P<group>\w+)['\"]\s*,\s*['\"](?P<table>\w+)['\"]\s*\))\s*-?\}\}"
)
_FROM = re.compile(rf"{_TABLE}(?:\s+(?:as\s+)?{_ALIAS})?", re.IGNORECASE)
_WHOLE = re.compile(rf"\b(?P<cte>[a-z_]\w*)\s+as\s+\(\s*select\s+\*\s+from\s+{_TABLE}\s*\)", re.IGNORECASE)
_COLUMN = re.compile(r"(?<![\w.\"])([a-z_]\w*)\.([a-z_]\w*)(?![\w.]|\s*\()", re.IGNORECASE)
_HIDDEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


def found(project: Project | None, known: Mapping[str, Any], path: str, text: str) -> list[dict[str, Any]]:
    """The problems of a text in the order of its lines. `known` is what `knowledge` says; both are empty outside a dbt project."""
    suffix = PurePosixPath(path).suffix.lower()
    problems: list[dict[str, Any]] = []
    if suffix in (".yml", ".yaml"):
        problems = list(_yaml(project, path, text))
    elif suffix == ".sql" and project is not None and project.kind_of(path):
        problems = list(_sql(known, text))
    return sorted(problems, key=lambda one: (one["line"], one["column"]))[:MOST]


def _problem(message: str, line: int | None, column: int | None = 1, severity: str = "error") -> dict[str, Any]:
    return {"line": line or 1, "column": column or 1, "message": message, "severity": severity}


# --- YAML -------------------------------------------------------------------------------------------------------------------------


def _yaml(project: Project | None, path: str, text: str) -> Iterator[dict[str, Any]]:
    document = yaml_.load(text)
    if document.problems:
        yield from (_problem(one.message.partition("\n")[0], one.line, one.column) for one in document.problems)
        return
    if path.startswith(f"{FLOWS}/") or f"/{FLOWS}/" in path:
        yield from (_problem(one.message, one.line, one.column, one.severity) for one in validation.validate(text).problems)
        return
    name = _schema_of(project, path)
    if name and document.value is not None:
        for fault in schemas.faults(document.value, name):
            line, column = document.place(fault.path)
            yield _problem(fault.message, line, column, "warning")


def _schema_of(project: Project | None, path: str) -> str:
    if project is None:
        return ""
    if path == project.at(PROJECT):
        return "project"
    return "resources" if project.kind_of(path) in ("model", "seed", "snapshot", "macro", "test", "analysis") else ""


# --- SQL --------------------------------------------------------------------------------------------------------------------------


def _sql(known: Mapping[str, Any], text: str) -> Iterator[dict[str, Any]]:
    try:
        calls = templates.calls(text)
    except Broken as broken:
        yield _problem(broken.message, broken.line)
        return
    nodes = {model["name"]: model for model in known.get("models", ()) if model["kind"] in ("model", "seed", "snapshot")}
    tables = {(model["source"], model["name"]): model for model in known.get("models", ()) if model["kind"] == "source"}
    names = {*nodes, *known.get("versioned", ())}
    for call in calls:
        yield from _unknown(call, names, tables, known)
    yield from _columns(text, nodes, tables)


def _unknown(call: Call, names: set[str], tables: Mapping[tuple[str, str], Any], known: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A problem where what a call names is not there."""
    if call.name == "ref" and call.given[-1] not in names:
        told = f"There is no model, seed or snapshot {call.given[-1]}"
        yield _problem(told + _near(call.given[-1], names), call.line, call.column)
    elif call.name == "source" and len(call.given) == 2 and call.given not in tables:
        group, table = call.given
        others = [name for other, name in tables if other == group]
        told = f"The source {group} has no table {table}{_near(table, others)}" if others else f"There is no source {group}"
        yield _problem(told + ("" if others else _near(group, [other for other, _ in tables])), call.line, call.column)
    elif call.name == "var" and not call.more and len(call.given) == 1:
        variables = [one["name"] for one in known.get("vars", ())]
        if call.given[0] not in variables:
            told = f"dbt_project.yml has no variable {call.given[0]}, and there is no default here{_near(call.given[0], variables)}"
            yield _problem(told, call.line, call.column, "warning")


def _near(name: str, names: Any) -> str:
    close = get_close_matches(name, [one for one in names if abs(len(one) - len(name)) < 4][:20_000], 1, 0.7)
    return f": did you mean {close[0]}?" if close else ""


def _columns(text: str, nodes: Mapping[str, Any], tables: Mapping[tuple[str, str], Any]) -> Iterator[dict[str, Any]]:
    """A warning for each `alias.column` whose alias stands for tables that are known whole and have no such column."""
    stands_for: dict[str, list[Mapping[str, Any] | None]] = {}

    def node(match: re.Match[str]) -> Mapping[str, Any] | None:
        return nodes.get(match["name"]) if match["name"] else tables.get((match["group"], match["table"]))

    for match in _FROM.finditer(text):
        if match["alias"]:
            stands_for.setdefault(match["alias"].lower(), []).append(node(match))
    whole = {match["cte"].lower() for match in _WHOLE.finditer(text)}
    for match in _WHOLE.finditer(text):
        stands_for.setdefault(match["cte"].lower(), []).append(node(match))
        for use in re.finditer(rf"\b(?:from|join)\s+{match['cte']}\s+(?:as\s+)?{_ALIAS}", text, re.IGNORECASE):
            stands_for.setdefault(use["alias"].lower(), []).append(node(match))
    plain = _HIDDEN.sub(lambda hidden: re.sub(r"[^\n]", " ", hidden[0]), text)
    for match in _COLUMN.finditer(plain):
        meant = stands_for.get(match[1].lower())
        if not meant or _ambiguous(plain, match[1], whole) or not all(one is not None and one.get("whole") for one in meant):
            continue
        columns = {column["name"].lower() for one in meant if one is not None for column in one["columns"]}
        if match[2].lower() not in columns:
            line = text.count("\n", 0, match.start(2)) + 1
            column = match.start(2) - (text.rfind("\n", 0, match.start(2)) + 1) + 1
            names = " and ".join(dict.fromkeys(one["name"] for one in meant if one is not None))
            told = f"{names} has no column {match[2]} as far as its last run tells{_near(match[2], columns)}"
            yield _problem(told, line, column, "warning")


def _ambiguous(plain: str, alias: str, whole: set[str]) -> bool:
    """Whether an alias stands for something else somewhere, too: a subquery, a plain table or another CTE. `plain` has no Jinja."""
    name = re.escape(alias)
    if re.search(rf"\)\s*(?:as\s+)?{name}\b", plain, re.IGNORECASE):
        return True
    if alias.lower() not in whole and re.search(rf"\b{name}\s+as\s*\(", plain, re.IGNORECASE):
        return True
    uses = re.finditer(rf"\b(?:from|join)\s+(?!(?:{_WORDS})\b)([a-z_][\w.]*)\s+(?:as\s+)?{name}\b", plain, re.IGNORECASE)
    return any(use[1].lower() not in whole for use in uses)
