"""Repositories that are kept between tasks: a short cut, which decides nothing and is missed by nobody."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.contract import TaskFailed
from plugins.git import _kept
from plugins.git._repository import Access
from tests.git_servers import over_http
from tests.plugins.context import MemoryContext
from tests.plugins.git.remotes import Remote, git
from tests.plugins.git.test_namespace_files import added, failure, holds, push, sync

Make = Callable[..., MemoryContext]


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    found = Remote(tmp_path)
    found.commit({"my-files/model.sql": "select 1\n", "my-files/other.sql": "select 1\n"})
    return found


@pytest.fixture
def context(make_context: Make, remote: Remote) -> MemoryContext:
    return make_context(git_file_roots=(str(remote.folder),))


def repositories(context: MemoryContext) -> list[Path]:
    return [path for path in (context.settings.home / _kept.FOLDER).iterdir() if path.is_dir()]


def test_a_push_on_top_of_what_was_read_reads_nothing_again(context: MemoryContext, remote: Remote) -> None:
    sync(context, remote, gitDirectory="my-files")
    git(remote.folder, "config", "uploadpack.hideRefs", "refs/")  # from now on nobody can read
    holds(context)["new.sql"] = b"select 2\n"
    outputs, changes = push(context, remote)
    assert (outputs["commitId"], changes) == (remote.head("main"), added("my-files/new.sql"))
    holds(context)["newer.sql"] = b"select 3\n"
    push(context, remote)
    assert remote.files()["my-files/newer.sql"] == "select 3"


def test_what_others_did_since_it_was_read_stays(context: MemoryContext, remote: Remote) -> None:
    sync(context, remote, gitDirectory="my-files")
    remote.commit({"my-files/other.sql": "select 2\n", "my-files/late.sql": "select 3\n"})
    holds(context)["model.sql"] = b"select 9\n"
    _, changes = push(context, remote)
    assert [change["file"] for change in changes] == ["my-files/model.sql"]
    assert remote.files() == {"my-files/model.sql": "select 9", "my-files/other.sql": "select 2", "my-files/late.sql": "select 3"}


def test_a_branch_that_others_deleted_or_set_back_is_not_brought_back(context: MemoryContext, remote: Remote) -> None:
    first = remote.head("main")
    remote.commit({"my-files/secret.sql": "select 'oops'\n"}, branch="dev")
    sync(context, remote, gitDirectory="my-files", branch="dev", delete=True)
    git(remote.folder, "update-ref", "refs/heads/dev", first)
    holds(context)["model.sql"] = b"select 9\n"
    push(context, remote, branch="dev")
    assert git(remote.folder, "rev-parse", "dev^") == first
    git(remote.folder, "update-ref", "-d", "refs/heads/dev")
    holds(context)["model.sql"] = b"select 10\n"
    assert "Changed here and on the branch 'dev'" in failure(push, context, remote, branch="dev")
    assert remote.head("dev") == ""


def test_a_branch_may_become_a_folder_of_branches(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"my-files/model.sql": "select 2\n"}, branch="dev")
    sync(context, remote, gitDirectory="my-files", branch="dev")
    git(remote.folder, "branch", "-m", "dev", "dev/ada")
    sync(context, remote, gitDirectory="my-files", branch="dev/ada")
    assert holds(context)["model.sql"] == b"select 2\n"
    assert "was not found" in failure(sync, context, remote, gitDirectory="my-files", branch="dev")


def test_a_login_that_is_taken_away_sees_nothing_of_what_is_kept(make_context: Make, remote: Remote, tmp_path: Path) -> None:
    context, words = make_context(), ["ada:first-word"]
    given = {"username": "ada", "password": "first-word", "gitDirectory": "my-files"}
    with over_http(tmp_path, lambda: words[-1]) as address:
        remote.url = f"{address}/remote.git"
        sync(context, remote, **given)
        assert "refused the access" in failure(sync, context, remote, **given | {"password": "other-word"})
        holds(context)["model.sql"] = b"select 9\n"
        push(context, remote, **given, dryRun=True)
        words.append("ada:new-word")
        told = len(context.lines())
        for run in (push, sync):
            assert "refused the access" in failure(run, context, remote, **given)
        assert not any("model.sql" in line for line in context.lines()[told:])
    assert not any("word" in path.name for path in (context.settings.home / _kept.FOLDER).rglob("*"))


def test_two_tasks_at_once_do_not_wait_for_each_other(context: MemoryContext, remote: Remote) -> None:
    access = Access(remote.url)
    with _kept.kept(context.settings.home, access) as mine, _kept.kept(context.settings.home, access) as theirs:
        assert mine is not None
        assert theirs is None
        sync(context, remote, gitDirectory="my-files")
        assert holds(context)["model.sql"] == b"select 1\n"


def test_what_is_damaged_is_made_anew(context: MemoryContext, remote: Remote) -> None:
    sync(context, remote, gitDirectory="my-files")
    (repository,) = repositories(context)
    shutil.rmtree(repository / "objects")
    holds(context)["model.sql"] = b"select 9\n"
    with pytest.raises(TaskFailed) as caught:
        push(context, remote)
    assert caught.value.retryable
    push(context, remote)
    assert remote.files()["my-files/model.sql"] == "select 9"


def test_what_has_grown_and_what_nobody_comes_for_goes(context: MemoryContext, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    sync(context, remote, gitDirectory="my-files")
    (repository,) = repositories(context)
    lock = repository.with_suffix(".lock")
    old = time.time() - _kept.IDLE - 60
    os.utime(lock, (old, old))
    with _kept.kept(context.settings.home, Access("https://example.org/other.git")):
        pass
    assert not repository.exists()
    monkeypatch.setattr(_kept, "MOST_PACKS", 1)
    for number in range(3):
        remote.commit({"my-files/model.sql": f"select 2{number}\n"})
        sync(context, remote, gitDirectory="my-files")
        assert len(list(repository.glob("objects/pack/*.pack"))) <= 1
    assert holds(context)["model.sql"] == b"select 22\n"


def test_what_failed_is_not_kept(context: MemoryContext, remote: Remote) -> None:
    sync(context, remote, gitDirectory="my-files")
    assert "was not found" in failure(sync, context, remote, gitDirectory="nowhere")
    assert repositories(context) == []
