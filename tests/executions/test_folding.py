"""Long loops over the real store: what is folded stays where pages, templates and restarts find it."""

from __future__ import annotations

import pytest
from django.db import connection

from executions import executor, services, store
from executions.eval import evaluate
from executions.models import Execution, TaskRun
from kv import services as kv
from tests.executions.conftest import Process, until_ended
from tests.executions.flows import CORE, save, start

pytestmark = pytest.mark.redis

LOOP = f"""
tasks:
  - id: each
    type: {CORE}.flow.ForEach
    values: "{{{{ range(1, 900) }}}}"
    concurrencyLimit: LIMIT
    tasks:
      - id: twice
        type: {CORE}.debug.Return
        format: "{{{{ (taskrun.value | number('INT')) * 2 }}}}"
      - id: told
        type: {CORE}.execution.Fail
        condition: "{{{{ taskrun.value == '890' and kv('calm') is null }}}}"
        errorMessage: "saw {{{{ outputs.twice[taskrun.value].value }}}}"
  - id: last
    type: {CORE}.debug.Return
    format: "{{{{ outputs.twice['7'].value }}}} {{{{ outputs.twice | length }}}} {{{{ tasks.twice['9'].state }}}}"
"""


@pytest.mark.parametrize("limit", ["0", "1"])
def test_a_loop_is_folded_restarted_and_read(worker: Process, limit: str) -> None:
    failed = until_ended(start(save(f"folding{limit}", LOOP.replace("LIMIT", limit))))
    assert failed.state == "FAILED"
    runs = TaskRun.objects.filter(execution=failed)
    assert runs.filter(folded=True).count() > 100
    frontier, whole = store.load(failed.id), store.load(failed.id, whole=True)
    assert frontier is not None
    assert whole is not None
    assert len(frontier.execution.task_runs) + runs.filter(folded=True).count() == runs.count() == len(whole.execution.task_runs)
    assert frontier.execution.next_position == runs.count()
    assert evaluate(user=None, execution_id=failed.id, expression="{{ outputs.twice['3'].value }}") == {"result": "6"}

    kv.set(failed.namespace, "calm", "yes")
    again = until_ended(services.restart(user=None, execution_id=failed.id))
    assert again.state == "SUCCESS"
    assert runs.count() == 1 + 2 * 900 + 1
    assert runs.filter(state="SUCCESS").count() == runs.count()
    assert sorted(runs.values_list("position", flat=True)) == list(range(runs.count()))
    assert runs.get(task_id="last").outputs == {"value": "14 900 SUCCESS"}
    assert [len(run.attempts) for run in runs.filter(task_id="told", value__in=("889", "890"))] == [1, 2]


def test_a_replay_from_a_folded_task_run(worker: Process) -> None:
    done = until_ended(start(save("replayed", LOOP.replace("LIMIT", "1").replace("'890'", "'none'"))))
    assert done.state == "SUCCESS"
    run = TaskRun.objects.filter(execution=done, task_id="told", folded=True)[100]
    copy = until_ended(services.replay(user=None, execution_id=done.id, task_run_id=run.id))
    assert copy.state == "SUCCESS"
    assert TaskRun.objects.filter(execution=copy).count() == TaskRun.objects.filter(execution=done).count()


@pytest.mark.django_db
def test_the_frontier_has_an_index_of_its_own() -> None:
    rows = TaskRun.objects.filter(execution_id="x", folded=False).order_by("position")
    assert "task_run_frontier" in rows.explain() or connection.vendor != "sqlite"


def test_nothing_is_written_where_nothing_happens(worker: Process) -> None:
    done = until_ended(start(save("quiet", LOOP.replace("LIMIT", "1").replace("'890'", "'none'"))))
    version = Execution.objects.get(id=done.id).version
    turn = executor.Turn.begin(done.id)
    turn.decide()
    assert turn.commit() == []
    assert Execution.objects.get(id=done.id).version == version
