"""Cloning real repositories, and refusing what must not be cloned."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import TaskFailed
from plugins.git._repository import Access, checked, safe_name
from plugins.git.clone import Clone
from tests.plugins.context import MemoryContext
from tests.plugins.git.remotes import git


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


HARMFUL = """
core.sshCommand core.hooksPath core.fsmonitor core.gitProxy core.askPass core.editor core.pager core.worktree core.attributesFile
core.excludesFile core.alternateRefsCommand core.protectNTFS core.protectHFS filter.x.smudge filter.x.process diff.x.command diff.external
merge.x.driver mergetool.x.cmd pager.log alias.x include.path includeIf.gitdir:/.path init.templateDir gpg.program
gpg.ssh.defaultKeyCommand credential.helper credential.https://x/.helper url.https://evil/.insteadOf remote.origin.uploadpack
remote.origin.proxy http.cookieFile http.saveCookies http.sslKey http.sslCert http.sslCAInfo http.extraHeader http.followRedirects
http.https://host/.extraHeader http.curloptResolve http.delegation http.proxySSLKey fetch.bundleURI ssh.variant protocol.ext.allow
uploadpack.packObjectsHook receive.x submodule.x.update safe.directory transfer.bundleURI browser.x.cmd man.x.path sendemail.x
trailer.x.command imap.tunnel guitool.x.cmd maintenance.repo lfs.url hook.x.command extensions.worktreeConfig fsmonitor.x
a-name.of-tomorrow core -x
"""


@pytest.mark.parametrize("name", [*HARMFUL.split(), "", "core.fileMode x", "\ncore.x"])
def test_only_settings_that_do_no_harm_are_allowed(context: MemoryContext, remote: Path, name: str) -> None:
    assert "is not allowed in `gitConfig`" in failure_of(context, remote, gitConfig={name: "touch /tmp/x"})


@pytest.mark.parametrize(
    "name", ["CORE.AutoCRLF", "http.postBuffer", "http.https://host.example:8443/a/.sslVerify", "user.email", "fetch.prune"]
)
def test_settings_that_people_need_are_allowed(name: str) -> None:
    access = Access("https://host.example/a", config={name: "1"})
    assert checked(access, Path("/nowhere"), ()).config == {name: "1"}


def test_a_setting_neither_holds_a_login_nor_begins_another(context: MemoryContext, remote: Path) -> None:
    message = failure_of(context, remote, gitConfig={"http.proxy": "http://me:s3cr3t@proxy:3128"})
    assert "has a login in it" in message
    assert "s3cr3t" not in message
    assert "is not allowed" in failure_of(context, remote, gitConfig={"user.name": "x\n[core]\nsshCommand = id"})


def test_certificates_are_read_only_from_folders_of_the_task(context: MemoryContext, remote: Path, tmp_path: Path) -> None:
    (tmp_path / "server.pem").write_text("the server's own")
    (context.working_dir / "link.pem").symlink_to(tmp_path / "server.pem")
    for path in ("/etc/shadow", str(tmp_path / "server.pem"), "../server.pem", "link.pem"):
        assert "is neither in the working directory of the task nor" in failure_of(context, remote, trustedCaPemPath=path)
    assert "There is no file 'none.pem'" in failure_of(context, remote, trustedCaPemPath="none.pem")
    (context.working_dir / "own.pem").write_text("-----BEGIN CERTIFICATE-----")
    assert (clone(context, remote, trustedCaPemPath="own.pem") / "file1.txt").exists()
    (remote / "ca.pem").write_text("allowed by the administrator")
    assert clone(context, remote, trustedCaPemPath=str(remote / "ca.pem"), directory="again").exists()


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
    access = checked(Access("https://me:token@host.example/a/b.git"), Path("/nowhere"), ())
    assert access.url == "https://host.example/a/b.git"
    assert (access.username, access.password) == ("me", "token")


def test_a_password_is_in_no_message_and_no_log(context: MemoryContext) -> None:
    message = failure_of(context, "https://no-such-host.invalid/a", username="me", password="s3cr3t-token")
    assert "s3cr3t-token" not in message + "\n".join(context.lines())
    assert "s3cr3t-token" in context.hidden


@pytest.mark.parametrize(
    "url", ["ssh://git:s3cr3t-token@host/a", "ftp://me:s3cr3t-token@host/a", "https:me:s3cr3t-token@host/a", "me:s3cr3t-token@host:a"]
)
def test_a_password_in_an_odd_address_is_nowhere(url: str) -> None:
    try:
        told = checked(Access(url=url), Path("/nowhere"), []).url
    except TaskFailed as error:
        told = error.message
    assert "host" in told
    assert "s3cr3t-token" not in told


def test_a_token_that_stands_for_a_user_is_hidden(context: MemoryContext) -> None:
    failure_of(context, "https://ghp_0123456789abcdefghij@no-such-host.invalid/a")
    assert "ghp_0123456789abcdefghij" in context.hidden


def trap(folder: Path, spoils: Path) -> None:
    """A repository that runs a program whenever git is used in it."""
    git(folder, "init", "-q")
    program = f"sh -c 'id -u >> {spoils}; cat'"
    for name in ("filter.x.smudge", "filter.x.clean", "core.sshCommand", "core.fsmonitor", "core.gitProxy"):
        git(folder, "config", name, program)
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text("* filter=x\n")
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (folder / ".git" / "hooks" / hook).write_text(f"#!/bin/sh\nid -u >> {spoils}\n")
        (folder / ".git" / "hooks" / hook).chmod(0o755)


def test_what_a_task_left_in_the_folder_is_never_run(context: MemoryContext, remote: Path, tmp_path: Path) -> None:
    trap(context.working_dir, tmp_path / "spoils")
    folder = clone(context, remote)
    assert (folder / "file1.txt").read_text() == "first\n"
    assert not (tmp_path / "spoils").exists()
    assert "smudge" not in (folder / ".git" / "config").read_text()
    assert git(folder, "log", "--format=%s") == "two"
    assert [path.name for path in context.working_dir.parent.iterdir() if path.name.startswith("git-")] == []


@pytest.mark.root
def test_the_files_are_written_by_the_account_of_the_task(make_context: Callable[..., MemoryContext], remote: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o011)
    context = make_context(git_file_roots=(str(remote),), run_as=(12345, 12346))
    os.chown(context.working_dir, 12345, 12346)
    (tmp_path / "only-roots").mkdir(mode=0o700)
    (context.working_dir / "file1.txt").symlink_to(tmp_path / "only-roots" / "stolen")
    folder = clone(context, remote)
    assert (folder / "file1.txt").read_text() == "first\n"
    assert {path.lstat().st_uid for path in (folder, *folder.rglob("*"))} == {12345}
    (folder / "elsewhere").symlink_to(tmp_path / "only-roots")
    with pytest.raises(TaskFailed):
        clone(context, remote, directory="elsewhere")
    assert list((tmp_path / "only-roots").iterdir()) == []


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """A folder with the repository `shop`, which has `lib` as a submodule, which has `deep`."""
    top = tmp_path / "family"
    for name in ("deep", "lib", "shop"):
        folder = top / name
        folder.mkdir(parents=True)
        git(folder, "init", "-q", "-b", "main")
        (folder / f"{name}.sql").write_text(f"select '{name}'\n")
    link(top / "lib", "../deep", "inner/deep", top / "deep")
    link(top / "shop", "../lib", "dbt_packages/lib", top / "lib")
    return top


def link(folder: Path, url: str, path: str, other: Path) -> None:
    """Commit what `folder` has, with the newest commit of another repository as its submodule at `path`."""
    if not (other / ".git" / "refs" / "heads" / "main").exists():
        git(other, "add", ".")
        git(other, "commit", "-qm", "all")
    with (folder / ".gitmodules").open("a") as file:
        file.write(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
    git(folder, "add", "--ignore-removal", ".")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{git(other, 'rev-parse', 'main')},{path}")
    git(folder, "commit", "-qm", "all")


@pytest.fixture
def with_family(make_context: Callable[..., MemoryContext], family: Path) -> MemoryContext:
    return make_context(git_file_roots=(str(family),))


def test_submodules_come_with_theirs_where_they_are_wanted(with_family: MemoryContext, family: Path) -> None:
    folder = clone(with_family, family / "shop", cloneSubmodules=True)
    assert (folder / "dbt_packages/lib/lib.sql").read_text() == "select 'lib'\n"
    assert (folder / "dbt_packages/lib/inner/deep/deep.sql").read_text() == "select 'deep'\n"
    assert git(folder / "dbt_packages/lib", "rev-parse", "HEAD") == git(family / "lib", "rev-parse", "HEAD")
    assert git(folder, "status", "--porcelain") == ""


def test_submodules_stay_away_where_nobody_asks_for_them(with_family: MemoryContext, family: Path) -> None:
    folder = clone(with_family, family / "shop")
    assert list((folder / "dbt_packages/lib").iterdir()) == []


def test_a_submodule_is_at_the_commit_that_the_repository_names(with_family: MemoryContext, family: Path) -> None:
    (family / "lib" / "later.sql").write_text("select 1")
    git(family / "lib", "add", "later.sql")
    git(family / "lib", "commit", "-qm", "later")
    folder = clone(with_family, family / "shop", cloneSubmodules=True, directory="here")
    assert not (folder / "dbt_packages/lib/later.sql").exists()


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/x", "ext::sh -c id", "/etc", "file:///etc", "--upload-pack=id", "../../../../etc", "git@evil.example:x/y", ""],
)
def test_a_submodule_from_elsewhere_is_left_out(with_family: MemoryContext, family: Path, url: str) -> None:
    link(family / "shop", url, "bad", family / "deep")
    folder = clone(with_family, family / "shop", cloneSubmodules=True)
    assert list((folder / "bad").iterdir()) == []
    assert (folder / "dbt_packages/lib/lib.sql").exists()
    assert any("The submodule bad is left out" in line for line in with_family.lines("WARN"))


def test_a_submodule_does_not_leave_by_a_link(with_family: MemoryContext, family: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (with_family.working_dir / "bad").symlink_to(tmp_path / "outside")
    link(family / "shop", "../deep", "bad", family / "deep")
    clone(with_family, family / "shop", cloneSubmodules=True)
    assert list((tmp_path / "outside").iterdir()) == []


def test_only_the_folders_that_are_wanted_are_checked_out(with_family: MemoryContext, family: Path) -> None:
    for name in ("models/staging/a.sql", "models/marts/b.sql", "seeds/c.csv"):
        (family / "deep" / name).parent.mkdir(parents=True, exist_ok=True)
        (family / "deep" / name).write_text("1\n")
    git(family / "deep", "add", ".")
    git(family / "deep", "commit", "-qm", "more")
    folder = clone(with_family, family / "deep", sparse=["models/staging", "/seeds/"])
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    assert found == ["deep.sql", "models/staging/a.sql", "seeds/c.csv"]
    assert git(folder, "status", "--porcelain") == ""


@pytest.mark.parametrize("name", ["../out", "--stdin", "a*", "/", "!a", "a\nb"])
def test_what_is_no_folder_of_a_repository_is_refused(context: MemoryContext, remote: Path, name: str) -> None:
    assert "is no folder of a repository" in failure_of(context, remote, sparse=[name])
