"""What a fresh data folder gets."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from flows.models import Flow
from kestra_web import demo
from namespaces import files

FLOWS = {
    "company.team.dbt.build_warehouse",
    "company.team.dbt.ci_pull_request",
    "company.team.dbt.dbt_duckdb",
    "company.team.dbt.dev.dbt_build",
    "company.team.dbt.mesh.check_tickets",
    "company.team.dbt.mesh.core_then_marts",
    "company.team.dbt.nightly_build",
    "company.team.operations.check_deliveries",
}


@pytest.fixture(autouse=True)
def own_storage(tmp_path: Path, settings: Settings) -> None:
    """Namespace files of one test are not there for the next: what is there is never loaded over."""
    settings.KESTRA_STORAGE = tmp_path / "storage"


@pytest.mark.django_db
def test_every_flow_is_valid_and_names_this_data_folder(tmp_path: Path) -> None:
    demo.load(tmp_path)
    assert {str(flow) for flow in Flow.objects.all()} == FLOWS
    url = (tmp_path / "git" / "company_analytics.git").as_uri()
    first = Flow.objects.get(flow_id="dbt_duckdb").source
    assert first == (demo.SOURCE / "flows" / "dbt_duckdb.yml").read_text().replace("__GIT_URL__", url)
    assert str(tmp_path / "warehouse" / "prod.duckdb") in Flow.objects.get(flow_id="build_warehouse").source
    assert not any("__WAREHOUSE__" in flow.source or "__GIT_URL__" in flow.source for flow in Flow.objects.all())


@pytest.mark.django_db
def test_the_two_projects_are_files_of_their_namespace(tmp_path: Path) -> None:
    demo.load(tmp_path)
    for project in ("dbt-core", "dbt-marts"):
        stored = files.read(demo.TWO_PROJECTS, f"{project}/dbt_project.yml")
        assert stored == (demo.SOURCE / "projects" / project / "dbt_project.yml").read_bytes()


@pytest.mark.django_db
def test_the_project_that_is_edited_in_place_brings_profiles_for_this_warehouse(tmp_path: Path) -> None:
    demo.load(tmp_path)
    profiles = files.read(demo.EDITED_PROJECT, "dbt/profiles.yml").decode()
    assert f'"{tmp_path / "warehouse" / "prod.duckdb"}"' in profiles
    assert files.exists(demo.EDITED_PROJECT, "dbt/dbt_project.yml")


@pytest.mark.django_db
def test_loading_again_changes_nothing_that_someone_changed(tmp_path: Path) -> None:
    demo.load(tmp_path)
    files.write(demo.TWO_PROJECTS, "dbt-core/models/agents.sql", b"select 1 as mine")
    before = {str(flow): flow.revision for flow in Flow.objects.all()}
    demo.load(tmp_path)
    assert files.read(demo.TWO_PROJECTS, "dbt-core/models/agents.sql") == b"select 1 as mine"
    assert {str(flow): flow.revision for flow in Flow.objects.all()} == before
