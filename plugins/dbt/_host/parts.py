"""`manifest.json` and `graph.gpickle` put together from what is known of each node already, for taking a node apart takes longest.

A part is known for an object, not for a name, and forgotten when the object changes.
"""

from __future__ import annotations

import itertools
import json
import marshal
import operator
import os
import pickle
import sys
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dbt.adapters.factory import FACTORY
from dbt.artifacts.schemas.manifest import WritableManifest
from dbt.compilation import Linker
from dbt.contracts.graph.manifest import Manifest
from dbt.events.types import ArtifactWritten
from dbt_common.clients.system import convert_path, make_directory
from dbt_common.events.functions import fire_event
from dbt_common.utils.encoding import JSONEncoder

from . import changes, facts
from .changes import COLLECTIONS

FLAT = ("exposures", "functions", "groups", "metrics", "nodes", "sources", "semantic_models", "saved_queries")
BETWEEN = b", "


@dataclass
class Text:
    """The things of a collection as they stand in manifest.json, one after the other, and where each ends; an unknown one is empty."""

    whole: bytes
    ends: array[int]
    identities: array[int] = field(default_factory=lambda: array("Q"))

    @classmethod
    def of(cls, pieces: list[bytes]) -> Text:
        """One of these pieces."""
        ends = itertools.accumulate(len(piece) + len(BETWEEN) for piece in pieces)
        return cls(BETWEEN.join(pieces), array("Q", (end - len(BETWEEN) for end in ends)))

    def begin(self, place: int) -> int:
        """Where the piece in this place begins."""
        return self.ends[place - 1] + len(BETWEEN) if place else 0

    def knows(self, place: int, identity: int) -> bool:
        """Whether it has a piece for this thing in this place."""
        there = place < len(self.identities) and place < len(self.ends) and self.identities[place] == identity
        return there and self.ends[place] > self.begin(place)

    def piece(self, place: int, identity: int) -> bytes:
        """What it has for this thing in this place."""
        return self.whole[self.begin(place) : self.ends[place]] if self.knows(place, identity) else b""


@dataclass
class Known:
    """The parts of one manifest, and its things, by identity."""

    texts: dict[str, Text]
    graph: bytes  # its nodes for graph.gpickle; empty where they are not known
    things: dict[int, Any]
    around: tuple[bytes, bytes] | None = None  # what comes before and after these in the file of the graph as it is linked


_known: Known | None = None  # by the host
# By identity of the object, which is kept with it so that no other gets its number.
_written: dict[int, tuple[Any, bytes]] = {}
_outdated: dict[int, tuple[Any, bytes]] = {}  # what was written of things that have changed since
_drawn = b""  # all nodes for graph.gpickle, as they were parsed


def install() -> None:
    """Once, before any fork."""
    manifest: Any = Manifest
    linker: Any = Linker
    manifest.write = _write
    manifest.build_flat_graph = _around_flat_graph(manifest.build_flat_graph)
    linker.write_graph = _write_graph
    changes.listeners.append(_unwrite)


# --- what is known ----------------------------------------------------------------------------------------------------------------


def begin(manifest: Any, known: Known | None) -> None:
    """A manifest is parsed. `known` are the parts of exactly this one."""
    global _known
    forget()
    _known = known
    changes.begin(known.things if known is not None else changes.things(manifest))


def carried(known: Known) -> dict[int, tuple[Any, bytes]]:
    """What was written of those things of an earlier manifest that have not changed until now, wherever they stand in the next one."""
    found: dict[int, tuple[Any, bytes]] = {}
    for text in known.texts.values():
        for place, identity in enumerate(text.identities):
            if identity in changes.parsed and text.knows(place, identity):
                found[identity] = (changes.parsed[identity], text.piece(place, identity))
    return found


def carry(pieces: dict[int, tuple[Any, bytes]]) -> None:
    """They hold for this manifest, too."""
    _written.update(pieces)


def forget() -> None:
    """Nothing is known."""
    global _known, _drawn
    _known, _drawn = None, b""
    _written.clear()
    _outdated.clear()


def _unwrite(thing: Any) -> None:
    """It is about to change."""
    known = _written.pop(id(thing), None)
    if known is not None and id(thing) in changes.parsed:
        _outdated[id(thing)] = known


def lacking() -> bool:
    """Whether this fork has made a part that the host does not know."""
    return bool(_drawn or _outdated) or any(identity in changes.parsed for identity in _written)


def leave(manifest: Any, path: str) -> None:
    """Write the parts of all that is as it was parsed to a file, for the host."""
    texts = {name: Text.of(_pieces(name, getattr(manifest, name))) for name in COLLECTIONS}
    graph = _drawn or (_known.graph if _known is not None else b"")
    fresh = f"{path}.{os.getpid()}"
    with open(fresh, "wb") as file:
        marshal.dump(({name: (text.whole, text.ends.tobytes()) for name, text in texts.items()}, graph), file)
    os.rename(fresh, path)


def _pieces(collection: str, things: dict[str, Any]) -> list[bytes]:
    made = {identity: text for identity, (_, text) in _written.items() if identity in changes.parsed}
    made |= {identity: text for identity, (_, text) in _outdated.items()}
    text = _known.texts[collection] if _known is not None else Text(b"", array("Q"))
    return [text.piece(place, id(thing)) or made.get(id(thing), b"") for place, thing in enumerate(things.values())]


