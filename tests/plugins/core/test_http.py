"""Requests to a real HTTP server: what is sent, what becomes of the answer, and what is never told."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plugins.catalog import CATALOG
from plugins.contract import Result, TaskFailed
from plugins.core.http.download import Download
from plugins.core.http.request import Request
from tests.plugins.context import MemoryContext

Make = Callable[..., MemoryContext]


class Handler(BaseHTTPRequestHandler):
    """Answers by path; `/echo` tells what was asked."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        return

    def answer(self, code: int = 200, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                sent += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        path, _, query = self.path.partition("?")
        if self.path.startswith("http://"):
            path = "/through-a-proxy"
        action = getattr(self, f"at_{path.strip('/').replace('-', '_')}", None)
        self.sent, self.query = sent, query
        if action is None:
            self.answer(404, b"nothing here")
        else:
            action()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = handle_any  # noqa: N815 -- the names that http.server looks for

    def at_echo(self) -> None:
        parts = {}
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + self.sent)
            for part in message.iter_parts():
                parts[part.get_param("name", header="content-disposition")] = [part.get_filename(), part.get_payload(decode=True).decode()]
        told = {
            "method": self.command, "query": self.query, "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": "" if parts else self.sent.decode(), "parts": parts,
        }  # fmt: skip
        self.answer(200, json.dumps(told).encode(), Content_Type="application/json", X_Seen="yes")

    at_through_a_proxy = at_echo

    def at_teapot(self) -> None:
        self.answer(418, b"short and stout")

    def at_latin(self) -> None:
        self.answer(200, "caf\xe9".encode("latin-1"), Content_Type="text/plain; charset=ISO-8859-1")

    def at_bytes(self) -> None:
        self.answer(200, b"\xff\xfe\x00\x80")

    def at_empty(self) -> None:
        self.answer(200)

    def at_gzip(self) -> None:
        self.answer(200, gzip.compress(b"a" * 1_000_000), Content_Encoding="gzip")

    def at_named(self) -> None:
        self.answer(200, b"rows", Content_Disposition='attachment; filename="../../evil/re port.csv"')

    def at_short(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def at_slow(self) -> None:
        time.sleep(6)
        with contextlib.suppress(OSError):
            self.answer(200, b"late")

    def at_hop(self) -> None:
        self.answer(302, Location=self.query)

    def at_loop(self) -> None:
        self.answer(302, Location="/loop")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of ours."""
    with serving() as address:
        yield address


@contextmanager
def serving(trust: ssl.SSLContext | None = None) -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    if trust is not None:
        made.socket = trust.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http{'s' if trust else ''}://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


def ask(context: MemoryContext, kind: type[Request] | type[Download] = Request, **given: Any) -> Result:
    """Run a task as it would be written."""
    type_ = f"io.kestra.plugin.core.http.{kind.__name__}"
    assert CATALOG.check({"id": "t", "type": type_, **given}, "task") == []
    return kind.model_validate({"id": "t", "type": type_, **given}).run(context)


def echoed(context: MemoryContext, server: str, **given: Any) -> dict[str, Any]:
    outputs = ask(context, **{"uri": f"{server}/echo", **given}).outputs or {}
    assert outputs["code"] == 200
    return json.loads(outputs["body"])


def test_an_answer_becomes_outputs(server: str, context: MemoryContext) -> None:
    outputs = ask(context, uri=f"{server}/echo?a=1").outputs or {}
    assert outputs["uri"] == f"{server}/echo?a=1"
    assert outputs["headers"]["X-Seen"] == ["yes"]
    assert outputs["headers"]["Content-Type"] == ["application/json"]
    assert json.loads(outputs["body"])["method"] == "GET"


SENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"method": "post", "body": '{"a": "{{ flow.id }}"}'}, {"method": "POST", "body": '{"a": "a_flow"}', "type": "application/json"}),
    ({"method": "PUT", "body": "a,b", "contentType": "text/csv"}, {"method": "PUT", "body": "a,b", "type": "text/csv"}),
    ({"method": "POST", "body": "<a/>", "headers": {"content-type": "text/xml"}}, {"body": "<a/>", "type": "text/xml"}),
    ({"method": "POST", "formData": {"a": "x y", "n": 3, "t": True}}, {"body": "a=x+y&n=3&t=true"}),
    ({"method": "POST", "body": "lost", "formData": {"{{ flow.id }}": "{{ flow.namespace }}"}}, {"body": "a_flow=company.team"}),
    ({"params": {"q": "{{ flow.id }}", "n": [1, 2]}}, {"query": "q=a_flow&n=1&n=2"}),
    ({"method": "DELETE"}, {"method": "DELETE", "body": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "told"), SENT)
def test_what_is_sent(server: str, context: MemoryContext, given: dict[str, Any], told: dict[str, Any]) -> None:
    seen = echoed(context, server, **given)
    assert {**seen, "type": seen["headers"].get("content-type")} | told == {**seen, "type": seen["headers"].get("content-type")}


def test_a_form_in_parts_carries_files_and_json(server: str, context: MemoryContext) -> None:
    uri = context.storage.put(b"id\n1\n", "orders.csv")
    form = {
        "file": uri,
        "named": {"name": "other.txt", "content": "{{ flow.id }}"},
        "renamed": {"name": "x.csv", "content": uri},
        "plain": "text",
        "list": [1, 2],
        "n": 5,
    }
    seen = echoed(context, server, method="POST", contentType="multipart/form-data", formData=form)
    assert seen["parts"] == {
        "file": ["orders.csv", "id\n1\n"], "named": ["other.txt", "a_flow"], "renamed": ["x.csv", "id\n1\n"],
        "plain": [None, "text"], "list": [None, "[1, 2]"], "n": [None, "5"],
    }  # fmt: skip
    assert "boundary=" in seen["headers"]["content-type"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"basicAuthUser": "ann", "basicAuthPassword": "pw{{ flow.id }}"}, "Basic YW5uOnB3YV9mbG93"),
        ({"auth": {"type": "BASIC", "username": "ann", "password": "pwa_flow"}}, "Basic YW5uOnB3YV9mbG93"),
        ({"auth": {"type": "BEARER", "token": "tok-{{ flow.id }}"}}, "Bearer tok-a_flow"),
    ],
)
def test_who_asks_is_told_and_hidden(server: str, context: MemoryContext, options: dict[str, Any], expected: str) -> None:
    assert echoed(context, server, options=options)["headers"]["authorization"] == expected
    assert context.hidden in (["pwa_flow"], ["tok-a_flow"])


@pytest.mark.parametrize(
    "allowed",
    [
        {"allowFailed": True},
        {"allowFailed": "{{ flow.id == 'a_flow' }}"},
        {"options": {"allowFailed": True}},
        {"options": {"allowedResponseCodes": [404, 418]}},
    ],
)
def test_a_bad_status_fails_unless_it_is_allowed(server: str, context: MemoryContext, allowed: dict[str, Any]) -> None:
    with pytest.raises(TaskFailed, match="failed with response code '418' and body:\nshort and stout"):
        ask(context, uri=f"{server}/teapot")
    with pytest.raises(TaskFailed, match="'418'"):
        ask(context, uri=f"{server}/teapot", options={"allowedResponseCodes": [404]})
    assert (ask(context, uri=f"{server}/teapot", **allowed).outputs or {})["body"] == "short and stout"


def test_texts_are_decoded_as_the_server_says(server: str, context: MemoryContext) -> None:
    assert (ask(context, uri=f"{server}/latin").outputs or {})["body"] == "café"
    assert len((ask(context, uri=f"{server}/gzip").outputs or {})["body"]) == 1_000_000
    with pytest.raises(TaskFailed, match="no text"):
        ask(context, uri=f"{server}/bytes")


def test_an_answer_can_be_kept_encrypted(server: str, context: MemoryContext) -> None:
    outputs = ask(context, uri=f"{server}/latin", encryptBody=True).outputs or {}
    assert outputs["encryptedBody"]["type"] == "io.kestra.datatype:aes_encrypted"
    assert "body" not in outputs


def test_an_answer_has_a_limit_after_it_is_unpacked(server: str, context: MemoryContext) -> None:
    for kind in (Request, Download):
        with pytest.raises(TaskFailed, match="more than the 999999 bytes"):
            ask(context, kind, uri=f"{server}/gzip", options={"maxContentLength": 999_999})
    assert ask(context, uri=f"{server}/gzip", options={"maxContentLength": 1_000_000}).outputs


def test_a_download_is_limited_by_what_may_be_kept(server: str, make_context: Make) -> None:
    context = make_context(file_limit=1000)
    with pytest.raises(TaskFailed, match="more than the 1000 bytes"):
        ask(context, Download, uri=f"{server}/gzip")
    assert list(context.working_dir.iterdir()) == []


def test_redirects_are_followed_unless_told_otherwise(server: str, context: MemoryContext) -> None:
    outputs = ask(context, uri=f"{server}/hop?/echo").outputs or {}
    assert outputs["uri"] == f"{server}/echo"
    outputs = ask(context, uri=f"{server}/hop?/echo", options={"followRedirects": False}).outputs or {}
    assert (outputs["code"], outputs["headers"]["Location"]) == (302, ["/echo"])
    with pytest.raises(TaskFailed, match="more than 20 redirects"):
        ask(context, uri=f"{server}/loop")
    with pytest.raises(TaskFailed, match="something else than http"):
        ask(context, uri=f"{server}/hop?file:///etc/passwd")


@pytest.mark.parametrize("options", [{}, {"basicAuthUser": "ann", "basicAuthPassword": "pw"}, {"auth": {"type": "BEARER", "token": "t"}}])
def test_a_redirect_takes_no_credentials_to_another_server(server: str, context: MemoryContext, options: dict[str, Any]) -> None:
    with serving() as other:
        given = {"headers": {"X-Api-Key": "k", "Cookie": "c=1", "Accept": "text/plain"}, "options": options}
        same = json.loads((ask(context, uri=f"{server}/hop?/echo", **given).outputs or {})["body"])["headers"]
        away = json.loads((ask(context, uri=f"{server}/hop?{other}/echo", **given).outputs or {})["body"])["headers"]
    assert same["x-api-key"] == "k"
    assert ("authorization" in same) == bool(options)
    assert away["accept"] == "text/plain"
    assert away.keys().isdisjoint({"x-api-key", "cookie", "authorization"})


def test_a_proxy_is_used_and_only_one_that_is_named(server: str, context: MemoryContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert echoed(context, server)["method"] == "GET"
    port = int(server.rpartition(":")[2])
    for options in (
        {"proxyType": "HTTP", "proxyAddress": "127.0.0.1", "proxyPort": port, "proxyUsername": "u", "proxyPassword": "p"},
        {"proxy": {"type": "HTTP", "address": "127.0.0.1", "port": str(port) + "{{ '' }}", "username": "u", "password": "p"}},
    ):
        seen = echoed(context, "http://nowhere.invalid", options=options)
        assert seen["headers"]["proxy-authorization"] == "Basic dTpw"
    with pytest.raises(TaskFailed, match=r"GET http://nowhere\.invalid/echo failed"):
        echoed(context, "http://nowhere.invalid", options={"proxyType": "SOCKS", "proxyAddress": "127.0.0.1", "proxyPort": 9})


def test_a_certificate_must_be_trusted_unless_all_are(context: MemoryContext, tmp_path: Path) -> None:
    with serving(_own_certificate(tmp_path)) as address:
        with pytest.raises(TaskFailed, match="certificate"):
            echoed(context, address)
        assert echoed(context, address, sslOptions={"insecureTrustAllCertificates": True})["method"] == "GET"
        assert echoed(context, address, options={"ssl": {"insecureTrustAllCertificates": "{{ 1 == 1 }}"}})["method"] == "GET"


def _own_certificate(folder: Path) -> ssl.SSLContext:
    import datetime  # noqa: PLC0415 -- only here

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    pem = folder / "server.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(pem)
    return trust


@pytest.mark.parametrize(
    "options", [{"readTimeout": "PT0.2S"}, {"readIdleTimeout": "PT0.2S"}, {"timeout": {"readIdleTimeout": "PT0.{{ 1 + 1 }}S"}}]
)
def test_a_silent_server_is_not_waited_for(server: str, context: MemoryContext, options: dict[str, Any]) -> None:
    began = time.monotonic()
    with pytest.raises(TaskFailed, match="silent for too long"):
        ask(context, uri=f"{server}/slow", options=options)
    assert time.monotonic() - began < 5


def test_a_request_ends_when_its_task_is_stopped(server: str, context: MemoryContext) -> None:
    context.cancel_after(0.3)
    began = time.monotonic()
    with pytest.raises(TaskFailed) as told:
        ask(context, uri=f"{server}/slow")
    assert told.value.state == "KILLED"
    assert time.monotonic() - began < 5


def test_nobody_listens(context: MemoryContext) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(TaskFailed, match=rf"GET http://127\.0\.0\.1:{port}/ failed: .*refused"):
        ask(context, uri=f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "given",
    [
        *(
            {"uri": uri}
            for uri in ("", "x", "//x", "http://", "http:///x", "http:x", "http://..", "http://.a/", "http://xn--a/", "http://\ud800/")
        ),
        {"uri": f"http://{'a' * 300}.invalid/"},
        {"uri": "http://127.0.0.1:99999/"},
        {"options": {"readTimeout": "PT-1S"}},
        {"options": {"connectTimeout": "P9999999D"}},
        {"options": {"proxyType": "HTTP"}},
        {"options": {"proxyType": "HTTP", "proxyAddress": "a b"}},
        {"options": {"basicAuthUser": "\ud800"}},
        {"options": {"auth": {"type": "BEARER", "token": "a\nb"}}},
        {"headers": {"a": "\ud800"}},
        {"headers": {"é": "a"}},
        {"params": {"\ud800": "a"}},
        {"method": "POST", "formData": {"a": "\ud800"}},
        {"method": "POST", "formData": "{{ 5 }}"},
        {"method": "POST", "body": "\ud800"},
    ],
)
def test_what_cannot_be_asked_is_told(server: str, context: MemoryContext, given: dict[str, Any]) -> None:
    with pytest.raises(TaskFailed):
        ask(context, **{"uri": f"{server}/echo", **given})


HUSH = "hush-hush"


@pytest.mark.parametrize(
    "given",
    [
        {"uri": f"http://ann:{HUSH}@127.0.0.1:9/x?token={HUSH}#{HUSH}"},
        {"uri": "/teapot?token=" + HUSH},
        {"uri": "/teapot", "headers": {"X-Token": f"{HUSH}é\n{HUSH}"}},
        {"uri": "/teapot", "headers": {"X-Token": f"{HUSH}é"}},
        {"uri": "/teapot", "method": f"BAD METHOD {HUSH}"},
        {"uri": "/teapot", "method": "POST", "body": f"{HUSH}\u20ac", "options": {"defaultCharset": "ascii"}},
        {"uri": f"ftp://ann:{HUSH}@example.org/"},
        {"uri": f"http://exa mple.org:{HUSH}/"},
        {"uri": "/hop?http://ann:" + HUSH + "@127.0.0.1:9/"},
        {"uri": "/teapot", "options": {"proxy": {"type": "HTTP", "address": "127.0.0.1", "port": 9, "username": "u", "password": HUSH}}},
    ],
)  # fmt: skip
def test_nothing_that_was_sent_is_told(server: str, context: MemoryContext, given: dict[str, Any]) -> None:
    uri = given["uri"]
    with pytest.raises(TaskFailed) as told:
        ask(context, **{**given, "uri": f"{server}{uri}" if uri.startswith("/") else uri})
    assert HUSH not in context.mask(told.value.message).lower()
    assert HUSH not in str(context.logs)
    assert told.value.__cause__ is None or HUSH not in str(told.value.__cause__)


def test_a_download_is_stored_under_its_name(server: str, context: MemoryContext) -> None:
    outputs = ask(context, Download, uri=f"{server}/named").outputs or {}
    assert outputs["uri"].endswith("/re port.csv")
    assert context.storage.text(outputs["uri"]) == "rows"
    assert outputs["length"] == 4
    assert (ask(context, Download, uri=f"{server}/gzip").outputs or {})["uri"].endswith("/gzip")
    assert (ask(context, Download, uri=f"{server}/gzip", saveAs="a.txt").outputs or {})["uri"].endswith("/a.txt")


def test_a_download_fails_on_what_is_not_the_file(server: str, context: MemoryContext) -> None:
    with pytest.raises(TaskFailed, match="'418'"):
        ask(context, Download, uri=f"{server}/teapot")
    with pytest.raises(TaskFailed, match="received 9 bytes, expected 100"):
        ask(context, Download, uri=f"{server}/short")
    with pytest.raises(TaskFailed, match="empty"):
        ask(context, Download, uri=f"{server}/empty")
    assert (ask(context, Download, uri=f"{server}/empty", failOnEmptyResponse=False).outputs or {})["length"] == 0
