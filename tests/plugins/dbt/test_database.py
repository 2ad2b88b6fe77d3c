"""Two runs that write one DuckDB file: the second waits and says for whom, then fails naming who has it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.contract import TaskFailed
from plugins.dbt import _command, _database, _state
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import shell

FILES = {"dbt_project.yml": "name: shop\nprofile: p\n"}
NOTHING = " dbt() { :; }"


def found(folder: Path, command: str, profiles: str, **env: str) -> list[str]:
    (folder / "dbt_project.yml").write_text(FILES["dbt_project.yml"])
    (folder / "profiles.yml").write_text(profiles)
    calls = _command.invocations([command])
    return [str(path) for path in _database.files(folder, folder, calls, env, _state.identity(folder, folder, calls, env))]


@pytest.mark.parametrize(
    ("command", "output", "paths"),
    [
        ("dbt build", "{type: duckdb, path: /w/dev.duckdb}", ["/w/dev.duckdb"]),
        ("dbt deps", "{type: duckdb, path: /w/dev.duckdb}", []),
        ("dbt build", "{type: duckdb, path: dev.duckdb}", []),
        ("dbt build", "{type: duckdb, path: ':memory:'}", []),
        ("dbt build", "{type: duckdb}", []),
        ("dbt build", "{type: postgres, path: /w/x}", []),
        ("dbt run", "{type: duckdb, path: \"{{ env_var('W') }}/x.duckdb\"}", ["/env/x.duckdb"]),
        ("dbt run", "{type: duckdb, path: /a, attach: [{path: /b}, {path: /c, read_only: true}]}", ["/a", "/b"]),
    ],
)
def test_the_file_is_found_in_the_profile_of_the_target(tmp_path: Path, command: str, output: str, paths: list[str]) -> None:
    assert (
        found(tmp_path, command, f"p:\n  target: dev\n  outputs:\n    dev: {output}\n    prod: {{type: duckdb, path: /w/prod}}\n", W="/env")
        == paths
    )


def test_the_target_of_the_command_counts(tmp_path: Path) -> None:
    profiles = "p: {target: dev, outputs: {dev: {type: duckdb, path: /w/dev}, prod: {type: duckdb, path: /w/prod}}}"
    assert found(tmp_path, "dbt build --target prod", profiles) == ["/w/prod"]


def running(context: MemoryContext, tmp_path: Path, seconds: float, **given: str) -> Callable[[], object]:
    profiles = f"p: {{target: dev, outputs: {{dev: {{type: duckdb, path: {tmp_path}/one.duckdb}}}}}}"
    task = shell(NOTHING, "dbt build", f"sleep {seconds}", inputFiles=FILES, profiles=profiles, **given)
    return lambda: task.run(context)


@pytest.fixture
def two(make_context: Callable[..., MemoryContext]) -> tuple[MemoryContext, MemoryContext]:
    """Two contexts of one installation."""
    first, second = make_context(), make_context()
    second.settings = first.settings
    first.execution_id = "first"
    return first, second


def begun(first: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=first)
    thread.start()
    time.sleep(1.0)
    return thread


def test_the_second_waits_and_says_for_whom(two: tuple[MemoryContext, MemoryContext], tmp_path: Path) -> None:
    first, second = two
    thread = begun(running(first, tmp_path, 3))
    running(second, tmp_path, 0)()
    assert not thread.is_alive() or thread.join(1) is None
    assert any("Waits for" in line and "execution first (task the_task of company.team.a_flow)" in line for line in second.lines("INFO"))
    assert second.headers["database"].startswith("waited ")
    assert "database" not in first.headers


def test_after_a_while_it_fails_and_names_the_holder(two: tuple[MemoryContext, MemoryContext], tmp_path: Path) -> None:
    first, second = two
    thread = begun(running(first, tmp_path, 4))
    with pytest.raises(TaskFailed, match=r"one\.duckdb was not free after 1 s: execution first") as caught:
        running(second, tmp_path, 0, waitForDatabase="PT1S")()
    assert caught.value.retryable
    thread.join()


def test_a_kill_ends_the_waiting(two: tuple[MemoryContext, MemoryContext], tmp_path: Path) -> None:
    first, second = two
    thread = begun(running(first, tmp_path, 4))
    second.cancel_after(0.5)
    with pytest.raises(TaskFailed) as caught:
        running(second, tmp_path, 0)()
    assert caught.value.state == "KILLED"
    thread.join()