def load(path: str, manifest: Any, *, stays: bool) -> Known:
    """Read them, for a manifest that was parsed from the same files; the file goes unless it stays for others."""
    with open(path, "rb") as file:
        texts, graph = marshal.load(file)  # noqa: S302 -- written by a fork of a host into the folder of hosts
    if not stays:
        os.unlink(path)
    found: dict[str, Text] = {}
    for name, (whole, ends) in texts.items():
        found[name] = Text(whole, array("Q"), array("Q", map(id, getattr(manifest, name).values())))
        found[name].ends.frombytes(ends)
    return Known(found, graph, changes.things(manifest))


# --- manifest.json ----------------------------------------------------------------------------------------------------------------


def _write(manifest: Any, path: str) -> None:
    """`Manifest.write`: the same file."""
    target = convert_path(path)
    make_directory(os.path.dirname(target))
    pieces = _manifest(manifest)
    with open(target, "wb") as file:
        file.write(b"".join(pieces))
    fire_event(ArtifactWritten(artifact_type=WritableManifest.__name__, artifact_path=path))


def _manifest(manifest: Any) -> list[Any]:
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
    written = facts.edges(manifest)
    pieces: list[Any] = []
    for name, value in writable.to_dict(omit_none=False, context={"artifact": True}).items():
        pieces += [BETWEEN if pieces else b"{", _json(name), b": "]
        if name in collections:
            pieces += [b"{", *_parts(name, collections[name]), b"}"]
        else:
            pieces.append(written.get(name) or _json(edges.get(name, value)))
    return [*pieces, b"}"]


def _parts(collection: str, things: dict[str, Any]) -> Iterator[Any]:
    """The things of a collection as they are written: one by one what has changed, and in one piece what lies between."""
    text = _known.texts[collection] if _known is not None else Text(b"", array("Q"))
    reached = 0  # up to this place all is written
    for place, (name, thing) in enumerate(things.items()):
        if id(thing) in changes.parsed and text.knows(place, id(thing)):
            continue
        yield from _run(text, reached, place)
        yield BETWEEN if place else b""
        yield _part(name, thing)
        reached = place + 1
    yield from _run(text, reached, len(things))


def _run(text: Text, first: int, end: int) -> Iterable[Any]:
    """The pieces from one place up to another."""
    if first < end:
        yield BETWEEN if first else b""
        yield memoryview(text.whole)[text.begin(first) : text.ends[end - 1]]


def _part(name: str, thing: Any) -> bytes:
    known = _written.get(id(thing))
    if known is None:
        text = _json(name) + b": " + _json(thing.to_resource().to_dict(omit_none=False, context={"artifact": True}))
        known = _written[id(thing)] = (thing, text)
    return known[1]


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
    known = changes.before.get(id(thing))
    flat: dict[str, Any] = known[1] if known is not None else thing.to_dict(omit_none=False)
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
    found = facts.of(manifest)
    if found is not None:
        return found.speaks or not found.speaking <= own or any(facts.GRAPH in word for word in sys.argv)
    macros = (macro.macro_sql for macro in manifest.macros.values() if macro.package_name not in own)
    texts = (text for node in manifest.nodes.values() for text in facts.templates_of(node))
    return any(facts.GRAPH in text for text in itertools.chain(macros, texts, sys.argv))


class _Pickled:
    """A value that is pickled already: whoever loads the file gets the value."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (self.text,)


class _Joined:
    """Two dicts of which whoever loads the file gets one."""

    def __init__(self, one: Any, other: Any) -> None:
        self.both = (one, other)

    def __reduce__(self) -> tuple[Any, ...]:
        return operator.or_, self.both


def frame(known: Known, graph: Any) -> None:
    """In the host: what the file of this graph has around its nodes."""
    if known.graph and graph is not None:
        before, _, after = _file(graph, _Pickled(known.graph)).partition(known.graph)
        known.around = (before, after)


def _file(graph: Any, nodes: Any) -> bytes:
    """A graph as it is pickled, with these nodes."""
    written = graph.__class__()
    written.graph.update(graph.graph)
    written._adj.update(graph._adj)
    written._pred.update(graph._pred)
    written.__dict__["_node"] = nodes
    return pickle.dumps(written, protocol=pickle.HIGHEST_PROTOCOL)


def _write_graph(linker: Any, outfile: str, manifest: Any) -> None:
    """`Linker.write_graph`: the same graph, once it is loaded."""
    pieces = _graph(linker, manifest)
    with open(outfile, "wb") as file:
        file.writelines(pieces)


def _graph(linker: Any, manifest: Any) -> list[bytes]:
    global _drawn
    known = _known if _known is not None and facts.names() <= linker.graph._node.keys() else None
    if known is None or not known.graph:
        nodes = _drawn_of(linker.graph, manifest)
        if not changes.before and all(id(manifest.expect(name)) in changes.parsed for name in linker.graph):
            _drawn = nodes
        return [_file(linker.graph, _Pickled(nodes))]
    if known.around is not None and not changes.before and getattr(linker, "facts", None) is not None:
        return [known.around[0], known.graph, known.around[1]]
    others = [name for name in linker.graph if id(manifest.expect(name)) not in changes.parsed]
    same = _Pickled(known.graph)
    return [_file(linker.graph, _Joined(same, _Pickled(_drawn_of(others, manifest))) if others else same)]


def _drawn_of(names: Iterable[str], manifest: Any) -> bytes:
    return pickle.dumps({name: manifest.expect(name).to_dict(omit_none=True) for name in names}, protocol=pickle.HIGHEST_PROTOCOL)
