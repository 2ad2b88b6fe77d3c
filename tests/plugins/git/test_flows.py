"""Flows, whole namespaces and files of executions, from and to real repositories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import FlowSource, RunnableTask, TaskFailed
from plugins.git.namespace_sync import NamespaceSync
from plugins.git.push import Push
from plugins.git.push_execution_files import PushExecutionFiles
from plugins.git.push_flows import PushFlows
from plugins.git.sync import Sync
from plugins.git.sync_flow import SyncFlow
from plugins.git.sync_flows import SyncFlows
from tests.plugins.cases import case
from tests.plugins.context import MemoryContext
from tests.plugins.git.remotes import Remote, git, rows

SPACE = "my.space"


def flow(name: str, namespace: str = SPACE, message: str = "hello", more: str = "") -> str:
    return f"id: {name}\nnamespace: {namespace}\n{more}tasks:\n  - id: a\n    type: io.kestra.plugin.core.log.Log\n    message: {message}\n"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path)


@pytest.fixture
def context(make_context: Callable[..., MemoryContext], remote: Remote) -> MemoryContext:
    return make_context(git_file_roots=(str(remote.folder),))


def run(kind: type[RunnableTask], context: MemoryContext, remote: Remote, **given: Any) -> dict[str, Any]:
    task = kind.model_validate({"id": "a", "type": "c", "url": remote.url, **given})
    return dict(task.run(context).outputs or {})


def failure(kind: type[RunnableTask], context: MemoryContext, remote: Remote, **given: Any) -> str:
    with pytest.raises(TaskFailed) as caught:
        run(kind, context, remote, **given)
    return caught.value.message


def put(context: MemoryContext, *sources: str, namespace: str = SPACE) -> None:
    for source in sources:
        context.namespace(namespace).flows.put(source)


def known(context: MemoryContext, namespace: str = SPACE) -> dict[str, FlowSource]:
    return {found.id: found for found in context.namespace(namespace).flows.list(below=True)}


def synced(context: MemoryContext, remote: Remote, **given: Any) -> list[tuple[Any, ...]]:
    found = run(SyncFlows, context, remote, **{"targetNamespace": SPACE, "gitDirectory": "to_clone/_flows", **given})
    return [tuple(row[key] for key in ("gitPath", "syncState", "flowId", "namespace", "revision")) for row in rows(context, found["flows"])]


@pytest.fixture
def project(context: MemoryContext, remote: Remote) -> Remote:
    """Flows in a branch, and others here: one the same, one another, one of a child namespace that the branch does not have."""
    remote.commit({
        "to_clone/_flows/unchanged-flow.yaml": flow("unchanged-flow"),
        "to_clone/_flows/first-flow.yml": flow("first-flow", "some.other", "new"),
        "to_clone/_flows/second-flow.yml": flow("second-flow", "some.other"),
        "to_clone/_flows/nested/namespace/nested_flow.yaml": flow("nested-flow", "some.other"),
        "to_clone/_flows/kestra-ignored-flow.yml": flow("ignored"),
        "to_clone/_flows/.kestraignore": "kestra-ignored-flow.yml\n",
        "to_clone/_flows/notes.txt": "no flow",
    })  # fmt: skip
    put(context, flow("unchanged-flow"), flow("first-flow", message="old"), flow("flow-to-delete", f"{SPACE}.child"))
    return remote


ROWS = [
    ("to_clone/_flows/first-flow.yml", "UPDATED", "first-flow", SPACE, 2),
    ("to_clone/_flows/nested/namespace/nested_flow.yaml", "ADDED", "nested-flow", f"{SPACE}.nested.namespace", 1),
    ("to_clone/_flows/second-flow.yml", "ADDED", "second-flow", SPACE, 1),
    ("to_clone/_flows/unchanged-flow.yaml", "UNCHANGED", "unchanged-flow", SPACE, 1),
]
GONE = (None, "DELETED", "flow-to-delete", f"{SPACE}.child", 1)


@case("git.syncflows.diff")
def test_flows_come_with_those_of_sub_folders(context: MemoryContext, project: Remote) -> None:
    assert synced(context, project, includeChildNamespaces=True, delete=True) == [*ROWS, GONE]
    assert set(known(context)) == {"first-flow", "nested-flow", "second-flow", "unchanged-flow"}
    assert known(context)["nested-flow"].source == flow("nested-flow", f"{SPACE}.nested.namespace")


def test_a_dry_run_changes_no_flow(context: MemoryContext, project: Remote) -> None:
    before = known(context)
    assert synced(context, project, includeChildNamespaces=True, delete=True, dryRun=True) == [*ROWS, GONE]
    assert known(context) == before


def test_without_children_sub_folders_are_left_alone(context: MemoryContext, project: Remote) -> None:
    assert synced(context, project, delete=True) == [ROWS[0], *ROWS[2:]]
    assert "flow-to-delete" in known(context)


def test_the_flow_that_runs_is_never_deleted(context: MemoryContext, project: Remote) -> None:
    own, name = context.flow.namespace, context.flow.id
    put(context, flow(name, own), flow("stale", own), namespace=own)
    synced(context, project, targetNamespace=own, delete=True)
    assert set(known(context, own)) == {name, "first-flow", "second-flow", "unchanged-flow"}


@case("git.syncflows.invalid")
def test_one_flow_that_is_not_valid_keeps_all_from_coming(context: MemoryContext, project: Remote) -> None:
    project.commit({"to_clone/_flows/wrong.yml": "id: demo-invalid-flow\nnamespace: my.space\n"})
    before = known(context)
    assert "demo-invalid-flow (wrong.yml): the flow has no tasks" in failure(
        SyncFlows, context, project, targetNamespace=SPACE, gitDirectory="to_clone/_flows"
    )
    assert known(context) == before
    assert len(synced(context, project, ignoreInvalidFlows=True)) == 3


def test_one_flow_comes(context: MemoryContext, project: Remote) -> None:
    found = run(SyncFlow, context, project, targetNamespace=SPACE, flowPath="to_clone/_flows/first-flow.yml")
    assert found == {"flowId": "first-flow", "namespace": SPACE, "revision": 2}


@case("git.syncflow.not_found")
def test_a_flow_that_is_not_there_is_named(context: MemoryContext, project: Remote) -> None:
    assert "non_existent_file.yml" in failure(SyncFlow, context, project, targetNamespace=SPACE, flowPath="non_existent_file.yml")


@case("git.pushflows.drafts")
def test_flows_go_without_drafts_and_revisions(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"_flows/stale.yml": flow("stale"), "_flows/child/kept.yml": flow("kept")})
    put(context, flow("a", more="revision: 4\n"), flow("b", more="draft: true\n"), flow("c", f"{SPACE}.child"))
    found = run(PushFlows, context, remote, sourceNamespace=SPACE, targetNamespace="prod", authorName="Bot", authorEmail="a@b.c")
    assert remote.files() == {"_flows/a.yml": flow("a", "prod").strip(), "_flows/child/kept.yml": flow("kept").strip()}
    assert {row["file"]: row["deletions"] for row in rows(context, found["flows"])} == {"_flows/a.yml": "-0", "_flows/stale.yml": "-6"}
    assert remote.log("main", "%s|%an") == f"Add flows from {SPACE} namespace|Bot"


def test_flows_of_children_lie_in_sub_folders(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"README.md": "x"})
    put(context, flow("a"), flow("c", f"{SPACE}.child.deep"))
    run(PushFlows, context, remote, sourceNamespace=SPACE, includeChildNamespaces=True, flows=["c"], gitDirectory=".")
    assert remote.files() == {"README.md": "x", "child/deep/c.yml": flow("c", f"{SPACE}.child.deep").strip()}


def test_a_colleagues_change_of_a_flow_stays(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"_flows/a.yml": flow("a"), "_flows/b.yml": flow("b")})
    run(SyncFlows, context, remote, targetNamespace=SPACE)
    remote.commit({"_flows/a.yml": flow("a", message="theirs")})
    put(context, flow("b", message="ours"))
    run(PushFlows, context, remote, sourceNamespace=SPACE)
    assert "theirs" in remote.files()["_flows/a.yml"]
    assert "ours" in remote.files()["_flows/b.yml"]


@case("git.pushexec.skip")
def test_nothing_chosen_is_nothing_to_do(context: MemoryContext, remote: Remote) -> None:
    before = remote.commit({"README.md": "x"})
    context.storage.put(b"a,b\n", "report.csv")
    found = run(PushExecutionFiles, context, remote, files="*.nope")
    assert (found["commitId"], remote.head("main")) == (None, before)
    assert "`files`" in failure(PushExecutionFiles, context, remote, files="*.nope", errorOnMissing=True)


def test_files_of_the_execution_go_to_their_folder(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"README.md": "x"})
    context.storage.put(b"a,b\n", "executions/e/tasks/report/r/deep/report.csv")
    run(PushExecutionFiles, context, remote, files=["*.csv"], filesMap={"deep/map.txt": context.storage.put(b"mapped", "m")})
    assert remote.files() == {"README.md": "x", "_outputs/deep/report.csv": "a,b", "_outputs/deep/map.txt": "mapped"}
    assert remote.log("main", "%s") == f"Add files from execution {context.execution_id}"


def sides(context: MemoryContext, remote: Remote, **given: Any) -> tuple[dict[str, Any], dict[tuple[str, str], str]]:
    found = run(NamespaceSync, context, remote, **{"branch": "main", "namespace": SPACE, "gitDirectory": "kestra", **given})
    return found, {(row["kind"], row["key"]): row["action"] for row in rows(context, found["diff"])}


@case("git.nssync.layout")
def test_a_namespace_goes_to_its_folder(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"README.md": "x", f"kestra/{SPACE}/flows/old.yml": flow("old"), f"kestra/{SPACE}/files/old.txt": "x"})
    put(context, flow("alpha"))
    context.namespace(SPACE).files.write("data/config.json", b"{}")
    found, diff = sides(context, remote)
    assert diff == {
        ("FLOW", "alpha"): "ADDED", ("FILE", "data/config.json"): "ADDED",
        ("FLOW", "old"): "DELETED_GIT", ("FILE", "old.txt"): "DELETED_GIT",
    }  # fmt: skip
    assert set(remote.files()) == {"README.md", f"kestra/{SPACE}/flows/alpha.yaml", f"kestra/{SPACE}/files/data/config.json"}
    assert found["commitId"] == remote.head("main")
    assert set(sides(context, remote)[1].values()) == {"UNCHANGED"}


@case("git.nssync.dry_run")
def test_a_dry_sync_of_a_namespace_pushes_nothing(context: MemoryContext, remote: Remote) -> None:
    before = remote.commit({"README.md": "x"})
    put(context, flow("alpha"))
    found, diff = sides(context, remote, whenMissingInSource="KEEP", dryRun=True)
    assert (found["commitId"], found["commitURL"], remote.head("main")) == (None, None, before)
    assert diff == {("FLOW", "alpha"): "ADDED"}


@case("git.nssync.keep")
def test_what_only_the_namespace_has_may_stay(context: MemoryContext, remote: Remote) -> None:
    remote.commit({f"kestra/{SPACE}/flows/base.yaml": flow("base", message="new"), f"kestra/{SPACE}/files/a.txt": "a"})
    put(context, flow("base"), flow("extra"))
    _, diff = sides(context, remote, sourceOfTruth="GIT", whenMissingInSource="KEEP")
    assert diff == {("FLOW", "base"): "UPDATED_KES", ("FILE", "a.txt"): "ADDED", ("FLOW", "extra"): "UNCHANGED"}
    assert set(known(context)) == {"base", "extra"}
    assert context.namespace(SPACE).files.contents == {"a.txt": b"a"}


def test_what_only_the_namespace_has_goes_or_fails_or_is_protected(context: MemoryContext, remote: Remote) -> None:
    remote.commit({f"kestra/{SPACE}/flows/base.yaml": flow("base")})
    put(context, flow("extra"))
    assert "does not have flows/extra.yaml" in failure(
        NamespaceSync,
        context,
        remote,
        branch="main",
        namespace=SPACE,
        gitDirectory="kestra",
        sourceOfTruth="GIT",
        whenMissingInSource="FAIL",
    )
    sides(context, remote, sourceOfTruth="GIT", protectedNamespaces=[SPACE])
    assert set(known(context)) == {"base", "extra"}
    sides(context, remote, sourceOfTruth="GIT")
    assert set(known(context)) == {"base"}


def test_the_older_sync_makes_the_namespace_what_the_branch_holds(context: MemoryContext, remote: Remote) -> None:
    own = context.flow.namespace
    remote.commit({"p/_flows/a.yml": flow("a", own), "p/_flows/child/b.yml": flow("b", own), "p/x/q.sql": "select 1", "p/README.md": "r"})
    put(context, flow("stale", own), flow(context.flow.id, own), namespace=own)
    context.namespace(own).files.write("old.txt", b"")
    run(Sync, context, remote, gitDirectory="p", dryRun=True)
    assert set(known(context, own)) == {"stale", context.flow.id}
    run(Sync, context, remote, gitDirectory="p")
    assert set(known(context, own)) == {"a", "b", context.flow.id}
    assert set(context.namespace(own).files.contents) == {"x/q.sql", "README.md"}
    assert {f"+ {own}.a", f"- {own}.stale", "+ _files/x/q.sql", "- _files/old.txt"} <= set(context.lines("INFO"))


@case("git.push.no_change")
def test_the_older_push_commits_once(context: MemoryContext, remote: Remote) -> None:
    own = context.flow.namespace
    remote.commit({"README.md": "x"})
    put(context, flow("a", own), namespace=own)
    context.namespace(own).files.write("s.sql", b"select 1")
    given: dict[str, Any] = {"branch": "dev", "inputFiles": {"in/put.txt": "given"}, "namespaceFiles": {"enabled": True}}
    assert run(Push, context, remote, **given)["commitId"] == remote.head("dev")
    assert set(remote.files("dev")) == {"README.md", "_flows/a.yml", "_files/s.sql", "in/put.txt"}
    assert run(Push, context, remote, **given)["commitId"] is None


def test_the_older_push_commits_what_changed_in_a_clone(context: MemoryContext, remote: Remote) -> None:
    remote.commit({"keep.txt": "k", "gone.txt": "g", "change.txt": "c"})
    git(context.working_dir, "clone", "-q", str(remote.folder), "repo")
    remote.commit({"late.txt": "colleague"})
    (context.working_dir / "repo/gone.txt").unlink()
    (context.working_dir / "repo/change.txt").write_text("changed")
    run(Push, context, remote, branch="main", directory="repo", flows={"enabled": False})
    assert remote.files() == {"keep.txt": "k", "change.txt": "changed", "late.txt": "colleague"}
