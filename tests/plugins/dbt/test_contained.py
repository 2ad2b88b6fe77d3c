"""dbt in a container: what it leaves beside its lines."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from plugins.contract import Settings, TaskFailed
from plugins.dbt import _notes
from plugins.dbt.cli.dbt_cli import DbtCLI
from plugins.scripts._script import Place
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import PROFILES, PROJECT

DOCKER = {"type": "io.kestra.plugin.scripts.runner.docker.Docker", "pullPolicy": "NEVER"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    private = tmp_path / ".kestra"
    private.mkdir()
    return Place(tmp_path, private, None, (), {})


def called(place: Place, program: str) -> str:
    """What a `dbt` of an image says when it is called with notes wanted."""
    image = place.folder / "bin"
    image.mkdir()
    (image / "dbt").write_text(program)
    (image / "dbt").chmod(0o755)
    path = f"{_notes.contained(place)}:{image}:/usr/bin:/bin"
    return subprocess.run(["/bin/sh", "-c", "dbt build 'a b'"], env={"PATH": path}, capture_output=True, text=True, check=True).stdout


def test_a_dbt_that_is_no_program_of_python_is_called_as_it_is(place: Place) -> None:
    assert called(place, '#!/bin/sh\necho "$0" "$@" "$PATH"\n') == f"{place.folder}/bin/dbt build a b {place.folder}/bin:/usr/bin:/bin\n"


def test_a_dbt_of_another_kind_is_called_as_it_is(place: Place) -> None:
    assert called(place, "#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:])\n") == "['build', 'a b']\n"


def test_without_a_dbt_that_is_what_is_said(place: Place) -> None:
    env = {"PATH": f"{_notes.contained(place)}:/usr/bin:/bin"}
    ended = subprocess.run(["/bin/sh", "-c", "dbt build"], env=env, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (127, "dbt: command not found\n")


@pytest.mark.docker
def test_rows_that_a_test_found_in_a_container_are_shown(context: MemoryContext) -> None:
    shutil.copytree(PROJECT, context.working_dir, dirs_exist_ok=True)
    task = DbtCLI.model_validate(
        {
            "id": "a",
            "type": "d",
            "commands": ["dbt build --select raw_people stg_people"],
            "profiles": PROFILES,
            "containerImage": "ghcr.io/kestra-io/dbt-duckdb:latest",
            "taskRunner": DOCKER,
        }
    )
    with pytest.raises(TaskFailed):
        task.run(context)
    assert context.headers["runner"].startswith("Docker, image")
    failing = [step for step in context.steps().values() if step.kind == "test" and step.state == "FAILED"]
    assert failing
    assert all(step.detail["rows"]["rows"] for step in failing)
    assert context.selected[0]


def test_nothing_is_prepared_in_a_container_where_nobody_wants_rows_of_the_gantt(tmp_path: Path, place: Place) -> None:
    context = MemoryContext(tmp_path / "run", Settings(home=tmp_path), None)  # type: ignore[arg-type]  # it makes no environment
    task = DbtCLI.model_validate({"id": "a", "type": "d", "commands": ["dbt build"], "parseRunResults": False})
    assert task.setup(context, place, on_machine=False) == []
