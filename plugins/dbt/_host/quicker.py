"""Where dbt does work anew whose result is known: the same answers by a shorter way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx
from dbt.adapters.base import BaseAdapter
from dbt.compilation import Linker
from dbt_common.clients import jinja

from .learned import Learned

COMPILED = Learned("compiled", 20_000)  # the class of a template's environment and its text: its code


def install() -> None:
    """Once, before any fork."""
    linker: Any = Linker
    linker.find_cycles = _around_cycles(linker.find_cycles)
    adapter: Any = BaseAdapter
    adapter._get_cache_schemas = _around_schemas(adapter._get_cache_schemas)
    environment: Any = jinja.MacroFuzzEnvironment
    environment.compile = _around_compile(environment.compile)


def knows(adapter: Any) -> bool:
    """Whether it is certain that nodes which lie in the same place are all the same to this adapter."""
    return type(adapter).__module__.split(".")[2:3] in (["duckdb"], ["postgres"])


def place_of(node: Any) -> Any:
    """Where a node lies in the database; what is told of a source is its own."""
    catalog = node.catalog_name if hasattr(node, "catalog_name") else node.config.get("catalog", None)
    own = node.unique_id if node.resource_type == "source" else ""
    return (node.database, node.schema, catalog, own, *sorted(node.quoting_dict.items()))


def _around_schemas(plain: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Thousands of nodes lie in a few schemas: one node of each tells the same as all of them."""

    def schemas(adapter: Any, nodes: Any) -> Any:
        if not knows(adapter):
            return plain(adapter, nodes)
        one: dict[Any, Any] = {}
        for node in nodes:
            one.setdefault(place_of(node), node)
        return plain(adapter, one.values())

    return schemas


def _around_cycles(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`networkx.find_cycle` takes time that grows with the square of the graph where there is none; sorting it shows that at once."""

    def find(linker: Any) -> Any:
        return None if networkx.is_directed_acyclic_graph(linker.graph) else plain(linker)

    return find


def _around_compile(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A template is compiled for each node and macro that uses it; the code depends on its text and the kind of environment alone."""
    kinds = {jinja.MacroFuzzEnvironment: "text", jinja.NativeSandboxEnvironment: "native"}

    def compile(environment: Any, source: Any, *given: Any, **named: Any) -> Any:
        kind = kinds.get(type(environment))
        if kind is None or given or named or not isinstance(source, str) or jinja.MACRO_DEBUGGING:
            return plain(environment, source, *given, **named)
        key = (kind, source)
        code = COMPILED.known.get(key) or COMPILED.fresh.get(key)
        if code is None:
            code = COMPILED.fresh[key] = plain(environment, source)
        return code

    return compile
