"""The task that scans data, with the real Soda Core and DuckDB."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import Result, Settings, StepReport, TaskFailed
from plugins.dbt import _database
from plugins.scripts import _environments, _images
from plugins.soda import _driver, _hidden, _packages
from plugins.soda.scan import Scan
from tests.plugins.cases import case
from tests.plugins.context import FolderEnvironments, MemoryContext

PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}
SOURCE = {"data_source kestra": {"type": "duckdb", "path": "shop.duckdb"}}
TABLES = """
create table orderDetail as select * from (values
  (1, 150.0, now()::timestamp - interval 10 day), (2, 200.0, now()::timestamp - interval 9 day)) as t(id, unitPrice, addedDate);
create table territory as select * from (values (1, 'north'), (4, 'south')) as t(regionId, name);
"""
PRICES = [
    "row_count > 0",
    {"max(unitPrice)": {"warn": "when between 1 and 250", "fail": "when > 250"}},
]
REGIONS = ["row_count > 0", {"failed rows": {"name": "Failed rows query test", "fail condition": "regionId = 4"}}]

pytestmark = pytest.mark.dbt  # as dbt's environments, Soda's come from the package index


def scan(checks: Any, **given: Any) -> Scan:
    properties = {"taskRunner": PROCESS, "configuration": SOURCE, "requirements": ["soda-core-duckdb"], "checks": checks, **given}
    return Scan.model_validate({"id": "scan", "type": "io.kestra.plugin.soda.Scan", **properties})


def outputs(ended: Result | TaskFailed) -> dict[str, Any]:
    return dict(ended.outputs or {})


def ran(task: Scan, context: MemoryContext) -> Result | TaskFailed:
    try:
        return task.run(context)
    except TaskFailed as failed:
        return failed


def checks_of(context: MemoryContext) -> dict[str, StepReport]:
    return {step.label: step for step in context.steps().values() if step.kind == "check"}


def query(environment: Path, file: Path, *statements: str) -> None:
    program = "import duckdb, sys\nfor one in sys.argv[2:]: duckdb.connect(sys.argv[1]).execute(one)"
    subprocess.run([environment / "bin" / "python", "-c", program, file, *statements], check=True)


@pytest.fixture(scope="session")
def soda(environments: FolderEnvironments, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that tasks with DuckDB make."""
    folder = tmp_path_factory.mktemp("making")
    context = MemoryContext(folder, Settings(home=folder), environments)
    return _environments.ensure(context, _packages.recipe(["soda-core-duckdb"], SOURCE, folder))


@pytest.fixture
def shop(context: MemoryContext, soda: Path) -> MemoryContext:
    """A context whose working directory holds a warehouse."""
    query(soda, context.working_dir / "shop.duckdb", TABLES)
    return context


@pytest.fixture(scope="module")
def guide(environments: FolderEnvironments, soda: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TaskFailed, MemoryContext]:
    """How the checks of Kestra's guide end."""
    folder = tmp_path_factory.mktemp("guide")
    context = MemoryContext(folder, Settings(home=folder), environments)
    query(soda, context.working_dir / "shop.duckdb", TABLES)
    ended = ran(scan({"checks for orderDetail": PRICES, "checks for territory": REGIONS}), context)
    assert isinstance(ended, TaskFailed)
    return ended, context


@case("seed.soda.example")
def test_the_checks_of_the_guide_fail_though_one_of_them_only_warns(guide: tuple[TaskFailed, MemoryContext]) -> None:
    ended, _ = guide
    assert ended.state == "FAILED"
    assert ended.message == "1 check failed: Failed rows query test (found 1)"
    assert not ended.retryable
    result = outputs(ended)["result"]
    assert (result["hasErrors"], result["hasWarnings"], result["hasFailures"]) == (False, True, True)
    assert sorted((check["table"], check["name"], check["outcome"]) for check in result["checks"]) == [
        ("orderDetail", "max(unitPrice) warn when between 1 and 250 fail when > 250", "warn"),
        ("orderDetail", "row_count > 0", "pass"),
        ("territory", "Failed rows query test", "fail"),
        ("territory", "row_count > 0", "pass"),
    ]


def test_every_check_has_its_row_below_its_dataset_with_sql_and_the_rows_that_were_wrong(guide: tuple[TaskFailed, MemoryContext]) -> None:
    _, context = guide
    steps = context.steps()
    assert {name: step.state for name, step in steps.items() if step.kind == "dataset"} == {
        "dataset.orderDetail": "WARNING",
        "dataset.territory": "FAILED",
    }
    checks = checks_of(context)
    price = checks["max(unitPrice) warn when between 1 and 250 fail when > 250"]
    assert (price.state, price.message, price.parent) == ("WARNING", "found 200.0", "dataset.orderDetail")
    assert "MAX(unitPrice)" in price.detail["sql"]
    assert checks["Failed rows query test"].detail["rows"] == {"columns": ["regionId", "name"], "rows": [["4", "south"]], "more": False}
    assert all(step.started and step.ended and step.started <= step.ended for step in steps.values())


