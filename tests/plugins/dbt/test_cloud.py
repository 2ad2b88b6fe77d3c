"""The tasks of dbt Cloud against a server that answers as its public API does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from plugins.catalog import CATALOG
from plugins.contract import Result, TaskFailed
from plugins.dbt.cloud.check_status import CheckStatus
from plugins.dbt.cloud.trigger_run import TriggerRun
from tests.plugins.context import MemoryContext

RESULTS = {
    "metadata": {"invocation_id": "one"},
    "elapsed_time": 1.5,
    "args": {"which": "build"},
    "results": [
        {"unique_id": "model.shop.orders", "status": "success", "execution_time": 0.5, "thread_id": "Thread-1", "message": "OK"},
        {"unique_id": "model.shop.late", "status": "skipped", "execution_time": 0.0, "message": None},
        {"unique_id": "test.shop.unique_orders_id.0", "status": "fail", "failures": 3, "execution_time": 0.1, "message": "Got 3 results"},
    ],
}
MANIFEST = {"nodes": {"model.shop.late": {"depends_on": {"nodes": ["model.shop.orders"]}}}}


@dataclass
class Cloud:
    """A dbt Cloud with one account, 123, and one job, 456: what it answers is set, what it was asked is kept."""

    url: str = ""
    runs: list[Any] = field(default_factory=list)  # answers to looks at the run: data, a status, or "silence"; the last one stays
    artifacts: dict[str, Any] = field(default_factory=dict)
    started: Any = field(default_factory=lambda: {"id": 9999})
    asked: list[tuple[str, str, Any, str]] = field(default_factory=list)  # method, path, body, authorization
    looked: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def count(self, method: str, ending: str) -> int:
        return sum(asked == method and path.partition("?")[0].endswith(ending) for asked, path, _, _ in self.asked)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    it = Cloud()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            return

        def answer(self, given: Any) -> None:
            if given == "silence":
                it.over.wait(30)
                return
            code = given if isinstance(given, int) else 200
            body = json.dumps({"status": {"code": code, "user_message": f"said {code}"}, "data": given}).encode()
            self.send(code, body)

        def send(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def handle_any(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            it.asked.append((self.command, self.path, json.loads(sent) if sent else None, self.headers.get("Authorization", "")))
            path = self.path.partition("?")[0]
            base = "/api/v2/accounts/123/"
            if self.command == "POST" and path == f"{base}jobs/456/run/":
                self.answer(it.started)
            elif self.command == "POST" and path.endswith("/cancel/"):
                self.answer({"id": 9999})
            elif path == f"{base}runs/9999/":
                it.looked.set()
                self.answer(it.runs.pop(0) if len(it.runs) > 1 else it.runs[0])
            elif path.startswith(f"{base}runs/9999/artifacts/"):
                found = it.artifacts.get(path.rpartition("/")[2])
                self.send(200, json.dumps(found).encode()) if found is not None else self.answer(404)
            else:
                self.answer(404)

        do_GET = do_POST = handle_any  # noqa: N815 -- the names that http.server looks for

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    it.url = f"http://127.0.0.1:{server.server_port}"
    yield it
    it.over.set()
    server.shutdown()
    server.server_close()


COMMON = {"id": "cloud", "accountId": "123", "token": "dbtc_secret", "pollFrequency": "PT0.05S", "initialDelayMs": 20}


def check(cloud: Cloud, context: MemoryContext, **more: Any) -> Result:
    given = {**COMMON, "type": "io.kestra.plugin.dbt.cloud.CheckStatus", "baseUrl": cloud.url, "runId": "9999", **more}
    return CheckStatus.model_validate(given).run(context)


def trigger(cloud: Cloud, context: MemoryContext, **more: Any) -> Result:
    given = {**COMMON, "type": "io.kestra.plugin.dbt.cloud.TriggerRun", "baseUrl": cloud.url, "jobId": "456", **more}
    return TriggerRun.model_validate(given).run(context)


def step(**given: Any) -> dict[str, Any]:
    return {"index": 1, "name": "dbt build", "status": 10, "started_at": "2026-01-02 03:04:05.0+00:00", **given}


def test_they_are_in_the_catalog() -> None:
    for name, own in (("TriggerRun", {"jobId": 1}), ("CheckStatus", {"runId": "{{ outputs.trigger.runId }}"})):
        given = {"id": "cloud", "type": f"io.kestra.plugin.dbt.cloud.{name}", "accountId": 123, "token": "x", **own}
        assert CATALOG.check(given, "task") == []
        del given["token"]
        assert CATALOG.check(given, "task") != []


def test_a_run_that_is_not_waited_for(cloud: Cloud, context: MemoryContext) -> None:
    result = trigger(
        cloud,
        context,
        jobId="{{ 456 }}",
        wait=False,
        cause="for {{ flow.id }}",
        gitBranch="main",
        threadsOverride="{{ 4 }}",
        generateDocsOverride=False,
        stepsOverride=["dbt run", "dbt test"],
    )
    assert result.outputs == {"runId": 9999}
    method, _, body, authorization = cloud.asked[0]
    assert (method, authorization, len(cloud.asked)) == ("POST", "Bearer dbtc_secret", 1)
    assert body == {
        "cause": "for a_flow",
        "git_branch": "main",
        "threads_override": 4,
        "generate_docs_override": False,
        "steps_override": ["dbt run", "dbt test"],
    }
    assert not context.namespace().kv.keys()


def test_what_was_rendered_is_not_rendered_again(cloud: Cloud, context: MemoryContext) -> None:
    context.variables["said"] = "{{ flow.namespace }}"
    trigger(cloud, context, wait=False, cause="{{ said }}")
    assert cloud.asked[0][2]["cause"] == "{{ flow.namespace }}"


def test_a_run_is_followed_to_its_end(cloud: Cloud, context: MemoryContext) -> None:
    cloud.runs = [
        {"id": 9999, "status": 1, "run_steps": []},
        {"id": 9999, "status": 3, "run_steps": [step(status=3)]},
        {"id": 9999, "status": 3, "run_steps": [step(logs="\x1b[32mdone\x1b[0m\nall well", finished_at="2026-01-02 03:04:09.0+00:00")]},
        {"id": 9999, "status": 10, "status_humanized": "Success", "run_steps": [step(logs="done\nall well")]},
    ]
    cloud.artifacts = {"run_results.json": RESULTS, "manifest.json": MANIFEST}
    outputs = trigger(cloud, context).outputs
    assert outputs is not None
    assert outputs["runId"] == 9999
    assert json.loads(context.storage.text(outputs["runResults"])) == RESULTS
    assert json.loads(context.storage.text(outputs["manifest"])) == MANIFEST
    assert [report.state for report in context.reports if report.name == "step.1"][:2] == ["RUNNING", "SUCCESS"]
    assert [line.message for line in context.logs if line.step == "step.1"] == ["done", "all well"]
    steps = context.steps()
    assert {name: steps[name].state for name in steps if name.startswith(("model", "test"))} == {
        "model.shop.orders": "SUCCESS",
        "model.shop.late": "SKIPPED",
        "test.shop.unique_orders_id.0": "FAILED",
    }
    assert steps["model.shop.late"].data["depends_on"] == ["model.shop.orders"]
    assert not context.namespace().kv.keys()
    assert "dbtc_secret" in context.hidden


@pytest.mark.parametrize(
    "run",
    [
        {"status": 10, "status_humanized": "Success", "duration_humanized": "0s", "run_steps": []},
        {"status_humanized": "Success"},
        {"status": 10, "status_humanized": "Completed"},
        {"status": 10, "run_steps": [step(truncated_debug_logs=None)]},
        {"is_complete": True, "is_success": True},
    ],
    ids=["number", "word alone", "unknown word", "no debug logs", "flags"],
)
def test_what_counts_as_success(cloud: Cloud, context: MemoryContext, run: dict[str, Any]) -> None:
    cloud.runs = [{"id": 9999, **run}]
    assert check(cloud, context).outputs == {"runResults": None, "manifest": None}
    assert cloud.count("GET", "/runs/9999/") == 1


def test_a_missing_manifest_is_no_error(cloud: Cloud, context: MemoryContext) -> None:
    cloud.runs, cloud.artifacts = [{"status": 10}], {"run_results.json": {"metadata": {}, "results": [], "elapsed_time": 0.0}}
    outputs = check(cloud, context).outputs
    assert outputs is not None
    assert outputs["runResults"].endswith(".json")
    assert outputs["manifest"] is None


def test_rows_are_left_out_where_nobody_wants_them(cloud: Cloud, context: MemoryContext) -> None:
    cloud.runs, cloud.artifacts = [{"status": 10}], {"run_results.json": RESULTS}
    outputs = check(cloud, context, parseRunResults=False).outputs
    assert outputs is not None
    assert outputs["runResults"]
    assert not context.steps()


def test_a_failed_run_tells_why_and_shows_its_nodes(cloud: Cloud, context: MemoryContext) -> None:
    cloud.runs = [
        {
            "status": 20,
            "status_humanized": "Error",
            "status_message": "Compilation failed in step 1",
            "duration_humanized": "2s",
            "run_steps": [],
        }
    ]
    cloud.artifacts = {"run_results.json": RESULTS}
    with pytest.raises(TaskFailed) as failed:
        check(cloud, context)
    assert failed.value.message == "Failed run with status 'Error' after 2s: Compilation failed in step 1"
    assert context.steps()["test.shop.unique_orders_id.0"].state == "FAILED"
    assert failed.value.outputs is not None
    assert failed.value.outputs["runResults"]


@pytest.mark.parametrize("first", [[502, 503], [504], ["silence"]], ids=["502, 503", "504", "silence"])
def test_it_asks_again(cloud: Cloud, context: MemoryContext, first: list[Any]) -> None:
    cloud.runs = [*first, {"status": 10}]
    assert check(cloud, context, options={"timeout": {"readIdleTimeout": "PT3S"}}).outputs is not None
    assert cloud.count("GET", "/runs/9999/") == len(first) + 1


@pytest.mark.parametrize(
    ("code", "says"), [(404, "knows no run 9999"), (401, "the token is not valid"), (403, "said 403"), (400, "said 400")]
)
def test_what_is_refused_is_not_asked_again(cloud: Cloud, context: MemoryContext, code: int, says: str) -> None:
    cloud.runs = [code]
    with pytest.raises(TaskFailed, match=says):
        check(cloud, context)
    assert cloud.count("GET", "/runs/9999/") == 1


def test_it_does_not_ask_for_ever(cloud: Cloud, context: MemoryContext) -> None:
    cloud.runs = [503]
    with pytest.raises(TaskFailed, match="dbt Cloud answered 503"):
        check(cloud, context, maxRetries=2)
    assert cloud.count("GET", "/runs/9999/") == 3


def test_a_run_whose_answer_is_lost_is_not_begun_twice(cloud: Cloud, context: MemoryContext) -> None:
    cloud.started = "silence"
    with pytest.raises(TaskFailed, match="silent for too long"):
        trigger(cloud, context, options={"timeout": {"readIdleTimeout": "PT3S"}})
    assert cloud.count("POST", "/run/") == 1


def test_the_next_attempt_goes_on_with_the_run(cloud: Cloud, make_context: Callable[..., MemoryContext]) -> None:
    before, after = make_context(), make_context()
    after.namespaces = before.namespaces
    cloud.runs = [{"status": 3}]
    with pytest.raises(TaskFailed, match=r"had not ended after 0\.2 s"):
        trigger(cloud, before, maxDuration="PT0.2S")
    assert before.namespace().kv.get(f"dbt_cloud_resume_{before.task_run_id}") == "9999"
    cloud.runs = [{"status": 10}]
    assert trigger(cloud, after).outputs == {"runId": 9999, "runResults": None, "manifest": None}
    assert cloud.count("POST", "/run/") == 1
    assert before.namespace().kv.get(f"dbt_cloud_resume_{before.task_run_id}") is None


def test_a_failed_run_is_begun_anew_by_a_retry(cloud: Cloud, context: MemoryContext) -> None:
    cloud.runs = [{"status": 20}]
    for _ in range(2):
        with pytest.raises(TaskFailed, match="Failed run"):
            trigger(cloud, context)
    assert cloud.count("POST", "/run/") == 2


def test_a_killed_task_cancels_its_run(cloud: Cloud, context: MemoryContext) -> None:
    cloud.runs = [{"status": 3}]
    threading.Thread(target=lambda: cloud.looked.wait(5) and context.cancel(), daemon=True).start()
    begun = time.monotonic()
    with pytest.raises(TaskFailed) as stopped:
        trigger(cloud, context, pollFrequency="PT30S")
    assert stopped.value.state == "KILLED"
    assert time.monotonic() - begun < 5
    assert cloud.count("POST", "/runs/9999/cancel/") == 1
    assert not context.namespace().kv.keys()


@pytest.mark.parametrize("given", [{"jobId": "a/../b"}, {"baseUrl": "ftp://x"}, {"threadsOverride": "{{ 'many' }}"}])
def test_what_cannot_be_asked_is_told(cloud: Cloud, context: MemoryContext, given: dict[str, Any]) -> None:
    with pytest.raises(TaskFailed):
        trigger(cloud, context, **given)
    assert not cloud.asked
