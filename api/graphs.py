"""Graphs over HTTP: of a flow, of a source that is not saved, of an execution, and of what depends on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router

from api import shapes
from api import triggers as triggers_api
from api.doors import text_of, who
from engine.document import Task
from executions import selectors, store
from executions.models import Execution, TriggerState
from flows import called, dependencies, graph, validation
from flows import models as flow_models
from flows import selectors as flow_selectors
from flows.dependencies import Dependency, Name
from flows.graph import Cluster, Edge, Graph, Node
from namespaces import rights
from namespaces.models import Role

flows_router = Router(tags=["flows"])
executions_router = Router(tags=["executions"])
namespaces_router = Router(tags=["namespaces"])

CLASSES = "io.kestra.core.models.hierarchies."
KINDS = {
    "start": "GraphClusterRoot",
    "end": "GraphClusterEnd",
    "task": "GraphTask",
    "subflow": "SubflowGraphTask",
    "trigger": "GraphTrigger",
}
TOLD = {graph.DEPENDENCIES: graph.DYNAMIC}  # what Kestra's clients know no name for


# --- routes -----------------------------------------------------------------------------------------------------------------


@flows_router.get("/{namespace}/{flow_id}/graph", summary="Graph of a flow")
def flow_graph(
    request: HttpRequest, namespace: str, flow_id: str, revision: int | None = None, subflows: list[str] = Query([])
) -> dict[str, Any]:
    """`subflows` names nodes that call another flow: its tasks are shown inside."""
    rights.require(who(request), namespace, Role.READER)
    flow = flow_selectors.parsed(namespace, flow_id, revision)
    states = TriggerState.objects.filter(namespace=namespace, flow_id=flow_id)
    made = graph.of(flow, subflow=called.opened(who(request), subflows))
    return shape(made, triggers={row.trigger_id: row for row in states})


@flows_router.post("/graph", summary="Graph of a flow's source that is not saved")
def source_graph(request: HttpRequest, subflows: list[str] = Query([])) -> dict[str, Any]:
    outcome = validation.validate(text_of(request))
    if outcome.flow is None or not outcome.flow.tasks:
        raise validation.InvalidFlow(outcome.problems)
    return shape(graph.of(outcome.flow, subflow=called.opened(who(request), subflows)))


@executions_router.get("/{execution_id}/graph", summary="Graph of an execution, with its task runs")
def execution_graph(request: HttpRequest, execution_id: str, subflows: list[str] = Query([])) -> dict[str, Any]:
    row = selectors.execution(who(request), execution_id)
    flow = flow_selectors.parsed(row.namespace, row.flow_id, row.flow_revision)
    runs = {run.id: run for run in row.task_runs.all()}
    made = graph.of(flow, map(store.task_run_of, runs.values()), subflow=called.opened(who(request), subflows))
    told = {id_: shapes.task_run(run, row) for id_, run in runs.items()}
    states = TriggerState.objects.filter(namespace=row.namespace, flow_id=row.flow_id)
    return shape(made, execution=row, runs=told, triggers={state.trigger_id: state for state in states})


@flows_router.get("/{namespace}/{flow_id}/dependencies", summary="Flows that this one needs, and flows that need it")
def flow_dependencies(
    request: HttpRequest, namespace: str, flow_id: str, destinationOnly: bool = False, expandAll: bool = False
) -> dict[str, Any]:
    """`destinationOnly` leaves out what comes after it; `expandAll` follows each flow that is found."""
    rights.require(who(request), namespace, Role.READER)
    flow_selectors.flow(namespace, flow_id)
    known = dependencies.of(who(request))
    found = dependencies.around((namespace, flow_id), known, all_the_way=expandAll, incoming_only=destinationOnly)
    return topology(found)


@namespaces_router.get("/{namespace}/dependencies", summary="What the flows of a namespace need, and what needs them")
def namespace_dependencies(request: HttpRequest, namespace: str, destinationOnly: bool = False) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    rows = flow_models.Flow.objects.filter(rights.below(namespace), deleted=False).order_by("namespace", "flow_id")
    own: list[Name] = list(rows.values_list("namespace", "flow_id"))
    inside = frozenset(own)
    found = [
        one for one in dependencies.of(who(request)) if one.target in inside or (not destinationOnly and one.source in inside)
    ]  # fmt: skip
    return topology(found, own)


# --- shapes -----------------------------------------------------------------------------------------------------------------


def shape(
    made: Graph,
    *,
    execution: Execution | None = None,
    runs: Mapping[str, dict[str, Any]] | None = None,
    triggers: Mapping[str, TriggerState] | None = None,
) -> dict[str, Any]:
    """A graph as Kestra answers it; of an execution tasks are told by id and type alone, since whoever may see it may not read the flow."""
    nodes = {node.uid: _node(node, execution, runs or {}, triggers or {}) for node in made.nodes}
    return {
        "nodes": list(nodes.values()),
        "edges": [_edge(edge) for edge in made.edges],
        "clusters": [_cluster(cluster, nodes) for cluster in made.clusters],
    }


def _node(
    node: Node, execution: Execution | None, runs: Mapping[str, dict[str, Any]], triggers: Mapping[str, TriggerState]
) -> dict[str, Any]:
    told: dict[str, Any] = {"uid": node.uid, "type": CLASSES + KINDS[node.kind], "error": node.error}
    if node.branch:
        told["branchType"] = node.branch
    if node.task is not None:
        told["task"] = dict(node.task.properties) if execution is None else _named(node.task)
        told["relationType"] = TOLD.get(node.relation, node.relation)
        told |= {} if node.run is None else {"taskRun": runs[node.run.id]}
        told |= {} if execution is None else {"values": list(node.values)}
    if node.trigger is not None:
        told["triggerDeclaration"] = (
            dict(node.trigger.properties) if execution is None else {"id": node.trigger.id, "type": node.trigger.type}
        )
        state = triggers.get(node.trigger.id)
        told |= {} if state is None else {"trigger": triggers_api.Shaper([state]).state(state)}
    return told


def _named(task: Task) -> dict[str, Any]:
    """A task by id and type, with those inside it."""
    told: dict[str, Any] = {"id": task.id, "type": task.type}
    inner = [_named(one) for branch in task.branches.values() for one in branch]
    return told | ({"tasks": inner} if inner else {})


def _edge(edge: Edge) -> dict[str, Any]:
    relation = {"relationType": TOLD.get(edge.relation, edge.relation)} if edge.relation else {}
    return {"source": edge.source, "target": edge.target, "relation": relation | ({"value": edge.value} if edge.value else {})}


def _cluster(cluster: Cluster, nodes: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    own = nodes.get(cluster.node)
    called = own is not None and own["type"] == CLASSES + KINDS["subflow"]
    told: dict[str, Any] = {
        "uid": cluster.uid,
        "type": CLASSES + ("SubflowGraphCluster" if called else "GraphCluster"),
        "relationType": TOLD.get(cluster.relation, cluster.relation),
    }
    told |= {} if own is None else {"taskNode": own}
    return {"cluster": told, "nodes": list(cluster.nodes), "parents": list(cluster.parents), "start": cluster.start, "end": cluster.end}


def topology(found: Iterable[Dependency], also: Iterable[Name] = ()) -> dict[str, Any]:
    """Flows and what leads from one to another, as Kestra answers dependencies."""
    listed = list(found)
    names = dict.fromkeys([*also, *(name for one in listed for name in (one.source, one.target))])
    return {
        "nodes": [{"uid": _uid(name), "namespace": name[0], "id": name[1]} for name in names],
        "edges": [{"source": _uid(one.source), "target": _uid(one.target), "relation": one.relation} for one in listed],
    }


def _uid(name: Name) -> str:
    return "_".join(name)
