"""Telling a webhook of warnings and errors while dbt runs."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from plugins.contract import Result
from tests.plugins.cases import case
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import shell

Posts = list[dict[str, Any]]


class Hook(http.server.BaseHTTPRequestHandler):
    posts: Posts

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).posts.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def hook() -> Iterator[tuple[str, Posts]]:
    """An address that takes posts, and what it got."""
    posts: Posts = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("OneHook", (Hook,), {"posts": posts}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", posts
    server.shutdown()
    server.server_close()


def said(level: str, msg: str, node: str | None = None, name: str = "Told") -> dict[str, Any]:
    """An event as dbt writes it."""
    data = {"node_info": {"unique_id": node, "node_name": node.rpartition(".")[2], "node_status": "started"}} if node else {}
    return {"info": {"level": level, "name": name, "msg": msg, "ts": "2024-01-01T00:00:00Z"}, "data": data}


def told(context: MemoryContext, url: str, *events: dict[str, Any], level: str | None = None, **given: Any) -> Result:
    """The task, with commands that write these events."""
    text = "".join(json.dumps(event) + "\n" for event in events)
    webhook = {"url": url, **({"level": level} if level else {})}
    return shell("cat lines.json", inputFiles={"lines.json": text}, alertWebhook=webhook, **given).run(context)


@case("dbt.alert.webhook")
def test_a_webhook_hears_of_each_warning_once_and_of_twenty_at_most(context: MemoryContext, hook: tuple[str, Posts]) -> None:
    url, posts = hook
    result = told(context, url, *(said("warn", f"number {number // 2}", name="Deprecation") for number in range(50)))
    assert result.state == "WARNING"
    assert len(posts) == 21
    assert posts[0] == {
        "text": "warn: number 0",
        "level": "warn",
        "node": None,
        "type": "Deprecation",
        "msg": "number 0",
        "ts": "2024-01-01T00:00:00+00:00",
        "namespace": "company.team",
        "flowId": "a_flow",
        "executionId": context.execution_id,
        "taskId": "the_task",
    }
    assert posts[-1] == {"text": "5 more dbt warnings suppressed", "level": "warn"}
    assert not any(url in line for line in context.lines())


def test_each_level_of_a_node_is_told_once_whatever_it_says(context: MemoryContext, hook: tuple[str, Posts]) -> None:
    url, posts = hook
    node = "model.shop.orders"
    events = (said("warn", "slow", node), said("warn", "slower", node), said("error", "broken", node), said("error", "again", node))
    told(context, url, *events)
    assert [post["text"] for post in posts] == [f"warn {node}: slow", f"error {node}: broken"]


def test_errors_alone_are_told_where_that_is_asked_for(context: MemoryContext, hook: tuple[str, Posts]) -> None:
    url, posts = hook
    context.variables["inputs"] = {"least": "ERROR"}
    told(context, url, said("warn", "slow"), said("error", "broken"), said("info", "fine"), level="{{ inputs.least }}")
    assert [post["text"] for post in posts] == ["error: broken"]


def test_without_json_nothing_can_be_told_which_the_log_says(context: MemoryContext, hook: tuple[str, Posts]) -> None:
    url, posts = hook
    told(context, url, said("warn", "slow"), logFormat="TEXT")
    assert posts == []
    assert context.lines("WARN")[0] == "alertWebhook requires logFormat JSON; no alerts will be sent"


def test_a_dead_address_costs_no_task_its_success_and_is_in_no_log_line(context: MemoryContext) -> None:
    with socket.socket() as taken:  # bound and not listening: whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/services/T0K3N"
        result = told(context, url, said("warn", "slow"), warnings="never")
    assert result.state == "SUCCESS"
    assert "An alert could not be sent (URLError)" in context.lines("DEBUG")
    assert not any("T0K3N" in line for line in context.lines())


def test_only_addresses_of_the_web_are_taken(context: MemoryContext) -> None:
    told(context, "file:///etc/passwd", said("error", "broken"))
    assert "alertWebhook needs an address that starts with https://; no alerts will be sent" in context.lines("WARN")
