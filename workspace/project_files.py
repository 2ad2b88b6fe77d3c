"""What the files of a dbt project say of it, read without dbt: models, sources, macros, variables and docs of one place.

Each file is read once for as long as it stays the same; a place of thousands of models is told by the names of its files and the few
that are read.
"""

from __future__ import annotations

import csv
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import yaml

from catalog.reading import mapping, text
from engine.yaml_ import load_value
from namespaces import files
from namespaces.files import Place, Stats
from ui.errors import Missing
from workspace import templates

PROJECT = "dbt_project.yml"
PACKAGES = ("dbt_packages", "dbt_modules")
LONGEST = 2 * 1024 * 1024  # bytes of a file that is read
LONGEST_DOCS = 20_000  # characters of a docs block
MOST_PLACES = 64
_FOLDERS = {  # the property of dbt_project.yml that names the folders of a kind, and where they lie unless it does
    "model": ("model-paths", ["models"]),
    "seed": ("seed-paths", ["seeds"]),
    "snapshot": ("snapshot-paths", ["snapshots"]),
    "macro": ("macro-paths", ["macros"]),
    "test": ("test-paths", ["tests"]),
    "analysis": ("analysis-paths", ["analyses"]),
}
_MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)\s*\(((?:[^()]|\([^()]*\))*)\)\s*-?%\}")
_BLOCK = {kind: re.compile(rf"\{{%-?\s*{kind}\s+(\w+)\s*-?%\}}") for kind in ("docs", "snapshot")}
_END_DOCS = re.compile(r"\{%-?\s*enddocs\s*-?%\}")
_NAMED = re.compile(
    r"\b(?P<call>ref|source)\s*\(\s*(['\"])(?P<first>[^'\"]*)\2(?:\s*,\s*(['\"])(?P<second>[^'\"]*)\4)?"
    r"(?:\s*,\s*v(?:ersion)?\s*=\s*['\"]?(?P<version>[\w.]+))?"
)
_REMARK = re.compile(r"\{#.*?#\}", re.DOTALL)
_ARGUMENT = re.compile(r"\s*(\*{0,2}\w+)\s*(?:=[^,]*)?(?:,|$)")


class NoProject(Missing):
    """There is no dbt project here: no dbt_project.yml above this file."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a `ref` or `source` names: a model, of a package and version where they are given, or the table of a source."""

    name: str
    source: str = ""
    package: str = ""
    version: str = ""


