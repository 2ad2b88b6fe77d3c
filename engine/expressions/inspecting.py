"""What can be told of a template without rendering it."""

from __future__ import annotations

import functools

from engine.errors import ExpressionError
from engine.expressions.functions import CONTEXT_FUNCTIONS, PURE_FUNCTIONS
from engine.expressions.operations import KNOWN
from engine.expressions.parser import Used
from engine.expressions.statements import Parsed, parse
from engine.expressions.values import meant
from engine.expressions.world import WORLD


def checked(source: str) -> Parsed:
    """The template read, and sure to name only filters and tests that exist."""
    parsed = parse(source)
    for used in parsed.used:
        if used.kind != "function" and used.name not in KNOWN[used.kind]:
            message = f"{used.kind.capitalize()} [{used.name}] does not exist{meant(used.name, KNOWN[used.kind])}"
            raise ExpressionError(message, template=source, line=used.line, column=used.column)
    return parsed


@functools.lru_cache(maxsize=4096)
def needs_world(template: str) -> frozenset[str]:
    """The functions of the world that a template names; nothing when it cannot be read (rendering it will say why).

    `jq` counts as one: a program of it may run for ever, so that only a caller who can end it should run it.
    """
    if "{" not in template:
        return frozenset()
    try:
        used = parse(template).used
    except ExpressionError:
        return frozenset()
    return frozenset(name for name in map(_world_name, used) if name)


def _world_name(used: Used) -> str | None:
    if used.kind == "function":
        return used.name if used.name in WORLD else None
    return "jq" if used.name == "jq" else None


@functools.lru_cache(maxsize=4096)
def mistake(template: str) -> ExpressionError | None:
    """What can be told of a template without rendering it: its grammar, and filters, tests and functions that do not exist."""
    if "{" not in template:
        return None
    try:
        parsed = checked(template)
    except ExpressionError as error:
        return error
    known = parsed.macros | PURE_FUNCTIONS.keys() | CONTEXT_FUNCTIONS.keys() | WORLD
    for used in parsed.used:
        if used.kind == "function" and used.name not in known:
            message = f"Function or Macro [{used.name}] does not exist{meant(used.name, known)}"
            return ExpressionError(message, template=template, line=used.line, column=used.column)
    return None
