"""Cloning real repositories, and refusing what must not be cloned."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import TaskFailed
from plugins.git._repository import Access, checked, safe_name
from plugins.git.clone import Clone
from tests.plugins.context import MemoryContext

AUTHOR = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b.c", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b.c"}


def git(folder: Path, *arguments: str) -> str:
    env = {**AUTHOR, "PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A repository with two commits on main, a tag on the first, and a second branch."""
    folder = tmp_path / "remote"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "file1.txt").write_text("first\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    git(folder, "tag", "v1.0")
    (folder / "file2.txt").write_text("second\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "two")
    git(folder, "branch", "feature/only", "v1.0")
    git(folder, "branch", "extra/branch")
    return folder


@pytest.fixture
def context(make_context: Callable[..., MemoryContext], remote: Path) -> MemoryContext:
    return make_context(git_file_roots=(str(remote),))


def clone(context: MemoryContext, url: Path | str, **given: Any) -> Path:
    address = f"file://{url}" if isinstance(url, Path) else url
    result = Clone.model_validate({"id": "a", "type": "c", "url": address, **given}).run(context)
    return Path((result.outputs or {})["directory"])


def failure_of(context: MemoryContext, url: Path | str, **given: Any) -> str:
    with pytest.raises(TaskFailed) as caught:
        clone(context, url, **given)
    return caught.value.message


def test_the_default_branch_is_cloned_with_one_commit(context: MemoryContext, remote: Path) -> None:
    folder = clone(context, remote)
    assert folder == context.working_dir
    assert sorted(path.name for path in folder.iterdir()) == [".git", "file1.txt", "file2.txt"]
    assert git(folder, "rev-list", "--count", "HEAD") == "1"
    assert git(folder, "branch", "--show-current") == "main"


def test_a_branch_is_checked_out(context: MemoryContext, remote: Path) -> None:
    folder = clone(context, remote, branch="feature/only")
    assert not (folder / "file2.txt").exists()
    assert git(folder, "branch", "--show-current") == "feature/only"


def test_a_commit_is_checked_out_detached(context: MemoryContext, remote: Path) -> None:
    first = git(remote, "rev-parse", "v1.0")
    folder = clone(context, remote, commit=first)
    assert git(folder, "rev-parse", "HEAD") == first
    assert (folder / "file1.txt").exists()
    assert not (folder / "file2.txt").exists()


def test_a_tag_is_checked_out(context: MemoryContext, remote: Path) -> None:
    folder = clone(context, remote, tag="v1.0")
    assert (folder / "file1.txt").read_text() == "first\n"
    assert not (folder / "file2.txt").exists()


@pytest.mark.parametrize("directory", [None, "myrepo"])
def test_files_that_are_there_stay(context: MemoryContext, remote: Path, directory: str | None) -> None:
    target = context.working_dir / (directory or "")
    target.mkdir(exist_ok=True)
    (target / "pre-existing.txt").write_text("I was here first\n")
    folder = clone(context, remote, **({"directory": directory} if directory else {}))
    assert folder == target
    assert sorted(path.name for path in target.iterdir()) == [".git", "file1.txt", "file2.txt", "pre-existing.txt"]
    assert (target / "pre-existing.txt").read_text() == "I was here first\n"


def test_only_the_asked_branch_is_known(context: MemoryContext, remote: Path) -> None:
    folder = clone(context, remote, branch="feature/only", cloneAllBranches=False)
    assert git(folder, "for-each-ref", "--format=%(refname)", "refs/remotes") == "refs/remotes/origin/feature/only"


def test_all_branches_and_tags_are_known_with_full_depth(context: MemoryContext, remote: Path) -> None:
    refs = git(clone(context, remote, depth=0), "for-each-ref", "--format=%(refname)")
    assert {"refs/remotes/origin/extra/branch", "refs/remotes/origin/feature/only", "refs/tags/v1.0"} <= set(refs.split())


def test_tags_may_be_left_out(context: MemoryContext, remote: Path) -> None:
    folder = clone(context, remote, noTags=True, depth=0)
    assert "refs/tags/v1.0" not in git(folder, "for-each-ref", "--format=%(refname)")


def test_properties_that_contradict_each_other_are_told(context: MemoryContext, remote: Path) -> None:
    assert "`branch` must be set" in failure_of(context, remote, cloneAllBranches=False)
    assert "`tag` cannot be used with `noTags: true`" in failure_of(context, remote, tag="v1.0", noTags=True)


def test_git_settings_are_applied(context: MemoryContext, remote: Path) -> None:
    folder = clone(context, remote, gitConfig={"core.fileMode": False})
    (folder / "file1.txt").chmod(0o755)
    assert git(folder, "config", "core.fileMode") == "false"
    assert git(folder, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "name", ["core.sshCommand", "core.hooksPath", "core.fsmonitor", "filter.x.smudge", "alias.x", "include.path", "-x"]
)
def test_git_settings_that_run_programs_are_refused(context: MemoryContext, remote: Path, name: str) -> None:
    assert "not allowed" in failure_of(context, remote, gitConfig={name: "touch /tmp/x"})


def test_a_missing_branch_is_told(context: MemoryContext, remote: Path) -> None:
    assert "was not found" in failure_of(context, remote, branch="nope")


def test_an_unreachable_host_is_told_in_a_sentence(context: MemoryContext) -> None:
    message = failure_of(context, "https://no-such-host.invalid/team/project")
    assert message.startswith("The host no-such-host.invalid could not be reached")
    assert "check the network or the URL" in message


def test_a_repository_outside_the_allowed_folders_is_refused(context: MemoryContext, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert "not open to flows" in failure_of(context, Path("/etc"))
    assert "not open to flows" in failure_of(context, str(tmp_path / "link"))


@pytest.mark.parametrize(
    "url",
    ["--upload-pack=touch /tmp/x", "ext::sh -c id", "ftp://host/x", "https://", "", "git://host/x", "https://-oProxyCommand=x/y", "a b"],
)
def test_a_url_that_is_none_is_refused(context: MemoryContext, url: str) -> None:
    failure_of(context, url)
    assert context.groups == []


@pytest.mark.parametrize("name", ["--upload-pack=x", "a..b", "a b", "", "x.lock", "a:b", "@{1}", "a/"])
def test_a_name_that_git_would_misread_is_refused(name: str) -> None:
    with pytest.raises(TaskFailed):
        safe_name("branch", name)


@pytest.mark.parametrize("directory", ["../out", "/tmp/out", "a/../../b"])
def test_the_directory_cannot_leave_the_working_directory(context: MemoryContext, remote: Path, directory: str) -> None:
    assert "Invalid file name" in failure_of(context, remote, directory=directory)


def test_hooks_of_the_machine_do_not_run(context: MemoryContext, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (hooks / "post-checkout").chmod(0o755)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(hooks.parent))
    clone(context, remote)
    assert not (tmp_path / "ran").exists()


def test_credentials_in_a_url_are_taken_out_of_it() -> None:
    access = checked(Access("https://me:token@host.example/a/b.git"), ())
    assert access.url == "https://host.example/a/b.git"
    assert (access.username, access.password) == ("me", "token")


def test_a_password_is_in_no_message_and_no_log(context: MemoryContext) -> None:
    message = failure_of(context, "https://no-such-host.invalid/a", username="me", password="s3cr3t-token")
    assert "s3cr3t-token" not in message + "\n".join(context.lines())
    assert "s3cr3t-token" in context.hidden