@dataclass(slots=True)
class Found:
    """What one file says; entries have the keys of the knowledge that the editor gets, without package and path."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    described: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)  # (kind, name): description, columns, line
    macros: list[dict[str, Any]] = field(default_factory=list)
    docs: list[dict[str, Any]] = field(default_factory=list)
    names: frozenset[str] | None = None  # of a file with macros: what it takes from around it (`templates.names`)
    versioned: list[str] = field(default_factory=list)  # models whose files are named after their versions
    reads: tuple[Read, ...] = ()  # of a file that `reads` looked into


@dataclass(frozen=True, slots=True)
class Project:
    """A dbt project of a place. `folder` is where it lies there, empty for the top; `says` is its dbt_project.yml."""

    place: Place
    folder: str
    says: Mapping[str, Any]
    entries: tuple[Stats, ...]  # its files, paths relative to the place

    @property
    def name(self) -> str:
        return text(self.says.get("name"), 200)

    def folders(self, kind: str) -> list[str]:
        """The folders of a kind, relative to the place."""
        named, usual = _FOLDERS[kind]
        given = self.says.get(named)
        paths = [part for part in given if isinstance(part, str)] if isinstance(given, list) else usual
        return [self.at(path.strip("/")) for path in paths]

    def at(self, path: str) -> str:
        """A path of the project as one of the place."""
        return f"{self.folder}/{path}" if self.folder else path

    def inside(self, path: str) -> str:
        """A path of the place as one of the project."""
        return path.removeprefix(f"{self.folder}/") if self.folder else path

    def kind_of(self, path: str) -> str:
        """What the folder of a file makes it: model, seed, snapshot, macro, test or analysis; empty elsewhere."""
        return next((kind for kind in _FOLDERS if any(path.startswith(f"{folder}/") for folder in self.folders(kind))), "")

    def vars(self) -> dict[str, Any]:
        """Its variables, those of the project and of single packages."""
        found: dict[str, Any] = {}
        for name, value in mapping(self.says.get("vars")).items():
            if isinstance(value, Mapping):
                found |= {str(inner): given for inner, given in value.items()}
            else:
                found[str(name)] = value
        return found


def find(place: Place, path: str = "") -> Project:
    """The project that a file belongs to, the topmost one without a file. Raises `NoProject`."""
    entries = [entry for entry in files.walk(place) if not entry.is_directory]
    tops = sorted(
        (entry.path.removesuffix(PROJECT).rstrip("/") for entry in entries if entry.name == PROJECT and not _packaged(entry.path)),
        key=lambda folder: (folder.count("/") + bool(folder), folder),
    )
    above = [folder for folder in tops if not folder or path.startswith(f"{folder}/")]
    if not tops or (path and not above):
        raise NoProject
    folder = above[-1] if path else tops[0]
    inner = [f"{other}/" for other in tops if other != folder and (not folder or other.startswith(f"{folder}/"))]
    own = tuple(
        entry
        for entry in entries
        if (not folder or entry.path.startswith(f"{folder}/")) and not any(entry.path.startswith(other) for other in inner)
    )
    source = f"{folder}/{PROJECT}" if folder else PROJECT
    says = mapping(_plain_yaml(_text(place, source)))
    return Project(place, folder, says, own)


def _packaged(path: str) -> bool:
    return any(part in PACKAGES for part in path.split("/"))


def scan(project: Project) -> Iterator[tuple[Stats, str, Found]]:
    """What each file says, with the package that it belongs to."""
    known = _known(project.place)
    for entry in project.entries:
        parts = project.inside(entry.path).split("/")
        packaged = parts[0] in PACKAGES and len(parts) > 2
        kind = project.kind_of(entry.path) if not packaged else "macro" if parts[2] == "macros" else ""
        reader = _reader(entry, kind)
        if reader:
            yield entry, parts[1] if packaged else project.name, known.get(project.place, entry, kind, reader)


def reads(project: Project) -> Iterator[tuple[Stats, tuple[Read, ...]]]:
    """What each model and snapshot of the project names by `ref` and `source`, as far as the names are written out."""
    known = _known(project.place)
    for entry in project.entries:
        kind = project.kind_of(entry.path)
        if kind in ("model", "snapshot") and entry.path.endswith((".sql", ".py")):
            yield entry, known.get(project.place, entry, kind, "reads").reads


def names_in(text: str) -> tuple[Read, ...]:
    """What a text names, each once; what stands in a remark of Jinja is not read."""
    found = []
    for match in _NAMED.finditer(_REMARK.sub("", text)):
        first, second, version = match["first"], match["second"], match["version"] or ""
        if match["call"] == "ref":
            found.append(Read(second or first, "", first if second else "", version))
        elif second:
            found.append(Read(second, first))
    return tuple(dict.fromkeys(found))


def macro_names(project: Project) -> dict[str, frozenset[str] | None]:
    """The names that the file of each macro of the project takes from around it."""
    return {macro["name"]: found.names for _, package, found in scan(project) if package == project.name for macro in found.macros}


# --- one file ---------------------------------------------------------------------------------------------------------------------


def _reader(entry: Stats, kind: str) -> str:
    """How a file is read; empty where it says nothing."""
    suffix = PurePosixPath(entry.path).suffix.lower()
    if suffix in (".sql", ".py") and kind in ("model", "snapshot", "macro"):
        return kind if suffix == ".sql" or kind == "model" else ""
    if suffix == ".csv" and kind == "seed":
        return "seed"
    if suffix in (".yml", ".yaml") and kind:
        return "yaml"
    return "docs" if suffix == ".md" and kind else ""


def _read(place: Place, entry: Stats, reader: str) -> Found:
    found, stem = Found(), PurePosixPath(entry.path).stem
    if reader == "model":
        found.nodes.append({"kind": "model", "name": stem})
        return found
    if entry.size > LONGEST and reader != "seed":
        return found
    if reader == "seed":
        found.nodes.append({"kind": "seed", "name": stem, "columns": _header(place, entry.path)})
        return found
    content = _text(place, entry.path)
    if reader == "reads":
        found.reads = names_in(content)
    elif reader == "macro":
        found.macros, found.names = list(macros(content)), templates.names(content)
    elif reader == "snapshot":
        found.nodes = [{"kind": "snapshot", "name": match[1]} for match in _BLOCK["snapshot"].finditer(content)]
    elif reader == "docs":
        found.docs = list(_docs(content))
    else:
        _describe(_plain_yaml(content), found)
    return found


def macros(content: str) -> Iterator[dict[str, Any]]:
    """The macros of a file with their arguments and the lines where they begin."""
    for match in _MACRO.finditer(content):
        names = [argument[1] for argument in _ARGUMENT.finditer(match[2]) if argument[1]]
        yield {"name": match[1], "args": names, "line": _line(content, match.start())}


def _docs(content: str) -> Iterator[dict[str, Any]]:
    """The docs blocks of a file with their texts and the lines where they begin."""
    for match in _BLOCK["docs"].finditer(content):
        end = _END_DOCS.search(content, match.end())
        told = content[match.end() : end.start() if end else len(content)].strip()
        yield {"name": match[1], "line": _line(content, match.start()), "text": told[:LONGEST_DOCS]}


def _line(content: str, at: int) -> int:
    return content.count("\n", 0, at) + 1


def _header(place: Place, path: str) -> list[dict[str, str]]:
    with files.open_file(place, path) as file:
        first = file.readline(100_000).decode("utf-8-sig", errors="replace")
    names = next(csv.reader([first]), []) if "\0" not in first else []
    return [{"name": name.strip()[:300], "type": "", "description": ""} for name in names[:2000] if name.strip()]


def _describe(value: Any, found: Found) -> None:
    """What a YAML file of dbt says about models, seeds, snapshots, sources, exposures and macros."""
    says = mapping(value)
    for kind in ("model", "seed", "snapshot", "macro", "exposure"):
        for entry in _entries(says.get("macros" if kind == "macro" else f"{kind}s")):
            name = text(entry.get("name"), 300)
            found.described[kind, name] = _about(entry)
            if entry.get("versions"):
                found.versioned.append(name)
            if kind == "exposure" or (kind == "snapshot" and entry.get("relation")):
                named = [entry.get("relation"), *(needs if isinstance(needs := entry.get("depends_on"), list) else ())]
                found.nodes.append({"kind": kind, "name": name, "reads": names_in(" ".join(map(str, named)))})
    for source in _entries(says.get("sources")):
        group = text(source.get("name"), 300)
        for table in _entries(source.get("tables")):
            found.nodes.append({"kind": "source", "source": group, "name": text(table.get("name"), 300), **_about(table)})


def _entries(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, Mapping) and text(entry.get("name")))


def _about(entry: Mapping[str, Any]) -> dict[str, Any]:
    columns = [_column(column) for column in _entries(entry.get("columns"))]
    return {"description": text(entry.get("description"), 20_000), "columns": columns}


def _column(column: Mapping[str, Any]) -> dict[str, str]:
    return {
        "name": text(column.get("name"), 300),
        "type": text(column.get("data_type"), 200),
        "description": text(column.get("description"), 5_000),
    }


def _text(place: Place, path: str) -> str:
    try:
        return files.read(place, path).decode("utf-8-sig", errors="replace")
    except files.NoSuchFile:
        return ""  # it went meanwhile


def _plain_yaml(content: str) -> Any:
    """What a YAML text says; None where it cannot be read."""
    try:
        return load_value(content)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


# --- what was read before ---------------------------------------------------------------------------------------------------------

_Key = tuple[datetime, int, str]


class _Known:
    """What files of one place said when they were read."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, bool], tuple[_Key, Found]] = {}  # what a model reads beside what it is

    def get(self, place: Place, entry: Stats, kind: str, reader: str) -> Found:
        """What a file says, read again where it is another than before."""
        key, name = (entry.modified, entry.size, f"{kind}:{reader}"), (entry.path, reader == "reads")
        held = self._files.get(name)
        if held is not None and held[0] == key:
            return held[1]
        found = _read(place, entry, reader)
        self._files[name] = (key, found)
        return found

    def keep(self, paths: Iterable[str]) -> None:
        """Let go of what is not among these paths."""
        there = set(paths)
        for name in [name for name in self._files if name[0] not in there]:
            self._files.pop(name, None)


_places: OrderedDict[Place, _Known] = OrderedDict()
_guard = threading.Lock()


def _known(place: Place) -> _Known:
    with _guard:
        known = _places.setdefault(place, _Known())
        _places.move_to_end(place)
        while len(_places) > MOST_PLACES:
            _places.popitem(last=False)
        return known


def forget_gone(project: Project) -> None:
    """Let go of what was read of files that are gone."""
    _known(project.place).keep(entry.path for entry in project.entries)
