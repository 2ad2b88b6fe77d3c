"""What is lost is found again: killed attempts, dead workers, forgotten messages, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connections
from django.utils import timezone

from executions import claims, executor, lost, models, schedule, services, storage, tick, worker
from executions.models import Delivery, Execution, TriggerState
from namespaces.models import Role
from tests import builders
from tests.executions.conftest import Process, eventually, until_ended
from tests.executions.flows import CORE, NAMESPACE, log, messages, save, shell, start, states
from ui.errors import Forbidden, Missing

pytestmark = pytest.mark.redis


def sleepers(mark: str) -> list[int]:
    """Living processes that sleep for exactly this long, which is how a test knows its own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes().split(b"\0")[:2] == [b"sleep", mark.encode()]:
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.linux
def test_a_killed_execution_ends_with_its_processes(make_process: Callable[[str], Process]) -> None:
    make_process("worker")
    execution = start(save("killed", "tasks:\n" + shell("wait", "sleep 1234.5") + log("never")))
    eventually(lambda: sleepers("1234.5"), "the task sleeps", 30)
    begun = time.monotonic()
    services.kill(user=None, execution_id=execution.id)
    until_ended(execution, 10)
    assert time.monotonic() - begun < 5
    assert execution.state == "KILLED"
    assert states(execution) == {"wait": "KILLED"}
    assert not sleepers("1234.5")


@pytest.mark.linux
@pytest.mark.parametrize(("attempts", "state"), [(1, "FAILED"), (2, "SUCCESS")])
def test_a_dead_worker_loses_its_attempt(make_process: Callable[[str], Process], attempts: int, state: str) -> None:
    retry = f"    retry: {{type: constant, interval: PT0.1S, maxAttempt: {attempts}}}\n"
    first = make_process("worker")
    length = f"999.{attempts}{os.getpid()}"
    command = f"if [ {{{{ taskrun.attemptsCount }}}} -eq 0 ]; then sleep {length}; fi"
    execution = start(save(f"lost{attempts}", "tasks:\n" + shell("wait", f"'{command}'", more=retry)))
    eventually(lambda: sleepers(length), "the task sleeps", 30)
    first.stop(signal.SIGKILL)
    assert sleepers(length), "a worker that is killed cannot end its processes itself"
    make_process("scheduler")
    make_process("worker")
    until_ended(execution)
    assert not sleepers(length)
    assert execution.state == state
    run = execution.task_runs.get()
    assert [attempt["histories"][-1][0] for attempt in run.attempts] == ["FAILED", "SUCCESS"][:attempts]
    assert "The worker that ran this attempt was lost" in messages(execution, 4)


def test_messages_that_redis_forgot_are_sent_again(make_process: Callable[[str], Process]) -> None:
    execution = start(save("forgotten", "tasks:\n" + log("one")))
    with redis.from_url(settings.REDIS_URL) as connection:
        connection.flushall()
    make_process("worker")
    make_process("scheduler")
    assert until_ended(execution).state == "SUCCESS"


def test_a_message_that_was_never_sent_is_sent_after_a_while(transactional_db: None) -> None:
    execution = start(save("unsent", "tasks:\n" + log("one")))
    delivery = Delivery.objects.get(execution=execution)
    tick.resend(timezone.now())
    assert Delivery.objects.get(id=delivery.id).sends == 1, "it may still come"
    tick.resend(timezone.now() + timedelta(seconds=6))
    assert Delivery.objects.get(id=delivery.id).sends == 2


def test_a_second_delivery_does_nothing(transactional_db: None) -> None:
    execution = start(save("twice", "tasks:\n" + log("one") + log("two")))
    delivery = Delivery.objects.get(execution=execution)
    assert worker.work(delivery.id) == []
    before = Execution.objects.get(id=execution.id)
    assert before.state == "SUCCESS"
    assert worker.work(delivery.id) == []
    after = Execution.objects.get(id=execution.id)
    assert (after.version, after.seq, after.log_count) == (before.version, before.seq, before.log_count)
    assert messages(execution) == ["hello", "hello"]


