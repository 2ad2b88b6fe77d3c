"""A namespace bound to a repository behind real servers: HTTP with basic authentication, and SSH."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from namespaces import files
from namespaces.models import Repository, User
from namespaces.services import secrets
from tests.git_servers import over_http, over_ssh
from tests.plugins.git.remotes import Remote
from tests.workspace.conftest import NAMESPACE
from workspace import changes, git, merging, repositories, sharing, worktrees
from workspace.repositories import RemoteFailed

pytestmark = pytest.mark.django_db
TOKEN = "ghp_for-these-tests-0815"
ORDERS = "models/orders.sql"


@pytest.fixture(params=["http", pytest.param("ssh", marks=pytest.mark.sshd)])
def login(request: pytest.FixtureRequest, remote: Remote, tmp_path: Path) -> Iterator[dict[str, str]]:
    """How the namespace is bound to the remote over a server; the secret is kept already."""
    with ExitStack() as stack:
        if request.param == "http":
            secrets.put(user=None, namespace=NAMESPACE, key="GIT", value=TOKEN)
            server = stack.enter_context(over_http(tmp_path, f"ada:{TOKEN}"))
            yield {"url": f"{server}/remote.git", "username": "ada", "password_secret": "GIT"}
            return
        (tmp_path / "ssh").mkdir()
        server, key = stack.enter_context(over_ssh(tmp_path / "ssh"))
        secrets.put(user=None, namespace=NAMESPACE, key="GIT", value=key.read_text())
        yield {"url": f"{server}{remote.folder}", "key_secret": "GIT"}


def test_a_change_goes_there_and_one_comes_back(
    login: dict[str, str], remote: Remote, owner: User, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    run = subprocess.Popen

    def noted(arguments: list[str], **more: object) -> object:
        told.append(f"{arguments}")
        return run(arguments, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(git.subprocess, "Popen", noted)
    repositories.bind(user=owner, namespace=NAMESPACE, **login)
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    files.write(tree.place, ORDERS, b"select 'ada'\n")
    changes.choose(tree, [])
    changes.commit(tree, message="mine")
    sharing.push(tree, new_branch="dev")
    assert remote.files("dev")[ORDERS] == "select 'ada'"
    remote.commit({"models/new.sql": "select 1\n"})
    merging.pull(tree)
    assert files.exists(tree.place, "models/new.sql")
    assert told
    assert not [line for line in told if TOKEN in line or "PRIVATE KEY" in line]
    kept = [path for path in repositories.folder_of(NAMESPACE).rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert kept == []


def test_a_wrong_secret_is_told_without_its_value(login: dict[str, str], owner: User) -> None:
    secrets.put(user=None, namespace=NAMESPACE, key="WRONG", value="hunter2-hunter2")
    wrong = {name: "WRONG" if value == "GIT" else value for name, value in login.items()}
    with pytest.raises(RemoteFailed) as found:
        repositories.bind(user=owner, namespace=NAMESPACE, **wrong)
    assert "hunter2" not in str(found.value)
    assert not Repository.objects.exists()
