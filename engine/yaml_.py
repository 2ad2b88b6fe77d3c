"""Safe YAML as Kestra reads it: limits on size, depth and aliases, duplicate keys told, every node's place kept."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

from engine.document import Problem
from engine.scalars import place_inside

MAX_CHARACTERS = 2 * 1024 * 1024
MAX_DEPTH = 100
MAX_ALIASES = 100
MAX_NODES = 200_000
MAX_RETOLD = 200_000  # characters of a text whose mistake is looked for once more
Path = tuple[str | int, ...]
FastReader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml


class TooMuch(yaml.YAMLError):
    """A document is larger, deeper or repeats itself more than is read."""


class _Reader(Protocol):
    """PyYAML's two parsers, as far as they are asked here."""

    def check_event(self, *choices: type[yaml.Event]) -> bool: ...
    def get_event(self) -> Any: ...
    def dispose(self) -> None: ...


# YAML 1.2's idea of scalars, by their first character.
INT = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|[0-9][0-9_]*)")
FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+|[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?)")
WORDS = dict.fromkeys(("", "~", "null", "Null", "NULL"), "null") | dict.fromkeys(("true", "True", "TRUE"), "bool")
WORDS |= dict.fromkeys(("false", "False", "FALSE"), "bool")
NUMERIC = frozenset("-+0123456789.")
TAGS = "tag:yaml.org,2002:"
UNKEEPABLE = re.compile("[\0\ud800-\udfff]")  # what no database takes


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

    `places[path]` is where the value stands, `keys[path]` where its key does. `value` is None when nothing could be read.
    """

    source: str = ""
    value: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> tuple[int, int] | tuple[None, None]:
        """Line and column of a path, or of the closest thing around it that has a place."""
        for end in range(len(path), -1, -1):
            found = self.keys.get(path[:end]) or self.places.get(path[:end])
            if found:
                return found
        return (None, None)

    def inside(self, path: Path, text: str, line: int, column: int) -> tuple[int, int] | tuple[None, None]:
        """Where that line and column (from 1) of the text at a path stand."""
        start = self.places.get(path)
        return self.place(path) if start is None else place_inside(self.source, start, text, line, column)

    def order(self, path: Path) -> tuple[int, int]:
        """Something to sort paths by where they stand in the text."""
        line, column = self.place(path)
        return (line or 0, column or 0)


def dotted(path: Path) -> str:
    """A path as people write it: `tasks[0].message`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


class _Builder:
    """Makes plain values from events; an alias is made again where it stands, so that a bomb is counted."""

    def __init__(self, events: list[Any], document: Document) -> None:
        self.events = events
        self.document = document
        self.at = self.made = 0
        self.anchors: dict[str, int] = {}
        self.open: set[int] = set()

    def build(self, path: Path) -> Any:
        event = self.events[self.at]
        self.at += 1
        self.made += 1
        if self.made > MAX_NODES:
            raise TooMuch(f"The document has more than {MAX_NODES} values once its aliases are followed")
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self._again(event, path)
        if event.anchor is not None:
            self.anchors[event.anchor] = self.at - 1
        mark = event.start_mark
        self.document.places[path] = (mark.line + 1, mark.column + 1)
        if kind is yaml.ScalarEvent:
            return self._scalar(event)
        start = self.at - 1
        if start in self.open:
            raise TooMuch("Recursive key or value: an anchor contains itself")
        self.open.add(start)
        made = self._sequence(path) if kind is yaml.SequenceStartEvent else self._mapping(path)
        self.open.discard(start)
        return made

    def _again(self, event: Any, path: Path) -> Any:
        back, self.at = self.at, self._anchored(event)
        made = self.build(path)
        self.at = back
        return made

    def _anchored(self, event: Any) -> int:
        """Where the value stands that an alias names."""
        if event.anchor not in self.anchors:
            raise yaml.MarkedYAMLError(None, None, f"found undefined alias {event.anchor!r}", event.start_mark)
        return self.anchors[event.anchor]

    def _sequence(self, path: Path) -> list[Any]:
        made: list[Any] = []
        while type(self.events[self.at]) is not yaml.SequenceEndEvent:
            made.append(self.build((*path, len(made))))
        self.at += 1
        return made

    def _mapping(self, path: Path) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        while type(self.events[self.at]) is not yaml.MappingEndEvent:
            mark = self.events[self.at].start_mark
            key = self._key()
            where = (*path, key)
            if key in made:
                self.document.problems.append(Problem(f"Duplicate field '{dotted(where)}'", mark.line + 1, mark.column + 1, dotted(where)))
                self._skip()
                continue
            self.document.keys[where] = (mark.line + 1, mark.column + 1)
            made[key] = self.build(where)
        self.at += 1
        return made

    def _key(self) -> str:
        event = self.events[self.at]
        named = self.events[self._anchored(event)] if type(event) is yaml.AliasEvent else event
        if type(named) is not yaml.ScalarEvent:
            raise yaml.MarkedYAMLError(None, None, "a key must be a plain text", event.start_mark)
        if event.anchor is not None:
            self.anchors.setdefault(event.anchor, self.at)
        self.at += 1
        return self._text(named)

    def _skip(self) -> None:
        """Reads a value that is not kept, for its anchors."""
        outside = Document()
        self.document, document = outside, self.document
        self.build(())
        self.document = document

    def _scalar(self, event: Any) -> Any:
        text = self._text(event)
        kind = _kind(event, text)
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

    def _text(self, event: Any) -> str:
        """The text of a scalar; one that no database can keep is refused."""
        text: str = event.value
        if UNKEEPABLE.search(text):
            raise yaml.MarkedYAMLError(None, None, "special characters are not allowed", event.start_mark)
        return text