def test_an_answer_of_a_worker_that_was_given_up_does_not_count(transactional_db: None) -> None:
    execution = start(save("late", "tasks:\n" + log("one")))
    delivery = Delivery.objects.get(execution=execution)
    Delivery.objects.filter(id=delivery.id).update(inline=False)
    taken = claims.take(delivery.id)
    assert taken is not None
    guard = executor.Guard(deliveries=[(taken.id, taken.claims + 1)])
    with pytest.raises(executor.Stale):
        executor.advance(execution.id, executor.events.WorkerLost(taken.task_run_id, 0), guard=guard)
    assert Execution.objects.get(id=execution.id).state == "RUNNING"


def test_two_ticks_at_once_lose_an_attempt_once(transactional_db: None) -> None:
    execution = start(save("both", "tasks:\n" + shell("one", "true")))
    delivery = Delivery.objects.get(execution=execution)
    assert claims.take(delivery.id) is not None
    Delivery.objects.filter(id=delivery.id).update(heartbeat=timezone.now() - timedelta(minutes=1))
    executor.advance(execution.id, executor.events.TaskStarted(delivery.task_run_id, 0))
    at_once(lambda: lost.find(timezone.now()))
    assert Execution.objects.get(id=execution.id).state == "FAILED"
    assert messages(execution).count("The worker that ran this attempt was lost") == 1


def test_a_cheap_attempt_of_a_dead_worker_is_run_again_and_says_so(transactional_db: None) -> None:
    execution = start(save("cheap", "tasks:\n" + log("one")))
    delivery = Delivery.objects.get(execution=execution)
    assert claims.take(delivery.id) is not None
    Delivery.objects.filter(id=delivery.id).update(heartbeat=timezone.now() - timedelta(minutes=1))
    at_once(lambda: lost.find(timezone.now()))
    worker.work(delivery.id)
    execution.refresh_from_db()
    assert (execution.state, len(execution.task_runs.get().attempts)) == ("SUCCESS", 1)
    assert messages(execution) == [lost.AGAIN, "hello"]


