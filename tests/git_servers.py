"""Real Git servers for tests: `git http-backend` behind basic authentication, and the OpenSSH server."""

from __future__ import annotations

import base64
import os
import pwd
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests import machine

BACKEND = Path(subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()) / "git-http-backend"


class _Handler(BaseHTTPRequestHandler):
    """One request: who is not the one person that is known gets a 401, everything else is git's."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing is told."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self._body()
        expected = "Basic " + base64.b64encode(self.server.login().encode()).decode()
        if self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path = urlsplit(self.path)
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "tester",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path.path,
            "QUERY_STRING": path.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
        }
        time.sleep(self.server.delay)
        said = subprocess.run([BACKEND], input=body, env=environment, capture_output=True, check=False).stdout
        head, _, content = said.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    root: Path
    login: Callable[[], str]
    delay: float


@contextmanager
def over_http(root: Path, login: str | Callable[[], str], delay: float = 0.0) -> Iterator[str]:
    """The repositories below `root`, for one person (`name:word`, asked for each time where it may change); gives the address.

    `delay` seconds before each answer.
    """
    server = _Server(("127.0.0.1", 0), _Handler)
    server.root, server.delay = root, delay
    server.login = login if callable(login) else lambda: login
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def over_ssh(folder: Path, passphrase: str = "") -> Iterator[tuple[str, Path]]:
    """A server for whoever has the key; gives its address (to which the path of a repository is added) and the private key."""
    sshd = machine.sshd_program()
    assert sshd, "the OpenSSH server is not installed"
    key, host = folder / "key", folder / "host"
    for name, word in ((key, passphrase), (host, "")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", word, "-f", str(name)], check=True)
    (folder / "authorized").write_text((folder / "key.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "HostKey": host, "AuthorizedKeysFile": folder / "authorized", "StrictModes": "no", "UsePAM": "no", "PasswordAuthentication": "no",
        "PidFile": folder / "pid", "PermitRootLogin": "yes", "ListenAddress": "127.0.0.1",
    }  # fmt: skip
    Path("/run/sshd").mkdir(parents=True, exist_ok=True)
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    server = subprocess.Popen([sshd, "-D", "-e", "-f", "/dev/null", "-p", str(port), *options], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"ssh://{pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1:{port}", key
    finally:
        server.terminate()
        server.wait(10)
