"""Namespace files from and to real repositories."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import Result, TaskFailed
from plugins.git._trees import Author
from plugins.git.push_namespace_files import PushNamespaceFiles
from plugins.git.sync_namespace_files import SyncNamespaceFiles
from tests.plugins.cases import case
from tests.plugins.context import MemoryContext
from tests.plugins.git.remotes import Remote, git, rows

IGNORED = {
    "to_clone/.kestraignore": "file_to_ignore.txt\ndir_to_ignore/\n",
    "to_clone/file_to_ignore.txt": "x",
    "to_clone/dir_to_ignore/f.txt": "x",
}
FLOWS = ("first-flow.yml", "nested/namespace/nested_flow.yaml", ".kestraignore")
BEFORE = {"README.md": b"readme", "file_to_delete.txt": b"", "dir_to_delete/file_to_delete.txt": b"", "cloned.json": b'{"old": 1}'}


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path)


@pytest.fixture
def context(make_context: Callable[..., MemoryContext], remote: Remote) -> MemoryContext:
    return make_context(git_file_roots=(str(remote.folder),))


def sync(context: MemoryContext, remote: Remote, **given: Any) -> dict[Any, str]:
    """Runs the task; what happened to each file by its path in Git, or in the namespace where it is deleted."""
    task = SyncNamespaceFiles.model_validate({"id": "a", "type": "c", "url": remote.url, "namespace": "my.space", **given})
    outputs = task.run(context).outputs or {}
    return {row["gitPath"] or row["kestraPath"]: row["syncState"] for row in rows(context, outputs["files"])}


def push(context: MemoryContext, remote: Remote, **given: Any) -> tuple[dict[str, Any], list[Any]]:
    given = {"id": "a", "type": "c", "url": remote.url, "namespace": "my.space", "gitDirectory": "my-files", **given}
    result: Result = PushNamespaceFiles.model_validate(given).run(context)
    outputs = dict(result.outputs or {})
    return outputs, rows(context, outputs["files"])


def failure(run: Callable[..., Any], *arguments: Any, **given: Any) -> str:
    with pytest.raises(TaskFailed) as caught:
        run(*arguments, **given)
    return caught.value.message


def holds(context: MemoryContext) -> dict[str, bytes]:
    return context.namespace("my.space").files.contents


def added(*files: str) -> list[dict[str, str]]:
    return [{"file": name, "additions": "+1", "deletions": "-0", "changes": "0"} for name in files]


@pytest.fixture
def project(remote: Remote, context: MemoryContext) -> Remote:
    """A folder with ignored files and flows, beside a file outside of it; the namespace has other files."""
    remote.commit(
        {"README.md": "outside", "to_clone/cloned.json": '{"new": 1}', **IGNORED, **{f"to_clone/_flows/{name}": "x" for name in FLOWS}}
    )
    holds(context).update(BEFORE)
    return remote


EXPECTED = {
    "to_clone/_flows/": "ADDED", "to_clone/_flows/nested/": "ADDED", "to_clone/_flows/nested/namespace/": "ADDED",
    "to_clone/_flows/nested/namespace/nested_flow.yaml": "ADDED", "to_clone/_flows/first-flow.yml": "ADDED",
    "to_clone/_flows/.kestraignore": "ADDED", "to_clone/cloned.json": "OVERWRITTEN",
}  # fmt: skip
DELETED = {f"/my/space/_files/{name}": "DELETED" for name in ("README.md", "file_to_delete.txt", "dir_to_delete/file_to_delete.txt")}


@case("git.syncns.no_delete")
def test_files_come_and_what_else_is_there_stays(context: MemoryContext, project: Remote) -> None:
    assert sync(context, project, gitDirectory="to_clone") == EXPECTED
    assert holds(context).keys() == {*BEFORE, *(f"_flows/{name}" for name in FLOWS)}
    assert holds(context)["cloned.json"] == b'{"new": 1}'


@case("git.syncns.delete")
def test_with_delete_only_what_the_branch_has_is_left(context: MemoryContext, project: Remote) -> None:
    assert sync(context, project, gitDirectory="to_clone", delete=True) == EXPECTED | DELETED
    assert holds(context).keys() == {"cloned.json", *(f"_flows/{name}" for name in FLOWS)}


@case("git.syncns.dry_run")
def test_a_dry_run_says_what_would_happen(context: MemoryContext, project: Remote) -> None:
    assert sync(context, project, gitDirectory="to_clone", delete=True, dryRun=True) == EXPECTED | DELETED
    assert holds(context) == BEFORE


@case("git.syncns.second_run")
def test_a_second_sync_changes_nothing(context: MemoryContext, project: Remote) -> None:
    sync(context, project, gitDirectory="to_clone")
    again = sync(context, project, gitDirectory="to_clone")
    assert set(again.values()) == {"UNCHANGED"}
    assert len(again) == 7


def test_only_what_a_sync_brought_is_deleted(context: MemoryContext, project: Remote) -> None:
    sync(context, project, gitDirectory="to_clone")
    project.commit({"to_clone/_flows/first-flow.yml": None})
    found = sync(context, project, gitDirectory="to_clone", delete="synced")
    assert found["/my/space/_files/_flows/first-flow.yml"] == "DELETED"
    assert holds(context).keys() >= BEFORE.keys()


@case("git.syncns.dotgit_in_name")
def test_a_folder_may_have_dot_git_in_its_name(context: MemoryContext, remote: Remote) -> None:
    remote.commit(
        {"to_clone.github_files/hello.txt": "hello", "to_clone.github_files/.gitkeep": "", "to_clone.github_files/.gitignore": "x"}
    )
    sync(context, remote, gitDirectory="to_clone.github_files")
    assert holds(context) == {"hello.txt": b"hello"}


def test_a_branch_that_is_not_there_is_not_another_one(context: MemoryContext, project: Remote) -> None:
    message = failure(sync, context, project, branch="feature/none", gitDirectory="to_clone")
    assert message.startswith("The branch 'feature/none' was not found in the repository file://")
    assert message.endswith("its branches are main")
    assert holds(context) == BEFORE


def test_a_folder_that_is_not_there_fails_or_is_empty(context: MemoryContext, project: Remote) -> None:
    message = failure(sync, context, project, gitDirectory="nowhere")
    assert message == (
        "The directory 'nowhere' was not found in the git repository. Verify if the path exists in the specified branch 'main'."
    )
    assert sync(context, project, gitDirectory="nowhere", failOnMissingDirectory=False) == {}


@pytest.mark.parametrize("folder", ["..", "a/../../b", "to_clone\n"])
def test_a_folder_that_leads_out_is_refused(context: MemoryContext, project: Remote, folder: str) -> None:
    assert "must be a folder inside of the repository" in failure(sync, context, project, gitDirectory=folder)


def test_links_are_followed_within_the_repository_only(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"shared/macro.sql": "select 1", "_files/a.sql": "a"})
    for name, target in (
        ("inside.sql", "../shared/macro.sql"),
        ("outside", "/etc/passwd"),
        ("up", "../../../etc/passwd"),
        ("loop", "loop"),
    ):
        os.symlink(target, remote.clone / "_files" / name)
    remote.commit({})
    assert set(sync(context, remote)) == {"_files/a.sql", "_files/inside.sql"}
    assert holds(context) == {"a.sql": b"a", "inside.sql": b"select 1"}
    assert len([line for line in context.lines("WARN") if "link that leads to no file" in line]) == 3


def test_files_come_to_a_folder_of_the_namespace(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"a.sql": "a", "b/c.bin": "c"})
    holds(context)["dbt/old.sql"] = holds(context)["other.sql"] = b""
    found = sync(context, remote, gitDirectory=".", namespaceDirectory="/dbt", delete=True)
    assert found == {"a.sql": "ADDED", "b/": "ADDED", "b/c.bin": "ADDED", "/my/space/_files/dbt/old.sql": "DELETED"}
    assert set(holds(context)) == {"dbt/a.sql", "dbt/b/c.bin", "other.sql"}


@case("git.pushns.glob_nested")
def test_chosen_files_go_to_a_new_branch(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"README.md": "outside"})
    holds(context).update({"first-file.txt": b"First file", "nested/second-file.txt": b"Second file"})
    outputs, changes = push(
        context, remote, branch="ci", files="nested/*", commitMessage="Push from CI - {{ flow.id }}", authorName="Bot", authorEmail="a@b.c"
    )
    assert changes == added("my-files/nested/second-file.txt")
    assert outputs["commitId"] == remote.head("ci")
    assert outputs["commitURL"] == f"file://{str(remote.folder).removesuffix('.git')}/commit/{outputs['commitId']}"
    assert remote.log("ci", "%an %ae %cn %ce") == "Bot a@b.c Bot a@b.c"
    assert remote.log("ci", "%s") == f"Push from CI - {context.flow.id}"
    assert remote.files("ci") == {"README.md": "outside", "my-files/nested/second-file.txt": "Second file"}


@case("git.pushns.dry_run")
def test_a_dry_run_pushes_nothing(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"README.md": "outside"})
    holds(context).update({"first-file.txt": b"First file", "nested/second-file.txt": b"Second file"})
    outputs, changes = push(context, remote, branch="ci", files="second*", dryRun=True)
    assert changes == added("my-files/nested/second-file.txt")
    assert (outputs["commitId"], outputs["commitURL"], remote.head("ci")) == (None, None, "")


@case("git.pushns.delete_scope")
def test_what_the_namespace_lacks_is_removed_where_the_patterns_choose_it(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"README.md": "outside"})
    files = {"first-file.txt": b"1", "nested/second-file.txt": b"2", "second-deleted-after-second-push.txt": b"3"}
    holds(context).update(files)
    push(context, remote)
    del holds(context)["second-deleted-after-second-push.txt"], holds(context)["first-file.txt"]
    _, changes = push(context, remote, files="second*")
    assert changes == [{"file": "my-files/second-deleted-after-second-push.txt", "additions": "+0", "deletions": "-1", "changes": "0"}]
    assert set(remote.files()) == {"README.md", "my-files/first-file.txt", "my-files/nested/second-file.txt"}


@case("git.pushns.all")
def test_everything_is_pushed_to_an_empty_repository(context: MemoryContext, remote: Remote) -> None:
    holds(context).update({"first-file.txt": b"First file", "nested/second-file.txt": b"Second file"})
    _, changes = push(context, remote)
    assert changes == added("my-files/first-file.txt", "my-files/nested/second-file.txt")
    assert remote.log("main", "%s") == "Add files from my.space namespace"


@case("git.pushns.many_globs")
@pytest.mark.parametrize("files", [["first*", "second*"], '["first*", "second*"]', ["first-file", "second-file"]])
def test_several_patterns_choose(context: MemoryContext, remote: Remote, files: Any) -> None:
    holds(context).update({"first-file.txt": b"1", "nested/second-file.txt": b"2", "third-file.txt": b"3"})
    push(context, remote, files=files)
    assert set(remote.files()) == {"my-files/first-file.txt", "my-files/nested/second-file.txt"}


@case("git.pushns.no_author")
def test_without_an_author_the_installation_writes(context: MemoryContext, remote: Remote) -> None:
    holds(context)["a"] = b"1"
    push(context, remote, authorName="Only a name")
    assert remote.log("main", "%an <%ae>") == f"{Author().name} <{Author().email}>"


@case("git.pushns.error_on_missing")
def test_patterns_that_choose_nothing_may_be_a_failure(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"README.md": "outside"})
    holds(context)["a"] = b"1"
    assert "nonexistent-file.txt" in failure(push, context, remote, files="nonexistent-file.txt", errorOnMissing=True)
    assert push(context, remote, files="nonexistent-file.txt")[0]["commitId"] is None


@case("git.pushns.kestraignore")
def test_ignored_files_are_neither_pushed_nor_removed(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"my-files/.kestraignore": "ignored-file.txt\nignored-dir/", "my-files/ignored-dir/existing.txt": "there before"})
    holds(context).update({"ignored-file.txt": b"IGNORED", "included.txt": b"INCLUDED"})
    assert push(context, remote)[1] == added("my-files/included.txt")
    assert set(remote.files()) == {"my-files/.kestraignore", "my-files/ignored-dir/existing.txt", "my-files/included.txt"}


@case("git.pushns.nothing_to_commit")
def test_what_is_there_already_makes_no_commit(context: MemoryContext, remote: Remote) -> None:
    before = remote.commit({"my-files/a": "1", "other": "2"})
    holds(context)["a"] = b"1"
    outputs, changes = push(context, remote)
    assert (outputs["commitId"], changes, remote.head("main")) == (None, [], before)
    assert "No changes to commit. Skipping push." in context.lines("INFO")


def test_an_empty_namespace_removes_nothing(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"my-files/a": "1"})
    assert push(context, remote)[0]["commitId"] is None
    assert "No content to push - skipping Git operations." in context.lines("INFO")


LINES = "".join(f"line {number}\n" for number in range(20))


@pytest.fixture
def synced(context: MemoryContext, remote: Remote) -> Remote:
    """A branch that came to the namespace: from now on both may change."""
    remote.commit({"my-files/model.sql": LINES, "my-files/other.sql": "select 1\n", "my-files/third.sql": "select 3\n"})
    sync(context, remote, gitDirectory="my-files")
    return remote


def test_changes_of_others_stay_and_are_merged(context: MemoryContext, synced: Remote) -> None:
    synced.commit(
        {"my-files/model.sql": LINES.replace("line 2\n", "line two\n"), "my-files/other.sql": "select 2\n", "my-files/new.sql": "new\n"}
    )
    holds(context)["model.sql"] = LINES.replace("line 17\n", "line seventeen\n").encode()
    del holds(context)["third.sql"]
    _, changes = push(context, synced)
    assert {row["file"]: row["changes"] + row["deletions"] for row in changes} == {"my-files/model.sql": "1-0", "my-files/third.sql": "0-1"}
    files = synced.files()
    assert "line two" in files["my-files/model.sql"]
    assert "line seventeen" in files["my-files/model.sql"]
    assert (files["my-files/other.sql"], files["my-files/new.sql"]) == ("select 2", "new")
    # What was merged did not come here yet: a second push must not take it away again.
    assert push(context, synced)[0]["commitId"] is None


@pytest.mark.parametrize("here", [LINES.replace("line 2\n", "line zwei\n").encode(), None])
def test_a_conflict_pushes_nothing_and_names_who_and_what(context: MemoryContext, synced: Remote, here: bytes | None) -> None:
    head = synced.commit({"my-files/model.sql": LINES.replace("line 2\n", "line two\n")}, message="two in words")
    holds(context).pop("model.sql") if here is None else holds(context).update({"model.sql": here})
    holds(context)["other.sql"] = b"select 5"
    message = failure(push, context, synced)
    assert "my-files/model.sql (there by Ada <ada@b.c> in" in message
    assert '"two in words")' in message
    assert synced.head("main") == head


def test_a_sync_after_a_conflict_makes_way(context: MemoryContext, synced: Remote) -> None:
    synced.commit({"my-files/other.sql": "select 2\n"})
    holds(context)["other.sql"] = b"select 5\n"
    failure(push, context, synced)
    sync(context, synced, gitDirectory="my-files")
    holds(context)["other.sql"] = b"select 7\n"
    push(context, synced)
    assert synced.files()["my-files/other.sql"] == "select 7"


def test_a_new_branch_starts_from_what_came_here(context: MemoryContext, synced: Remote) -> None:
    synced.commit({"my-files/other.sql": "select 2\n"})
    holds(context)["model.sql"] = b"select 9\n"
    push(context, synced, branch="dev")
    assert synced.files("dev") == {"my-files/model.sql": "select 9", "my-files/other.sql": "select 2", "my-files/third.sql": "select 3"}
    # What went to dev is still to go to main.
    push(context, synced, branch="main")
    assert synced.files("main")["my-files/model.sql"] == "select 9"


def test_who_pushes_meanwhile_loses_nothing(context: MemoryContext, synced: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody pushes between the moment the branch is read and that of the push."""
    holds(context)["model.sql"] = b"select 9\n"
    once: list[str] = []

    class Racing(dict[str, bytes]):
        def __getitem__(self, path: str) -> bytes:
            if not once:
                once.append(synced.commit({"my-files/late.sql": "late\n"}))
            return super().__getitem__(path)

    context.namespace("my.space").files.contents = Racing(holds(context))
    push(context, synced)
    assert synced.files()["my-files/late.sql"] == "late"
    assert synced.files()["my-files/model.sql"] == "select 9"
    assert "Someone pushed to main meanwhile: it is read again" in context.lines("INFO")


