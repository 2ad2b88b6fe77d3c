"""The graph of a flow: what follows what, what stands around it, and what ran."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from engine.document import Flow, Task
from engine.execution import TaskRun
from engine.parser import parse
from engine.states import Moment, State
from flows import graph
from flows.dependencies import Dependency, around, between
from flows.graph import Graph
from plugins.catalog import CATALOG

CORE = "io.kestra.plugin.core"
LOG = {"type": f"{CORE}.log.Log", "message": "x"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def log(id_: str, more: str = "") -> str:
    return f"{{id: {id_}, type: {CORE}.log.Log, message: x{more}}}"


def flow(body: str) -> Flow:
    found, problems = parse(f"id: pipeline\nnamespace: company.team\n{body}", catalog=CATALOG)
    assert found is not None, problems
    return found


def run(id_: str, task_id: str, parent: str | None = None, value: str | None = None, position: int = 0) -> TaskRun:
    return TaskRun(id_, task_id, State((Moment("SUCCESS", NOW),)), parent, value=value, position=position)


def lines(made: Graph) -> set[tuple[str, str]]:
    return {(edge.source.removeprefix("root."), edge.target.removeprefix("root.")) for edge in made.edges}


def kinds(made: Graph, target: Iterable[str]) -> dict[str, str]:
    return {edge.target.removeprefix("root."): edge.relation for edge in made.edges if edge.target.removeprefix("root.") in target}


def test_tasks_follow_one_another() -> None:
    made = graph.of(flow(f"tasks:\n  - {log('a')}\n  - {log('b')}"))
    assert lines(made) == {("~start", "a"), ("a", "b"), ("b", "~end")}
    assert made.clusters == ()


def test_triggers_stand_before_the_first_task() -> None:
    made = graph.of(flow(f"tasks: [{log('a')}]\ntriggers: [{{id: daily, type: {CORE}.trigger.Schedule, cron: '0 9 * * *'}}]"))
    assert {("~start", "Triggers.~start"), ("Triggers.daily", "Triggers.~end"), ("Triggers.~end", "a")} <= lines(made)
    assert [cluster.uid for cluster in made.clusters] == ["cluster_root.Triggers"]


def test_errors_lead_from_the_beginning_and_finally_comes_after_both() -> None:
    made = graph.of(flow(f"tasks: [{log('a')}]\nerrors: [{log('e')}]\nfinally: [{log('f')}]"))
    assert lines(made) == {("~start", "a"), ("~start", "e"), ("a", "f"), ("e", "f"), ("f", "~end")}
    assert kinds(made, {"e", "f"}) == {"e": "ERROR", "f": "FINALLY"}
    assert [node.uid for node in made.nodes if node.error] == ["root.e"]


def test_parallel_tasks_all_leave_from_their_flowable() -> None:
    made = graph.of(flow(f"tasks:\n  - {{id: p, type: {CORE}.flow.Parallel, tasks: [{log('a')}, {log('b')}]}}"))
    assert {("p", "p.a"), ("p", "p.b"), ("p.a", "p.~end"), ("p.b", "p.~end")} <= lines(made)
    cluster = made.clusters[0]
    assert (cluster.node, cluster.start, cluster.end) == ("root.p", "root.p.~start", "root.p.~end")
    assert set(cluster.nodes) == {"root.p", "root.p.a", "root.p.b", "root.p.~start", "root.p.~end"}


def test_a_choice_names_its_cases() -> None:
    made = graph.of(
        flow(f"tasks:\n  - {{id: s, type: {CORE}.flow.Switch, value: x, cases: {{one: [{log('a')}]}}, defaults: [{log('b')}]}}")
    )
    assert {edge.value for edge in made.edges if edge.relation == "CHOICE"} == {"one", "defaults"}


def test_a_dag_follows_what_its_tasks_depend_on() -> None:
    made = graph.of(
        flow(
            f"tasks:\n  - id: d\n    type: {CORE}.flow.Dag\n    tasks:\n      - task: {log('c')}\n        dependsOn: [a, b]\n"
            f"      - task: {log('a')}\n      - task: {log('b')}"
        )
    )
    assert {("d", "d.a"), ("d", "d.b"), ("d.a", "d.c"), ("d.b", "d.c"), ("d.c", "d.~end")} <= lines(made)
    assert ("d.a", "d.~end") not in lines(made)


def test_iterations_of_a_loop_stand_side_by_side_with_their_runs() -> None:
    one = flow(f"tasks:\n  - {{id: each, type: {CORE}.flow.ForEach, values: [x, y], tasks: [{log('a')}, {log('b')}]}}")
    runs = [run("1", "each"), run("2", "a", "1", "x", 1), run("3", "b", "1", "x", 2), run("4", "a", "1", "y", 3)]
    made = graph.of(one, runs)
    assert {("each", "each.a_x"), ("each.a_x", "each.b_x"), ("each", "each.a_y"), ("each.b_y", "each.~end")} <= lines(made)
    by_uid = {node.uid: node for node in made.nodes}
    assert [by_uid[f"root.each.{name}"].run is not None for name in ("a_x", "b_x", "a_y", "b_y")] == [True, True, True, False]
    assert by_uid["root.each.a_y"].values == ("y",)


def test_clusters_know_what_is_around_them() -> None:
    made = graph.of(
        flow(f"tasks:\n  - {{id: o, type: {CORE}.flow.Sequential, tasks: [{{id: i, type: {CORE}.flow.Parallel, tasks: [{log('a')}]}}]}}")
    )
    parents = {cluster.uid: cluster.parents for cluster in made.clusters}
    assert parents == {"cluster_root.o": (), "cluster_root.o.i": ("cluster_root.o",)}


def test_a_called_flow_is_shown_inside_where_it_is_asked_for() -> None:
    one = flow(f"tasks:\n  - {{id: call, type: {CORE}.flow.Subflow, namespace: company.team, flowId: other}}\n  - {log('after')}")
    assert ("call", "after") in lines(graph.of(one))
    other = flow(f"tasks: [{log('inner')}]")
    made = graph.of(one, subflow=lambda uid, task: other if uid == "root.call" else None)
    assert {("call", "call.inner"), ("call.inner", "call.~end"), ("call.~end", "after")} <= lines(made)


tasks = st.recursive(
    st.just(()),
    lambda inner: st.lists(
        st.tuples(st.sampled_from(["Sequential", "Parallel", "ForEach", "If", ""]), inner, st.booleans()), min_size=1, max_size=3
    ).map(tuple),
    max_leaves=12,
)


def _tasks(shape: tuple[tuple[str, tuple[object, ...], bool], ...], prefix: str = "t") -> tuple[Task, ...]:
    made = []
    for number, (kind, inner, fails) in enumerate(shape):
        id_ = f"{prefix}{number}"
        inside = _tasks(inner, f"{id_}_")  # type: ignore[arg-type]  # nested as its own kind
        branches = {("then" if kind == "If" else "tasks"): inside} if kind else {}
        if fails and kind:
            branches["errors"] = (Task(f"{id_}_e", f"{CORE}.log.Log"),)
        made.append(Task(id_, f"{CORE}.flow.{kind}" if kind else f"{CORE}.log.Log", branches=branches))
    return tuple(made)


@given(tasks)
def test_every_node_is_reached_and_leads_to_the_end(shape: tuple[tuple[str, tuple[object, ...], bool], ...]) -> None:
    made = graph.of(Flow("a", "b", _tasks(shape)))
    uids = [node.uid for node in made.nodes]
    assert len(set(uids)) == len(uids)
    assert {uid for edge in made.edges for uid in (edge.source, edge.target)} <= set(uids)
    forward, back = {"root.~start"}, {"root.~end"}
    for _ in uids:
        forward |= {edge.target for edge in made.edges if edge.source in forward}
        back |= {edge.source for edge in made.edges if edge.target in back}
    assert forward == back == set(uids)


# --- between flows --------------------------------------------------------------------------------------------------------------

LOAD, CLEAN, REPORT = ("company", "load"), ("company", "clean"), ("company.team", "report")


def test_calls_and_flow_triggers_are_dependencies() -> None:
    call = {"id": "c", "type": "io.kestra.core.tasks.flows.Flow", "namespace": "company", "flowId": "clean"}
    condition = {"type": f"{CORE}.condition.ExecutionFlow", "namespace": "company", "flowId": "clean"}
    flows = {
        LOAD: {"tasks": [{"id": "s", "type": f"{CORE}.flow.Sequential", "tasks": [call, {**call, "flowId": "{{ inputs.which }}"}]}]},
        CLEAN: {"tasks": [LOG]},
        REPORT: {"tasks": [LOG], "triggers": [{"id": "t", "type": f"{CORE}.trigger.Flow", "conditions": [condition]}]},
    }
    assert between(flows) == [Dependency(CLEAN, REPORT, "FLOW_TRIGGER"), Dependency(LOAD, CLEAN, "FLOW_TASK")]


def test_dependencies_around_a_flow() -> None:
    known = [Dependency(LOAD, CLEAN, "FLOW_TASK"), Dependency(CLEAN, REPORT, "FLOW_TRIGGER")]
    assert around(LOAD, known) == known[:1]
    assert around(LOAD, known, all_the_way=True) == sorted(known)
    assert around(CLEAN, known, incoming_only=True) == known[:1]
    assert around(("company", "alone"), known) == []


def test_what_runs_after_the_execution_comes_last() -> None:
    body = f"tasks:\n  - {log('a')}\nerrors:\n  - {log('er')}\nfinally:\n  - {log('fin')}\nafterExecution:\n  - {log('after')}"
    made = graph.of(flow(body))
    assert {("fin", "after"), ("after", "~end")} <= lines(made)
    assert ("fin", "~end") not in lines(made)
    assert kinds(made, ["after"]) == {"after": "AFTER_EXECUTION"}
    branches = {node.uid: node.branch for node in made.nodes if node.branch}
    assert branches == {"root.er": "ERROR", "root.fin": "FINALLY", "root.after": "AFTER_EXECUTION"}