def test_checks_are_told_while_the_scan_goes_on(guide: tuple[TaskFailed, MemoryContext]) -> None:
    _, context = guide
    told = [(report.label, report.state) for report in context.reports]
    first_ended = next(at for at, (_, state) in enumerate(told) if state == "WARNING")
    assert ("Failed rows query test", "CREATED") in told[:first_ended]
    assert ("Failed rows query test", "RUNNING") in told[first_ended:]


def test_numbers_are_metrics_of_their_table_and_column(guide: tuple[TaskFailed, MemoryContext]) -> None:
    _, context = guide
    measured = {(metric.name, metric.value, *sorted(metric.tags.items())) for metric in context.metrics}
    assert ("row_count", 2, ("table", "orderDetail")) in measured
    assert ("max", 200.0, ("column", "unitPrice"), ("table", "orderDetail")) in measured


@case("soda.warn")
def test_a_check_that_warns_makes_the_task_warn(shop: MemoryContext) -> None:
    ended = ran(scan({"checks for orderDetail": [*PRICES, "freshness(addedDate) > 3d"]}), shop)
    assert isinstance(ended, Result)
    assert ended.state == "WARNING"
    result = outputs(ended)["result"]
    assert (result["hasErrors"], result["hasWarnings"], result["hasFailures"]) == (False, True, False)
    assert len(result["checks"]) == 3
    assert outputs(ended)["exitCode"] == 0


@case("soda.fail")
def test_a_check_that_fails_makes_the_task_fail(shop: MemoryContext) -> None:
    ended = ran(scan({"checks for territory": REGIONS}, failingRows=False), shop)
    assert isinstance(ended, TaskFailed)
    result = outputs(ended)["result"]
    assert (result["hasErrors"], result["hasWarnings"], result["hasFailures"]) == (False, False, True)
    assert "rows" not in checks_of(shop)["Failed rows query test"].detail


@case("soda.error")
def test_a_table_that_is_not_there_is_an_error(shop: MemoryContext) -> None:
    ended = ran(scan({"checks for orderDetail": None, "checks for invalid_table": ["row_count > 0"]}), shop)
    assert isinstance(ended, TaskFailed)
    assert "invalid_table does not exist" in ended.message
    assert ended.retryable
    result = outputs(ended)["result"]
    assert (result["hasErrors"], result["hasWarnings"], result["hasFailures"]) == (True, False, False)


def test_what_cannot_be_evaluated_takes_no_other_check_with_it(shop: MemoryContext) -> None:
    territory = ["row_count = 2", "change for row_count < 50"]
    ended = ran(scan({"checks for invalid_table": ["row_count > 0"], "checks for territory": territory}), shop)
    assert isinstance(ended, TaskFailed)
    checks = checks_of(shop)
    assert {label: step.state for label, step in checks.items()} == {
        "row_count > 0": "FAILED",
        "row_count = 2": "SUCCESS",
        "change for row_count < 50": "SKIPPED",
    }
    assert checks["change for row_count < 50"].data["badge"] == "not evaluated"


@case("soda.verbose_and_variables")
def test_verbose_and_variables_go_together(shop: MemoryContext) -> None:
    task = scan({"checks for territory": ["row_count >= ${a}"]}, verbose=True, variables={"a": 1})
    ended = ran(task, shop)
    assert isinstance(ended, Result), ended
    assert ended.state == "SUCCESS"
    assert [check["name"] for check in outputs(ended)["result"]["checks"]] == ["row_count >= 1"]
    assert any(line.level == "DEBUG" and "SELECT" in line.message for line in shop.logs)


@case("soda.secrets_scrubbed")
def test_no_secret_of_the_configuration_is_in_outputs_or_left_in_files(shop: MemoryContext) -> None:
    words = ("password", "passwd", "pwd", "secret", "token", "key", "credential", "accountinfojson", "auth")
    hidden = {f"my_{word}": f"hidden-{word}-1" for word in words}
    configuration = {"data_source kestra": {**SOURCE["data_source kestra"], **hidden, "account_info_json": {"user": "hidden-user"}}}
    ended = ran(scan({"checks for territory": ["row_count > 0"]}, configuration=configuration, verbose=True), shop)
    assert isinstance(ended, Result), ended
    shown = outputs(ended)["configuration"]["data_source kestra"]
    assert shown == {"type": "duckdb", "path": "shop.duckdb", **dict.fromkeys(hidden, "******"), "account_info_json": "******"}
    assert set(shop.hidden) == {*hidden.values(), "hidden-user"}
    assert "hidden-" not in json.dumps(outputs(ended)) + "".join(line.message for line in shop.logs)
    left = [path for path in shop.folder.rglob("*") if path.is_file() and b"hidden-" in path.read_bytes()]
    assert left == []


