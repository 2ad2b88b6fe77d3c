"""Whatever is killed while dbt runs, *Resume from failure* runs exactly what had not succeeded: real processes, real kills."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from executions import leftovers, models, resuming
from executions.models import Execution
from kv import services as kv
from tests.executions.conftest import Process, eventually, until_ended
from tests.executions.flows import NAMESPACE, PROCESS, messages, save, start
from tests.executions.test_dbt_lost import _folder_of as folder_of
from tests.executions.test_dbt_lost import step

pytestmark = [pytest.mark.long, pytest.mark.redis, pytest.mark.dbt, pytest.mark.linux, pytest.mark.timeout(300)]

FILES = {
    "dbt_project.yml": "{name: shop, version: '1.0', profile: shop}",
    "models/first.sql": "select {{ var('n') }} as n",
    "models/slow.sql": """{{ config(materialized="table") }}
      select count(*) as n from range({{ env_var('ROWS') }}) a, range({{ env_var('ROWS') }}) b, {{ ref('first') }}""",
    "models/after.sql": "select * from {{ ref('slow') }}",
    "models/schema.yml": "models: [{name: after, columns: [{name: n, data_tests: [not_null]}]}]",
    "models/other.sql": "select 'not asked for' as said",
}
PROFILES = "shop: {target: none, outputs: {prod: {type: duckdb, path: %s, threads: 1, schema: prod}}}"
CHOSEN = {"model.shop.first", "model.shop.slow", "model.shop.after"}


def begun(warm: str, folder: Path) -> Execution:
    """An execution of a flow whose dbt is in an endless query, with one model done and nodes that have not begun."""
    folder.mkdir()
    folder.chmod(0o777)
    warehouse = folder / "w.duckdb"
    given = json.dumps({name: "{% verbatim %}" + text + "{% endverbatim %}" for name, text in FILES.items()})
    body = f"""tasks:
  - id: build
    type: io.kestra.plugin.dbt.cli.DbtCLI
    {PROCESS}
    containerImage: ghcr.io/kestra-io/dbt-duckdb:latest
    warm: {warm}
    inputFiles: {given}
    env: {{ROWS: "{{{{ kv('rows') }}}}"}}
    profiles: "{PROFILES % warehouse}"
    commands: ["dbt build --target prod --vars '{{n: {{{{ kv('n') }}}}}}' --select {{{{ kv('which') }}}}"]
"""
    for key, value in (("rows", 300_000_000), ("n", 7), ("which", "first+")):
        kv.set(NAMESPACE, key, value)
    execution = start(save(f"going_on_{warm}", body))
    eventually(lambda: step(execution, "model.shop.slow") == "RUNNING", "the query runs", 120)
    return execution


def dbt_processes(execution: Execution) -> list[int]:
    """The processes that work in a folder of the execution."""
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if execution.id in folder_of(entry)]


def kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("warm", ["auto", "never"])
@pytest.mark.parametrize("killed", ["dbt", "worker", "machine"])
def test_exactly_what_had_not_succeeded_is_run(killed: str, warm: str, make_process: Callable[[str], Process], tmp_path: Path) -> None:
    worker = make_process("worker")
    scheduler = make_process("scheduler")
    execution = begun(warm, tmp_path / "warehouse")
    if killed == "dbt":
        kill(dbt_processes(execution))
    else:
        worker.stop(signal.SIGKILL)
        if killed == "machine":
            scheduler.stop(signal.SIGKILL)
            kill(dbt_processes(execution))
            make_process("scheduler")
        make_process("worker")
    until_ended(execution, 60)
    run = models.TaskRun.objects.get(execution=execution)
    assert execution.state == "FAILED"
    assert not models.Step.objects.filter(execution=execution, name="model.shop.after").exclude(state="SKIPPED").exists()
    left = leftovers.of(run)
    assert left.done == {"model.shop.first"}
    assert {node for node in left.selected[0] if node.startswith("model.")} == CHOSEN
    assert "run_results.json" not in str(run.outputs)

    for key, value in (("rows", 10), ("n", 7), ("which", "other")):  # what the command would select by now is something else
        kv.set(NAMESPACE, key, value)
    resumed = until_ended(resuming.resume(user=None, execution_id=execution.id), 90)
    assert resumed.state == "SUCCESS", messages(resumed)
    rows = list(models.Step.objects.filter(execution=resumed).values_list("label", "state"))
    assert sorted(rows) == [("after", "SUCCESS"), ("not_null_after_n", "SUCCESS"), ("slow", "SUCCESS")]
    assert "prod" in models.Step.objects.get(execution=resumed, label="slow").data["relation"]
