"""dbt really builds the demo's projects."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

DEMO = Path(__file__).resolve().parents[2] / "demo"
PROFILE = """
{profile}:
  outputs:
    dev: {{type: duckdb, path: "{path}", threads: 16}}
  target: dev
"""

pytestmark = [pytest.mark.dbt, pytest.mark.timeout(600)]


def run(dbt: Path, folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """The events that a dbt command prints; it has to end well."""
    command = [str(dbt), "--log-format", "json", "--no-send-anonymous-usage-stats", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def warnings(events: list[dict[str, Any]]) -> list[str]:
    return [f"{event['info']['name']}: {event['info']['msg']}" for event in events if event["info"]["level"] in ("warn", "error")]


def results(folder: Path) -> dict[str, str]:
    found = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    return {result["unique_id"]: result["status"] for result in found}


def copy(project: str, folder: Path, *, profile: str, path: str) -> Path:
    target = folder / Path(project).name
    shutil.copytree(DEMO / project, target, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"))
    (target / "profiles.yml").write_text(PROFILE.format(profile=profile, path=path))
    return target


def test_the_shop_builds_in_memory_with_exactly_one_warning(dbt: Path, tmp_path: Path) -> None:
    project = copy("project", tmp_path, profile="my_dbt_project", path=":memory:")
    assert warnings(run(dbt, project, "deps")) == []
    said = warnings(run(dbt, project, "build"))
    assert said, "the one warning is told"
    assert all(name.startswith(("LogTestResult", "RunResultWarning")) for name in said), said
    ended = results(project)
    assert Counter(ended.values()) == {"success": 41, "pass": len(ended) - 44, "warn": 1, "no-op": 2}
    assert [node for node, status in ended.items() if status == "warn"] == ["test.company_analytics.orders_delivered_unpaid"]
    assert sum(node.startswith("model.") for node in ended) >= 15


def test_a_second_build_of_a_file_adds_to_what_is_there_and_finds_the_sources_fresh(dbt: Path, tmp_path: Path) -> None:
    project = copy("project", tmp_path, profile="my_dbt_project", path=str(tmp_path / "shop.duckdb"))
    run(dbt, project, "build")
    first = results(project)
    events = run(dbt, project, "build")
    assert results(project) == first
    assert sum("incremental" in event["info"]["msg"] and "OK" in event["info"]["msg"] for event in events) == 3
    assert warnings(run(dbt, project, "source", "freshness")) == []


def test_the_help_desks_second_project_builds_on_the_first(dbt: Path, tmp_path: Path) -> None:
    for name in ("dbt-core", "dbt-marts"):
        project = copy(f"projects/{name}", tmp_path, profile="support", path=str(tmp_path / "support.duckdb"))
        assert warnings(run(dbt, project, "build")) == []
        assert set(results(project).values()) <= {"success", "pass"}
