"""The commands that talk to a server keep their token to themselves and say what is wrong in one line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from kestra_web import cli, environment
from kestra_web.client.connection import Failed, Server
from kestra_web.client.sources import found

Seen = list[tuple[str, str | None]]


@pytest.fixture
def serve() -> Iterator[Callable[[int, dict[str, str], bytes], tuple[str, Seen]]]:
    """A server that always gives one answer: its address, and the paths that it was asked for with their credentials."""
    servers: list[HTTPServer] = []

    def start(status: int, headers: dict[str, str], body: bytes) -> tuple[str, Seen]:
        seen: Seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append((self.path, self.headers.get("Authorization")))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}", seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_redirect_is_not_followed(serve: Callable[..., tuple[str, Seen]]) -> None:
    elsewhere, seen = serve(200, {}, b"{}")
    address, asked = serve(302, {"Location": elsewhere}, b"")
    with pytest.raises(Failed, match="sends elsewhere"):
        Server(address, "kw_secret").ask("GET", "flows", "a/b")
    assert asked == [("/api/v1/main/flows/a%2Fb", "Bearer kw_secret")]
    assert seen == []


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [(401, b"", "does not accept this token"), (404, b'{"message": "Not Found: no flow"}', "Not Found: no flow"), (502, b"<html>", "502")],
)
def test_a_refusal_is_told_in_the_servers_words(status: int, body: bytes, message: str, serve: Callable[..., tuple[str, Seen]]) -> None:
    address, _ = serve(status, {}, body)
    with pytest.raises(Failed, match=message):
        Server(address, "kw_secret").ask("GET", "flows")


def test_an_answer_that_is_no_json_is_told(serve: Callable[..., tuple[str, Seen]]) -> None:
    address, _ = serve(200, {}, b"<html>")
    with pytest.raises(Failed, match="something else than JSON"):
        Server(address, "kw_secret").ask("GET", "flows")


def test_exit_statuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KESTRA_WEB_TOKEN", "kw_secret")
    monkeypatch.setenv("KESTRA_WEB_SERVER", "http://127.0.0.1:1")
    assert cli.main(["flow", "export", str(tmp_path / "x.zip")]) == 3
    monkeypatch.delenv("KESTRA_WEB_TOKEN")
    assert cli.main(["flow", "export", str(tmp_path / "x.zip")]) == 1
    with pytest.raises(SystemExit) as ended:
        cli.main(["execution"])
    assert ended.value.code == 2
    assert "kw_secret" not in "".join(capsys.readouterr())


def test_a_token_comes_from_a_file_and_leaves_the_environment_of_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("kw_file\n")
    monkeypatch.delenv("KESTRA_WEB_TOKEN", raising=False)
    monkeypatch.setenv("KESTRA_WEB_TOKEN_FILE", str(tmp_path / "token"))
    assert Server.chosen("http://localhost", None).address == "http://localhost"
    assert environment.is_secret("KESTRA_WEB_TOKEN")


def test_flows_are_found_in_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "one.yml").write_text("id: a\nnamespace: b\n---\nid: c\nnamespace: b\n")
    (tmp_path / "empty.yml").write_text("\n")
    assert [source.name for source in found([str(tmp_path)])] == [("b", "a"), ("b", "c")]
    with pytest.raises(Failed, match="no flow in"):
        found([str(tmp_path / "empty.yml")])
    with pytest.raises(Failed, match="no such file"):
        found(["nowhere"])
