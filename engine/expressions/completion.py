"""What may stand at one place of a template that is being typed: which name, member, filter or test is meant, and what there is of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.expressions import names
from engine.expressions.world import WORLD

MOST = 50  # options
FAR = 600  # characters before the place that are looked at
OFTEN = ("outputs", "inputs", "vars", "trigger", "taskrun", "execution", "flow")  # variables that stand first
PLAIN = re.compile(r"[A-Za-z_]\w*")
INNER = r"(?:\s*\.\s*[A-Za-z_]\w*|\s*\[\s*(?:'[^'\\]*'|\"[^\"\\]*\"|\d+)\s*\])"
PATH = rf"(?<![\w.\])'\"])(?P<path>[A-Za-z_]\w*{INNER}*)"
MEMBER = re.compile(rf"{PATH}(?P<at>\s*\.\s*)(?P<partial>[\w-]*)$")
KEY = re.compile(rf"{PATH}(?P<at>\s*\[\s*(?:['\"])?)(?P<partial>[^'\"\]\[]*)$")
STEP = re.compile(r"[A-Za-z_]\w*|'([^'\\]*)'|\"([^\"\\]*)\"|\d+")
FILTER = re.compile(r"\|\s*(?P<partial>\w*)$")
TEST = re.compile(r"\bis\s+(?:not\s+)?(?P<partial>\w*)$")
NAME = re.compile(r"(?<![\w.])(?P<partial>[A-Za-z_]\w*)?$")

Meant = Literal["name", "member", "filter", "test", "begin"]
WORDS: tuple[tuple[Meant, re.Pattern[str]], ...] = (("filter", FILTER), ("test", TEST), ("name", NAME))


@dataclass(frozen=True, slots=True)
class Place:
    """What is meant at the end of a text: `partial` has been typed of it, and what replaces that begins at `start`.

    `path` leads to the value whose member it is.
    """

    meant: Meant
    start: int
    partial: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One completion: `text` replaces what stands from `start` on."""

    label: str
    text: str
    kind: str
    detail: str
    start: int


def place_of(text: str) -> Place | None:
    """The place at the end of a text; None where nothing can be completed: outside of `{{ }}` and `{% %}`, in a string."""
    opened = max(text.rfind("{{"), text.rfind("{%"))
    if opened < 0:
        word = re.fullmatch(r"\s*([A-Za-z_]\w*)?", text[-FAR:])
        return Place("begin", len(text) - len(word[1] or ""), word[1] or "") if word else None
    inside = text[opened + 2 :]
    cut = max(0, len(inside) - FAR)
    near, offset = inside[cut:], opened + 2 + cut
    quoted = _open_string(inside)
    if quoted is None and re.search(r"[%}]\}", re.sub(r"'[^']*'|\"[^\"]*\"", "", inside)):
        return None
    if found := KEY.search(near):
        return Place("member", offset + found.start("at"), found["partial"], path_of(found["path"]))
    if quoted is not None:
        return None
    if found := MEMBER.search(near):
        return Place("member", offset + found.start("at"), found["partial"], path_of(found["path"]))
    for meant, pattern in WORDS:
        if found := pattern.search(near):
            partial = found["partial"] or ""
            return Place(meant, offset + found.end() - len(partial), partial)
    return None


def _open_string(text: str) -> int | None:
    """Where the string begins that is not closed at the end of an expression."""
    begun: int | None = None
    for at, letter in enumerate(text):
        if begun is None and letter in "'\"":
            begun = at
        elif begun is not None and letter == text[begun] and text[at - 1] != "\\":
            begun = None
    return begun


def path_of(text: str) -> tuple[str | int, ...]:
    """`outputs['a'].b[0]` → `("outputs", "a", "b", 0)`."""
    return tuple(_step(found) for found in STEP.finditer(text))


def _step(found: re.Match[str]) -> str | int:
    quoted = next((group for group in found.groups() if group is not None), None)
    if quoted is not None:
        return quoted
    return int(found[0]) if found[0].isdigit() else found[0]


def member(key: str | int) -> str:
    """How a member is written after its path: `.name`, or `["any text"]`, or `[0]`."""
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if PLAIN.fullmatch(key) else f"[{json.dumps(key, ensure_ascii=False)}]"


def value_at(known: Any, path: Iterable[str | int]) -> Any:
    """What a path leads to; None where it leads nowhere."""
    for step in path:
        if isinstance(known, Mapping):
            known = known.get(str(step))
        elif isinstance(known, list | tuple) and isinstance(step, int) and step < len(known):
            known = known[step]
        else:
            return None
    return known


def options(place: Place, known: Mapping[str, Any]) -> list[Option]:
    """What may stand there, what begins with the typed part first. `known` holds the variables by name."""
    if place.meant == "member":
        found = _members(place, value_at(known, place.path))
    elif place.meant in ("filter", "test"):
        found = [_entry(entry, place.start) for entry in names.entries() if entry.kind == place.meant]
    else:
        found = [*_variables(place, known), *(() if place.meant == "begin" else _functions(place.start))]
    typed = place.partial.lower()
    fitting = [one for one in found if typed in one.label.lower()]
    return sorted(fitting, key=lambda one: not one.label.lower().startswith(typed))[:MOST]


def _members(place: Place, value: Any) -> list[Option]:
    if isinstance(value, Mapping):
        return [Option(str(key), member(str(key)), kind_of(inner), short(inner), place.start) for key, inner in value.items()]
    if isinstance(value, list | tuple):
        return [Option(str(at), member(at), kind_of(inner), short(inner), place.start) for at, inner in enumerate(value[:MOST])]
    return []


def _variables(place: Place, known: Mapping[str, Any]) -> list[Option]:
    before = "{{ " if place.meant == "begin" else ""
    ordered = sorted(filter(PLAIN.fullmatch, known), key=lambda name: OFTEN.index(name) if name in OFTEN else len(OFTEN))
    return [Option(name, f"{before}{name}", *_described(name, known[name]), place.start) for name in ordered]


def _described(name: str, value: Any) -> tuple[str, str]:
    return ("", _first(names.VARIABLES[name])) if name in names.VARIABLES else (kind_of(value), short(value))


def _functions(start: int) -> list[Option]:
    return [_entry(entry, start) for entry in names.entries() if entry.kind == "function" and entry.name not in WORLD]


def _entry(entry: names.Entry, start: int) -> Option:
    text = entry.name
    if entry.kind == "function":
        text += "()" if entry.signature.endswith("()") else "("
    return Option(entry.name, text, entry.signature, _first(entry.help), start)


def _first(text: str) -> str:
    return short(text.partition("\n")[0].replace("`", ""))


def kind_of(value: Any) -> str:
    """What a value is, in a word; nothing of `...`, which stands for one that nobody has looked at."""
    if value is ...:
        return ""
    match value:
        case None:
            return "null"
        case bool():
            return "yes or no"
        case int() | float():
            return "number"
        case Mapping():
            return f"{len(value)} key{'' if len(value) == 1 else 's'}"
        case list() | tuple():
            return f"{len(value)} item{'' if len(value) == 1 else 's'}"
    return "text"


def short(value: Any) -> str:
    """The beginning of a value, on one line; nothing of maps and lists, whose size says more."""
    if isinstance(value, Mapping | list | tuple) or value in (None, ...):
        return ""
    text = " ".join(str(value)[:400].split())
    return text if len(text) <= 80 else f"{text[:79]}…"
