"""A worker that dies while dbt runs a query: rows, states and processes are put right by those that live on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from executions import leftovers, models
from executions.models import Execution
from plugins.core.runner import _group
from tests.executions.conftest import Process, eventually, until_ended
from tests.executions.flows import PROCESS, messages, save, start
from tests.plugins.dbt.test_dbt_cli import PROFILES, PROJECT
from tests.plugins.dbt.test_endings import ENDLESS

IMAGE = "ghcr.io/kestra-io/dbt-duckdb:latest"
pytestmark = [pytest.mark.long, pytest.mark.redis, pytest.mark.dbt, pytest.mark.linux, pytest.mark.timeout(300)]


def dbt_flow(flow_id: str, *commands: str, more: str = "") -> str:
    """Save a flow that runs dbt over the test project, which has an endless model more."""
    files = {path.relative_to(PROJECT).as_posix(): path.read_text() for path in PROJECT.rglob("*") if path.is_file()}
    files["models/slow.sql"] = ENDLESS
    given = json.dumps({name: "{% verbatim %}" + text + "{% endverbatim %}" for name, text in files.items()})
    task = f"  - id: build\n    type: io.kestra.plugin.dbt.cli.DbtCLI\n    {PROCESS}\n    containerImage: {IMAGE}\n"
    body = f"    inputFiles: {given}\n    commands: {json.dumps(commands)}\n    profiles: {json.dumps(PROFILES)}\n{more}"
    return save(flow_id, "tasks:\n" + task + body)


def step(execution: Execution, name: str) -> str:
    return models.Step.objects.filter(execution=execution, name=name).values_list("state", flat=True).first() or ""


def _folder_of(entry: Path) -> str:
    """Where a process works."""
    try:
        return os.readlink(entry / "cwd")
    except OSError:
        return ""


@pytest.mark.parametrize("warm", ["auto", "never"])
def test_a_worker_dies_in_a_query_of_dbt(make_process: Callable[[str], Process], warm: str) -> None:
    first = make_process("worker")
    slow = "dbt build --select raw_people stg_people slow --exclude resource_type:test"
    execution = start(dbt_flow(f"lost_{warm}", slow, more=f"    warm: {warm}\n"))
    eventually(lambda: step(execution, "model.shop.slow") == "RUNNING", "the query runs", 120)
    left = models.Delivery.objects.get(execution=execution).left_behind
    first.stop(signal.SIGKILL)
    make_process("scheduler")
    make_process("worker")
    until_ended(execution, 60)
    assert execution.state == "FAILED"
    assert step(execution, "model.shop.stg_people") == step(execution, "seed.shop.raw_people") == "SUCCESS"
    assert step(execution, "model.shop.slow") == "KILLED"
    assert "The worker that ran this attempt was lost" in messages(execution, 4)
    run = models.TaskRun.objects.get(execution=execution, task_id="build")
    assert not run.outputs, "what the lost attempt had made was not saved"
    left_to_do = leftovers.of(run)
    assert left_to_do.done == {"seed.shop.raw_people", "model.shop.stg_people"}
    assert left_to_do.not_done | left_to_do.never_began == {"model.shop.slow"}
    assert _group.members(left["pgid"]) == []
    assert not [entry for entry in Path("/proc").glob("[0-9]*") if execution.id in _folder_of(entry)]