def test_a_schedule_fires_once_however_many_look(transactional_db: None) -> None:
    body = (
        "tasks:\n" + log("one", "{{ trigger.date }}") + f'triggers:\n  - {{id: often, type: {CORE}.trigger.Schedule, cron: "* * * * *"}}\n'
    )
    save("scheduled", body)
    now = timezone.now().replace(second=0, microsecond=0)
    schedule.fire(now)
    state = TriggerState.objects.get(flow_id="scheduled")
    assert state.next_date == now + timedelta(minutes=1)
    at_once(lambda: schedule.fire(now + timedelta(minutes=1, seconds=1)))
    fired = Execution.objects.get(flow_id="scheduled")
    assert fired.trigger["variables"]["date"] == (now + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    state.refresh_from_db()
    assert (state.execution_id, state.next_date) == (fired.id, now + timedelta(minutes=2))


def test_a_disabled_schedule_does_not_fire(transactional_db: None) -> None:
    save(
        "off", "tasks:\n" + log("one") + f'triggers:\n  - {{id: often, type: {CORE}.trigger.Schedule, disabled: true, cron: "* * * * *"}}\n'
    )
    schedule.fire(timezone.now())
    schedule.fire(timezone.now() + timedelta(minutes=5))
    assert TriggerState.objects.get(flow_id="off").next_date is None
    assert not Execution.objects.filter(flow_id="off").exists()


def at_once(act: Callable[[], object]) -> None:
    """Do the same thing in four threads."""
    wrong: list[BaseException] = []

    def one() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 -- a thread keeps what went wrong for the test to see
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- rights and secrets ------------------------------------------------------------------------------------------------------------


def test_strangers_see_nothing_and_readers_start_nothing(transactional_db: None) -> None:
    people = builders.people(NAMESPACE)
    flow = save("guarded", "tasks:\n" + log("one"))
    execution = start(flow)
    for act in (services.kill, services.restart, services.replay, services.pause, services.delete):
        with pytest.raises(Missing):
            act(user=people["stranger"], execution_id=execution.id)
        with pytest.raises(Forbidden):
            act(user=people[Role.READER], execution_id=execution.id)
    with pytest.raises(Missing):
        services.start(user=people["stranger"], namespace=NAMESPACE, flow_id=flow)
    with pytest.raises(Forbidden):
        services.start(user=people[Role.READER], namespace=NAMESPACE, flow_id=flow)
    assert services.start(user=people[Role.MEMBER], namespace=NAMESPACE, flow_id=flow).created_by == people[Role.MEMBER]


def test_a_secret_is_masked_wherever_it_could_be_read(transactional_db: None) -> None:
    secret = "s3cret-of-ours"
    body = "inputs:\n  - {id: key, type: SECRET}\ntasks:\n" + log("tell", "it is {{ inputs.key }}")
    body += f'  - {{id: give, type: {CORE}.debug.Return, format: "<{{{{ inputs.key }}}}>"}}\n'
    body += f'  - {{id: fail, type: {CORE}.execution.Fail, errorMessage: "no {{{{ inputs.key }}}}"}}\n'
    execution = start(save("hushed", body), inputs={"key": secret})
    worker.work(Delivery.objects.get(execution=execution).id)
    execution.refresh_from_db()
    kinds = (models.Execution, models.TaskRun, models.LogLine, models.Metric, models.Delivery)
    everything = [str(list(kind.objects.values())) for kind in kinds]
    assert not any(secret in text for text in everything)
    assert "it is ********" in messages(execution)
    assert execution.task_runs.get(task_id="give").outputs == {"value": "<********>"}


def test_a_file_of_another_execution_cannot_be_read(transactional_db: None) -> None:
    one, other = start(save("mine", "tasks:\n" + log("a"))), start(save("theirs", "tasks:\n" + log("a")))
    uri = f"{storage.execution_uri(NAMESPACE, 'theirs', other.id)}tasks/a/x/secret.txt"
    storage.write(uri, b"theirs")
    body = "inputs:\n  - {id: uri, type: STRING}\ntasks:\n" + log("a", "{{ read(inputs.uri) }}")
    for attempt in (uri, "kestra:///../../../etc/passwd", uri.replace("/theirs/", "/mine/../theirs/")):
        flow = save(f"reading{abs(hash(attempt))}", body)
        execution = start(flow, inputs={"uri": attempt})
        worker.work(Delivery.objects.get(execution=execution).id)
        execution.refresh_from_db()
        assert execution.state == "FAILED"
        assert not any(message == "theirs" or "root:" in message for message in messages(execution))
    assert one.state


def test_a_flow_that_is_disabled_cannot_be_started(transactional_db: None) -> None:
    flow = save("switched_off", "disabled: true\ntasks:\n" + log("a"))
    with pytest.raises(Exception, match="Cannot execute a disabled flow") as raised:
        start(flow)
    assert raised.value.status == 409


def test_a_wrong_input_is_told_in_kestras_words(transactional_db: None) -> None:
    flow = save("picky", "inputs:\n  - {id: n, type: INT, min: 3}\ntasks:\n" + log("a"))
    with pytest.raises(Exception, match="Invalid input for `n`, it must be more than `3`, but received `1`"):
        start(flow, inputs={"n": "1"})
    checks = services.validate_inputs(user=None, namespace=NAMESPACE, flow_id=flow, inputs={})
    assert "missing required input" in checks[0]["errors"][0]
    assert not Execution.objects.exists()


@pytest.mark.linux
@pytest.mark.parametrize("left", [{}, {"pgid": 1, "started": -1.0}], ids=["nothing was recorded", "the number is another process's now"])
def test_what_a_lost_attempt_left_is_found_by_its_mark(left: dict[str, Any]) -> None:
    """A worker can die between the start of a process and the note about it."""
    delivery = Delivery(task_run_id="lostRun", attempt=3, worker=claims.process_name(), left_behind=left)
    environment = {"PATH": "/usr/bin:/bin", "KESTRA_ATTEMPT": "lostRun-3"}
    with subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 1234.75"], env=environment, start_new_session=True) as process:
        eventually(lambda: sleepers("1234.75"), "it sleeps", 10)
        lost.end_processes(delivery)
        # The shell may find its child killed before it is killed itself, and ends with 128 + 9 then.
        assert process.wait(5) in (-signal.SIGKILL, 137)
    eventually(lambda: not sleepers("1234.75"), "what it started has ended, too", 5)


@pytest.mark.linux
def test_what_another_machine_left_is_not_ours_to_end() -> None:
    delivery = Delivery(task_run_id="lostRun", attempt=3, worker="elsewhere:1:1")
    with subprocess.Popen(["sleep", "1234.85"], env={"KESTRA_ATTEMPT": "lostRun-3", "PATH": "/usr/bin:/bin"}) as process:
        lost.end_processes(delivery)
        assert process.poll() is None
        process.kill()
