"""Safe YAML as Kestra reads it: limits on size, depth and aliases, duplicate keys told, every node's place kept."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from engine.document import Problem

MAX_CHARACTERS = 2 * 1024 * 1024
MAX_DEPTH = 100
MAX_ALIASES = 100
MAX_NODES = 200_000
Path = tuple[str | int, ...]


class TooMuch(yaml.YAMLError):
    """A document is larger, deeper or repeats itself more than is read."""


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's idea of scalars, and a count of what it makes."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.depth = self.aliases = self.nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MAX_ALIASES:
                raise TooMuch(f"Number of aliases for non-scalar nodes exceeds the specified max={MAX_ALIASES}")
        self.depth += 1
        self.nodes += 1
        if self.depth > MAX_DEPTH:
            raise TooMuch(f"Nesting depth exceeds the specified max={MAX_DEPTH}")
        if self.nodes > MAX_NODES:
            raise TooMuch(f"The document has more than {MAX_NODES} values")
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|[0-9][0-9_]*)", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+|[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?)",
        list("-+0123456789."),
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


def _integer(text: str) -> int | str:
    plain = text.replace("_", "")
    sign, digits = (-1, plain[1:]) if plain.startswith("-") else (1, plain.lstrip("+"))
    if len(digits) > 400:
        return text
    for prefix, base in (("0b", 2), ("0x", 16), ("0o", 8)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    return sign * int(digits)


@dataclass(slots=True)
class Document:
    """A text read: its value, where every node stands (line and column from 1, by path), and what is wrong with it.

    `places[path]` is where the value stands, `keys[path]` where its key does; `blocks` are the texts written below `|` or `>`.
    `value` is None when nothing could be read.
    """

    value: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    blocks: set[Path] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> tuple[int, int] | tuple[None, None]:
        """Line and column of a path, or of the closest thing around it that has a place."""
        for end in range(len(path), -1, -1):
            found = self.keys.get(path[:end]) or self.places.get(path[:end])
            if found:
                return found
        return (None, None)

    def line_inside(self, path: Path, line: int) -> tuple[int, int] | tuple[None, None]:
        """Where line `line` (from 1) of a text stands."""
        start, column = self.places.get(path, (None, None))
        if start is None or column is None:
            return self.place(path)
        return (start + line, 1) if path in self.blocks else (start + line - 1, column if line == 1 else 1)

    def order(self, path: Path) -> tuple[int, int]:
        """Something to sort paths by where they stand in the text."""
        line, column = self.place(path)
        return (line or 0, column or 0)


def dotted(path: Path) -> str:
    """A path as people write it: `tasks[0].message`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


class _Builder:
    """Makes plain values from nodes; an alias is made again where it stands, so that a bomb is counted."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.made = 0
        self.open: set[int] = set()

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.made += 1
        if self.made > MAX_NODES:
            raise TooMuch(f"The document has more than {MAX_NODES} values once its aliases are followed")
        mark = node.start_mark
        self.document.places[path] = (mark.line + 1, mark.column + 1)
        if isinstance(node, yaml.ScalarNode):
            if node.style in ("|", ">"):
                self.document.blocks.add(path)
            return self._scalar(node)
        if id(node) in self.open:
            raise TooMuch("Recursive key or value: an anchor contains itself")
        self.open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            made: Any = [self.build(item, (*path, number)) for number, item in enumerate(node.value)]
        else:
            made = self._mapping(node, path)
        self.open.discard(id(node))
        return made

    def _mapping(self, node: Any, path: Path) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            where = (*path, str(key))
            mark = key_node.start_mark
            if key in made:
                self.document.problems.append(Problem(f"Duplicate field '{dotted(where)}'", mark.line + 1, mark.column + 1, dotted(where)))
                continue
            self.document.keys[where] = (mark.line + 1, mark.column + 1)
            made[key] = self.build(value_node, where)
        return made

    def _key(self, node: yaml.Node) -> Hashable:
        if not isinstance(node, yaml.ScalarNode):
            mark = node.start_mark
            raise yaml.MarkedYAMLError(None, None, "a key must be a plain text", mark)
        return self._text(node)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind, text = node.tag.rpartition(":")[2], self._text(node)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return _integer(text)
        if kind == "float":
            value = float(text.replace("_", ""))
            return value if math.isfinite(value) else text
        return text

    def _text(self, node: yaml.ScalarNode) -> str:
        """The text of a scalar; one that no database can keep is refused."""
        text = str(node.value)
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise yaml.MarkedYAMLError(None, None, "special characters are not allowed", node.start_mark)
        return text


def _nodes(text: str) -> yaml.Node | None:
    if len(text) > MAX_CHARACTERS:
        raise TooMuch(f"The incoming YAML document exceeds the limit: {MAX_CHARACTERS} code points.")
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def load_value(text: str) -> Any:
    """The value of one document; raises yaml.YAMLError. For data, where places do not matter; the last of two equal keys is refused."""
    document = Document()
    try:
        node = _nodes(text)
        value = None if node is None else _Builder(document).build(node, ())
    except (RecursionError, ValueError) as error:
        raise TooMuch(str(error) or "nested too deep") from error
    if document.problems:
        raise TooMuch(document.problems[0].message)
    return value


def load(text: str) -> Document:
    """Reads a text and never raises: what is wrong is in `problems`, with line and column, in SnakeYAML's words where it has any."""
    document = Document()
    try:
        node = _nodes(text)
        if node is not None:
            document.value = _Builder(document).build(node, ())
    except yaml.MarkedYAMLError as error:
        document.problems.append(_marked(error))
    except yaml.reader.ReaderError as error:
        line, column = _place_of(text, error.position)
        document.problems.append(Problem("special characters are not allowed", line, column))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        document.problems.append(Problem(str(error) or "nested too deep", 1, 1))
    return document


def _place_of(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def _marked(error: yaml.MarkedYAMLError) -> Problem:
    """`mapping values are not allowed here`, then where: line, column, the text with a sign under the place."""
    mark = error.problem_mark or error.context_mark
    problem = " ".join(part for part in (error.context, error.problem) if part) or "the text is not YAML"
    if mark is None:
        return Problem(problem, 1, 1)
    snippet = mark.get_snippet(indent=4) if mark.buffer is not None else None
    where = f"\n in 'reader', line {mark.line + 1}, column {mark.column + 1}:" + (f"\n{snippet}" if snippet else "")
    return Problem(problem + where, mark.line + 1, mark.column + 1)


def dump(value: Any) -> str:
    """YAML text of plain values, in their order."""
    return yaml.safe_dump(_plain(value), sort_keys=False, allow_unicode=True, width=120)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
