"""The demo's flows, as texts: types, tokens, and the first one's wording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

FLOWS = Path(__file__).resolve().parents[2] / "demo" / "flows"
PROJECTS = FLOWS.parent / "projects"
CORE, SCRIPTS = "io.kestra.plugin.core", "io.kestra.plugin.scripts"
KNOWN = {
    *(f"{CORE}.flow.{name}" for name in ("Sequential", "Parallel", "WorkingDirectory", "If", "Switch", "Sleep")),
    f"{CORE}.log.Log",
    f"{CORE}.debug.Return",
    f"{CORE}.execution.Fail",
    f"{CORE}.runner.Process",
    f"{CORE}.trigger.Schedule",
    f"{CORE}.trigger.Webhook",
    f"{CORE}.condition.Expression",
    f"{CORE}.http.Request",
    "io.kestra.plugin.git.Clone",
    "io.kestra.plugin.dbt.cli.DbtCLI",
    "io.kestra.plugin.soda.Scan",
    *(f"{SCRIPTS}.{language}.{name}" for language in ("shell", "python") for name in ("Commands", "Script")),
    f"{SCRIPTS}.runner.docker.Docker",
}
VERBATIM = ("dbt_duckdb", "dbt_build")  # as documentation has them, without description and labels
PATHS = sorted(FLOWS.glob("*.yml"))


def types(value: Any) -> Iterator[str]:
    """Every `type` of a task, trigger or runner below a value; inputs have short ones of their own."""
    if isinstance(value, dict):
        if str(value.get("type", "")).startswith("io."):
            yield value["type"]
        for inner in value.values():
            yield from types(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from types(inner)


def read(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text())
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_flow_uses_known_types_and_is_named_like_its_file(path: Path) -> None:
    flow = read(path)
    assert flow["id"] == path.stem
    assert set(types(flow)) <= KNOWN
    assert path.read_text().startswith(f"id: {path.stem}\nnamespace: {flow['namespace']}\n")


@pytest.mark.parametrize("path", [path for path in PATHS if path.stem not in VERBATIM], ids=lambda path: path.stem)
def test_a_flow_says_what_it_does_and_carries_labels(path: Path) -> None:
    flow = read(path)
    assert len(flow["description"]) > 60
    assert flow["labels"]


def test_the_first_flow_is_the_documented_one_but_for_its_repository() -> None:
    assert read(FLOWS / "dbt_duckdb.yml") == {
        "id": "dbt_duckdb",
        "namespace": "company.team.dbt",
        "tasks": [
            {
                "id": "dbt",
                "type": f"{CORE}.flow.WorkingDirectory",
                "tasks": [
                    {"id": "clone_repository", "type": "io.kestra.plugin.git.Clone", "url": "__GIT_URL__", "branch": "main"},
                    {
                        "id": "dbt_build",
                        "type": "io.kestra.plugin.dbt.cli.DbtCLI",
                        "taskRunner": {"type": f"{SCRIPTS}.runner.docker.Docker"},
                        "containerImage": "ghcr.io/kestra-io/dbt-duckdb:latest",
                        "commands": ["dbt deps", "dbt build"],
                        "profiles": (
                            "my_dbt_project:\n  outputs:\n    dev:\n      type: duckdb\n"
                            '      path: ":memory:"\n      fixed_retries: 1\n      threads: 16\n      timeout_seconds: 300\n  target: dev\n'
                        ),
                    },
                ],
            }
        ],
    }


def test_one_flow_has_a_schedule_and_it_is_switched_off() -> None:
    triggers = [trigger for path in PATHS for trigger in read(path).get("triggers", []) if not trigger["type"].endswith(".Webhook")]
    assert [(trigger["type"], trigger["disabled"]) for trigger in triggers] == [(f"{CORE}.trigger.Schedule", True)]


def test_the_two_project_flow_names_projects_that_are_there() -> None:
    tasks = read(FLOWS / "core_then_marts.yml")["tasks"]
    assert [task["projectDir"] for task in tasks] == ["dbt-core", "dbt-marts"]
    assert all((PROJECTS / task["projectDir"] / "dbt_project.yml").is_file() for task in tasks)


def test_warehouse_files_are_named_absolutely_and_inside_quotes() -> None:
    lines = [line for path in PATHS for line in path.read_text().splitlines() if "path: " in line and ":memory:" not in line]
    assert len(lines) == 8
    assert all(line.strip().startswith('path: "__WAREHOUSE__/') for line in lines)