def _kind(event: Any, text: str) -> str:
    """What a scalar is: by its tag if it has one, else by how it is written where it stands without quotes."""
    if event.tag is not None and event.tag != "!":
        return str(event.tag).removeprefix(TAGS)
    return "str" if event.tag == "!" or not event.implicit[0] else plain_kind(text)


def plain_kind(text: str) -> str:
    """What a text without quotes is read as: null, bool, int, float or str."""
    if text in WORDS:
        return WORDS[text]
    if text[0] in NUMERIC:
        if INT.fullmatch(text):
            return "int"
        if FLOAT.fullmatch(text):
            return "float"
    return "str"


def _events(reader: _Reader) -> list[Any]:
    """The events of the one document that there is, without those around it; nothing where there is none."""
    found: list[Any] = []
    depth = aliases = documents = 0
    try:
        while reader.check_event():
            event = reader.get_event()
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    mark: Any = event.start_mark
                    raise yaml.MarkedYAMLError("expected a single document in the stream", None, "but found another document", mark)
            if not isinstance(event, (yaml.NodeEvent, yaml.CollectionEndEvent)):
                continue
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            aliases += isinstance(event, yaml.AliasEvent)
            if depth > MAX_DEPTH:
                raise TooMuch(f"Nesting depth exceeds the specified max={MAX_DEPTH}")
            if aliases > MAX_ALIASES:
                raise TooMuch(f"Number of aliases for non-scalar nodes exceeds the specified max={MAX_ALIASES}")
            found.append(event)
            if len(found) > 2 * MAX_NODES:
                raise TooMuch(f"The document has more than {MAX_NODES} values")
    finally:
        reader.dispose()
    return found


def _read(text: str, document: Document) -> Any:
    """The value of a text; raises yaml.YAMLError.

    libyaml reads it (ten times as fast); where it cannot, PyYAML's own parser does once more, since its words are SnakeYAML's.
    """
    if len(text) > MAX_CHARACTERS:
        raise TooMuch(f"The incoming YAML document exceeds the limit: {MAX_CHARACTERS} code points.")
    try:
        events = _events(FastReader(text))
    except TooMuch:
        raise
    except (yaml.YAMLError, UnicodeEncodeError):
        if len(text) > MAX_RETOLD:
            raise
        events = _events(yaml.SafeLoader(text))
    return _Builder(events, document).build(()) if events else None


def load_value(text: str) -> Any:
    """The value of one document; raises yaml.YAMLError. For data, where places do not matter; the last of two equal keys is refused."""
    document = Document(text)
    try:
        value = _read(text, document)
    except (RecursionError, ValueError) as error:
        raise TooMuch(str(error) or "nested too deep") from error
    if document.problems:
        raise TooMuch(document.problems[0].message)
    return value


def load(text: str) -> Document:
    """Reads a text and never raises: what is wrong is in `problems`, with line and column, in SnakeYAML's words where it has any."""
    document = Document(text)
    try:
        document.value = _read(text, document)
    except yaml.MarkedYAMLError as error:
        document.problems.append(_marked(error, text))
    except yaml.reader.ReaderError as error:
        line, column = _place_of(text, error.position)
        document.problems.append(Problem("special characters are not allowed", line, column))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        document.problems.append(Problem(str(error) or "nested too deep", 1, 1))
    return document


def _place_of(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def _marked(error: yaml.MarkedYAMLError, text: str) -> Problem:
    """`mapping values are not allowed here`, then where: line, column, the text with a sign under the place."""
    mark = error.problem_mark or error.context_mark
    problem = " ".join(part for part in (error.context, error.problem) if part) or "the text is not YAML"
    if mark is None:
        return Problem(problem, 1, 1)
    snippet = yaml.Mark("reader", mark.index, mark.line, mark.column, text + "\0", mark.index).get_snippet(indent=4)
    where = f"\n in 'reader', line {mark.line + 1}, column {mark.column + 1}:" + (f"\n{snippet}" if snippet else "")
    return Problem(problem + where, mark.line + 1, mark.column + 1)


def dump(value: Any) -> str:
    """YAML text of plain values, in their order."""
    return yaml.safe_dump(_plain(value), sort_keys=False, allow_unicode=True, width=120)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
