"""What a run from the editor asks of dbt."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from namespaces import files
from namespaces.files import Place
from namespaces.models import User
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
