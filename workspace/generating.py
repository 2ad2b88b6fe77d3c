"""Files that the editor writes for people: staging models and sources of a table, YAML of a model, a model from a part of another."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from namespaces import files
from ui.errors import Conflict, Invalid, Missing
from workspace.project_files import Project, scan

NAME = re.compile(r"[A-Za-z_]\w{0,120}", re.ASCII)
WIDTH = 120
_STAGING = """with

source as (

    select * from {{ source('SOURCE', 'TABLE') }}

),

renamed as (

    select
        COLUMNS

    from source

)

select * from renamed
"""


def name_of(text: str, what: str) -> str:
    """The text, if it is a name. Raises `Invalid`."""
    if not NAME.fullmatch(text):
        raise Invalid(f"{what} is a name of letters, digits and _, and begins with no digit; found {text[:80]!r}.")
    return text


def staging(project: Project, source: str, table: str, columns: list[Mapping[str, str]]) -> tuple[str, str]:
    """A model that reads a table of a source and names its columns in small letters."""
    folder = f"{project.folders('model')[0]}/staging/{source}"
    named = [_plain(column["name"]) for column in columns]
    pairs = zip(named, (column["name"] for column in columns), strict=True)
    lines = [name if written == name else f"{_quoted(written)} as {name}" for name, written in pairs]
    listed = ",\n        ".join(lines) or "*"
    text = _STAGING.replace("SOURCE", source).replace("TABLE", table).replace("COLUMNS", listed)
    return f"{folder}/stg_{source}__{_plain(table)}.sql", text


def _plain(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = re.sub(r"\W+", "_", spaced, flags=re.ASCII).strip("_").lower() or "column"
    return f"_{plain}" if plain[0].isdigit() else plain


def _quoted(name: str) -> str:
    return name if NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def sources(project: Project, source: str, table: str, schema: str, columns: list[Mapping[str, str]]) -> tuple[str, str]:
    """The YAML that has a table as a source: that of the source with the table added, else a new file."""
    entry = {"name": table, "columns": [_described(column) for column in columns]}
    for file, _, found in scan(project):
        for node in found.nodes:
            if node["kind"] == "source" and node["source"] == source:
                return file.path, _with_table(project, file.path, source, entry)
    path = f"{project.folders('model')[0]}/staging/{source}/_{source}__sources.yml"
    about = {"name": source, **({"schema": schema} if schema and schema != source else {}), "tables": [entry]}
    return path, _written({"version": 2, "sources": [about]})


def _with_table(project: Project, path: str, source: str, entry: dict[str, Any]) -> str:
    document = _read(project, path)
    about = next(one for one in document["sources"] if one.get("name") == source)
    tables = about.setdefault("tables", [])
    if any(one.get("name") == entry["name"] for one in tables):
        raise Conflict(f"The source {source} has the table {entry['name']} already: {path}.")
    tables.append(entry)
    return _written(document)


def schema(project: Project, known: Mapping[str, Any], path: str) -> tuple[str, str]:
    """YAML of a model with its columns and the tests that their names suggest: its own YAML completed, else a new file beside it."""
    model = next((one for one in known["models"] if one["path"] == path and one["kind"] in ("model", "seed", "snapshot")), None)
    if model is None:
        raise Missing(f"{path} is no model, seed or snapshot of {project.name}.")
    columns = [{**_described(column), **_tests(column["name"], model, known)} for column in model["columns"]]
    section = f"{model['kind']}s"
    for file, package, found in scan(project):
        if package == project.name and (model["kind"], model["name"]) in found.described:
            return file.path, _completed(project, file.path, section, model["name"], columns)
    beside = str(PurePosixPath(path).parent / f"_{model['name']}.yml")
    return beside, _written({"version": 2, section: [{"name": model["name"], "description": model["description"], "columns": columns}]})


def _described(column: Mapping[str, str]) -> dict[str, Any]:
    kind = column.get("type") or ""
    return {"name": column["name"], **({"data_type": kind} if kind else {}), "description": column.get("description") or ""}


def _tests(name: str, model: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """A key is unique and never missing; what is named after another model's key is one of that model's."""
    lower, own = name.lower(), re.sub(r"^(stg|int|fct|dim)_+", "", model["name"].lower()).rpartition("__")[2]
    if lower in ("id", f"{own}_id", f"{own.removesuffix('s')}_id"):
        return {"data_tests": ["unique", "not_null"]}
    stem = lower.removesuffix("_id")
    if stem == lower:
        return {}
    called = re.compile(rf"((stg|dim)_)?(\w+__)?{re.escape(stem)}s?")
    for other in known["models"]:
        if other["kind"] == "model" and other["name"] != model["name"] and called.fullmatch(other["name"]):
            keys = [column["name"] for column in other["columns"] if column["name"].lower() in ("id", lower)]
            if keys:
                arguments = {"to": f"ref('{other['name']}')", "field": keys[0]}
                return {"data_tests": [{"relationships": {"arguments": arguments}}]}
    return {}


def _completed(project: Project, path: str, section: str, name: str, columns: list[dict[str, Any]]) -> str:
    document = _read(project, path)
    entry = next(one for one in document[section] if one.get("name") == name)
    there = entry.setdefault("columns", [])
    named = {str(one.get("name")).lower() for one in there}
    there.extend(column for column in columns if column["name"].lower() not in named)
    return _written(document)


def model(path: str, name: str, selection: str) -> tuple[str, str]:
    """A model beside another one, of a part of its text."""
    if not selection.strip():
        raise Invalid("Select the part that is to become a model.")
    text = selection.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    return str(PurePosixPath(path).parent / f"{name}.sql"), f"{text}\n"


def _yaml() -> YAML:
    kept = YAML()
    kept.preserve_quotes = True
    kept.width = WIDTH
    kept.indent(mapping=2, sequence=4, offset=2)
    return kept


def _read(project: Project, path: str) -> Any:
    try:
        return _yaml().load(files.read(project.place, path).decode())
    except (YAMLError, UnicodeDecodeError, ValueError) as error:
        raise Invalid(f"{path} cannot be read as YAML: mend it first.") from error


def _written(document: Any) -> str:
    text = io.StringIO()
    _yaml().dump(document, text)
    return text.getvalue()
