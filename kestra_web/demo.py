"""The demo that a fresh data folder gets: a Git repository with a dbt project, flows that build it, and namespace files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flows import services
from flows.models import Flow
from kestra_web.demo_repository import build_repository, files_below, master_files, with_warehouse
from namespaces import files

SOURCE = Path(__file__).resolve().parent.parent / "demo"
TWO_PROJECTS = "company.team.dbt.mesh"  # the namespace of the flow `core_then_marts`
EDITED_PROJECT = "company.team.dbt.dev"  # the namespace of the flow `dbt_build`, whose project is edited in place


def load(home: Path) -> None:
    """Make the demo's repository, flows and namespace files below the data folder `home`; what is there already stays as it is."""
    warehouse = home / "warehouse"
    warehouse.mkdir(parents=True, exist_ok=True)
    url = build_repository(home / "git" / "company_analytics.git", source=SOURCE, warehouse=warehouse)
    _write(TWO_PROJECTS, files_below(SOURCE / "projects"))
    _write(EDITED_PROJECT, master_files(SOURCE, warehouse))
    for source in flow_sources(url, warehouse):
        _create(source)


def flow_sources(url: str, warehouse: Path) -> list[str]:
    """The text of every demo flow, with the repository's URL and the warehouse's path in the place of their tokens."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((SOURCE / "flows").glob("*.yml"))]
    return [with_warehouse(text.replace("__GIT_URL__", url), warehouse) for text in texts]


def _write(namespace: str, contents: Mapping[str, bytes]) -> None:
    for path, content in contents.items():
        if not files.exists(namespace, path):
            files.write(namespace, path, content)


def _create(source: str) -> None:
    head = dict(line.split(": ", 1) for line in source.splitlines()[:2])  # the demo's flows open with their id and namespace
    if not Flow.objects.filter(namespace=head["namespace"], flow_id=head["id"]).exists():
        services.create(user=None, source=source)
