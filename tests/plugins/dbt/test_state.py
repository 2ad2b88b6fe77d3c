"""What is compared of a project, when a run is a full one, and what its commands are where there is no state yet."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import TaskFailed
from plugins.dbt import _command, _state
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import dbt, failure_of, project, shell

__all__ = ["project"]
MANIFEST: dict[str, Any] = {
    "nodes": {
        "model.shop.orders": {
            "resource_type": "model", "name": "orders", "original_file_path": "models/orders.sql", "checksum": {"checksum": "1"},
            "unrendered_config": {"materialized": "view"}, "depends_on": {"nodes": ["seed.shop.raw"], "macros": ["macro.shop.cents"]},
        },
        "seed.shop.raw": {"resource_type": "seed", "name": "raw", "checksum": {"checksum": "2"}},
    },
    "macros": {
        "macro.shop.cents": {"macro_sql": "a", "depends_on": {"macros": ["macro.shop.inner"]}},
        "macro.shop.inner": {"macro_sql": "b", "depends_on": {"macros": ["macro.shop.cents"]}},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "full"),
    [
        ("dbt build", True),
        ("dbt build --target prod --full-refresh", True),
        ("dbt run --threads 4", True),
        ("dbt build --select orders", False),
        ("dbt build -s orders", False),
        ("dbt build --exclude=orders", False),
        ("dbt build --selector nightly", False),
        ("dbt build --defer --state ./target", False),
        ("dbt test", False),
        ("dbt parse", False),
    ],
)
def test_a_full_run_leaves_nothing_out(command: str, full: bool) -> None:
    assert _state.is_full(_command.invocations([command])) is full


@pytest.mark.parametrize(
    ("command", "without"),
    [
        ("dbt build --select state:modified+ --defer --state ./target --target-path ./dev", "dbt build --target-path ./dev"),
        ("dbt build --select 'state:modified+,tag:daily' --state=x && echo done", "dbt build --select tag:daily && echo done"),
        ("dbt build -s tag:daily 1+state:new --favor-state --threads 4", "dbt build --threads 4"),
        ('dbt run --exclude "a state:old" --defer-state ./x', "dbt run --exclude a"),
        ("dbt build --select result:error+ state:new --state x", "dbt build"),
        ("dbt build --select a b --target prod", "dbt build --select a b --target prod"),
        ("echo my_state:1 > state.txt", "echo my_state:1 > state.txt"),
    ],
)
def test_without_a_state_everything_is_new(command: str, without: str) -> None:
    assert _command.without_state(command) == without


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda node, macros: node["checksum"].update(checksum="9"), ("SQL",)),
        (lambda node, macros: node["unrendered_config"].update(materialized="table"), ("configuration",)),
        (lambda node, macros: macros["macro.shop.inner"].update(macro_sql="c"), ("macros",)),
        (lambda node, macros: node.update(columns={"id": {"data_type": "int"}}), ("columns or contract",)),
        (lambda node, macros: node.update(description="Orders"), ("description",)),
        (lambda node, macros: node["depends_on"].update(nodes=[]), ("parents",)),
    ],
)
def test_a_changed_node_says_what_of_it_changed(change: Any, what: tuple[str, ...]) -> None:
    after = copy.deepcopy(MANIFEST)
    change(after["nodes"]["model.shop.orders"], after["macros"])
    found = _state.changes(_state.digest(MANIFEST), _state.digest(after))
    assert [(one.unique_id, one.kind, one.what) for one in found] == [("model.shop.orders", "changed", what)]


def test_nodes_come_and_go() -> None:
    less = {**MANIFEST, "nodes": {"seed.shop.raw": MANIFEST["nodes"]["seed.shop.raw"]}}
    assert [one.kind for one in _state.changes(_state.digest(less), _state.digest(MANIFEST))] == ["added"]
    assert [one.kind for one in _state.changes(_state.digest(MANIFEST), _state.digest(less))] == ["removed"]


@pytest.mark.parametrize(
    "broken", [{}, {"nodes": None, "macros": None}, {"nodes": {"a": None, "b": {}}}, {"macros": {"m": {"depends_on": None}}}]
)
def test_a_manifest_may_lack_anything(broken: dict[str, Any]) -> None:
    _state.digest(broken)


def test_project_target_and_branch_come_from_the_files(tmp_path: Path) -> None:
    home = tmp_path / "repo" / "dbt"
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    home.mkdir()
    (tmp_path / "repo" / ".git" / "HEAD").write_text("ref: refs/heads/feature/x\n")
    (home / "dbt_project.yml").write_text("name: shop\nprofile: p\n")
    (tmp_path / "profiles.yml").write_text("p: {target: prod, outputs: {}}\n")

    def found(command: str, **env: str) -> _state.Identity:
        return _state.identity(tmp_path, home, _command.invocations([command]), env)

    assert found("dbt build") == _state.Identity("shop", "prod", "feature/x")
    assert found("dbt build --target dev").target == "dev"
    assert found("dbt build -t dev").target == "dev"
    (tmp_path / "profiles.yml").write_text("p: {target: '{{ env_var(\"T\") }}'}\n")
    assert found("dbt build").target == "default"
    (home / "dbt_project.yml").write_text("{broken")
    assert found("dbt build").project == "dbt"


LOADED = {"key": "manifest.json", "namespace": "{{ flow.namespace }}"}


def test_a_missing_state_fails_before_dbt_where_it_is_asked_to(context: MemoryContext) -> None:
    task = shell("dbt build --select state:modified+ --state ./target", loadManifest={**LOADED, "onMissingState": "fail"})
    assert "no state to compare with" in failure_of(task, context).message


def test_a_missing_state_is_explained(context: MemoryContext) -> None:
    with pytest.raises(TaskFailed):
        shell("dbt build --select state:modified+ --state ./target; exit 2", loadManifest=LOADED).run(context)
    assert any("onMissingState: full" in line for line in context.lines("WARN"))


@pytest.mark.dbt
def test_a_full_build_leaves_a_state_and_what_changed_since_is_built_alone(project: MemoryContext) -> None:
    for name in ("broken", "after_broken", "after_after"):
        (project.working_dir / "models" / f"{name}.sql").unlink()
    commands = ("dbt seed --target-path ./dev", "dbt run --select state:modified+ --defer --state ./target --target-path ./dev")
    compared = dbt(*commands, loadState={"onMissingState": "full"})
    compared.run(project)
    assert project.headers["state"] == "none yet: everything is built"
    assert "model.shop.counts" in project.steps()
    assert list(project.namespace().states.promoted) == [("shop", "dev", "")]
    assert "seed.shop.raw_people" in project.namespace().states.digests[0]
    (project.working_dir / "models" / "third.sql").write_text("select 1 as id")
    project.reports.clear()
    compared.run(project)
    assert [name for name, step in project.steps().items() if step.kind == "model"] == ["model.shop.third"]
    assert len(project.namespace().states.promoted[("shop", "dev", "")]) == 1


def test_a_state_is_loaded_by_project_target_and_branch(context: MemoryContext) -> None:
    context.namespace().states.promote("shop", "prod", "", b'{"nodes": {}}', digest={})
    files = {"dbt_project.yml": "name: shop\nprofile: p\n"}
    nothing = " dbt() { :; }"
    shell("cat target/manifest.json", nothing, "dbt build --target prod", inputFiles=files, loadState={}).run(context)
    assert '{"nodes": {}}' in context.lines("INFO")
    (context.working_dir / "target" / "manifest.json").unlink()
    shell("test ! -e target/manifest.json", nothing, "dbt build --target dev", inputFiles=files, loadState={}).run(context)
    assert any("no state of the project 'shop', target 'dev'" in line for line in context.lines("WARN"))
