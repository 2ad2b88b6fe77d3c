"""The repository that the demo's flows clone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from kestra_web.demo_repository import build_repository, files_below

DEMO = Path(__file__).resolve().parents[2] / "demo"


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("a home with blanks")
    build_repository(home / "git" / "shop.git", source=DEMO, warehouse=home / "warehouse")
    return home / "git" / "shop.git"


def tree(repository: Path, branch: str) -> set[str]:
    return set(git(repository, "ls-tree", "-r", "--name-only", branch).splitlines())


def test_main_has_the_whole_project_at_its_root(repository: Path) -> None:
    assert tree(repository, "main") == set(files_below(DEMO / "project"))
    assert "dbt_project.yml" in tree(repository, "main")


def test_master_has_the_project_and_profiles_below_dbt(repository: Path) -> None:
    assert tree(repository, "master") == {f"dbt/{path}" for path in files_below(DEMO / "project")} | {"dbt/profiles.yml"}


def test_masters_profiles_name_absolute_files_below_the_warehouse(repository: Path) -> None:
    profile = yaml.safe_load(git(repository, "show", "master:dbt/profiles.yml"))["my_dbt_project"]
    warehouse = repository.parents[1] / "warehouse"
    assert {name: output["path"] for name, output in profile["outputs"].items()} == {
        "dev": f"{warehouse}/dev.duckdb",
        "prod": f"{warehouse}/prod.duckdb",
    }
    assert profile["target"] == "dev"


def test_the_project_has_a_history_that_every_machine_writes_alike(repository: Path, tmp_path: Path) -> None:
    build_repository(tmp_path / "other.git", source=DEMO, warehouse=tmp_path)
    assert git(tmp_path / "other.git", "rev-parse", "main") == git(repository, "rev-parse", "main")
    assert len(git(repository, "log", "--format=%s", "main").splitlines()) >= 5


def test_no_commit_is_empty(repository: Path) -> None:
    changed = [git(repository, "show", "--name-only", "--format=", commit) for commit in git(repository, "rev-list", "master").split()]
    assert all(changed)


def test_a_repository_that_is_there_keeps_what_people_pushed(tmp_path: Path) -> None:
    url = build_repository(tmp_path / "shop.git", source=DEMO, warehouse=tmp_path)
    git(tmp_path, "clone", "--quiet", url, "mine")
    git(tmp_path / "mine", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "--allow-empty", "-m", "Mine")
    git(tmp_path / "mine", "push", "--quiet", "origin", "main")
    assert build_repository(tmp_path / "shop.git", source=DEMO, warehouse=tmp_path) == url
    assert git(tmp_path / "shop.git", "log", "-1", "--format=%s", "main") == "Mine"


def test_a_half_made_repository_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "git").write_text('#!/bin/sh\ncase "$*" in *fast-import*) exit 3;; esac\nexit 0\n')
    (broken / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(subprocess.CalledProcessError):
        build_repository(tmp_path / "git" / "shop.git", source=DEMO, warehouse=tmp_path)
    assert list((tmp_path / "git").iterdir()) == []


def test_a_clone_by_its_url_works_from_a_path_with_blanks(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "master", repository.as_uri(), "copy")
    assert (tmp_path / "copy" / "dbt" / "dbt_project.yml").is_file()
