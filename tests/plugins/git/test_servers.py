"""Credentials against real servers: over HTTP with a name and a token, over SSH with a key."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import TaskFailed
from plugins.git._repository import Access, environment
from plugins.git.push_namespace_files import PushNamespaceFiles
from plugins.git.sync_namespace_files import SyncNamespaceFiles
from tests.git_servers import over_http, over_ssh
from tests.plugins.context import MemoryContext
from tests.plugins.git.remotes import Remote

TOKEN = "ghp_0nly-for-this-test"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    found = Remote(tmp_path)
    found.commit({"dbt/a.sql": "select 1\n"})
    return found


def there_and_back(context: MemoryContext, url: str, **credentials: Any) -> None:
    """Sync, change a file, push it to a new branch."""
    given = {"id": "a", "type": "c", "url": url, "gitDirectory": "dbt", **credentials}
    SyncNamespaceFiles.model_validate(given).run(context)
    context.namespace().files.contents["a.sql"] = b"select 2\n"
    PushNamespaceFiles.model_validate({**given, "branch": "dev"}).run(context)


def test_a_token_opens_a_private_repository_over_http(make_context: Callable[..., MemoryContext], remote: Remote, tmp_path: Path) -> None:
    context = make_context()
    with over_http(tmp_path, f"git_username:{TOKEN}") as address:
        there_and_back(context, f"{address}/remote.git", username="git_username", password=TOKEN)
        assert remote.files("dev") == {"dbt/a.sql": "select 2"}
        with pytest.raises(TaskFailed, match="refused the access: check `username` and `password`"):
            there_and_back(make_context(), f"{address}/remote.git", username="git_username", password="wrong")
    assert TOKEN not in "\n".join(context.lines())


def served(answer: Callable[[BaseHTTPRequestHandler], None]) -> ThreadingHTTPServer:
    """A server that answers every question so, in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_another_host_that_a_remote_leads_to_is_told_no_login(make_context: Callable[..., MemoryContext]) -> None:
    told: list[str | None] = []

    def thief(request: BaseHTTPRequestHandler) -> None:
        told.append(request.headers.get("Authorization"))
        request.send_response(401)
        request.send_header("WWW-Authenticate", 'Basic realm="git"')

    def leads(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", f"http://127.0.0.1:{thieves.server_address[1]}{request.path}")

    thieves = served(thief)
    leading = served(leads)
    with thieves, leading:
        with pytest.raises(TaskFailed):
            there_and_back(make_context(), f"http://127.0.0.1:{leading.server_address[1]}/a.git", username="me", password=TOKEN)
        thieves.shutdown()
        leading.shutdown()
    assert told
    assert set(told) == {None}


def test_a_server_that_wants_a_password_is_not_given_the_passphrase(tmp_path: Path) -> None:
    access = Access(url="git@host.invalid:a", private_key="key", passphrase="open sesame")
    command = environment(access, tmp_path, tmp_path / "known_hosts")["GIT_SSH_COMMAND"]
    shown = subprocess.run([*shlex.split(command), "-G", "host.invalid"], capture_output=True, text=True, check=True).stdout
    assert "preferredauthentications publickey\n" in shown


@pytest.mark.sshd
@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_a_key_opens_a_repository_over_ssh(
    make_context: Callable[..., MemoryContext], remote: Remote, tmp_path: Path, passphrase: str
) -> None:
    context = make_context()
    (tmp_path / "ssh").mkdir()
    with over_ssh(tmp_path / "ssh", passphrase) as (address, key):
        there_and_back(context, f"{address}{remote.folder}", privateKey=key.read_text(), passphrase=passphrase or None)
        assert remote.files("dev") == {"dbt/a.sql": "select 2"}
        assert "127.0.0.1" in (tmp_path / "known_hosts").read_text()
        other = (tmp_path / "known_hosts").read_text().split()
        (tmp_path / "known_hosts").write_text(" ".join([other[0], "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIF" + "A" * 42]) + "\n")
        with pytest.raises(TaskFailed, match=r"is not the one that it had before|is not known"):
            there_and_back(make_context(), f"{address}{remote.folder}", privateKey=key.read_text(), passphrase=passphrase or None)
    assert not [name for name in os.listdir("/tmp") if name.startswith("git-") and (Path("/tmp") / name / "key").exists()]