def test_properties_may_be_expressions_and_the_one_data_source_has_any_name(context: MemoryContext, soda: Path) -> None:
    query(soda, context.working_dir / "shop.duckdb", "create table many as select range as id, null as name from range(250)")
    context.variables["inputs"] = {"source": "data_source shop", "least": 2, "checks": {"checks for many": ["missing_count(name) = 0"]}}
    configuration = {"{{ inputs.source }}": SOURCE["data_source kestra"]}
    ended = ran(scan("{{ inputs.checks }}", configuration=configuration), context)
    assert outputs(ended)["result"]["defaultDataSource"] == "shop"
    rows = checks_of(context)["missing_count(name) = 0"].detail["rows"]
    assert (len(rows["rows"]), rows["more"]) == (100, False)  # Soda itself asks for no more
    assert rows["rows"][0] == ["0", None]


def test_a_data_source_that_cannot_be_reached_is_told(shop: MemoryContext) -> None:
    nowhere = {"data_source kestra": {"type": "duckdb", "path": str(shop.folder / "missing" / "shop.duckdb")}}
    ended = ran(scan({"checks for territory": REGIONS}, configuration=nowhere), shop)
    assert isinstance(ended, TaskFailed)
    assert ended.message.startswith('Soda could not scan: Could not connect to data source "kestra"')


def test_a_file_that_another_run_writes_is_waited_for(shop: MemoryContext, make_context: Callable[..., MemoryContext]) -> None:
    file = shop.working_dir / "shop.duckdb"
    other = make_context(home=shop.settings.home)
    configuration = {"data_source kestra": {"type": "duckdb", "path": str(file)}}
    with _database.held(other, [file.resolve()], 0):
        ended = ran(scan({"checks for territory": ["row_count = 2"]}, configuration=configuration, waitForDatabase="PT0.1S"), shop)
    assert isinstance(ended, TaskFailed)
    assert f"execution {other.execution_id}" in ended.message


def test_a_scan_without_soda_says_what_to_do(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    ended = subprocess.run(
        [sys.executable, "-s", str(_driver.__file__), str(plan), str(tmp_path / "result.json")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Soda Core 3 is not here (No module named 'soda'): name the package")
    assert not plan.exists()


def test_a_file_of_a_newer_duckdb_is_read(context: MemoryContext, environments: FolderEnvironments) -> None:
    newer = _environments.ensure(context, _images.Recipe("duckdb", ("duckdb",)))
    query(newer, context.working_dir / "shop.duckdb", TABLES)
    ended = ran(scan({"checks for territory": ["row_count = 2"]}, requirements=None), context)
    assert isinstance(ended, Result), ended
    assert ended.state == "SUCCESS"


def test_packages_are_those_of_the_data_sources_where_none_are_named(tmp_path: Path) -> None:
    recipe = _packages.recipe([], {"data_source kestra": {"type": "spark_df"}, "data_source b": {"type": "postgres"}}, tmp_path)
    assert recipe.requirements[:2] == ("soda-core-postgres", "soda-core-spark-df")
    named = _packages.recipe(["soda-core-bigquery==3.5.6", "duckdb==1.4.0"], {"data_source kestra": {"type": "postgres"}}, tmp_path)
    assert "soda-core-postgres" not in named.requirements
    assert (named.requirements[0], named.over) == ("soda-core-bigquery==3.5.6", ("duckdb==1.4.0",))


def test_a_duckdb_of_ones_own_goes_with_the_soda_of_the_same_version(tmp_path: Path) -> None:
    recipe = _packages.recipe(["soda-core-duckdb~=3.5.0", "duckdb==1.4.0"], SOURCE, tmp_path)
    assert "soda-core~=3.5.0" in recipe.requirements
    assert recipe.over == ("soda-core-duckdb~=3.5.0", "duckdb==1.4.0")


def test_a_python_without_an_old_duckdb_takes_a_newer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _packages.recipe([], SOURCE, tmp_path).over == (() if sys.version_info < (3, 13) else ("soda-core-duckdb", "duckdb"))
    monkeypatch.setattr(_packages, "_WITHOUT_OLD_DUCKDB", (3, 0))
    assert _packages.recipe([], SOURCE, tmp_path).over == ("soda-core-duckdb", "duckdb")


def test_what_is_secret_is_found_at_any_depth() -> None:
    given = {"a": [{"api_token": "abcdef", "port": 5432}], "private-key": {"lines": ["one1", "two2"]}, "auth": True, "token": None}
    assert _hidden.scrubbed(given) == {
        "a": [{"api_token": "******", "port": 5432}],
        "private-key": "******",
        "auth": "******",
        "token": None,
    }
    assert sorted(_hidden.secrets(given)) == ["abcdef", "one1", "two2"]


@pytest.mark.parametrize("missing", ["configuration", "checks"])
def test_configuration_and_checks_are_needed(missing: str, make_context: Callable[..., MemoryContext]) -> None:
    given = {"id": "scan", "type": "io.kestra.plugin.soda.Scan", "configuration": SOURCE, "checks": {}}
    del given[missing]
    with pytest.raises(ValueError, match=missing):
        Scan.model_validate(given)
