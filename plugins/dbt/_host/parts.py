"""`manifest.json` and `graph.gpickle` put together from what is known of each node already, for taking a node apart takes longest.

A part is known for an object, not for a name, and forgotten when the object changes: what dbt changes in a node after it has parsed, it
does by setting one of its attributes, or while it compiles the node.
"""

from __future__ import annotations

import json
import marshal
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from dbt.adapters.factory import FACTORY
from dbt.artifacts.schemas.manifest import WritableManifest
from dbt.compilation import Compiler, Linker
from dbt.contracts.graph.manifest import Manifest
from dbt.events.types import ArtifactWritten
from dbt_common.clients.system import convert_path, make_directory
from dbt_common.events.functions import fire_event
from dbt_common.utils.encoding import JSONEncoder

Texts = dict[str, dict[str, bytes]]  # by collection and name: as JSON in manifest.json; under `graph`: pickled for graph.gpickle
GRAPH = "graph"
COLLECTIONS = (
    *("nodes", "sources", "macros", "docs", "exposures", "functions", "metrics", "groups"),
    *("semantic_models", "saved_queries", "unit_tests"),
)
FLAT = ("exposures", "functions", "groups", "metrics", "nodes", "sources", "semantic_models", "saved_queries")

# By identity of the object, which is kept with it so that no other gets its number.
_written: dict[int, tuple[Any, bytes]] = {}
_drawn: dict[int, tuple[Any, bytes]] = {}
_parsed: dict[int, Any] = {}  # what is as it was parsed
_before: dict[int, tuple[Any, dict[str, Any]]] = {}  # what has changed since, as it was, for the `graph` of templates
_watched: set[Any] = set()


def install() -> None:
    """Once, before any fork."""
    manifest: Any = Manifest
    linker: Any = Linker
    compiler: Any = Compiler
    manifest.write = _write
    manifest.build_flat_graph = _around_flat_graph(manifest.build_flat_graph)
    linker.get_graph_summary = _summary
    linker.write_graph = _write_graph
    compiler._compile_code = _around_compile_code(compiler._compile_code)


# --- what is known ----------------------------------------------------------------------------------------------------------------


def begin(manifest: Any, known: Texts | None) -> None:
    """A manifest is parsed: from here on, changes of its objects are noticed. `known` are the parts of exactly this one."""
    forget()
    for collection in COLLECTIONS:
        texts = (known or {}).get(collection, {})
        graph = (known or {}).get(GRAPH, {})
        for name, thing in getattr(manifest, collection).items():
            _parsed[id(thing)] = thing
            _watch(type(thing))
            if name in texts:
                _written[id(thing)] = (thing, texts[name])
            if name in graph and collection != "macros":
                _drawn[id(thing)] = (thing, graph[name])


def forget() -> None:
    """Nothing is known."""
    for known in (_written, _drawn, _parsed, _before):
        known.clear()


def found(manifest: Any) -> Texts:
    """The parts of all that is as it was parsed."""
    texts: Texts = {GRAPH: {}}
    for collection in COLLECTIONS:
        texts[collection] = {}
        for name, thing in getattr(manifest, collection).items():
            if id(thing) not in _parsed:
                continue
            if id(thing) in _written:
                texts[collection][name] = _written[id(thing)][1]
            if id(thing) in _drawn:
                texts[GRAPH][name] = _drawn[id(thing)][1]
    return texts


def leave(texts: Texts, path: str) -> None:
    """Write them to a file, for the host."""
    fresh = f"{path}.{os.getpid()}"
    with open(fresh, "wb") as file:
        marshal.dump(texts, file)
    os.rename(fresh, path)


def load(path: str, *, stays: bool) -> Texts:
    """Read them; the file goes unless it stays for others."""
    with open(path, "rb") as file:
        texts: Texts = marshal.load(file)  # noqa: S302 -- written by a fork of a host into the folder of hosts
    if not stays:
        os.unlink(path)
    return texts


def _touch(thing: Any) -> None:
    """It is about to change."""
    if _parsed.pop(id(thing), None) is not None:
        _before[id(thing)] = (thing, thing.to_dict(omit_none=False))
    _written.pop(id(thing), None)
    _drawn.pop(id(thing), None)


def _watch(kind: Any) -> None:
    if kind in _watched:
        return
    _watched.add(kind)
    plain: Callable[[Any, str, Any], None] = kind.__setattr__

    def set_attribute(self: Any, name: str, value: Any) -> None:
        if type(self) is kind:
            _touch(self)
        plain(self, name, value)

    kind.__setattr__ = set_attribute


def _around_compile_code(plain: Callable[..., Any]) -> Callable[..., Any]:
    def compile_code(compiler: Any, node: Any, *given: Any, **named: Any) -> Any:
        _touch(node)
        return plain(compiler, node, *given, **named)

    return compile_code


# --- manifest.json ----------------------------------------------------------------------------------------------------------------


def _write(manifest: Any, path: str) -> None:
    """`Manifest.write`: the same file."""
    target = convert_path(path)
    make_directory(os.path.dirname(target))
    pieces = _manifest(manifest)
    with open(target, "wb") as file:
        file.write(b"".join(pieces))
    fire_event(ArtifactWritten(artifact_type=WritableManifest.__name__, artifact_path=path))


