"""Secrets that dbt is given: they reach what needs them, and no page, answer, log, artifact, argument or file of the data folder."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.signing import signed_in
from tests.stack import Stack, ended

pytestmark = [pytest.mark.redis, pytest.mark.dbt, pytest.mark.timeout(300), pytest.mark.long]
NS = "company.hidden"
WORD, PLAIN, COMMAND = "zq-vault-word-7391", "zq-plain-word-8402", "zq-command-word-9513"
MODEL = "select '{{ env_var('WORD', 'none') }}' as word, '{{ var('word', 'none') }}' as other\n"
FILES = {
    "dbt_project.yml": "name: hidden\nversion: '1.0'\nprofile: hidden\n",
    "models/told.sql": MODEL,
    "models/broken.sql": "select nothing_like_{{ env_var('WORD', 'none') | replace('-', '_') }} from {{ ref('told') }}\n",
    "tests/none.sql": "select * from {{ ref('told') }}\n",
    "profiles.yml": "hidden:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ':memory:'}\n"
    f"    far: {{type: postgres, host: 127.0.0.1, port: 1, user: ada, dbname: shop, schema: marts, password: {PLAIN}}}\n",
}
FLOW = f"""id: build
namespace: {NS}
tasks:
  - id: dbt
    type: io.kestra.plugin.dbt.cli.DbtCLI
    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
    containerImage: ghcr.io/kestra-io/dbt-duckdb
    namespaceFiles: {{enabled: true}}
    env: {{WORD: "{{{{ secret('WORD') }}}}"}}
    storeManifest: {{key: manifest, namespace: "{{{{ flow.namespace }}}}"}}
    commands:
      - "echo {{{{ secret('COMMAND') }}}}; sleep 1; cat profiles.yml"
      - "dbt build --vars '{{\\"word\\": \\"{{{{ secret('WORD') }}}}\\"}}' --exclude broken || true"
      - "dbt build"
"""


@contextmanager
def watched(word: str) -> Iterator[set[str]]:
    """The command lines of this machine that have a word in them, meanwhile."""
    found: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    text = line.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if word in text:
                    found.add(text)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def holding(home: Path, word: str) -> list[str]:
    """The files of a data folder that hold a word."""
    texts = ((path, path.read_bytes()) for path in home.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path.relative_to(home)) for path, text in texts if word.encode() in text]


def run(client: httpx.Client) -> dict[str, Any]:
    started = client.post(f"/api/v1/main/executions/{NS}/build").raise_for_status().json()["id"]
    return ended(client, started, 240)


def pages(client: httpx.Client, execution: str) -> Iterator[str]:
    """All that is shown of an execution, and of what it left: pages, and what these lead to."""
    seen, open_ = set[str](), [f"/executions/{execution}/{part}" for part in ("", "gantt/", "logs/", "outputs/", "metrics/", "topology/")]
    open_ += ["/catalog/", f"/namespaces/{NS}/", f"/flows/{NS}/build/", "/", f"/workspace/{NS}/dbt/knowledge/"]
    while open_ and len(seen) < 150:
        address = open_.pop(0)
        if address in seen or re.search(r"/files/|/namespaces/[^/]*/($|\?)|profiles.yml", address):  # where profiles.yml itself is read
            continue
        seen.add(address)
        answer = client.get(address)
        assert answer.status_code < 500, address
        yield answer.text
        links = re.findall(r'(?:href|hx-get|data-\w+)="(/[^"#]+)"', answer.text)
        open_ += [link.replace("&amp;", "&") for link in links if execution in link or link.startswith("/catalog/") or NS in link]


def test_what_dbt_is_given_in_secret_is_seen_nowhere(live_server_stack: Stack) -> None:
    stack = live_server_stack
    with stack.client() as client, closing(signed_in(stack)) as person:
        for key, value in (("WORD", WORD), ("COMMAND", COMMAND)):
            client.put(f"/api/v1/main/namespaces/{NS}/secrets", json={"key": key, "value": value}).raise_for_status()
        for path, text in FILES.items():
            files = {"fileContent": (path, text.encode())}
            client.post(f"/api/v1/main/namespaces/{NS}/files", params={"path": f"/{path}"}, files=files).raise_for_status()
        client.post("/api/v1/main/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"}).raise_for_status()
        with watched(COMMAND) as lines:
            execution = run(client)
        assert lines == set()
        assert execution["state"]["current"] == "FAILED"
        told = client.get(f"/api/v1/main/logs/{execution['id']}").text + str(execution)
        told += "".join(pages(person, execution["id"]))
        for uri in set(re.findall(r"kestra://[^\"'<\s&]+", told)):
            told += client.get(f"/api/v1/main/executions/{execution['id']}/file", params={"path": uri}).text
        asked = "select '{{ target.password }}' as a, '{{ env_var(\"WORD\", \"none\") }}' as b"
        told += answers(person, asked)
    for word in (WORD, PLAIN, COMMAND):
        assert word not in told
        assert word not in stack.output
    assert "********" in told
    for word in (WORD, COMMAND):
        assert holding(stack.home, word) == []


def answers(person: httpx.Client, text: str) -> str:
    """What the editor is told about a text, with the target whose password stands in profiles.yml."""
    base = f"/workspace/{NS}/"
    person.headers["Accept"] = "application/json"
    told = person.post(f"{base}dbt/target/", json={"target": "far"}).text
    for kind in ("dbt/compile/", "dbt/problems/", "format/", "lint/"):
        told += person.post(f"{base}{kind}", json={"path": "models/told.sql", "text": text}, timeout=120).text
    made = person.post(f"{base}dbt/preview/", json={"path": "models/told.sql", "text": text, "limit": 5}).json()
    for _ in range(12):
        answer = person.get(f"{base}dbt/preview/{made['id']}/").json()
        if answer["state"] in ("done", "failed"):
            break
    return told + str(answer)
