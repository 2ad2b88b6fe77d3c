"""What expressions ask of the world is what they are told that they may ask."""

from __future__ import annotations

import inspect
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from engine.errors import ExpressionError
from engine.expressions import render, render_typed
from engine.expressions.world import WORLD, World
from executions import chance, fetching, models, ports, store, world
from executions import eval as evaluation
from namespaces import files
from tests.executions.flows import NAMESPACE, log, save, start, work_off

TASKS = "tasks:\n" + log("one") + "  - id: two\n    type: io.kestra.plugin.core.execution.Fail\n    allowFailure: true\n"


def asked(execution: models.Execution, template: str) -> Any:
    value = store.load(execution.id)
    assert value is not None
    functions = world.functions(value.execution, world.Masks(), ports.People(value.execution).may_read)
    return render_typed(template, {}, functions=functions, options=world.options())


@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_every_promised_function_is_there_with_its_arguments() -> None:
    value = store.load(start(save("promised", "tasks:\n" + log("one"))).id)
    assert value is not None
    given = world.functions(value.execution, world.Masks(), lambda _name: None)
    assert given.keys() >= WORLD
    for name in WORLD:
        promised = list(inspect.signature(getattr(World, name)).parameters)[1:]
        assert list(inspect.signature(given[name]).parameters) == promised, name


@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_files_are_looked_for_with_the_rights_of_read() -> None:
    execution = start(save("files", "tasks:\n" + log("one")))
    files.write(NAMESPACE, "full.txt", b"x")
    files.write(NAMESPACE, "empty.txt", b"")
    assert asked(execution, "{{ [fileExists('full.txt'), fileExists('none.txt')] }}") == [True, False]
    assert asked(execution, "{{ [isFileEmpty('full.txt'), isFileEmpty('empty.txt'), fileEmpty('empty.txt')] }}") == [False, True, True]
    for function in ("fileExists", "isFileEmpty", "read", "fileSize"):
        with pytest.raises(ExpressionError, match=r"Unable to read the file .* as it didn't belong to the current execution"):
            asked(execution, f"{{{{ {function}('kestra:///elsewhere/flow/executions/x/tasks/t/r/a.txt') }}}}")
    with pytest.raises(ExpressionError, match=r"Path must not contain '\.\./'"):
        asked(execution, "{{ fileURI('../a.txt') }}")


@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_tasks_are_told_by_their_state() -> None:
    execution = work_off(start(save("states", TASKS)))
    assert asked(execution, "{{ tasksWithState('success') }}") == [{"taskId": "one", "state": "SUCCESS"}]
    assert asked(execution, "{{ tasksWithState('WARNING') }}") == [{"taskId": "two", "state": "WARNING"}]
    assert asked(execution, "{{ errorLogs() | length }}") >= 1


def test_a_ksuid_sorts_by_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for moment in (1.5e9, 1.5e9 + 1, 1.7e9, 3e9):
        monkeypatch.setattr(chance.time, "time", lambda moment=moment: moment)
        made.append(chance.ksuid())
    assert made == sorted(made)
    assert {len(one) for one in made} == {27}
    assert chance.ksuid() != chance.ksuid()


@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_the_tester_fetches_nothing(address: str) -> None:
    execution = work_off(start(save("looked_at", "tasks:\n" + log("one"))))
    told = evaluation.evaluate(user=None, execution_id=execution.id, expression=f"{{{{ http('{address}/text') }}}}")
    assert "asks nobody here" in told["error"]


def test_chance_has_the_forms_that_kestra_has() -> None:
    assert len(chance.nano_id()) == 21
    assert set(chance.nano_id(50, "ab")) <= {"a", "b"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", chance.random_port()))
    for length in (0, 5000):
        with pytest.raises(ExpressionError, match="1 to 1000"):
            chance.nano_id(length)


class Answers(BaseHTTPRequestHandler):
    """Says what it was asked; `/big` never ends, `/gone` is not there."""

    def do_GET(self) -> None:
        if self.path == "/gone":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain" if self.path == "/text" else "application/json")
        self.end_headers()
        if self.path == "/big":
            for _ in range(10_000):
                self.wfile.write(b"x" * 10_000)
        size = int(self.headers.get("Content-Length") or 0)
        told = {"method": self.command, "path": self.path, "sent": self.rfile.read(size).decode(), "token": self.headers.get("X-Token")}
        self.wfile.write(b"plain" if self.path == "/text" else json.dumps(told).encode())

    do_POST = do_GET  # noqa: N815 -- as http.server calls it

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            pass  # the client has heard enough of `/big`


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def fetched(template: str, address: str) -> str:
    return render(template, {"at": address}, functions={"http": fetching.http})


def test_an_address_answers_a_value_or_text(address: str) -> None:
    assert fetched("{{ http(at ~ '/a?b=1', query={'c': 2}).path }}", address) == "/a?b=1&c=2"
    assert fetched("{{ http(at ~ '/text') }}", address) == "plain"
    posted = fetched("{{ http(uri=at, method='post', body={'k': 1}, headers={'X-Token': 't'}) }}", address)
    assert json.loads(posted) == {"method": "POST", "path": "/", "sent": '{"k":1}', "token": "t"}


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ http(at ~ '/gone') }}", "answered with status 404"),
        ("{{ http(at ~ '/big') }}", "answers more than"),
        ("{{ http('file:///etc/passwd') }}", "begins with http"),
        ("{{ http('no address') }}", "begins with http"),
        ("{{ http(at, method='FLY') }}", "expects a method"),
        ("{{ http('http://127.0.0.1:1/x') }}", "cannot be fetched: ConnectError"),
    ],
)
def test_what_cannot_be_fetched_is_told(address: str, template: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=told):
        fetched(template, address)


def test_the_message_of_a_failed_fetch_tells_no_query() -> None:
    with pytest.raises(ExpressionError) as told:
        fetching.http("http://user:hush@127.0.0.1:1/x?token=hush", query={"t": "hush"})
    assert "hush" not in told.value.message
