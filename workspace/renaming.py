"""Where a model is named, and what changes in which files when it gets another name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from engine import yaml_
from namespaces import files
from namespaces.files import NoSuchFile
from namespaces.services import versions
from namespaces.services.versions import Author
from ui.errors import Conflict, Invalid
from workspace.generating import name_of
from workspace.project_files import LONGEST, PACKAGES, Project

READ = (".sql", ".yml", ".yaml", ".py", ".md")
KINDS = ("model", "seed", "snapshot")
MOST = 5_000


@dataclass(frozen=True, slots=True)
class Reference:
    """One place where a model is named: line and column from 1, and the text of the line."""

    path: str
    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a file: its text, and its path where that is another one."""

    path: str
    to: str
    before: str
    after: str


def references(project: Project, name: str) -> list[Reference]:
    """Every `ref` to a model in the files of the project."""
    found = []
    for path, text in _texts(project):
        lines = text.splitlines()
        for match in _pattern(name).finditer(text):
            line = text.count("\n", 0, match.start("name")) + 1
            column = match.start("name") - (text.rfind("\n", 0, match.start("name")) + 1) + 1
            found.append(Reference(path, line, column, lines[line - 1].strip()[:300]))
            if len(found) >= MOST:
                return found
    return found


def changes(project: Project, path: str, name: str) -> list[Change]:
    """What changes where the model at `path` gets another name. Raises `Invalid`, and `Conflict` where the name is taken."""
    name_of(name, "A model's name")
    pure = PurePosixPath(path)
    old, to = pure.stem, str(pure.with_name(f"{name}{pure.suffix}"))
    if project.kind_of(path) not in KINDS or pure.suffix not in (".sql", ".py", ".csv"):
        raise Invalid("Only a model, seed or snapshot can be renamed with its references.")
    if name == old:
        raise Invalid("This is its name already.")
    if any(_is_called(project, entry.path, name) for entry in project.entries):
        raise Conflict(f"There is a {project.kind_of(path)} {name} already.")
    if not files.exists(project.place, path):
        raise NoSuchFile(f"There is no file {path}.")
    found = []
    for other, text in _texts(project, also=path):
        after = _pattern(old).sub(lambda match: _renamed(match, name), text)
        if PurePosixPath(other).suffix in (".yml", ".yaml"):
            after = _entries_renamed(after, old, name)
        if after != text or other == path:
            found.append(Change(other, to if other == path else other, text, after))
    if not any(one.path == path for one in found):
        raise Invalid(f"{path} is too large, or no text: rename the file alone.")
    return found


def _is_called(project: Project, path: str, name: str) -> bool:
    pure = PurePosixPath(path)
    return pure.stem == name and pure.suffix in (".sql", ".py", ".csv") and project.kind_of(path) in KINDS


def apply(project: Project, path: str, name: str, *, author: Author) -> list[Change]:
    """Make these changes, all of them or none. Raises `Changed` where somebody changed one of the files meanwhile."""
    made = changes(project, path, name)
    contents = {one.path: (one.before.encode(), one.after.encode()) for one in made}
    versions.rewrite(project.place, contents, path, next(one.to for one in made if one.path == path), author=author)
    return made


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"\bref\(\s*(?:(['\"])\w+\1\s*,\s*)?(['\"])(?P<name>{re.escape(name)})\2")


def _renamed(match: re.Match[str], name: str) -> str:
    start = match.start("name") - match.start()
    return f"{match[0][:start]}{name}{match[0][start + len(match['name']) :]}"


def _texts(project: Project, also: str = "") -> Iterator[tuple[str, str]]:
    """The files of the project in which a model can be named, without installed packages."""
    for entry in project.entries:
        first = project.inside(entry.path).partition("/")[0]
        if first in PACKAGES or first == "target" or (not entry.path.endswith(READ) and entry.path != also) or entry.size > LONGEST:
            continue
        try:
            yield entry.path, files.read(project.place, entry.path).decode()
        except (NoSuchFile, UnicodeDecodeError):
            continue  # it went meanwhile, or is no text


def _entries_renamed(text: str, old: str, name: str) -> str:
    """A YAML text in which the entries of models, seeds and snapshots of that name have the other one."""
    document = yaml_.load(text)
    if document.problems or not isinstance(document.value, dict):
        return text
    lines = text.splitlines(keepends=True)
    for place in _places(document.value, old):
        line, column = document.places.get(place, (None, None))
        if line is not None and column is not None:
            head, rest = lines[line - 1][: column - 1], lines[line - 1][column - 1 :]
            lines[line - 1] = head + rest.replace(old, name, 1)
    return "".join(lines)


def _places(value: dict[Any, Any], old: str) -> Iterator[tuple[str | int, ...]]:
    for section in ("models", "seeds", "snapshots"):
        entries = value.get(section)
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict) and entry.get("name") == old:
                yield (section, number, "name")
    tests = value.get("unit_tests")
    for number, entry in enumerate(tests if isinstance(tests, list) else ()):
        if isinstance(entry, dict) and entry.get("model") == old:
            yield ("unit_tests", number, "model")
