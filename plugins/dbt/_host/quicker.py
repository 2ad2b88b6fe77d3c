"""Where dbt does work anew whose result is known: the same answers by a shorter way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import networkx
from dbt.adapters.base import BaseAdapter
from dbt.clients.jinja import MacroGenerator
from dbt.compilation import Linker
from dbt.context.macros import MacroNamespaceBuilder
from dbt_common.clients import jinja
from dbt_common.events import base_types
from dbt_common.events import logger as loggers
from google.protobuf.timestamp_pb2 import Timestamp

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
    events: Any = base_types
    events.ParseDict = _around_messages(events.ParseDict)
    lines: Any = loggers._Logger
    lines.write_line = _around_lines(lines.write_line)
    builder: Any = MacroNamespaceBuilder
    builder.build_namespace = _around_namespaces(builder.build_namespace)


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


def _around_namespaces(plain: Callable[..., Any]) -> Callable[..., Any]:
    """All macros are wrapped for each node, twice; their names and packages need not be looked at each time."""

    def build(builder: Any, macros_by_package: Any, context: Any) -> Any:
        for package, macros in macros_by_package.items():
            wrapped = {name: _wrapped(macro, context, builder.node, builder.thread_ctx) for name, macro in macros.items()}
            if package in builder.internal_package_names:
                builder.internal_packages[package] = wrapped
                continue
            builder.packages[package] = wrapped
            if package == builder.search_package:
                builder.locals.update(wrapped)
            elif package == builder.root_package:
                builder.globals.update(wrapped)
        return plain(builder, {}, context)

    return build


def _wrapped(macro: Any, context: Any, node: Any, stack: Any) -> Any:
    """What `MacroGenerator(macro, context, node, stack)` is, without the calls of three constructors."""
    made: Any = MacroGenerator.__new__(MacroGenerator)
    made.context, made.macro, made.node, made.stack = context, macro, node, stack
    return made


def _around_messages(plain: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Fifty events for a node are made by a parser of JSON; what is of the right type already, the message's own class takes in a twentieth
    of the time."""

    def message(given: Any, empty: Any) -> Any:
        info = given.get("info")
        try:
            if type(info) is dict and type(info.get("ts")) is str:
                moment = Timestamp()
                moment.FromJsonString(info["ts"])
                if _taken_alike({**info, "ts": None}):
                    return type(empty)(info={**info, "ts": moment})
            elif _taken_alike(given):
                return type(empty)(**given)
        except (TypeError, ValueError, AttributeError):
            pass  # the parser knows better, or says what is wrong
        return plain(given, empty)

    return message


def _around_lines(plain: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """A line is made of each event, also of those whose level its logger then drops: nine of ten."""
    numbers = {level.value: number for level, number in loggers._log_level_map.items()}

    def write(logger: Any, message: Any) -> None:
        number = numbers.get(message.info.level)
        wanted = logger._python_logger is None or number is None or loggers._is_print_event(message)
        if wanted or logger._python_logger.isEnabledFor(number):
            plain(logger, message)

    return write


def _taken_alike(value: Any) -> bool:
    """Whether the class of a message refuses this value wherever the parser does: a truth is a number to it, and bytes are a text."""
    kind = type(value)
    if kind is dict:
        return all(map(_taken_alike, value.values()))
    if kind is list:
        return all(map(_taken_alike, value))
    return (kind is float and math.isfinite(value)) or kind is int or value is None or isinstance(value, str)
