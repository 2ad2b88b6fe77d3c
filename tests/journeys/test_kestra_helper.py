"""Kestra's own helper for Python scripts, as it comes from the package index, works in a script task and against our API."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.stack import Stack

NAMESPACE = "journeys.helper"
ENDED = {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED"}
CALLED = f"""id: called
namespace: {NAMESPACE}
inputs:
  - id: who
    type: STRING
  - id: letter
    type: FILE
    required: false
tasks:
  - id: hello
    type: io.kestra.plugin.core.log.Log
    message: |-
      hello {{{{ inputs.who }}}} {{{{ inputs.letter is defined ? read(inputs.letter) : "" }}}}
"""
CALLER = f"""id: caller
namespace: {NAMESPACE}
inputs:
  - id: token
    type: SECRET
  - id: address
    type: STRING
tasks:
  - id: script
    type: io.kestra.plugin.scripts.python.Script
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    dependencies: [kestra]
    env:
      KESTRA_HOSTNAME: "{{{{ inputs.address }}}}"
      KESTRA_API_TOKEN: "{{{{ inputs.token }}}}"
    script: |
      import io
      from kestra import Flow, Kestra

      Kestra.outputs({{"rows": 3, "nested": {{"a": [1, 2]}}}})
      Kestra.counter("rows", 3, {{"table": "orders"}})
      Kestra.timer("took", 2)
      Kestra.logger().warning("careful")
      Kestra.logger().debug("details")
      done = Flow(poll_interval=1, labels_from_inputs=True).execute("{NAMESPACE}", "called", {{"who": "world"}})
      Kestra.outputs({{"status": done.status, "log": done.log}})
      sent = Flow(tenant="main", wait_for_completion=False).execute(
          "{NAMESPACE}", "called", {{"who": "you", "letter": ("letter", io.BytesIO(b"dear reader"), "text/plain")}}
      )
      Kestra.outputs({{"started": sent.execution_id}})
outputs:
  - id: said
    type: JSON
    value: "{{{{ outputs.script.vars | toJson }}}}"
"""

pytestmark = [pytest.mark.redis, pytest.mark.dbt]


def ended(client: httpx.Client, execution_id: str) -> dict[str, object]:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        found = client.get(f"/api/v1/executions/{execution_id}").json()
        if found["state"]["current"] in ENDED:
            return dict(found)
        time.sleep(0.2)
    raise AssertionError(f"{execution_id} did not end")


@pytest.mark.timeout(300)
def test_a_script_reports_through_the_helper_and_runs_another_flow(live_server_stack: Stack) -> None:
    stack = live_server_stack
    client = stack.client()
    for source in (CALLED, CALLER):
        answer = client.post("/api/v1/flows", content=source, headers={"Content-Type": "application/x-yaml"})
        assert answer.status_code == 200, answer.text
    inputs = {"token": (None, stack.token()), "address": (None, stack.url)}
    started = client.post(f"/api/v1/executions/{NAMESPACE}/caller", files=inputs).json()
    row = ended(client, started["id"])
    lines = client.get(f"/api/v1/logs/{row['id']}?minLevel=TRACE").json()
    assert row["state"]["current"] == "SUCCESS", lines
    said = client.get(f"/api/v1/outputs/executions/{row['id']}").json()["said"]
    assert (said["rows"], said["nested"], said["status"]) == (3, {"a": [1, 2]}, "SUCCESS")
    assert "hello world" in said["log"]
    assert {(line["level"], line["message"].rpartition(" - ")[2]) for line in lines} >= {("WARN", "careful"), ("DEBUG", "details")}
    metrics = {one["name"]: one for one in client.get(f"/api/v1/metrics/{row['id']}").json()["results"]}
    assert (metrics["rows"]["value"], metrics["rows"]["tags"], metrics["took"]["type"]) == (3, {"table": "orders"}, "timer")
    other = ended(client, said["started"])
    assert "hello you dear reader" in client.get(f"/api/v1/logs/{other['id']}/download").text
    labelled = client.get("/api/v1/executions/search", params={"labels": "who:world"}).json()
    assert [one["flowId"] for one in labelled["results"]] == ["called"]
