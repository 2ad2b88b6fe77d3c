"""What a run from the editor asks of dbt, where it runs, and the docs that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.models import Node
from catalog.models import Project as Catalogued
from executions.models import Execution
from namespaces import files
from namespaces.files import Place
from namespaces.models import User
from namespaces.services import connections
from tests.workspace.conftest import NAMESPACE
from workspace import dbt_runs, project_files

pytestmark = pytest.mark.django_db
PROFILES = "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}\n"


@pytest.mark.parametrize(("folder", "profiles", "told"), [
    ("dbt", "dbt/profiles.yml", " --profiles-dir dbt"),
    ("dbt", "profiles.yml", ""),
    ("", "profiles.yml", ""),
])  # fmt: skip
def test_dbt_is_told_where_profiles_beside_the_project_lie(
    ada: User, settings: Settings, tmp_path: Path, folder: str, profiles: str, told: str
) -> None:
    settings.KESTRA_STORAGE = tmp_path / "storage"
    at = f"{folder}/" if folder else ""
    for path, text in {f"{at}dbt_project.yml": "name: shop\nprofile: shop\n", f"{at}models/a.sql": "select 1", profiles: PROFILES}.items():
        files.write(NAMESPACE, path, text.encode())
    project = project_files.find(Place(NAMESPACE), f"{at}models/a.sql")
    run = dbt_runs.start(user=ada, project=project, worktree=None, verb="build", path=f"{at}models/a.sql", reach="this+")
    assert run.inputs["commands"] == [f"dbt build --select path:models/a.sql+{told}"]


def test_the_docs_are_those_of_the_whole_project(ada: User, settings: Settings, tmp_path: Path) -> None:
    settings.KESTRA_STORAGE = tmp_path / "storage"
    for path, text in {"dbt_project.yml": "name: shop\nprofile: shop\n", "models/a.sql": "select 1", "profiles.yml": PROFILES}.items():
        files.write(NAMESPACE, path, text.encode())
    page = Client()
    page.force_login(ada)
    address = f"/workspace/{NAMESPACE}/dbt/docs/?path=models/a.sql"
    assert "Make the docs" in page.get(address).content.decode()
    started = page.post(address)
    run = Execution.objects.get(flow_id=dbt_runs.FLOW)
    assert (started.status_code, started.headers["Location"]) == (302, f"/executions/{run.id}/")
    assert run.inputs["commands"] == ["dbt docs generate"]
    project = Catalogued.objects.create(namespace=NAMESPACE, name="shop", adapter="duckdb", version=1)
    made = {"first": 1, "kind": "model", "name": "a", "lower_name": "a", "package": "shop", "digest": "x"}
    assert page.get(address).status_code == 200, "a model that the catalog lacks has no docs yet"
    Node.objects.create(project=project, unique_id="model.shop.a", path="models/a.sql", **made)
    assert page.get(address).headers["Location"] == f"/catalog/{project.pk}/nodes/model.shop.a/"
    assert page.get(f"{address[:-5]}.yml").headers["Location"] == f"/catalog/{project.pk}/"


def test_targets_are_offered_as_they_would_be_used(ada: User, settings: Settings, tmp_path: Path) -> None:
    settings.KESTRA_STORAGE = tmp_path / "storage"
    page = Client()
    page.force_login(ada)
    at = f"/workspace/{NAMESPACE}/dbt/target/"
    assert page.get(at).json() == {"target": "", "origin": "", "default": "", "targets": [], "guarded": False}
    files.write(NAMESPACE, "dbt_project.yml", b"name: shop\nprofile: shop\n")
    for name, about in {"dev": {"is_default": True}, "prod": {"protected": True}, "own": {"protected": True, "personal": True}}.items():
        fields = {"path": ":memory:"}
        connections.put(user=None, namespace=NAMESPACE, name=name, adapter="duckdb", fields=fields, secrets={}, **about)
    told = page.get(at).json()
    assert (told["origin"], told["default"], told["guarded"]) == ("connections", "dev", False)
    assert {one["name"]: one["guarded"] for one in told["targets"]} == {"dev": False, "own": False, "prod": True}
    assert page.post(at, {"target": "prod"}, content_type="application/json").json()["guarded"] is True
    files.write(NAMESPACE, "profiles.yml", PROFILES.encode())
    told = page.get(at).json()
    assert (told["origin"], told["default"]) == ("profiles.yml", "dev")
    assert told["targets"] == [{"name": "dev", "adapter": "duckdb", "guarded": False}]
