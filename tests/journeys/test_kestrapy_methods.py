"""Every method of Kestra's Python client that a server without the Enterprise Edition knows is answered, and its answer is understood."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import kestrapy
import pytest
from kestrapy.exceptions import ApiException
from kestrapy.models.api_autocomplete import ApiAutocomplete
from kestrapy.models.api_secret_meta_ee import ApiSecretMetaEE
from kestrapy.models.api_secret_value import ApiSecretValue
from kestrapy.models.basic_auth_credentials import BasicAuthCredentials
from kestrapy.models.blueprint_controller_kind import BlueprintControllerKind
from kestrapy.models.chart_filters_overrides import ChartFiltersOverrides
from kestrapy.models.concurrency_limit import ConcurrencyLimit
from kestrapy.models.dashboard_controller_preview_request import DashboardControllerPreviewRequest
from kestrapy.models.execution_controller_set_labels_by_ids_request import ExecutionControllerSetLabelsByIdsRequest
from kestrapy.models.execution_controller_state_request import ExecutionControllerStateRequest
from kestrapy.models.execution_repository_interface_flow_filter import ExecutionRepositoryInterfaceFlowFilter
from kestrapy.models.id_with_namespace import IdWithNamespace
from kestrapy.models.kv_controller_api_delete_bulk_request import KVControllerApiDeleteBulkRequest
from kestrapy.models.namespace import Namespace
from kestrapy.query import contains, eq, in_, or_, where

from tests.stack import Stack

TENANT, NAMESPACE = "main", "journeys.methods"
FIELD = kestrapy.QueryFilterField
ENDED = {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED"}
CORE = "io.kestra.plugin.core"

pytestmark = pytest.mark.redis

_numbers = count(1)


def source(id_: str, tasks: str = "", more: str = "") -> str:
    tasks = tasks or f"  - id: hello\n    type: {CORE}.debug.Return\n    format: hello {{{{ inputs.who }}}}\n"
    inputs = "inputs:\n  - id: who\n    type: STRING\n    defaults: world\n"
    return f"id: {id_}\nnamespace: {NAMESPACE}\nlabels:\n  team: data\n{inputs}tasks:\n{tasks}{more}"


PAUSED = f"  - id: wait\n    type: {CORE}.flow.Pause\n"
FAILING = f"  - id: broken\n    type: {CORE}.execution.Fail\n"
SLEEPING = f"  - id: nap\n    type: {CORE}.flow.Sleep\n    duration: PT1M\n"
LIMITED = "concurrency:\n  limit: 1\n  behavior: QUEUE\n"
WEBHOOK = f"triggers:\n  - id: called\n    type: {CORE}.trigger.Webhook\n    key: open\n"
SCHEDULE = f'triggers:\n  - id: nightly\n    type: {CORE}.trigger.Schedule\n    cron: "0 3 1 1 *"\n'
FILES = (
    "  - id: write\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner:\n"
    f"      type: {CORE}.runner.Process\n    outputFiles: ['*.csv']\n    commands:\n      - echo written\n"
    "      - printf 'a,b\\n1,2\\n' > table.csv\n"
    '      - echo \'::{"metrics":[{"name":"rows","type":"counter","value":3}]}::\'\n'
)


@dataclass
class Kit:
    """A client, and what the calls need: flows and executions in the state that they are for, all made when they are asked for."""

    client: kestrapy.KestraClient
    known: dict[str, Any] = field(default_factory=dict)

    def flow(self, tasks: str = "", more: str = "") -> str:
        id_ = f"flow{next(_numbers)}"
        self.client.flows.create_flow(TENANT, source(id_, tasks, more))
        return id_

    def pair(self) -> list[IdWithNamespace]:
        return [IdWithNamespace(namespace=NAMESPACE, id=self.flow())]

    def run(self, tasks: str = "", more: str = "", until: set[str] = ENDED) -> Any:
        flow_id = self.flow(tasks, more)
        return self.until(self.client.executions.create_execution(TENANT, NAMESPACE, flow_id).id, until)

    def until(self, execution_id: str, states: set[str]) -> Any:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = self.client.executions.execution(execution_id, TENANT)
            if _word(found.state.current) in states:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{execution_id} is {found.state.current}, not {states}")

    def ended(self) -> Any:
        return self._once("ended", self.run)

    def with_file(self) -> tuple[str, str]:
        def make() -> tuple[str, str]:
            run = self.run(FILES)
            assert _word(run.state.current) == "SUCCESS", self.client.logs.download_logs_from_execution(run.id, TENANT)
            outputs = self.client.outputs.task_run_outputs(run.id, run.task_run_list[0].id, TENANT)
            return run.id, outputs["outputFiles"]["table.csv"]

        return self._once("file", make)

    def queued(self) -> str:
        flow_id = self.flow(SLEEPING, LIMITED)
        self.until(self.client.executions.create_execution(TENANT, NAMESPACE, flow_id).id, {"RUNNING"})
        second = self.client.executions.create_execution(TENANT, NAMESPACE, flow_id).id
        self.until(second, {"QUEUED"})
        return second

    def namespace(self) -> str:
        name = f"{NAMESPACE}.n{next(_numbers)}"
        self.client.namespaces.create_namespace(TENANT, Namespace(id=name, deleted=False))
        return name

    def scheduled(self, cron: str = "0 3 1 1 *") -> tuple[str, str]:
        """(flow id, trigger id) of a trigger that the scheduler has seen."""
        flow_id = self.flow(more=SCHEDULE.replace("0 3 1 1 *", cron))
        deadline = time.monotonic() + 30
        while not self.client.triggers.search_triggers_for_flow(TENANT, NAMESPACE, flow_id)["total"]:
            assert time.monotonic() < deadline, "the scheduler does not see the trigger"
            time.sleep(0.1)
        return flow_id, "nightly"

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self.known:
            self.known[name] = make()
        return self.known[name]


def _word(state: Any) -> str:
    return str(getattr(state, "value", state))


def only(kit: Kit, flow_id: str) -> list[Any]:
    """Filters that find the executions, or the flow, of one flow."""
    return [eq(FIELD.NAMESPACE, NAMESPACE), eq(FIELD.FLOW_ID, flow_id)]


def of(kit: Kit, run: Any) -> list[Any]:
    return only(kit, run.flow_id)


def pulled(stream: Iterator[Any], most: int = 50) -> list[Any]:
    found = []
    for event in stream:
        found.append(event)
        if len(found) == most:
            break
    return found


def first(stream: Iterator[Any]) -> Any:
    return pulled(stream, 1)[0]


def opened(answer: Any) -> bytes:
    """The first line of a raw stream."""
    try:
        return next(answer.iter_lines())
    finally:
        answer.close()


def put(kit: Kit, path: str, content: bytes = b"x") -> str:
    kit.client.files.create_namespace_file(NAMESPACE, path, TENANT, content)
    return path


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("one.yml", source(f"zip{next(_numbers)}"))
    return target.getvalue()


def metric(kit: Kit) -> tuple[str, str]:
    """(flow id, task id) of a flow that published a metric."""
    execution_id, _ = kit.with_file()
    run = kit.client.executions.execution(execution_id, TENANT)
    return run.flow_id, "write"


QUERY = {"query": "hello", "replacement": "bye"}
LABELS = [kestrapy.Label(key="seen", value="yes")]
Call = Callable[[Kit, Any], Any]

FLOWS: dict[str, Call] = {
    "create_flow": lambda kit, api: api.create_flow(TENANT, source(f"made{next(_numbers)}")),
    "flow": lambda kit, api: api.flow(NAMESPACE, kit.flow(), TENANT, source=True, revision=1, allow_deleted=False),
    "update_flow": lambda kit, api: api.update_flow(NAMESPACE, id_ := kit.flow(), TENANT, source(id_, more="description: new\n")),
    "create_flow_from_object": lambda kit, api: api.create_flow_from_object(
        TENANT,
        {"id": f"object{next(_numbers)}", "namespace": NAMESPACE, "tasks": [{"id": "a", "type": f"{CORE}.log.Log", "message": "x"}]},
    ),
    "update_flow_from_object": lambda kit, api: api.update_flow_from_object(
        NAMESPACE,
        id_ := kit.flow(),
        TENANT,
        {"id": id_, "namespace": NAMESPACE, "tasks": [{"id": "a", "type": f"{CORE}.log.Log", "message": "x"}]},
        draft=False,
    ),
    "delete_flow": lambda kit, api: api.delete_flow(NAMESPACE, kit.flow(), TENANT),
    "bulk_update_flows": lambda kit, api: api.bulk_update_flows(TENANT, delete=False, namespace=NAMESPACE, body=source(kit.flow())),
    "delete_flows_by_ids": lambda kit, api: api.delete_flows_by_ids(TENANT, kit.pair()).count == 1,
    "delete_flows_by_query": lambda kit, api: api.delete_flows_by_query(TENANT, only(kit, kit.flow())).count == 1,
    "disable_flows_by_ids": lambda kit, api: api.disable_flows_by_ids(TENANT, kit.pair()).count == 1,
    "disable_flows_by_query": lambda kit, api: api.disable_flows_by_query(TENANT, only(kit, kit.flow())).count == 1,
    "enable_flows_by_ids": lambda kit, api: api.enable_flows_by_ids(TENANT, kit.pair()).count == 1,
    "enable_flows_by_query": lambda kit, api: api.enable_flows_by_query(TENANT, only(kit, kit.flow())).count == 1,
    "search_flows": lambda kit, api: api.search_flows(TENANT, 1, 5, ["id:asc"], only(kit, kit.flow())).total == 1,
    "search_flows_by_source_code": lambda kit, api: (
        api.search_flows_by_source_code(TENANT, 1, 5, q=kit.flow()).results[0].matches[0].line == 1
    ),
    "list_flows_by_namespace": lambda kit, api: api.list_flows_by_namespace(NAMESPACE, TENANT) if kit.flow() else None,
    "list_distinct_namespaces": lambda kit, api: NAMESPACE in api.list_distinct_namespaces(TENANT, q="methods") if kit.flow() else None,
    "list_deprecated": lambda kit, api: api.list_deprecated(TENANT, NAMESPACE) is not None,
    "list_flow_revisions": lambda kit, api: [one.revision for one in api.list_flow_revisions(NAMESPACE, kit.flow(), TENANT)] == [1],
    "delete_revisions": lambda kit, api: api.delete_revisions(NAMESPACE, kit.flow(), TENANT, [7]),
    "update_flows_in_namespace": lambda kit, api: api.update_flows_in_namespace(NAMESPACE, TENANT, source(kit.flow()), delete=False),
    "export_flows_by_ids": lambda kit, api: api.export_flows_by_ids(TENANT, kit.pair())[:2] == b"PK",
    "export_flows_by_query": lambda kit, api: api.export_flows_by_query(TENANT, only(kit, kit.flow()))[:2] == b"PK",
    "import_flows": lambda kit, api: api.import_flows(TENANT, False, zipped()) == [],
    "generate_flow_graph": lambda kit, api: len(api.generate_flow_graph(NAMESPACE, kit.flow(), TENANT).nodes) == 3,
    "generate_flow_graph_from_source": lambda kit, api: api.generate_flow_graph_from_source(TENANT, source("unsaved")).edges,
    "flow_dependencies": lambda kit, api: api.flow_dependencies(NAMESPACE, kit.flow(), TENANT, expand_all=True).nodes == [],
    "flow_dependencies_from_namespace": lambda kit, api: (
        api.flow_dependencies_from_namespace(NAMESPACE, TENANT).nodes if kit.flow() else None
    ),
    "task_from_flow": lambda kit, api: api.task_from_flow(NAMESPACE, kit.flow(), "hello", TENANT).id == "hello",
    "search_concurrency_limits": lambda kit, api: api.search_concurrency_limits(TENANT).total if kit.flow(more=LIMITED) else None,
    "update_concurrency_limit": lambda kit, api: api.update_concurrency_limit(
        NAMESPACE, id_ := kit.flow(more=LIMITED), TENANT, ConcurrencyLimit(tenantId=TENANT, namespace=NAMESPACE, flowId=id_, running=0)
    ),
    "validate_flows": lambda kit, api: api.validate_flows(TENANT, source("a") + "---\n" + source("b"))[1].index == 1,
    "validate_task": lambda kit, api: api.validate_task("TASKS", TENANT, {"id": "a", "type": f"{CORE}.log.Log"}).constraints,
    "validate_trigger": lambda kit, api: (
        api.validate_trigger(TENANT, {"id": "a", "type": f"{CORE}.trigger.Schedule", "cron": "x"}).constraints
    ),
    "expressions": lambda kit, api: api.expressions(TENANT, source("a"), task_id="hello")["categories"]["inputs"] == ["inputs.who"],
    "export_flows_by_query_csv": lambda kit, api: api.export_flows_by_query_csv(TENANT, only(kit, kit.flow())).startswith("id,"),
    "preview_replace_by_source_code": lambda kit, api: (
        api.preview_replace_by_source_code(TENANT, QUERY)["totalFlows"] if kit.flow() else None
    ),
    "apply_replace_by_source_code": lambda kit, api: api.apply_replace_by_source_code(
        TENANT, QUERY | {"flows": [{"namespace": NAMESPACE, "id": kit.flow()}]}
    )["updated"],
    "replace_line_by_source_code": lambda kit, api: (
        api.replace_line_by_source_code(TENANT, QUERY | {"query": "world", "namespace": NAMESPACE, "id": kit.flow(), "line": 8})["revision"]
        == 2
    ),
    "flow_hashes_by_ids": lambda kit, api: api.flow_hashes_by_ids(TENANT, kit.pair())["hashes"][0]["hash"],
}

EXECUTIONS: dict[str, Call] = {
    "create_execution": lambda kit, api: (
        api.create_execution(TENANT, NAMESPACE, kit.flow(), labels=["k:v"], wait=True, revision=1, inputs={"who": "you"}).state.current
    ),
    "execution": lambda kit, api: api.execution(kit.ended().id, TENANT).id,
    "search_executions": lambda kit, api: api.search_executions(TENANT, 1, 5, ["state.startDate:desc"], of(kit, kit.ended()))["total"] == 1,
    "search_executions_by_flow_id": lambda kit, api: (
        api.search_executions_by_flow_id(TENANT, NAMESPACE, kit.ended().flow_id, 1, 5)["total"] == 1
    ),
    "latest_executions": lambda kit, api: (
        api.latest_executions(TENANT, [ExecutionRepositoryInterfaceFlowFilter(namespace=NAMESPACE, id=kit.ended().flow_id)])[0].id
        == kit.ended().id
    ),
    "execution_flow_graph": lambda kit, api: len(api.execution_flow_graph(kit.ended().id, TENANT).nodes) == 3,
    "flow_from_execution": lambda kit, api: api.flow_from_execution(TENANT, NAMESPACE, kit.flow()).id,
    "flow_from_execution_by_id": lambda kit, api: api.flow_from_execution_by_id(kit.ended().id, TENANT).id,
    "download_file_from_execution": lambda kit, api: api.download_file_from_execution(*kit.with_file(), TENANT) == b"a,b\n1,2\n",
    "file_metadatas_from_execution": lambda kit, api: api.file_metadatas_from_execution(*kit.with_file(), TENANT).size == 8,
    "preview_file_from_execution": lambda kit, api: (
        api.preview_file_from_execution(*kit.with_file(), TENANT, 10, "UTF-8")["content"] == [{"a": "1", "b": "2"}]
    ),
    "eval_expression": lambda kit, api: api.eval_expression(kit.ended().id, TENANT, "{{ inputs.who }}")["result"] == "world",
    "eval_task_run_expression": lambda kit, api: (
        api.eval_task_run_expression(kit.ended().id, kit.ended().task_run_list[0].id, TENANT, "{{ taskrun.id }}").result
        == kit.ended().task_run_list[0].id
    ),
    "kill_execution": lambda kit, api: api.kill_execution(kit.run(SLEEPING, until={"RUNNING"}).id, TENANT, is_on_kill_cascade=True),
    "kill_executions_by_ids": lambda kit, api: api.kill_executions_by_ids(TENANT, [kit.run(SLEEPING, until={"RUNNING"}).id])["count"] == 1,
    "kill_executions_by_query": lambda kit, api: (
        api.kill_executions_by_query(TENANT, of(kit, kit.run(SLEEPING, until={"RUNNING"})))["count"] == 1
    ),
    "delete_execution": lambda kit, api: api.delete_execution(kit.run().id, TENANT, True, True, True),
    "delete_executions_by_ids": lambda kit, api: (
        api.delete_executions_by_ids(TENANT, [kit.run().id], include_non_terminated=True).count == 1
    ),
    "delete_executions_by_query": lambda kit, api: api.delete_executions_by_query(TENANT, of(kit, kit.run()))["count"] == 1,
    "pause_execution": lambda kit, api: api.pause_execution(kit.run(SLEEPING, until={"RUNNING"}).id, TENANT),
    "pause_executions_by_ids": lambda kit, api: (
        api.pause_executions_by_ids(TENANT, [kit.run(SLEEPING, until={"RUNNING"}).id])["count"] == 1
    ),
    "pause_executions_by_query": lambda kit, api: (
        api.pause_executions_by_query(TENANT, of(kit, kit.run(SLEEPING, until={"RUNNING"})))["count"] == 1
    ),
    "resume_execution": lambda kit, api: api.resume_execution(kit.run(PAUSED, until={"PAUSED"}).id, TENANT, inputs={"a": "b"}),
    "resume_executions_by_ids": lambda kit, api: api.resume_executions_by_ids(TENANT, [kit.run(PAUSED, until={"PAUSED"}).id])["count"] == 1,
    "resume_executions_by_query": lambda kit, api: (
        api.resume_executions_by_query(TENANT, of(kit, kit.run(PAUSED, until={"PAUSED"})))["count"] == 1
    ),
    "validate_resume_execution_inputs": lambda kit, api: api.validate_resume_execution_inputs(kit.run(PAUSED, until={"PAUSED"}).id, TENANT),
    "restart_execution": lambda kit, api: api.restart_execution(kit.run(FAILING).id, TENANT),
    "restart_executions_by_ids": lambda kit, api: api.restart_executions_by_ids(TENANT, [kit.run(FAILING).id])["count"] == 1,
    "restart_executions_by_query": lambda kit, api: api.restart_executions_by_query(TENANT, of(kit, kit.run(FAILING)))["count"] == 1,
    "replay_execution": lambda kit, api: (
        api.replay_execution(kit.ended().id, TENANT, kit.ended().task_run_list[0].id, 1).id != kit.ended().id
    ),
    "replay_execution_with_inputs": lambda kit, api: api.replay_execution_with_inputs(kit.run().id, TENANT).id,
    "replay_executions_by_ids": lambda kit, api: api.replay_executions_by_ids(TENANT, [kit.run().id], latest_revision=True)["count"] == 1,
    "replay_executions_by_query": lambda kit, api: (
        api.replay_executions_by_query(TENANT, of(kit, kit.run()), latest_revision=True)["count"] == 1
    ),
    "force_run_execution": lambda kit, api: api.force_run_execution(kit.queued(), TENANT),
    "force_run_by_ids": lambda kit, api: api.force_run_by_ids(TENANT, [kit.queued()])["count"] == 1,
    "force_run_executions_by_query": lambda kit, api: (
        api.force_run_executions_by_query(TENANT, [in_(FIELD.ID, [kit.queued()])])["count"] == 1
    ),
    "unqueue_execution": lambda kit, api: api.unqueue_execution(kit.queued(), TENANT),
    "unqueue_executions_by_ids": lambda kit, api: (
        api.unqueue_executions_by_ids(TENANT, kestrapy.StateType.RUNNING, [kit.queued()])["count"] == 1
    ),
    "unqueue_executions_by_query": lambda kit, api: (
        api.unqueue_executions_by_query(TENANT, filters=[eq(FIELD.ID, kit.queued())])["count"] == 1
    ),
    "set_labels_on_terminated_execution": lambda kit, api: api.set_labels_on_terminated_execution(kit.run().id, TENANT, LABELS).labels,
    "set_labels_on_terminated_executions_by_ids": lambda kit, api: (
        api.set_labels_on_terminated_executions_by_ids(
            TENANT, ExecutionControllerSetLabelsByIdsRequest(executionsId=[kit.run().id], executionLabels=LABELS)
        )["count"]
        == 1
    ),
    "set_labels_on_terminated_executions_by_query": lambda kit, api: (
        api.set_labels_on_terminated_executions_by_query(TENANT, LABELS, of(kit, kit.run()))["count"] == 1
    ),
    "update_execution_status": lambda kit, api: api.update_execution_status(kit.run().id, kestrapy.StateType.WARNING, TENANT).state.current,
    "update_executions_status_by_ids": lambda kit, api: (
        api.update_executions_status_by_ids(TENANT, kestrapy.StateType.FAILED, [kit.run().id])["count"] == 1
    ),
    "update_executions_status_by_query": lambda kit, api: (
        api.update_executions_status_by_query(TENANT, kestrapy.StateType.FAILED, of(kit, kit.run()))["count"] == 1
    ),
    "update_task_run_state": lambda kit, api: (
        api.update_task_run_state(
            (run := kit.run()).id, TENANT, ExecutionControllerStateRequest(taskRunId=run.task_run_list[0].id, state="SUCCESS")
        ).id
    ),
    "trigger_execution_by_get_webhook": lambda kit, api: (
        api.trigger_execution_by_get_webhook(TENANT, NAMESPACE, kit.flow(more=WEBHOOK), "open").id
    ),
    "trigger_execution_by_get_webhook_with_path": lambda kit, api: (
        api.trigger_execution_by_get_webhook_with_path(TENANT, NAMESPACE, kit.flow(more=WEBHOOK), "open", "some/path").id
    ),
    "trigger_execution_by_post_webhook_with_path": lambda kit, api: (
        api.trigger_execution_by_post_webhook_with_path(TENANT, NAMESPACE, kit.flow(more=WEBHOOK), "open", "path").id
    ),
    "trigger_execution_by_put_webhook_with_path": lambda kit, api: (
        api.trigger_execution_by_put_webhook_with_path(TENANT, NAMESPACE, kit.flow(more=WEBHOOK), "open", "path").id
    ),
    "follow_execution": lambda kit, api: _word(pulled(api.follow_execution(kit.ended().id, TENANT))[-1].state.current) == "SUCCESS",
    "follow_dependencies_execution": lambda kit, api: pulled(api.follow_dependencies_execution(kit.ended().id, TENANT))[-1].flow_id,
    "follow_execution_raw": lambda kit, api: opened(api.follow_execution_raw(kit.ended().id, TENANT)) == b"id: end",
    "follow_dependencies_execution_raw": lambda kit, api: (
        opened(api.follow_dependencies_execution_raw(kit.ended().id, TENANT, False, True)) == b"id: progress"
    ),
    "find_distinct_execution_field_values": lambda kit, api: (
        api.find_distinct_execution_field_values(TENANT, "FLOW_ID", of(kit, kit.ended())) == [kit.ended().flow_id]
    ),
    "export_executions_by_query_to_csv": lambda kit, api: api.export_executions_by_query_to_csv(TENANT, of(kit, kit.ended())).startswith(
        "id,"
    ),
    "list_executable_namespaces": lambda kit, api: NAMESPACE in api.list_executable_namespaces(TENANT) if kit.flow() else None,
    "list_executable_flows_by_namespace": lambda kit, api: (
        api.list_executable_flows_by_namespace(NAMESPACE, TENANT) if kit.flow() else None
    ),
    "execution_average_duration": lambda kit, api: api.execution_average_duration(NAMESPACE, kit.ended().flow_id, TENANT)["count"] >= 1,
    "validate_new_execution_inputs": lambda kit, api: (
        api.validate_new_execution_inputs(NAMESPACE, kit.flow(), TENANT, labels=["a:b"], revision=1, inputs={"who": "x"})["inputs"][0][
            "value"
        ]
        == "x"
    ),
}

FILES_CALLS: dict[str, Call] = {
    "create_namespace_directory": lambda kit, api: api.create_namespace_directory(NAMESPACE, TENANT, f"/folder{next(_numbers)}"),
    "list_namespace_directory_files": lambda kit, api: (
        api.list_namespace_directory_files(NAMESPACE, TENANT, "/") if put(kit, "/a") else None
    ),
    "create_namespace_file": lambda kit, api: api.create_namespace_file(NAMESPACE, "/new.txt", TENANT, b"new"),
    "file_content": lambda kit, api: api.file_content(NAMESPACE, put(kit, "/c.txt", b"content"), TENANT, revision=1) == b"content",
    "file_metadatas": lambda kit, api: api.file_metadatas(NAMESPACE, TENANT, put(kit, "/m.txt")).size == 1,
    "file_revisions": lambda kit, api: api.file_revisions(NAMESPACE, TENANT, put(kit, "/r.txt"))[0].revision == 1,
    "move_file_directory": lambda kit, api: api.move_file_directory(
        NAMESPACE, put(kit, f"/o{next(_numbers)}"), f"/p{next(_numbers)}", TENANT
    ),
    "delete_file_directory": lambda kit, api: api.delete_file_directory(NAMESPACE, put(kit, "/d.txt"), TENANT),
    "search_namespace_files": lambda kit, api: (
        api.search_namespace_files(NAMESPACE, "sear", TENANT) == ["/search.txt"] if put(kit, "/search.txt") else None
    ),
    "export_namespace_files": lambda kit, api: api.export_namespace_files(NAMESPACE, TENANT)[:2] == b"PK",
}

KV: dict[str, Call] = {
    "set_key_value": lambda kit, api: api.set_key_value(NAMESPACE, "one", TENANT, '{"a": 1}'),
    "key_value": lambda kit, api: (
        api.key_value(NAMESPACE, "two", TENANT).value == "text" if api.set_key_value(NAMESPACE, "two", TENANT, '"text"') is None else None
    ),
    "delete_key_value": lambda kit, api: api.delete_key_value(NAMESPACE, "nothing", TENANT) is False,
    "delete_key_values": lambda kit, api: (
        api.delete_key_values(NAMESPACE, TENANT, KVControllerApiDeleteBulkRequest(keys=["none"])).keys == []
    ),
    "list_all_keys": lambda kit, api: api.list_all_keys(TENANT, 1, 100, ["key:asc"], [eq(FIELD.NAMESPACE, NAMESPACE)]).total is not None,
    "list_keys_with_inheritance": lambda kit, api: (
        api.list_keys_with_inheritance(f"{NAMESPACE}.below", TENANT) if api.set_key_value(NAMESPACE, "high", TENANT, "1") is None else None
    ),
}

LOGS: dict[str, Call] = {
    "list_logs_from_execution": lambda kit, api: api.list_logs_from_execution(
        kit.with_file()[0], TENANT, "TRACE", task_id="write", attempt=0
    ),
    "download_logs_from_execution": lambda kit, api: api.download_logs_from_execution(kit.with_file()[0], TENANT, min_level="TRACE"),
    "delete_logs_from_execution": lambda kit, api: api.delete_logs_from_execution(kit.run().id, TENANT),
    "follow_logs_from_execution": lambda kit, api: first(api.follow_logs_from_execution(kit.with_file()[0], TENANT, "TRACE")).message,
    "delete_logs_from_flow": lambda kit, api: api.delete_logs_from_flow(NAMESPACE, kit.flow(), "any", TENANT),
    "search_logs": lambda kit, api: api.search_logs(TENANT, 1, 5, ["timestamp:desc"], [eq(FIELD.EXECUTION_ID, kit.with_file()[0])]).total,
}

NAMESPACES: dict[str, Call] = {
    "create_namespace": lambda kit, api: kit.namespace(),
    "namespace": lambda kit, api: api.namespace(kit.namespace(), TENANT).id,
    "update_namespace": lambda kit, api: (
        api.update_namespace(
            id_ := kit.namespace(), TENANT, Namespace(id=id_, deleted=False, description="for tests", variables={"a": {"b": 1}})
        ).description
        == "for tests"
    ),
    "delete_namespace": lambda kit, api: api.delete_namespace(kit.namespace(), TENANT),
    "search_namespaces": lambda kit, api: (
        api.search_namespaces(TENANT, 1, 5, ["id:asc"], True, [contains(FIELD.QUERY, "methods")]).total if kit.flow() else None
    ),
    "autocomplete_namespaces": lambda kit, api: api.autocomplete_namespaces(
        TENANT, ApiAutocomplete(q="methods", ids=["x"], existingOnly=False)
    ),
    "put_secrets": lambda kit, api: (
        api.put_secrets(kit.namespace(), TENANT, ApiSecretValue(key="TOKEN", value="v", description="d"))[0].key
    ),
    "patch_secret": lambda kit, api: (
        api.patch_secret(with_secret(kit), "TOKEN", TENANT, ApiSecretMetaEE(key="TOKEN", description="new", tags=[]))[0].description
        == "new"
    ),
    "delete_secret": lambda kit, api: api.delete_secret(with_secret(kit), "TOKEN", TENANT),
    "inherited_secrets": lambda kit, api: api.inherited_secrets(f"{with_secret(kit)}.below", TENANT),
    "inherited_variables": lambda kit, api: api.inherited_variables(NAMESPACE, TENANT) == {},
    "list_namespace_credentials": lambda kit, api: api.list_namespace_credentials(NAMESPACE, TENANT)["total"] == 0,
    "get_inherited_credentials": lambda kit, api: api.get_inherited_credentials(NAMESPACE, TENANT) == [],
    "list_secrets": lambda kit, api: api.list_secrets(TENANT, 1, 5).total if with_secret(kit) else None,
}


def with_secret(kit: Kit) -> str:
    name = kit.namespace()
    kit.client.namespaces.put_secrets(name, TENANT, ApiSecretValue(key="TOKEN", value="v"))
    return name


OUTPUTS: dict[str, Call] = {
    "execution_outputs": lambda kit, api: api.execution_outputs(kit.ended().id, TENANT) == {},
    "task_outputs_information": lambda kit, api: api.task_outputs_information(kit.ended().id, TENANT)[0].task_id == "hello",
    "task_run_outputs": lambda kit, api: (
        api.task_run_outputs(kit.ended().id, kit.ended().task_run_list[0].id, TENANT) == {"value": "hello world"}
    ),
}

METRICS: dict[str, Call] = {
    "execution_metrics": lambda kit, api: api.execution_metrics(kit.with_file()[0], TENANT, 1, 5, ["name:asc"], task_id="write")["total"],
    "flow_metric_names": lambda kit, api: "rows" in api.flow_metric_names(NAMESPACE, metric(kit)[0], TENANT),
    "task_metric_names": lambda kit, api: "rows" in api.task_metric_names(NAMESPACE, *metric(kit), TENANT),
    "tasks_with_metrics": lambda kit, api: api.tasks_with_metrics(NAMESPACE, metric(kit)[0], TENANT) == ["write"],
    "aggregate_flow_metric": lambda kit, api: (
        api.aggregate_flow_metric(NAMESPACE, metric(kit)[0], "rows", TENANT)["aggregations"][-1]["value"] == 3
    ),
    "aggregate_task_metric": lambda kit, api: (
        api.aggregate_task_metric(NAMESPACE, *metric(kit), "rows", TENANT, aggregation="max")["groupBy"] == "day"
    ),
}

LOG = f"{CORE}.log.Log"
PLUGINS: dict[str, Call] = {
    "list_plugins": lambda kit, api: api.list_plugins(page=1, size=5)["total"],
    "list_plugins_by_subgroups": lambda kit, api: api.list_plugins_by_subgroups(),
    "plugin_icons": lambda kit, api: api.plugin_icons()[LOG]["icon"],
    "plugin_group_icons": lambda kit, api: api.plugin_group_icons(),
    "plugin_icon": lambda kit, api: api.plugin_icon(LOG)["name"] == "Log",
    "plugin_icon_svg": lambda kit, api: api.plugin_icon_svg(LOG).startswith("<svg"),
    "plugin_input_types": lambda kit, api: {"STRING", "FILE"} <= {one["type"] for one in api.plugin_input_types()},
    "plugin_input_schema": lambda kit, api: api.plugin_input_schema("STRING")["schema"],
    "plugin_properties": lambda kit, api: "tasks" in api.plugin_properties("flow"),
    "plugin_schema": lambda kit, api: api.plugin_schema("flow", array_of=False, include_catalog=True)["definitions"],
    "plugin_triggers": lambda kit, api: api.plugin_triggers()["total"],
    "plugin_documentation": lambda kit, api: "message" in api.plugin_documentation(LOG)["schema"]["properties"]["properties"],
    "plugin_versions": lambda kit, api: api.plugin_versions(LOG)["versions"],
    "plugin_documentation_for_version": lambda kit, api: api.plugin_documentation_for_version(LOG, "latest")["markdown"],
    "detect_missing_plugins": lambda kit, api: api.detect_missing_plugins("tasks: [{type: io.kestra.plugin.none.None}]")["types"],
    "plugin_ui_manifest": lambda kit, api: api.plugin_ui_manifest({}) is not None,
}

MISC: dict[str, Call] = {
    "configuration": lambda kit, api: api.configuration().version,
    "login_configuration": lambda kit, api: api.login_configuration().is_basic_auth_initialized,
    "auths": lambda kit, api: api.auths() == [],
    "pebble_filters": lambda kit, api: "upper" in api.pebble_filters(),
    "pebble_functions": lambda kit, api: "secret" in api.pebble_functions(),
    "basic_auth_validation_errors": lambda kit, api: api.basic_auth_validation_errors() == [],
    "create_basic_auth": lambda kit, api: api.create_basic_auth(TENANT, kit.known["login"]),
    "setup_configuration": lambda kit, api: api.setup_configuration().done,
    "worker_selector_tags": lambda kit, api: api.worker_selector_tags(TENANT).tags == [],
}

NOTE = "{id: note, type: io.kestra.plugin.core.dashboard.chart.Markdown, content: hello}"
CHART = """id: by_state
type: io.kestra.plugin.core.dashboard.chart.Pie
data:
  type: io.kestra.plugin.core.dashboard.data.Executions
  columns: {state: {field: STATE}, total: {agg: COUNT}}