def _manifest(manifest: Any) -> list[bytes]:
    """Everything but the collections as dbt writes it, and these from their parts."""
    collections = {name: getattr(manifest, name) for name in COLLECTIONS}
    manifest.build_parent_and_child_maps()
    manifest.build_group_map()
    manifest.fill_tracking_metadata()
    writable = WritableManifest(
        selectors=manifest.selectors,
        metadata=manifest.metadata,
        disabled=manifest._map_list_nodes_to_map_list_resources(manifest.disabled),
        child_map={},
        parent_map={},
        group_map=manifest.group_map,
        **{name: {} for name in COLLECTIONS},
    )
    edges = {"child_map": manifest.child_map, "parent_map": manifest.parent_map}
    pieces: list[bytes] = []
    for name, value in writable.to_dict(omit_none=False, context={"artifact": True}).items():
        pieces += [b", " if pieces else b"{", _json(name), b": "]
        if name in collections:
            pieces += [b"{", b", ".join(_parts(collections[name])), b"}"]
        else:
            pieces.append(_json(edges.get(name, value)))
    return [*pieces, b"}"]


def _parts(things: dict[str, Any]) -> Iterable[bytes]:
    for name, thing in things.items():
        known = _written.get(id(thing))
        if known is None:
            text = _json(name) + b": " + _json(thing.to_resource().to_dict(omit_none=False, context={"artifact": True}))
            known = _written[id(thing)] = (thing, text)
        yield known[1]


def _json(value: Any) -> bytes:
    return json.dumps(value, cls=JSONEncoder).encode()


# --- the graph --------------------------------------------------------------------------------------------------------------------


class _Graph(dict):  # type: ignore[type-arg]
    """What templates see as `graph`: every node as it was parsed. It is made when someone looks."""

    def __init__(self, manifest: Any) -> None:
        super().__init__()
        self.manifest = manifest
        self.guard = threading.Lock()

    def fill(self) -> None:
        with self.guard:
            manifest, self.manifest = self.manifest, None
            for collection in FLAT if manifest else ():
                things = getattr(manifest, collection).items()
                dict.__setitem__(self, collection, {name: _as_parsed(thing) for name, thing in things})


def _as_parsed(thing: Any) -> dict[str, Any]:
    flat: dict[str, Any] = _before[id(thing)][1] if id(thing) in _before else thing.to_dict(omit_none=False)
    return flat


def _filled(name: str) -> Callable[..., Any]:
    def method(self: _Graph, *given: Any, **named: Any) -> Any:
        self.fill()
        return getattr(dict, name)(self, *given, **named)

    return method


for _name in (
    *("__getitem__", "__setitem__", "__delitem__", "__iter__", "__reversed__", "__len__", "__contains__", "__eq__", "__ne__", "__repr__"),
    *("__or__", "__ror__", "__ior__", "copy", "get", "items", "keys", "values", "pop", "popitem", "setdefault", "update", "clear"),
):
    setattr(_Graph, _name, _filled(_name))


def _around_flat_graph(plain: Callable[[Any], None]) -> Callable[[Any], None]:
    """Where nothing but the adapter's own macros speaks of it, it is made later; a dict that is not filled yet shows empty in C code."""

    def build(manifest: Any) -> None:
        if _speaks_of_graph(manifest):
            plain(manifest)
        else:
            manifest.flat_graph = _Graph(manifest)

    return build


def _speaks_of_graph(manifest: Any) -> bool:
    own = {"dbt", *(plugin.project_name for plugin in FACTORY.plugins.values())}
    texts = [macro.macro_sql for macro in manifest.macros.values() if macro.package_name not in own]
    for node in manifest.nodes.values():
        texts.append(node.raw_code)
        texts += [hook.sql for hook in (*getattr(node.config, "pre_hook", ()), *getattr(node.config, "post_hook", ()))]
    return any(GRAPH in text for text in (*texts, *sys.argv))


def _summary(linker: Any, manifest: Any) -> dict[int, dict[str, Any]]:
    """`Linker.get_graph_summary`: the same, of each node just its kind."""
    numbers = {name: number for number, name in enumerate(linker.graph)}
    nodes: dict[int, dict[str, Any]] = {}
    for name, number in numbers.items():
        nodes[number] = {"name": name, "type": manifest.expect(name).resource_type.value}
        successors = [numbers[other] for other in linker.graph.successors(name)]
        if successors:
            nodes[number]["succ"] = successors
    return nodes


class _Pickled:
    """A value that is pickled already: whoever loads the file gets the value."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (self.text,)


def _write_graph(linker: Any, outfile: str, manifest: Any) -> None:
    """`Linker.write_graph`: the same graph, once it is loaded."""
    graph = linker.graph.__class__()
    graph.graph.update(linker.graph.graph)
    graph._adj.update(linker.graph._adj)
    graph._pred.update(linker.graph._pred)
    for name in linker.graph:
        graph._node[name] = _Pickled(_pickled(manifest.expect(name)))
    with open(outfile, "wb") as file:
        pickle.dump(graph, file, protocol=pickle.HIGHEST_PROTOCOL)


def _pickled(thing: Any) -> bytes:
    known = _drawn.get(id(thing))
    if known is None:
        known = _drawn[id(thing)] = (thing, pickle.dumps(thing.to_dict(omit_none=True), protocol=pickle.HIGHEST_PROTOCOL))
    return known[1]
