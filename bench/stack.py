"""A product of its own to measure: started on a free port with an empty home, ended at the end."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TERMINATED = {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED"}
EMAIL, PASSWORD = "bench@example.com", uuid.uuid4().hex


class Client:
    """The few routes that the measurements use."""

    def __init__(self, url: str, pid: int) -> None:
        self.url, self.pid = url, pid
        self.local = threading.local()
        self.authorization = "Basic " + base64.b64encode(f"{EMAIL}:{PASSWORD}".encode()).decode()

    def call(self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json") -> Any:
        """The JSON answer (or text); raises RuntimeError with the server's words on an error."""
        headers = {"Authorization": self.authorization, "Content-Type": content_type}
        try:
            answer = self._asked(method, path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):  # it was idle for so long that the server closed it
            del self.local.connection
            answer = self._asked(method, path, body, headers)
        text = answer.read().decode()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]}")
        return json.loads(text) if text.startswith(("{", "[", '"')) else text

    def _asked(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = self._connection()
        connection.request(method, f"/api/v1/main{path}", body, headers)
        return connection.getresponse()

    def _connection(self) -> http.client.HTTPConnection:
        """One connection per thread, kept open as clients do."""
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        connection: http.client.HTTPConnection = self.local.connection
        return connection

    def put_flow(self, source: str) -> None:
        self.call("POST", "/flows", source.encode(), "application/x-yaml")

    def put_file(self, namespace: str, path: str, content: bytes) -> None:
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="fileContent"; filename="{path.rpartition("/")[2]}"\r\n\r\n'.encode()
        body = head + content + f"\r\n--{boundary}--\r\n".encode()
        query = urllib.parse.urlencode({"path": path})
        self.call("POST", f"/namespaces/{namespace}/files?{query}", body, f"multipart/form-data; boundary={boundary}")

    def start(self, namespace: str, flow_id: str) -> str:
        return str(self.call("POST", f"/executions/{namespace}/{flow_id}")["id"])

    def until_terminated(self, execution_id: str, seconds: float = 600, every: float = 0.01, later: float = 0) -> dict[str, Any]:
        """Asks `every` so many seconds, or when this share of the time has passed anew: what takes long need not be asked for as often."""
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            execution: dict[str, Any] = self.call("GET", f"/executions/{execution_id}")
            if execution["state"]["current"] in TERMINATED:
                return execution
            time.sleep(max(every, later * passed))
        raise TimeoutError(f"execution {execution_id} did not end within {seconds} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(**environment: str) -> Iterator[tuple[Client, Path]]:
    """(client, home) of a product that is ready; its output goes to `up.log` in the home."""
    home, port = Path(tempfile.mkdtemp(prefix="kestra-bench-")), free_port()
    given = {"KESTRA_WEB_HOME": str(home), "PORT": str(port), "KESTRA_WEB_ADMIN_USER": EMAIL, "KESTRA_WEB_ADMIN_PASSWORD": PASSWORD}
    log = (home / "up.log").open("wb")
    command = [str(Path(sys.executable).with_name("kestra-web")), "up"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | given | environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        _until_ready(f"http://127.0.0.1:{port}", process, home / "up.log")
        yield Client(f"http://127.0.0.1:{port}", process.pid), home
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(home, ignore_errors=True)


def _until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the product did not start:\n{log.read_text(errors='replace')[-3000:]}")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"the product was not ready within 120 s:\n{log.read_text(errors='replace')[-3000:]}")
