"""Polling triggers are evaluated by one worker at a time, tell what goes wrong in their log, and start the flow with what they find."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from engine.errors import ExpressionError
from executions import dispatch, polling, schedule, trigger_states
from executions.models import Execution, TriggerState, Worker
from flows import services
from flows.models import Flow
from plugins import catalog
from plugins.contract import PollingTrigger, RunContext, TaskFailed
from tests.executions.flows import work_off

pytestmark = pytest.mark.django_db(transaction=True)
TYPE = "io.kestra.plugin.core.trigger.Knock"
SOURCE = f"""id: watcher
namespace: company.team
labels: {{team: data}}
inputs:
  - {{id: who, type: STRING, defaults: nobody}}
tasks:
  - id: greet
    type: io.kestra.plugin.core.debug.Return
    format: "{{{{ inputs.who }}}} said {{{{ trigger.word }}}}"
triggers:
  - id: door
    type: {TYPE}
    interval: PT10S
    labels: {{at: "{{{{ trigger.word }}}}"}}
"""
NAMES: dict[str, Any] = {"user": None, "namespace": "company.team", "flow_id": "watcher", "trigger_id": "door"}


class Knock(PollingTrigger):
    """A trigger that does what the test says."""

    def evaluate(self, context: RunContext) -> Mapping[str, Any] | None:
        return door.open(context)


class Door:
    """What the next evaluation does."""

    def __init__(self) -> None:
        self.answer: Any = {"word": "hello"}
        self.seen: list[RunContext] = []
        self.gate: threading.Event | None = None

    def open(self, context: RunContext) -> Any:
        self.seen.append(context)
        if self.gate is not None:
            assert self.gate.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(context) if callable(self.answer) else self.answer


door = Door()


@pytest.fixture(autouse=True)
def knock(monkeypatch: pytest.MonkeyPatch) -> Door:
    """A type of this test's own, and no broker: messages are gathered."""
    global door
    door = Door()
    entry = catalog.Entry(TYPE, __name__, "Knock", "Knock", ())
    known = {**catalog.index(), TYPE: entry}
    monkeypatch.setattr(catalog, "index", lambda: known)
    monkeypatch.setattr(dispatch, "_send", lambda message: None)
    schedule._following.forget()
    return door


@pytest.fixture
def state(knock: Door) -> TriggerState:
    services.create(user=None, source=SOURCE)
    Flow.objects.update(updated=timezone.now() - timedelta(seconds=5))
    schedule.fire(timezone.now())
    return TriggerState.objects.get()


def poll(at: datetime | None = None) -> TriggerState:
    """The scheduler asks, a worker evaluates."""
    schedule.fire(at or timezone.now())
    state = TriggerState.objects.get()
    polling.evaluate(state.pk)
    state.refresh_from_db()
    return state


def said(state: TriggerState) -> list[tuple[int, str]]:
    return [(line.level, line.message) for line in state.log_lines.order_by("id")]


def test_what_an_evaluation_finds_starts_the_flow(state: TriggerState) -> None:
    state = poll()
    (row,) = Execution.objects.all()
    assert row.trigger == {"id": "door", "type": TYPE, "variables": {"word": "hello"}}
    assert row.labels == [["at", "hello"]]  # as Kestra: only the trigger's own
    work_off(row)
    assert row.state == "SUCCESS"
    assert row.task_runs.get().outputs == {"value": "nobody said hello"}
    assert (state.last_execution_id, state.evaluating, state.worker) == (row.id, None, "")
    context = door.seen[0]
    assert (context.execution_id, context.variables["trigger"]) == (row.id, {"id": "door", "type": TYPE})
    assert "taskrun" not in context.variables


def test_nothing_found_is_looked_for_again_after_the_interval(state: TriggerState) -> None:
    door.answer = None
    state = poll()
    assert not Execution.objects.exists()
    assert state.next_date is not None
    assert timedelta(seconds=8) < state.next_date - timezone.now() <= timedelta(seconds=10)
    poll()
    assert len(door.seen) == 1
    poll(timezone.now() + timedelta(seconds=11))
    assert len(door.seen) == 2


def test_no_evaluation_while_its_last_execution_goes_on(state: TriggerState) -> None:
    poll()
    poll(timezone.now() + timedelta(seconds=11))
    assert len(door.seen) == 1
    Execution.objects.update(ended=timezone.now(), state="SUCCESS")
    poll(timezone.now() + timedelta(seconds=11))
    assert len(door.seen) == 2


