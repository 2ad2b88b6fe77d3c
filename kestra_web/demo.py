"""The demo that a fresh data folder gets: a Git repository with a dbt project, flows that build it, and namespace files."""

from __future__ import annotations

from pathlib import Path

from flows import services
from flows.models import Flow
from kestra_web.demo_repository import build_repository, files_below, with_warehouse
from namespaces import files

SOURCE = Path(__file__).resolve().parent.parent / "demo"
FILES_NAMESPACE = "company.team.dbt.mesh"  # whose files are the two projects of the flow `core_then_marts`


def load(home: Path) -> None:
    """Make the demo's repository, flows and namespace files below the data folder `home`; what is there already stays as it is."""
    warehouse = home / "warehouse"
    warehouse.mkdir(parents=True, exist_ok=True)
    url = build_repository(home / "git" / "company_analytics.git", source=SOURCE, warehouse=warehouse)
    for path, content in files_below(SOURCE / "projects").items():
        if not files.exists(FILES_NAMESPACE, path):
            files.write(FILES_NAMESPACE, path, content)
    for source in flow_sources(url, warehouse):
        _create(source)


def flow_sources(url: str, warehouse: Path) -> list[str]:
    """The text of every demo flow, with the repository's URL and the warehouse's path in the place of their tokens."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((SOURCE / "flows").glob("*.yml"))]
    return [with_warehouse(text.replace("__GIT_URL__", url), warehouse) for text in texts]


def _create(source: str) -> None:
    head = dict(line.split(": ", 1) for line in source.splitlines()[:2])  # the demo's flows open with their id and namespace
    if not Flow.objects.filter(namespace=head["namespace"], flow_id=head["id"]).exists():
        services.create(user=None, source=source)
