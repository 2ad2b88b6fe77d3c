"""What follows from a parsed project alone: found out once by the host, so that a command that uses the project as it was parsed need not.

It holds as long as each of the project's things is still the very object that was parsed, and depends on what it depended on then.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from types import SimpleNamespace
from typing import Any

from dbt import compilation
from dbt.compilation import Linker
from dbt.contracts.graph.manifest import Manifest, build_node_edges
from dbt.contracts.graph.nodes import ModelNode, SeedNode
from dbt.flags import get_flags
from dbt.graph.graph import Graph
from dbt.node_types import NodeType
from dbt.parser import manifest as parsing
from dbt.task.runnable import GraphRunnableTask

from . import changes, quicker

GRAPH = "graph"

LINKED = ("nodes", "sources", "exposures", "functions", "metrics", "semantic_models", "saved_queries", "unit_tests")
CHECKS = (  # of a parsed project, which say nothing about those that are `quiet`
    *("check_for_model_deprecations", "check_for_spaces_in_resource_names", "check_for_microbatch_deprecations"),
    *("check_forcing_batch_concurrency", "check_microbatch_model_has_a_filtered_input", "check_function_default_arguments_ordering"),
)


@dataclass
class Facts:
    """Of one parsed project."""

    identities: array[int]
    children: dict[str, list[str]]
    parents: dict[str, list[str]]
    edges: dict[str, bytes]  # these two as they are written to manifest.json
    groups: dict[str, list[str]]
    names: dict[str, Any]  # `get_resource_fqns`
    graph: Any  # None where it cannot be linked
    summary: str  # of the graph, as it is written to graph_summary.json
    counts: dict[Any, int]
    seeds: list[Any]
    quiet: bool  # none of dbt's checks after parsing can have anything to say
    unique: bool  # no two nodes have the same name, and no two the same relation
    places: dict[str, Any]  # of the nodes that lie in the database, one for each place there
    speaking: set[str] = field(default_factory=set)  # packages with macros that speak of `graph`
    speaks: bool = False  # whether a node does


_facts: Facts | None = None
_manifest: Any = None
_linked = False  # whether the graph has been given away, for it is changed then
_checked: bool | None = None  # whether relations were found to be different from each other


# --- in the host ------------------------------------------------------------------------------------------------------------------


def learn(manifest: Any, *, unique: bool) -> Facts:
    """All of it, of a manifest that was just parsed. `unique`: dbt has found that no two of its nodes have the same relation."""
    children, parents = build_node_edges(_linked_things(manifest))
    graph, summary = _graph(manifest)
    return Facts(
        identities=_identities(manifest),
        children=children,
        parents=parents,
        edges={"child_map": json.dumps(children).encode(), "parent_map": json.dumps(parents).encode()},
        groups=_groups(manifest),
        names=manifest.get_resource_fqns(),
        graph=graph,
        summary=summary,
        counts=compilation._generate_stats(manifest),
        seeds=seeds_of(manifest),
        quiet=_is_quiet(manifest),
        unique=unique and _has_unique_names(manifest),
        places=_places(manifest),
        speaking={macro.package_name for macro in manifest.macros.values() if GRAPH in macro.macro_sql},
        speaks=any(GRAPH in text for node in manifest.nodes.values() for text in templates_of(node)),
    )


def _linked_things(manifest: Any) -> list[Any]:
    return list(chain.from_iterable(getattr(manifest, kind).values() for kind in LINKED))


def _identities(manifest: Any) -> array[int]:
    return array("Q", map(id, chain.from_iterable(getattr(manifest, kind).values() for kind in LINKED)))


def _groups(manifest: Any) -> dict[str, list[str]]:
    manifest.build_group_map()
    return dict(manifest.group_map)


def templates_of(node: Any) -> list[str]:
    """Everything that somebody wrote for templates in a node."""
    hooks = (*getattr(node.config, "pre_hook", ()), *getattr(node.config, "post_hook", ()))
    return [node.raw_code, *(hook.sql for hook in hooks)]


def _graph(manifest: Any) -> tuple[Any, str]:
    linker = Linker()
    try:
        linker.link_graph(manifest)
    except Exception:  # noqa: BLE001 -- dbt finds the same and tells it
        return None, ""
    return linker.graph, json.dumps(summary_of(linker, manifest))


def seeds_of(manifest: Any) -> list[Any]:
    """All seeds, disabled ones, too."""
    return [node for node in chain(manifest.nodes.values(), *manifest.disabled.values()) if isinstance(node, SeedNode)]


def _is_quiet(manifest: Any) -> bool:
    return not manifest.functions and not any(
        " " in node.name
        or getattr(node.config, "incremental_strategy", None) == "microbatch"
        or getattr(node.config, "concurrent_batches", None)
        or (isinstance(node, ModelNode) and node.deprecation_date)
        for node in manifest.nodes.values()
    )


def _is_relational(node: Any) -> bool:
    """`is_relational` while no flag says that all tests store what they find."""
    return bool(node.config.store_failures) if node.resource_type == NodeType.Test else bool(node.is_relational)


def _has_unique_names(manifest: Any) -> bool:
    nodes = [node for node in manifest.nodes.values() if _is_relational(node)]
    names = {(node.package_name, node.name) for node in nodes if not node.is_versioned}
    return len(names) == len(nodes)


def _places(manifest: Any) -> dict[str, Any]:
    found: dict[Any, Any] = {}
    for node in manifest.nodes.values():
        if _is_relational(node) and not node.is_ephemeral_model and not node.is_external_node:
            found.setdefault(quicker.place_of(node), node)
    return {node.unique_id: node for node in found.values()}


# --- in a fork --------------------------------------------------------------------------------------------------------------------


def begin(manifest: Any, facts: Facts | None) -> None:
    """A command uses this manifest as it was parsed, and this is known of it; None where it does not, or nothing is."""
    global _facts, _manifest, _linked
    _facts, _manifest, _linked = facts, manifest, False


def of(manifest: Any) -> Facts | None:
    """What is known of a manifest, where it still holds."""
    if _facts is None or manifest is not _manifest or _identities(manifest) != _facts.identities:
        return None
    same = all(sorted(thing.depends_on_nodes) == _facts.parents.get(thing.unique_id) for thing in changes.changed() if _is_linked(thing))
    return _facts if same else None


def _is_linked(thing: Any) -> bool:
    return hasattr(thing, "depends_on_nodes")


def checked() -> bool:
    """In a fork: whether dbt has found in this fork that no two nodes have the same relation."""
    return bool(_checked)


def install() -> None:
    """Once, before any fork."""
    manifest: Any = Manifest
    manifest.build_parent_and_child_maps = _around_edges(manifest.build_parent_and_child_maps)
    manifest.build_group_map = _around_groups(manifest.build_group_map)
    manifest.get_resource_fqns = _around_names(manifest.get_resource_fqns)
    loader: Any = parsing.ManifestLoader
    for name in CHECKS:
        setattr(loader, name, _around_check(getattr(loader, name)))
    parsing._check_resource_uniqueness = _around_uniqueness(parsing._check_resource_uniqueness)
    linker: Any = Linker
    linker.link_graph = _around_link(linker.link_graph)
    linker.add_test_edges = _around_test_edges(linker.add_test_edges)
    linker.get_graph_summary = _summary
    compilation.json = _Json
    compilation._generate_stats = _around_counts(compilation._generate_stats)
    graph: Any = Graph
    graph.get_subset_graph = _around_subset(graph.get_subset_graph)
    task: Any = GraphRunnableTask
    task.populate_adapter_cache = _around_cache(task.populate_adapter_cache)


def _around_edges(plain: Callable[[Any], None]) -> Callable[[Any], None]:
    def build(manifest: Any) -> None:
        facts = of(manifest)
        if facts is None:
            plain(manifest)
        else:
            manifest.child_map, manifest.parent_map = facts.children, facts.parents

    return build


def names() -> Any:
    """Of the things that are linked; a view like that of a dict."""
    return _facts.parents.keys() if _facts is not None else set()


def edges(manifest: Any) -> dict[str, bytes]:
    """The maps of children and parents as they are written, where they are known."""
    known = _facts is not None and manifest.child_map is _facts.children and manifest.parent_map is _facts.parents
    return _facts.edges if _facts is not None and known else {}


def _around_groups(plain: Callable[[Any], None]) -> Callable[[Any], None]:
    def build(manifest: Any) -> None:
        facts = of(manifest)
        if facts is None:
            plain(manifest)
        else:
            manifest.group_map = {name: list(nodes) for name, nodes in facts.groups.items()}

    return build


def _around_names(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def names(manifest: Any) -> Any:
        facts = of(manifest)
        return plain(manifest) if facts is None else facts.names

    return names


def _around_check(plain: Callable[[Any], None]) -> Callable[[Any], None]:
    def check(loader: Any) -> None:
        facts = of(loader.manifest)
        if facts is None or not facts.quiet:
            plain(loader)

    return check


def _around_uniqueness(plain: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def check(manifest: Any, config: Any) -> None:
        global _checked
        facts = of(manifest)
        if facts is not None and facts.unique and not get_flags().STORE_FAILURES:
            return
        plain(manifest, config)
        _checked = not get_flags().STORE_FAILURES

    return check


def _around_link(plain: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def link(linker: Any, manifest: Any) -> None:
        global _linked
        facts = None if _linked or linker.graph else of(manifest)
        if facts is None or facts.graph is None:
            plain(linker, manifest)
            return
        linker.graph = facts.graph
        linker.facts = facts  # for as long as the graph stays as it was linked
        _linked = True

    return link


def _around_test_edges(plain: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def add(linker: Any, manifest: Any) -> None:
        linker.facts = None
        plain(linker, manifest)

    return add


def summary_of(linker: Any, manifest: Any) -> dict[int, dict[str, Any]]:
    """`Linker.get_graph_summary`: the same, of each node just its kind."""
    numbers = {name: number for number, name in enumerate(linker.graph)}
    nodes: dict[int, dict[str, Any]] = {}
    for name, number in numbers.items():
        nodes[number] = {"name": name, "type": manifest.expect(name).resource_type.value}
        successors = [numbers[other] for other in linker.graph.successors(name)]
        if successors:
            nodes[number]["succ"] = successors
    return nodes


class _Summary(dict):  # type: ignore[type-arg]
    """The summary of a graph, of which only the text is known."""

    text = ""


def _summary(linker: Any, manifest: Any) -> dict[int, dict[str, Any]]:
    facts = getattr(linker, "facts", None)
    if facts is None:
        return summary_of(linker, manifest)
    known = _Summary()
    known.text = facts.summary
    return known


class _Json:
    """`json` for the one place where dbt writes summaries."""

    @staticmethod
    def dumps(summaries: dict[str, Any]) -> str:
        texts = (f"{json.dumps(name)}: {one.text if isinstance(one, _Summary) else json.dumps(one)}" for name, one in summaries.items())
        return "{" + ", ".join(texts) + "}"


def _around_counts(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def counts(manifest: Any) -> Any:
        facts = of(manifest)
        return plain(manifest) if facts is None else facts.counts.copy()

    return counts


def _around_subset(plain: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """dbt takes away node by node what is not selected. Only what lies between two selected ones can leave an edge behind."""

    def subset(graph: Any, selected: Any) -> Any:
        chosen, linked = set(selected), graph.graph
        if all(node in linked for node in chosen):
            kept = chosen | _reached(linked._pred, chosen, _reached(linked._succ, chosen, None))
            graph = Graph(_only(linked, kept)) if len(kept) < len(linked) else graph
        return plain(graph, chosen)

    return subset


def _only(linked: Any, kept: set[str]) -> Any:
    """A graph with these nodes alone, in their order."""
    found = linked.__class__()
    found.add_nodes_from((node, linked._node[node]) for node in linked if node in kept)
    found.add_edges_from((node, other, facts) for node in found for other, facts in linked._succ[node].items() if other in kept)
    return found


def _reached(edges: Any, chosen: set[str], within: set[str] | None) -> set[str]:
    """What is reached along these edges from what is chosen, by ways that stay within."""
    found: set[str] = set()
    front = list(chosen) if len(chosen) > 1 else []
    while front:
        for node in edges[front.pop()]:
            if node not in found and (within is None or node in within):
                found.add(node)
                front.append(node)
    return found


def _around_cache(plain: Callable[..., None]) -> Callable[..., None]:
    """Of thousands of nodes the adapter is to know only where they lie."""

    def populate(task: Any, adapter: Any, required_schemas: Any = None) -> None:
        manifest = task.manifest
        facts = of(manifest) if quicker.knows(adapter) and not get_flags().STORE_FAILURES else None
        if facts is not None:
            task.manifest = SimpleNamespace(nodes=facts.places)
        try:
            plain(task, adapter, required_schemas)
        finally:
            task.manifest = manifest

    return populate
