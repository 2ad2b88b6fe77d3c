"""What the pane of a step shows beside its row, after runs of the real dbt."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from plugins.dbt import _hosts
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import PROJECT, dbt, failure_of

pytestmark = [pytest.mark.dbt, pytest.mark.linux, pytest.mark.timeout(300)]

BROKEN = """

{{ config(materialized="table") }}
-- a comment
select
  id,
  nope
from {{ ref("stg_people") }}
"""
MICRO = """{{ config(materialized="incremental", incremental_strategy="microbatch", event_time="born") }}
{{ config(begin="2026-11-23", batch_size="day") }}
{% set bad = model.batch and model.batch.event_time_start.day == 24 %}
select date '2026-11-23' as born, {% if bad %} nope {% else %} 1 {% endif %} as x
"""
UNIT = """unit_tests:
  - name: counts_people
    model: counts
    given:
      - input: ref('stg_people')
        rows: [{id: 1}, {id: 2}]
    expect:
      rows: [{n: 3}]
"""


@pytest.fixture(autouse=True)
def _no_host_stays() -> Iterator[None]:
    yield
    _hosts.end()


@pytest.fixture
def project(context: MemoryContext) -> MemoryContext:
    """A context whose working directory holds the project, with more in it that goes wrong."""
    shutil.copytree(PROJECT, context.working_dir, dirs_exist_ok=True)
    (context.working_dir / "models" / "broken.sql").write_text(BROKEN)
    (context.working_dir / "models" / "micro.sql").write_text(MICRO)
    (context.working_dir / "models" / "unit.yml").write_text(UNIT)
    return context


def detail(context: MemoryContext, name: str) -> dict[str, Any]:
    return dict(context.steps()[name].detail)


def test_every_step_explains_itself(project: MemoryContext) -> None:
    commands = ("dbt build --exclude test_type:data micro", "dbt test --select accepted_values_stg_people_name__Ada")
    failed = failure_of(dbt(*commands, failFast=False), project)
    assert failed.outputs is not None
    steps = project.steps()
    broken = detail(project, "model.shop.broken")
    assert broken["error_at"] == {"path": "models/broken.sql", "line": 7, "text": "  nope"}
    assert broken["sql"].splitlines()[broken["sql_line"] - 1] == "  nope"
    assert 'from "warehouse"."main"."stg_people"' in broken["sql"]
    assert steps["model.shop.after_broken"].data["cause"] == "model.shop.broken"
    assert detail(project, "model.shop.after_broken") == {}
    assert detail(project, "seed.shop.raw_people")["adapter"] == {"code": "INSERT", "rows_affected": 3}
    assert detail(project, "model.shop.stg_people")["timing"].keys() == {"compile", "execute"}
    assert steps["operation.shop.shop-on-run-end-0"].state == "SUCCESS"
    assert steps["operation.shop.shop-on-run-end-0"].kind in ("operation", "hook")
    unit = steps["unit_test.shop.counts.counts_people"]
    assert (unit.state, "actual differs from expected" in (unit.message or "").lower()) == ("FAILED", True)
    assert steps["model.shop.counts"].data["cause"] == "unit_test.shop.counts.counts_people"
    test = next(name for name in steps if name.startswith("test.shop.accepted"))
    assert detail(project, test)["rows"] == {"columns": ["value_field", "n_records"], "rows": [["Grace", "2"]], "more": False}
    assert "value_field" in detail(project, test)["sql"]


def test_batches_are_steps_while_they_run_and_each_has_its_sql(project: MemoryContext) -> None:
    failure_of(dbt("dbt build --select micro"), project)
    batches = {name: report for name, report in project.steps().items() if report.kind == "batch"}
    assert [report.state for report in batches.values()] == ["SUCCESS", "FAILED", "SUCCESS"]
    assert {report.parent for report in batches.values()} == {"model.shop.micro"}
    assert [report.state for report in project.reports if report.name == "model.shop.micro.batch_1"][:2] == ["RUNNING", "SUCCESS"]
    assert project.steps()["model.shop.micro"].state == "WARNING"
    assert "nope" in detail(project, "model.shop.micro.batch_2")["sql"]
    assert any(line.step == "model.shop.micro.batch_2" for line in project.logs)


def test_what_dbt_did_not_live_to_tell_is_read_from_its_folder(project: MemoryContext) -> None:
    build = "dbt build --select raw_people stg_people --exclude resource_type:test"
    failure_of(dbt(build, "rm target/run_results.json; false", warm="never"), project)
    assert "raw_people" in detail(project, "model.shop.stg_people")["sql"]


def test_a_process_of_its_own_leaves_failing_rows_too(project: MemoryContext) -> None:
    build = "dbt build --select raw_people stg_people"
    failed = failure_of(dbt("dbt --version", build, warm="never"), project)
    assert "accepted_values" in failed.message
    test = next(name for name in project.steps() if name.startswith("test.shop.accepted"))
    assert detail(project, test)["rows"] == {"columns": ["value_field", "n_records"], "rows": [["Grace", "2"]], "more": False}
    assert project.headers["dbt"] == "a process of its own: `warm` is `never`"
    assert set(project.selected[1]) == {name for name in project.steps() if not name.startswith(("dbt.", "operation."))}
    assert detail(project, "model.shop.stg_people")["sql"]