"""
DASHBOARD = f"id: seen\ntitle: Seen\ncharts:\n  - {NOTE}\n" + "".join(
    f"  {'- ' if not number else '  '}{line}\n" for number, line in enumerate(CHART.splitlines())
)
WHOLE = ChartFiltersOverrides(page_size=5, page_number=1)


def seen(api: Any) -> str:
    """The id of a dashboard that is there."""
    if not api.search_dashboards(TENANT, q="seen")["total"]:
        api.create_dashboard(TENANT, DASHBOARD)
    return "seen"


DASHBOARDS: dict[str, Call] = {
    "create_dashboard": lambda kit, api: api.create_dashboard(TENANT, "title: Mine")["id"],
    "search_dashboards": lambda kit, api: api.search_dashboards(TENANT, 1, 5, q=seen(api))["total"] == 1,
    "dashboard": lambda kit, api: api.dashboard(seen(api), TENANT)["sourceCode"] == DASHBOARD,
    "update_dashboard": lambda kit, api: api.update_dashboard(seen(api), TENANT, DASHBOARD)["title"] == "Seen",
    "default_dashboards": lambda kit, api: api.default_dashboards(TENANT) == {},
    "validate_dashboard": lambda kit, api: api.validate_dashboard(TENANT, "id: a").constraints,
    "validate_chart": lambda kit, api: api.validate_chart(TENANT, "id: a").constraints,
    # The client's model of rows has maps for values, which Kestra's are not: a text has no rows.
    "dashboard_chart_data": lambda kit, api: api.dashboard_chart_data(seen(api), "note", TENANT, WHOLE).total == 0,
    "preview_chart": lambda kit, api: api.preview_chart(TENANT, DashboardControllerPreviewRequest(chart=NOTE)).total == 0,
    "export_chart": lambda kit, api: (
        kit.ended() and b"SUCCESS," in api.export_chart(TENANT, DashboardControllerPreviewRequest(chart=CHART))
    ),
    "export_dashboard_chart": lambda kit, api: (
        kit.ended() and b"state,total" in api.export_dashboard_chart(seen(api), "by_state", TENANT, WHOLE, "CSV")
    ),
    "delete_dashboard": lambda kit, api: api.delete_dashboard(seen(api), TENANT) is None,
}

BLUEPRINTS: dict[str, Call] = {
    "search_blueprints": lambda kit, api: api.search_blueprints(BlueprintControllerKind.FLOW, TENANT).total == 0,
    "search_internal_blueprints": lambda kit, api: api.search_internal_blueprints(TENANT).total == 0,
}

SINCE, UNTIL = "2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z"  # nothing is due in between


def named(trigger: tuple[str, str]) -> dict[str, str]:
    """The body that means a trigger."""
    return {"namespace": NAMESPACE, "flowId": trigger[0], "triggerId": trigger[1]}


def filled(kit: Kit) -> dict[str, str]:
    """A trigger with a backfill that goes on: one that is due every minute of a year."""
    trigger = kit.scheduled("* * * * *")
    body = named(trigger) | {"backfill": {"start": "2025-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}}
    kit.client.triggers.create_backfill(TENANT, body)
    return named(trigger)


def found(body: dict[str, str]) -> list[Any]:
    """Filters that find a trigger."""
    return [eq(FIELD.NAMESPACE, NAMESPACE), eq(FIELD.FLOW_ID, body["flowId"])]


TRIGGERS: dict[str, Call] = {
    "search_triggers": lambda kit, api: api.search_triggers(TENANT, 1, 5, ["flowId:asc"], found(named(kit.scheduled())))["total"] == 1,
    "search_triggers_for_flow": lambda kit, api: api.search_triggers_for_flow(TENANT, NAMESPACE, kit.scheduled()[0], 1, 5)["total"] == 1,
    "export_triggers": lambda kit, api: api.export_triggers(TENANT, found(named(kit.scheduled()))).count("\n") >= 2,
    "disable_trigger_by_id": lambda kit, api: api.disable_trigger_by_id(TENANT, named(kit.scheduled()) | {"disabled": True}),
    "disabled_triggers_by_ids": lambda kit, api: (
        api.disabled_triggers_by_ids(TENANT, {"triggers": [named(kit.scheduled())], "disabled": True})["count"] == 1
    ),
    "disabled_triggers_by_query": lambda kit, api: (
        api.disabled_triggers_by_query(TENANT, True, found(named(kit.scheduled())))["count"] == 1
    ),
    "restart_trigger": lambda kit, api: api.restart_trigger(TENANT, NAMESPACE, *kit.scheduled()),
    "unlock_triggers_by_ids": lambda kit, api: api.unlock_triggers_by_ids(TENANT, []) == {"count": 0},
    "unlock_triggers_by_query": lambda kit, api: api.unlock_triggers_by_query(TENANT, found(named(kit.scheduled())))["count"] == 0,
    "delete_trigger": lambda kit, api: api.delete_trigger(TENANT, NAMESPACE, *kit.scheduled()),
    "delete_triggers_by_ids": lambda kit, api: api.delete_triggers_by_ids(TENANT, [named(kit.scheduled())])["count"] == 1,
    "delete_triggers_by_query": lambda kit, api: (
        api.delete_triggers_by_query(
            TENANT,
            {"filters": [{"field": "flowId", "operation": "EQUALS", "value": kit.scheduled()[0]}]},
        )["count"]
        == 1
    ),
    "create_backfill": lambda kit, api: api.create_backfill(TENANT, named(kit.scheduled()) | {"backfill": {"start": SINCE, "end": UNTIL}}),
    "delete_backfill": lambda kit, api: api.delete_backfill(TENANT, filled(kit)),
    "delete_backfill_by_ids": lambda kit, api: api.delete_backfill_by_ids(TENANT, [filled(kit)])["count"] == 1,
    "delete_backfill_by_query": lambda kit, api: api.delete_backfill_by_query(TENANT, found(filled(kit)))["count"] == 1,
    "pause_backfill": lambda kit, api: api.pause_backfill(TENANT, filled(kit)),
    "pause_backfill_by_ids": lambda kit, api: api.pause_backfill_by_ids(TENANT, [filled(kit)])["count"] == 1,
    "pause_backfill_by_query": lambda kit, api: api.pause_backfill_by_query(TENANT, found(filled(kit)))["count"] == 1,
    "unpause_backfill": lambda kit, api: api.unpause_backfill(TENANT, paused(kit)),
    "unpause_backfill_by_ids": lambda kit, api: api.unpause_backfill_by_ids(TENANT, [paused(kit)])["count"] == 1,
    "unpause_backfill_by_query": lambda kit, api: api.unpause_backfill_by_query(TENANT, found(paused(kit)))["count"] == 1,
}


def paused(kit: Kit) -> dict[str, str]:
    """A trigger whose backfill is paused."""
    body = filled(kit)
    kit.client.triggers.pause_backfill(TENANT, body)
    return body


MODULES: dict[str, dict[str, Call]] = {
    "triggers": TRIGGERS,
    "flows": FLOWS,
    "executions": EXECUTIONS,
    "files": FILES_CALLS,
    "kv": KV,
    "logs": LOGS,
    "namespaces": NAMESPACES,
    "outputs": OUTPUTS,
    "metrics": METRICS,
    "plugins": PLUGINS,
    "misc": MISC,
    "dashboards": DASHBOARDS,
    "blueprints": BLUEPRINTS,
}

# What only the Enterprise Edition has, and what this server has none of: the client is told that there is no such thing.
ABSENT = {
    "executions": {"resume_execution_from_breakpoint"},
    "triggers": {"unlock_trigger"},
    "flows": {"preview_policies", "promote", "promote_by_ids", "report_promote", "list_promotions", "promote_diff"},
    "namespaces": {
        "create_namespace_credential",
        "namespace_credential",
        "update_namespace_credential",
        "delete_namespace_credential",
        "test_namespace_connection",
    },
    "plugins": {"plugin_install_job", "plugin_ui", "install_plugins"},
    "misc": {"setup_kestra", "license_info", "refresh_license", "generate_reports"},
    "blueprints": {
        "blueprint",
        "blueprint_graph",
        "blueprint_source",
        "create_flow_blueprint",
        "flow_blueprint_by_id",
        "update_flow_blueprint",
        "delete_flow_blueprints",
        "use_blueprint_template",
        "flow_blueprint",
        "create_internal_blueprints",
        "internal_blueprint",
        "internal_blueprint_flow",
        "update_internal_blueprints",
        "delete_internal_blueprints",
    },
}


@pytest.fixture(scope="module")
def kit(live_server_stack: Stack) -> Kit:
    stack = live_server_stack
    client = kestrapy.KestraClient(host=stack.url, username=stack.user, password=stack.password)
    made = Kit(client)
    made.known["login"] = BasicAuthCredentials(username=stack.user, password=stack.password)
    return made


@pytest.mark.parametrize(("module", "method"), [(module, method) for module, calls in MODULES.items() for method in calls])
def test_a_method_is_answered(module: str, method: str, kit: Kit) -> None:
    answer = MODULES[module][method](kit, getattr(kit.client, module))
    assert answer is not False
    assert answer != []


@pytest.mark.parametrize("module", MODULES)
def test_no_method_is_left_out(module: str, kit: Kit) -> None:
    known = {name for name in vars(type(getattr(kit.client, module))) if not name.startswith("_")}
    assert known - MODULES[module].keys() == ABSENT.get(module, set())


def test_alternatives_are_filtered_for(kit: Kit) -> None:
    one, two = kit.run(), kit.run()
    found = kit.client.executions.search_executions(
        TENANT, 1, 10, filters=where(or_(eq(FIELD.FLOW_ID, one.flow_id), eq(FIELD.FLOW_ID, two.flow_id)))
    )
    assert {row["id"] for row in found["results"]} == {one.id, two.id}


def refused(call: Callable[[], Any]) -> int:
    """The status of what is refused."""
    with pytest.raises(ApiException) as told:
        call()
    return int(told.value.status)


def test_what_is_not_there_is_told_so(kit: Kit) -> None:
    assert refused(lambda: kit.client.dashboards.dashboard("none", TENANT)) == 404
    assert refused(lambda: kit.client.namespaces.namespace_credential(NAMESPACE, "none", TENANT)) == 404
    assert refused(lambda: kit.client.flows.promote_by_ids(TENANT, {})) == 405
    assert refused(lambda: kit.client.triggers.unlock_trigger(TENANT, NAMESPACE, *kit.scheduled())) == 409
    assert refused(lambda: kit.client.executions.resume_execution_from_breakpoint(kit.ended().id, TENANT)) == 409
