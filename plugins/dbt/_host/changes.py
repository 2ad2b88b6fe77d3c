"""Which things of a parsed project have changed since it was parsed.

What dbt changes in one of them, it does by setting one of its attributes, or while it compiles the node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dbt.compilation import Compiler

COLLECTIONS = (
    *("nodes", "sources", "macros", "docs", "exposures", "functions", "metrics", "groups"),
    *("semantic_models", "saved_queries", "unit_tests"),
)

# By identity of the object, which is kept with it so that no other gets its number.
parsed: dict[int, Any] = {}  # what is as it was parsed
before: dict[int, tuple[Any, dict[str, Any]]] = {}  # what has changed since, as it was
listeners: list[Callable[[Any], None]] = []  # told of each thing that is about to change
_watched: set[Any] = set()


def install() -> None:
    """Once, before any fork."""
    compiler: Any = Compiler
    compiler._compile_code = _around_compile_code(compiler._compile_code)


def things(manifest: Any) -> dict[int, Any]:
    """All of a manifest, by identity."""
    return {id(thing): thing for collection in COLLECTIONS for thing in getattr(manifest, collection).values()}


def begin(of_manifest: dict[int, Any]) -> None:
    """A manifest is parsed, and these are its things: from here on, changes of them are noticed."""
    global parsed
    parsed = of_manifest
    before.clear()
    for kind in {type(thing) for thing in parsed.values()}:
        _watch(kind)


def touch(thing: Any) -> None:
    """It is about to change."""
    for listener in listeners:
        listener(thing)
    if parsed.pop(id(thing), None) is not None:
        before[id(thing)] = (thing, thing.to_dict(omit_none=False))


def changed() -> list[Any]:
    """Things that have changed."""
    return [thing for thing, _ in before.values()]


def _watch(kind: Any) -> None:
    if kind in _watched:
        return
    _watched.add(kind)
    plain: Callable[[Any, str, Any], None] = kind.__setattr__

    def set_attribute(self: Any, name: str, value: Any) -> None:
        if type(self) is kind:
            touch(self)
        plain(self, name, value)

    kind.__setattr__ = set_attribute


def _around_compile_code(plain: Callable[..., Any]) -> Callable[..., Any]:
    def compile_code(compiler: Any, node: Any, *given: Any, **named: Any) -> Any:
        touch(node)
        return plain(compiler, node, *given, **named)

    return compile_code
