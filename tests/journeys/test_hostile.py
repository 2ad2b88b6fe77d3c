"""What a hostile script, a hostile path and a hostile caller get from the running product: nothing, and no 500."""

from __future__ import annotations

import html
import pwd
from pathlib import Path

import httpx
import pytest

from tests.journeys.signing import signed_in as _signed_in
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(240)]

NS = "company.hostile"
OUTSIDE = ("../x", "../../x", "/etc/x", "a/../../x", "a/../../../x", "..\\x", "C:\\x", "C:/x", "\\\\host\\share\\x", "a\0b", "..", ".", "")
WRAPPED = ("{}", "/{}", "./{}", "%2e%2e/{}")
PATHS = list(dict.fromkeys(wrap.format(path) for path in OUTSIDE for wrap in WRAPPED))
THIEF = """id: thief
namespace: company.hostile
tasks:
  - id: steal
    type: io.kestra.plugin.scripts.shell.Script
    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
    script: |
      echo "id $(id -u)"
      env | sed 's/^/env /'
      for pid in {pids}; do tr '\\0' '\\n' < /proc/$pid/environ | sed 's/^/GOT /'; done
      find {home} -maxdepth 3 -readable 2>/dev/null | grep -E 'sqlite3|[.]db|key|password|[.]sock' | sed 's/^/GOT /'
      cat {home}/storage/company/other/_files/x 2>/dev/null | sed 's/^/GOT /'
      true
"""


def _tree(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("x")}


def test_hostile_paths_change_nothing_outside_the_namespace(live_server_stack: Stack) -> None:
    assert len(PATHS) >= 50
    before = _tree(live_server_stack.home) | _tree(Path("/etc"))
    with live_server_stack.client() as client:
        base = f"/api/v1/main/namespaces/{NS}/files"
        for path in PATHS:
            answers = [
                client.post(base, params={"path": path}, files={"fileContent": ("x", b"hostile")}),
                client.get(base, params={"path": path}),
                client.get(f"{base}/stats", params={"path": path}),
                client.get(f"{base}/directory", params={"path": path}),
                client.post(f"{base}/directory", params={"path": path + "/x"}),
                client.put(base, params={"from": path, "to": "here"}),
                client.put(base, params={"from": "here", "to": path}),
            ]
            assert all(answer.status_code < 500 for answer in answers), (path, [answer.status_code for answer in answers])
    made = (_tree(live_server_stack.home) | _tree(Path("/etc"))) - before
    assert all("/storage/company/hostile/_files/" in path for path in made), made


def _run(client: httpx.Client, flow: str, source: str) -> str:
    client.post("/api/v1/main/flows", content=source, headers={"content-type": "application/x-yaml"}).raise_for_status()
    identity = str(client.post(f"/api/v1/main/executions/{NS}/{flow}", files={"x": ("", b"")}).json()["id"])
    ended = ("SUCCESS", "WARNING", "FAILED", "KILLED")
    wait_until(lambda: client.get(f"/api/v1/main/executions/{identity}").json()["state"]["current"] in ended, 60, "its end")
    return identity


def _log(client: httpx.Client, identity: str) -> str:
    return "\n".join(line.get("message") or "" for line in client.get(f"/api/v1/main/logs/{identity}").json())


@pytest.mark.root
def test_a_script_under_another_uid_reads_nothing_of_the_server(make_stack: object) -> None:
    stack: Stack = make_stack(KESTRA_WEB_RUN_AS="nobody", KESTRA_WEB_DEMO="false", SECRET_TOKEN="aGlkZGVuLXZhbHVl")  # type: ignore[operator]  # a fixture that is a function
    stack.start()
    pids = " ".join(str(stack.pid(name)) for name in ("web", "worker", "scheduler", "redis"))
    with stack.client() as client:
        client.post("/api/v1/main/namespaces/company.other/files", params={"path": "/x"}, files={"fileContent": ("x", b"other's")})
        assert (stack.home / "storage/company/other/_files/x").read_bytes() == b"other's"
        log = _log(client, _run(client, "thief", THIEF.format(pids=pids, home=stack.home)))
    assert f"id {pwd.getpwnam('nobody').pw_uid}" in log
    assert "GOT" not in log, log
    names = {line.split(" ", 1)[1].split("=")[0] for line in log.splitlines() if line.startswith("env ") and "=" in line}
    assert not {name for name in names if name in ("DATABASE_URL", "REDIS_URL") or name.startswith(("KESTRA_WEB_", "SECRET_"))}


def test_a_run_with_the_servers_rights_says_so(live_server_stack: Stack) -> None:
    source = (
        f"id: plain\nnamespace: {NS}\ntasks:\n  - id: hello\n    type: io.kestra.plugin.scripts.shell.Script\n"
        "    taskRunner: {type: io.kestra.plugin.core.runner.Process}\n    script: echo hello\n"
    )
    with live_server_stack.client() as client:
        identity = _run(client, "plain", source)
        page = _signed_in(live_server_stack).get(f"/executions/{identity}/").text
    assert "runs with the server's rights" in html.unescape(page)


def test_a_secret_is_nowhere_but_in_the_task(make_stack: object) -> None:
    value = "zq-hidden-7391-value"
    stack: Stack = make_stack(KESTRA_WEB_DEMO="false", SECRET_TOKEN="enEtaGlkZGVuLTczOTEtdmFsdWU=")  # type: ignore[operator]  # a fixture that is a function
    stack.start()
    source = f"""id: loud
namespace: {NS}
tasks:
  - {{id: log, type: io.kestra.plugin.core.log.Log, message: "it is {{{{ secret('TOKEN') }}}}"}}
  - {{id: back, type: io.kestra.plugin.core.debug.Return, format: "{{{{ secret('TOKEN') }}}}"}}
  - id: shell
    type: io.kestra.plugin.scripts.shell.Script
    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
    env: {{IT: "{{{{ secret('TOKEN') }}}}"}}
    script: 'echo "$IT"; echo "::{{\\"outputs\\":{{\\"it\\":\\"$IT\\"}}}}::"; false'
errors:
  - {{id: fail, type: io.kestra.plugin.core.execution.Fail, errorMessage: "{{{{ secret('TOKEN') }}}}"}}
"""
    with stack.client() as client:
        identity = _run(client, "loud", source)
        signed_in = _signed_in(stack)
        pages = [signed_in.get(f"/executions/{identity}/{tab}").raise_for_status().text for tab in ("", "gantt/", "logs/", "outputs/")]
        texts = [_log(client, identity), client.get(f"/api/v1/main/executions/{identity}").text, *pages]
    assert "it is" in texts[0]
    assert not [text for text in texts if value in text]
    database = [path for path in (stack.home / "database").iterdir() if path.is_file()]
    assert any(b"it is" in path.read_bytes() for path in database), "the log line is in the database"
    held = [path for path in database if value.encode() in path.read_bytes()]
    assert not held
