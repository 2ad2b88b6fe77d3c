"""The product runs the same on PostgreSQL as on SQLite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.signing import signed_in
from tests.stack import Stack, wait_until

FLOW = """
id: databases
namespace: company.databases
tasks:
  - id: first
    type: io.kestra.plugin.core.debug.Return
    format: "{{ flow.id }}"
  - id: second
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    commands:
      - echo "seen {{ outputs.first.value }}"
"""


@pytest.mark.postgres
@pytest.mark.redis
def test_a_flow_runs_on_postgresql(make_stack: Callable[..., Stack], postgres_url: str) -> None:
    stack = make_stack(DATABASE_URL=postgres_url, KESTRA_WEB_DEMO="false")
    stack.start()
    with stack.client() as client:
        created = client.post("/api/v1/main/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"})
        assert created.status_code == 200, created.text
        execution = client.post("/api/v1/main/executions/company.databases/databases").json()["id"]

        def state() -> str:
            return str(client.get(f"/api/v1/main/executions/{execution}").json()["state"]["current"])

        wait_until(lambda: state() in ("SUCCESS", "FAILED", "WARNING"), 30, "the execution ended")
        assert state() == "SUCCESS"
        lines = [line["message"] for line in client.get(f"/api/v1/main/logs/{execution}").json()]
    assert "seen databases" in lines
    assert not (stack.home / "database" / "kestra.sqlite3").exists()


HOLED = r"""
id: holed
namespace: company.databases
inputs:
  - {id: it, type: STRING}
  - {id: map, type: JSON}
outputs:
  - {id: out, type: STRING, value: "{{ inputs.it }}"}
tasks:
  - {id: back, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.it }}"}
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{ [inputs.it, inputs.map] }}"
    tasks:
      - {id: log, type: io.kestra.plugin.core.log.Log, message: "{{ taskrun.value }}"}
  - id: shell
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    commands:
      - printf 'n\0l\n'
      - printf '::{"outputs":{"a\\u0000b":"c\\u0000\\ud800d"}}::\n'
      - printf '::{"metrics":[{"name":"m\\u0000n","type":"counter","value":1,"tags":{"t\\u0000":"\\u0000"}}]}::\n'
"""
NUL, HALF = "a\0b", "\\ud800"


@pytest.mark.postgres
@pytest.mark.redis
def test_what_postgresql_cannot_keep_breaks_nothing(make_stack: Callable[..., Stack], postgres_url: str) -> None:
    stack = make_stack(DATABASE_URL=postgres_url, KESTRA_WEB_DEMO="false")
    stack.start()
    with stack.client() as client:
        assert client.post("/api/v1/main/flows", content=HOLED, headers={"Content-Type": "application/x-yaml"}).status_code == 200
        inputs = {"it": (None, NUL), "map": (None, '{"k\\u0000": ["\\u0000\\ud800"]}')}
        started = client.post("/api/v1/main/executions/company.databases/holed?labels=l:x", files=inputs)
        assert started.status_code == 200, started.text
        url = f"/api/v1/main/executions/{started.json()['id']}"
        wait_until(lambda: client.get(url).json()["state"]["current"] in ("SUCCESS", "FAILED", "WARNING"), 30, "the execution ended")
        execution = client.get(url).json()
        assert execution["state"]["current"] == "SUCCESS", client.get(url.replace("executions", "logs")).text
        assert execution["outputs"] == {"out": "ab"}
        shell = next(run for run in execution["taskRunList"] if run["taskId"] == "shell")
        assert shell["outputs"]["vars"] == {"ab": "c\N{REPLACEMENT CHARACTER}d"}
        asked = [
            client.put("/api/v1/main/namespaces/company.databases/kv/key", content=f'"{HALF}\\u0000"'),
            client.post(f"{url}/labels", json=[{"key": NUL, "value": NUL}]),
            client.post(f"{url}/eval", content=b"{{ inputs.it }}\0"),
            client.post("/api/v1/main/flows/validate", content=b"id: a\0b"),
            client.request("DELETE", "/api/v1/main/executions/kill/by-ids", json=[NUL]),
            *(client.get(f"{path}?q=%00") for path in ("/api/v1/main/executions/search", "/api/v1/main/flows/search", "/executions/")),
            *(client.get(f"/api/v1/main/executions/{text}") for text in ("a%00b", "%00")),
        ]
    assert [answer.status_code for answer in asked if answer.status_code >= 500] == []
    pages = signed_in(stack)
    forms = [
        ("/namespaces/create/", {"name": "company.nul", "description": NUL}),
        ("/executions/bulk/kill/", {"ids": NUL}),
        ("/namespaces/company.databases/files/create/", {"path": NUL}),
        ("/account/rename/", {"name": NUL}),
        ("/signin/", {"email": NUL, "password": NUL}),
    ]
    assert [pages.post(path, data=fields).status_code for path, fields in forms] == [422] * len(forms)
    assert "Traceback" not in stack.output
