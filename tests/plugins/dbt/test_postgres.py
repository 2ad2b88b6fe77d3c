"""The dbt task against a real PostgreSQL, and beside DuckDB at the same time."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from plugins.contract import Result, TaskFailed
from plugins.dbt import _hosts
from tests import machine
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import PROJECT, dbt
from tests.stack import wait_until

pytestmark = [pytest.mark.dbt, pytest.mark.postgres, pytest.mark.linux, pytest.mark.timeout(300)]

SLOW = '{{ config(materialized="table") }} select id from {{ ref("stg_people") }} where pg_sleep(600) is not null'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database."""
    with machine.postgres(tmp_path_factory.mktemp("server")) as address:
        yield address
    _hosts.end()


def profiles(address: str, schema: str) -> str:
    parts = urlsplit(address)
    place = f"host: 127.0.0.1\n      port: {parts.port}\n      user: {parts.username}\n      password: {parts.password or 'none'}"
    where = f"{place}\n      dbname: {parts.path.strip('/')}\n      schema: {schema}\n      threads: 4"
    return f"shop:\n  target: dev\n  outputs:\n    dev:\n      type: postgres\n      {where}\n"


def copied(context: MemoryContext, **models: str) -> MemoryContext:
    shutil.copytree(PROJECT, context.working_dir, dirs_exist_ok=True)
    for name, text in models.items():
        (context.working_dir / "models" / f"{name}.sql").write_text(text)
    return context


def ran(context: MemoryContext, command: str, **given: str) -> Result | TaskFailed:
    try:
        return dbt(command, **given).run(context)
    except TaskFailed as failed:
        return failed


def postgres(context: MemoryContext, server: str, schema: str, command: str) -> Result | TaskFailed:
    return ran(context, command, profiles=profiles(server, schema), containerImage="ghcr.io/kestra-io/dbt-postgres:latest")


def test_rows_places_of_errors_and_failing_rows_are_those_of_postgres(context: MemoryContext, server: str) -> None:
    broken = '\n{{ config(materialized="table") }}\n\nselect\n  id,\n  nope\nfrom {{ ref("stg_people") }}\n'
    ended = postgres(copied(context, broken=broken), server, "one", "dbt build --exclude accepted_values_stg_people_name__Ada")
    steps = context.steps()
    assert isinstance(ended, TaskFailed)
    assert 'broken failed: Database Error in model broken (models/broken.sql) column "nope" does not exist' in ended.message
    assert steps["model.shop.broken"].detail["error_at"] == {"path": "models/broken.sql", "line": 6, "text": "  nope"}
    assert steps["model.shop.counts"].data["rows_affected"] == 1
    assert steps["model.shop.counts"].detail["adapter"]["code"] == "SELECT"
    assert (steps["model.shop.after_broken"].state, steps["model.shop.after_broken"].data["cause"]) == ("SKIPPED", "model.shop.broken")
    unique = next(step for name, step in steps.items() if name.startswith("test.shop.unique_stg_people_name"))
    assert (unique.state, unique.detail["rows"]) == (
        "WARNING",
        {"columns": ["unique_field", "n_records"], "rows": [["Grace", "2"]], "more": False},
    )


def test_failures_that_are_stored_stay_stored(context: MemoryContext, server: str) -> None:
    postgres(copied(context), server, "kept", "dbt build --select raw_people stg_people --store-failures")
    test = next(step for name, step in context.steps().items() if name.startswith("test.shop.accepted_values"))
    assert test.detail["rows"]["rows"] == [["Grace", "2"]]
    with psycopg.connect(server) as connection:
        assert connection.execute(f"select * from {test.data['relation']}").fetchall() == [("Grace", 2)]


def test_a_kill_ends_the_query_in_the_database_within_a_second(context: MemoryContext, server: str) -> None:
    copied(context, slow=SLOW)
    asked: list[float] = []

    def kill() -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            wait_until(lambda: sleeping(connection), 60, "the query runs")
            asked.append(time.monotonic())
            context.cancel()
            wait_until(lambda: not sleeping(connection), 10, "the query has ended")
            asked.append(time.monotonic())

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    ended = postgres(context, server, "killed", "dbt build --select raw_people stg_people slow --exclude resource_type:test")
    took = time.monotonic() - asked[0]
    killer.join()
    assert isinstance(ended, TaskFailed)
    assert (ended.state, ended.message) == ("KILLED", "The task was killed")
    steps = context.steps()
    assert (steps["model.shop.stg_people"].state, steps["model.shop.slow"].state) == ("SUCCESS", "KILLED")
    assert "run_results.json" in (ended.outputs or {})["outputFiles"]
    assert max(took, asked[1] - asked[0]) < 2


def sleeping(connection: psycopg.Connection) -> bool:
    others = "select 1 from pg_stat_activity where query like '%pg_sleep(600)%' and state = 'active' and pid <> pg_backend_pid()"
    return connection.execute(others).fetchone() is not None


@pytest.mark.long
def test_two_adapters_at_once_each_in_its_environment(make_context: Callable[..., MemoryContext], server: str) -> None:
    contexts = [copied(make_context(task_run_id=f"5yTask{name}{os.getpid()}")) for name in ("One", "Two")]
    ended: dict[int, Result | TaskFailed] = {}
    good = "dbt build --select raw_people stg_people counts --exclude test_name:accepted_values"
    runs = [
        threading.Thread(target=lambda: ended.update({0: postgres(contexts[0], server, "beside", good)})),
        threading.Thread(target=lambda: ended.update({1: ran(contexts[1], good)})),
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    for context, found in zip(contexts, (ended[0], ended[1]), strict=True):
        assert isinstance(found, Result), found
        assert found.state == "WARNING"
        assert context.steps()["model.shop.counts"].state == "SUCCESS"
    assert contexts[0].steps()["model.shop.counts"].data["relation"] != contexts[1].steps()["model.shop.counts"].data["relation"]
    assert "dbt-postgres" in contexts[0].headers["runner"]
    assert "dbt-duckdb" in contexts[1].headers["runner"]


@pytest.mark.long
def test_two_adapters_in_one_task(context: MemoryContext, server: str) -> None:
    copied(context)
    both = profiles(server, "both") + "    local:\n      type: duckdb\n      path: warehouse.duckdb\n"
    good = "dbt build --select raw_people stg_people counts --exclude resource_type:test"
    result = dbt(good, f"{good} --target local", profiles=both, containerImage="ghcr.io/kestra-io/dbt").run(context)
    assert result.state == "SUCCESS"
    steps = context.steps()
    assert [step.state for step in steps.values() if step.kind == "command"] == ["SUCCESS", "SUCCESS"]
    assert '"both"' in steps["model.shop.counts"].data["relation"]
    assert '"warehouse"' in steps["model.shop.counts@2"].data["relation"]
