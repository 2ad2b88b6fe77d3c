"""The environments of tasks: what the page tells of each, and when one may be removed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from executions import environments
from executions.ports import COMPLETE
from namespaces.models import User
from tests import builders
from ui.errors import Conflict, Forbidden, Missing

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people("company.team")


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """One environment with dbt and DuckDB, another that is half made, and one that is going."""
    settings.KESTRA_ENVIRONMENTS = tmp_path
    packages = tmp_path / "dbt-duckdb-1a2b" / "lib" / "python3.11" / "site-packages"
    for name in ("dbt_core-1.11.16", "dbt_duckdb-1.11.1", "dbt_common-1.39.0", "Jinja2-3.1.6"):
        (packages / f"{name}.dist-info").mkdir(parents=True)
    (tmp_path / "dbt-duckdb-1a2b" / COMPLETE).touch()
    (tmp_path / "half").mkdir()
    (tmp_path / ".removed-x").mkdir()
    (tmp_path / ".removed-x" / COMPLETE).touch()
    return tmp_path / "dbt-duckdb-1a2b"


def test_what_is_told_of_each(folder: Path) -> None:
    (found,) = environments.made()
    assert (found.key, found.python, found.dbt) == ("dbt-duckdb-1a2b", "3.11", "1.11.16")
    assert found.adapters == ["dbt-duckdb 1.11.1"]
    assert found.packages["jinja2"] == "3.1.6"


def test_an_administrator_removes_one_on_the_page(folder: Path, people: dict[str, User]) -> None:
    client = Client()
    client.force_login(people["admin"])
    assert "dbt-duckdb-1a2b" in client.get("/environments/").content.decode()
    answer = client.post("/environments/dbt-duckdb-1a2b/remove/", follow=True).content.decode()
    assert "dbt-duckdb-1a2b is removed" in answer
    assert "No environment" in answer
    assert not folder.exists()


def test_one_that_is_used_stays(folder: Path, people: dict[str, User]) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", f"{folder}/bin/dbt"], stdin=subprocess.PIPE) as process:
        with pytest.raises(Conflict, match="uses this environment now"):
            environments.remove(user=people["admin"], key=folder.name)
        assert process.stdin
        process.stdin.close()
    environments.remove(user=people["admin"], key=folder.name)
    assert not folder.exists()


def test_one_that_only_waits_with_dbt_loaded_goes(folder: Path, people: dict[str, User]) -> None:
    words = [sys.executable, "-c", "input()", "/tmp/dbt-host-x/socket", f"{folder}/bin/dbt"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        environments.remove(user=people["admin"], key=folder.name)
        assert process.stdin
        process.stdin.close()


@pytest.mark.parametrize("key", ["none", "half", ".removed-x", "..", "a/b"])
def test_nothing_else_is_removed(folder: Path, people: dict[str, User], key: str) -> None:
    with pytest.raises(Missing):
        environments.remove(user=people["admin"], key=key)
    assert folder.exists()


def test_nobody_else_may(folder: Path, people: dict[str, User]) -> None:
    with pytest.raises((Forbidden, Missing)):
        environments.remove(user=people["owner"], key=folder.name)
