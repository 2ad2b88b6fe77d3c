"""Credentials against real servers: over HTTP with a name and a token, over SSH with a key."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import TaskFailed
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
