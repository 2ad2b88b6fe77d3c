"""SQL with Jinja as dbt writes it, read without rendering: whether it can be parsed, and the calls in it that name other things."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, meta, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

CALLS = ("ref", "source", "var", "doc")
# What means the same in a model and in a text of its own; `this`, `model` and the like do not.
ANYWHERE = frozenset({
    "ref", "source", "var", "env_var", "target", "config", "doc", "log", "print", "execute", "run_query", "return", "modules",
    "set", "set_strict", "zip", "zip_strict", "tojson", "fromjson", "toyaml", "fromyaml", "dbt_version", "run_started_at",
    "invocation_id", "project_name", "exceptions", "dbt", "dbt_utils", "range", "dict", "namespace", "true", "false", "none",
    "loop", "caller", "varargs", "kwargs",
})  # fmt: skip
_OWN = re.compile(r"\{%-?\s*(?:snapshot|docs|test|data_test|materialization)\b|\bconfig\s*\.")
_WHERE = r"\b{name}\s*\("


class _Blocks(Extension):
    """The blocks that dbt adds to Jinja: their heads are its own, their bodies are templates."""

    tags = {"snapshot", "docs", "test", "data_test", "materialization"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Skip the head, take the body."""
        tag = next(parser.stream).value
        while parser.stream.current.type not in ("block_end", "eof"):
            next(parser.stream)
        return parser.parse_statements((f"name:end{tag}",), drop_needle=True)


_JINJA = Environment(extensions=[_Blocks, "jinja2.ext.do", "jinja2.ext.loopcontrols"], autoescape=False)  # noqa: S701 -- never rendered


@dataclass(frozen=True, slots=True)
class Call:
    """A call like `ref('orders')`, with the texts that it is given and where it stands (from 1); `more` counts its other arguments."""

    name: str
    given: tuple[str, ...]
    more: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Broken(Exception):
    """The template cannot be parsed."""

    message: str
    line: int


def calls(text: str) -> list[Call]:
    """The calls that name other things, in their order. Raises `Broken`."""
    try:
        tree = _JINJA.parse(text)
    except TemplateSyntaxError as error:
        raise Broken(error.message or "cannot be read", error.lineno) from error
    except RecursionError as error:
        raise Broken("nested too deep", 1) from error
    return list(_calls(tree, text.splitlines()))


def names(text: str) -> frozenset[str] | None:
    """The names that a template takes from around it; None where it cannot be told what they mean elsewhere."""
    if _OWN.search(text):
        return None
    try:
        return frozenset(meta.find_undeclared_variables(_JINJA.parse(text)))
    except (TemplateSyntaxError, RecursionError):
        return None


def stands_alone(text: str, macros: Mapping[str, frozenset[str] | None]) -> bool:
    """Whether a text compiles to the same wherever it stands. `macros` has the names that the file of each macro takes from around it."""
    front, seen = [names(text)], set[str]()
    while front:
        found = front.pop()
        if found is None:
            return False
        for name in found - ANYWHERE - seen:
            seen.add(name)
            if name not in macros:
                return False
            front.append(macros[name])
    return True


def _calls(tree: nodes.Template, lines: list[str]) -> Iterator[Call]:
    seen: dict[tuple[int, str], int] = {}
    for call in tree.find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name) or call.node.name not in CALLS:
            continue
        given = tuple(arg.value for arg in call.args if isinstance(arg, nodes.Const) and isinstance(arg.value, str))
        if len(given) != len(call.args) and call.node.name != "var":
            continue  # what it names is only known when it is rendered
        if not given:
            continue
        number = call.lineno
        line = lines[number - 1] if number <= len(lines) else ""
        key = (number, call.node.name)
        at = _at(line, call.node.name, given[-1] if call.node.name == "ref" else given[0], seen.get(key, 0))
        seen[key] = at
        yield Call(call.node.name, given, len(call.args) + len(call.kwargs) - len(given), number, at)


def _at(line: str, name: str, argument: str, after: int) -> int:
    """The column of the argument of a call, the next one on its line after those seen before."""
    found: Any = re.compile(_WHERE.format(name=name) + rf"[^)]*?['\"]{re.escape(argument)}['\"]").search(line, max(after - 1, 0))
    if found is None:
        return 1
    return int(found.end() - len(argument) - 1) + 1