def test_a_refused_push_says_what_the_remote_says(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"README.md": "x"})
    hook = remote.folder / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'GL-123: main is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    holds(context)["a"] = b"1"
    assert "GL-123: main is protected" in failure(push, context, remote)


def test_modes_and_strange_names_survive(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"my-files/run.sh": "echo"})
    (remote.clone / "my-files/run.sh").chmod(0o755)
    remote.commit({})
    holds(context).update({"run.sh": b"echo 2", 'a "quoted" näme.txt': b"\x00\xff"})
    push(context, remote)
    listed = git(remote.folder, "ls-tree", "-r", "-z", "main").split("\0")
    assert {line.split("\t")[1]: line[:6] for line in listed if line} == {
        'my-files/a "quoted" näme.txt': "100644",
        "my-files/run.sh": "100755",
    }


@case("git.auth.token_and_basic")
def test_a_token_and_a_name_contradict(context: MemoryContext, remote: Remote) -> None:
    message = failure(sync, context, remote, auth={"apiToken": "t", "username": "u"})
    assert message == "Cannot use both API Token authentication and HTTP Basic authentication"


@case("git.auth.half_basic")
def test_a_name_needs_a_password(context: MemoryContext, remote: Remote) -> None:
    message = failure(push, context, remote, auth={"username": "u"})
    assert message == "Both username and password are required for HTTP Basic authentication"