@pytest.mark.parametrize(
    ("error", "told"),
    [(TaskFailed("The door is shut"), "The door is shut"), (RuntimeError("oh"), "RuntimeError: oh"), (ExpressionError("bad"), "bad")],
)
def test_an_error_is_told_in_the_log_of_the_trigger_and_tried_again(error: Exception, told: str, state: TriggerState) -> None:
    door.answer = error
    state = poll()
    assert [(level, told in text) for level, text in said(state)] == [(4, True)]
    assert (Execution.objects.count(), state.evaluating) == (0, None)
    door.answer = {"word": "again"}
    poll(timezone.now() + timedelta(seconds=11))
    assert Execution.objects.count() == 1


def test_what_it_says_is_in_its_log_without_secrets(state: TriggerState) -> None:
    def answer(context: RunContext) -> None:
        context.hide("s3cret")
        context.log("INFO", "the word is s3cret")
        context.metric("knocks", 1)

    door.answer = answer
    assert said(poll()) == [(2, "the word is ********")]


def test_files_belong_to_the_execution_that_comes_of_it(state: TriggerState) -> None:
    def answer(context: RunContext) -> dict[str, str]:
        (context.working_dir / "a.txt").write_text("kept")
        return {"word": context.storage.put(context.working_dir / "a.txt", "a.txt")}

    door.answer = answer
    poll()
    (row,) = Execution.objects.all()
    uri = (row.trigger or {})["variables"]["word"]
    assert uri == f"kestra:///company/team/watcher/executions/{row.id}/trigger/door/a.txt"
    assert not door.seen[0].working_dir.parent.joinpath("a.txt").exists()


def test_conditions_decide_whether_it_is_evaluated(state: TriggerState) -> None:
    more = '    conditions:\n      - {type: io.kestra.plugin.core.condition.Expression, expression: "false"}\n'
    services.update(user=None, namespace="company.team", flow_id="watcher", source=SOURCE + more)
    poll(timezone.now() + timedelta(seconds=1))
    assert door.seen == []


def test_several_schedulers_and_messages_evaluate_once(state: TriggerState) -> None:
    door.gate = threading.Event()
    now = timezone.now()
    schedule.fire(now)

    def work() -> None:
        polling.evaluate(state.pk)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    schedule.fire(now)
    door.gate.set()
    for thread in threads:
        thread.join()
    assert (len(door.seen), Execution.objects.count()) == (1, 1)


def test_a_lost_message_is_sent_again_and_a_dead_worker_is_followed_by_another(state: TriggerState) -> None:
    now = timezone.now()
    schedule.fire(now)
    polling.release_lost(now + timedelta(seconds=20))
    assert TriggerState.objects.get().evaluating is not None
    polling.release_lost(now + timedelta(seconds=40))
    assert TriggerState.objects.get().evaluating is None
    schedule.fire(now)
    TriggerState.objects.update(worker="elsewhere:1:1")
    Worker.objects.create(name="elsewhere:1:1", host="elsewhere", pid=1, heartbeat=now + timedelta(seconds=15))
    polling.release_lost(now + timedelta(seconds=20))
    assert TriggerState.objects.get().evaluating is not None
    Worker.objects.all().delete()
    polling.release_lost(now + timedelta(seconds=20))
    assert TriggerState.objects.get().evaluating is None


@pytest.mark.parametrize("act", [trigger_states.unlock, trigger_states.restart])
def test_an_evaluation_that_was_given_up_starts_nothing(act: Any, state: TriggerState) -> None:
    door.answer = lambda context: act(**NAMES) and {"word": "too late"}
    state = poll()
    assert (Execution.objects.count(), state.evaluating) == (0, None)


def test_an_evaluation_ends_when_its_trigger_is_switched_off(state: TriggerState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LOOK_SECONDS", 0.01)

    def answer(context: RunContext) -> dict[str, str]:
        stopped = threading.Event()
        with context.on_cancel(stopped.set):
            assert not context.cancelled()
            trigger_states.set_disabled(**NAMES, disabled=True)
            assert stopped.wait(10)
        return {"word": "too late"}

    door.answer = answer
    state = poll()
    assert (Execution.objects.count(), state.evaluating, state.disabled) == (0, None, True)
