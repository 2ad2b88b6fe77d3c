"""The small parts of a run: log lines, steps, files, environments, what expressions ask of the world."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from engine.errors import ExpressionError
from engine.expressions import render
from executions import cleaning, logbook, models, ports, steps, storage, store, world
from executions import eval as evaluation
from executions.context import Context, Sink
from executions.executor import Turn
from executions.logbook import Line
from kv import services as kv
from namespaces import files
from namespaces.models import Role
from plugins.contract import StepReport, TaskFailed
from tests import builders
from tests.executions.flows import NAMESPACE, log, save, start, work_off
from ui.errors import Invalid

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]


def an_execution(name: str = "parts") -> models.Execution:
    """An execution that has begun and that nobody works on."""
    return start(save(name, "tasks:\n" + log("one")))


def line(execution: models.Execution, message: str) -> Line:
    """A line of an execution."""
    return Line(execution.id, 2, message, timezone.now())


def test_log_lines_are_numbered_without_gaps_by_many_writers() -> None:
    execution = an_execution()

    def write() -> None:
        for number in range(50):
            logbook.write(line(execution, f"{number}"))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logbook.flush()
    assert list(execution.log_lines.order_by("id").values_list("number", flat=True)) == list(range(1, 201))
    execution.refresh_from_db()
    assert execution.log_count == 200


def test_a_long_message_is_split_as_kestra_does() -> None:
    execution = an_execution()
    logbook.write(line(execution, "x" * 25_000 + "\0"))
    logbook.flush()
    pieces = list(execution.log_lines.order_by("number"))
    assert [len(piece.message) for piece in pieces] == [10_240, 10_240, 4_520]
    assert [piece.timestamp - pieces[0].timestamp for piece in pieces] == [timedelta(milliseconds=place) for place in range(3)]


def test_beyond_the_limit_lines_are_dropped_and_that_is_said_once(settings: Settings) -> None:
    execution = an_execution()
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "log_lines": 5}
    for _ in range(3):
        for number in range(4):
            logbook.write(line(execution, f"{number}"))
        logbook.flush()
    found = list(execution.log_lines.order_by("number").values_list("number", "message"))
    assert [number for number, _ in found] == [1, 2, 3, 4, 5]
    assert "the limit: the rest is dropped" in found[-1][1]


def test_a_step_is_one_row_however_often_it_is_reported() -> None:
    execution = an_execution()
    run = execution.task_runs.get()
    board = steps.Board(execution.id, run.id, 0)
    begun = timezone.now()
    board.report(StepReport("model.a", "RUNNING", label="a", kind="model", started=begun), begun)
    board.report(StepReport("model.b", "RUNNING", started=begun), begun)
    steps.flush()
    board.report(StepReport("model.a", "SUCCESS", ended=begun + timedelta(seconds=2), data={"rows_affected": 3}), begun)
    steps.flush()
    row = models.Step.objects.get(execution=execution, name="model.a")
    assert (row.state, row.label, row.kind, row.data) == ("SUCCESS", "a", "model", {"rows_affected": 3})
    assert [name for name, _ in row.histories] == ["CREATED", "RUNNING", "SUCCESS"]
    assert store.state_of(row.histories).duration(begun) == timedelta(seconds=2)
    assert board.open_names() == ["model.b"]
    execution.refresh_from_db()
    assert execution.seq == row.seq


def test_a_step_that_is_told_of_at_its_end_has_lived_through_all_of_them() -> None:
    execution = an_execution()
    board = steps.Board(execution.id, execution.task_runs.get().id, 0)
    begun = timezone.now()
    working, ended = begun + timedelta(seconds=1), begun + timedelta(seconds=2)
    board.report(StepReport("model.a", "SUCCESS", started=begun, ended=ended, working=working), timezone.now())
    board.report(StepReport("model.b", "SKIPPED", started=begun, ended=begun), timezone.now())
    steps.flush()
    lived = {row.name: row.histories for row in execution.steps.all()}
    assert lived["model.a"] == [["CREATED", begun.isoformat()], ["RUNNING", working.isoformat()], ["SUCCESS", ended.isoformat()]]
    assert [state for state, _ in lived["model.b"]] == ["CREATED", "SKIPPED"]


def test_what_only_the_pane_shows_is_kept_apart_and_the_last_of_it_stays() -> None:
    execution = an_execution()
    board = steps.Board(execution.id, execution.task_runs.get().id, 0)
    board.report(StepReport("model.a", "RUNNING"), timezone.now())
    detail = {"sql": "select '\0\ud800'", "rows": {"columns": ["a"], "rows": [[None]]}}
    board.report(StepReport("model.a", "SUCCESS", detail=detail), timezone.now())
    board.report(StepReport("model.a", "SUCCESS", message="done"), timezone.now())
    steps.flush()
    row = execution.steps.get()
    assert "sql" not in row.data
    assert steps.detail_of(row.id) == {"sql": "select '\N{REPLACEMENT CHARACTER}'", "rows": {"columns": ["a"], "rows": [[None]]}}
    board.report(StepReport("model.a", "SUCCESS", detail={"sql": "select 2"}), timezone.now())
    steps.flush()
    assert steps.detail_of(row.id) == {"sql": "select 2"}
    execution.delete()
    assert not models.StepDetail.objects.exists()


def test_no_secret_stays_in_what_a_step_shows() -> None:
    execution = an_execution()
    turn = Turn.begin(execution.id)
    run = execution.task_runs.get().id
    task = turn.table.task(run)
    assert task is not None
    context = Context(turn.flow, turn.table.head, turn.table.runs, turn.table.runs[run], task, 0, sink=Sink())
    context.hide("s3cr3t-value")
    rows = {"columns": ["a s3cr3t-value"], "rows": [["x s3cr3t-value", None]], "more": False}
    detail = {"sql": "select 's3cr3t-value'", "error_at": {"path": "a", "line": 1, "text": "s3cr3t-value"}, "rows": rows}
    context.step(StepReport("model.a", "FAILED", message="s3cr3t-value", data={"relation": "s3cr3t-value"}, detail=detail))
    steps.flush()
    row = execution.steps.get()
    told = json.dumps([steps.detail_of(row.id), row.data, row.message])
    assert told.count("****") >= 6
    assert "s3cr3t" not in told


@pytest.mark.parametrize(
    "uri", ["kestra:///../x", "kestra:///a/../../x", "file:///etc/passwd", "kestra://host/x", "kestra:///a\0b", "kestra:///a\\..\\b"]
)
def test_no_uri_leaves_the_storage_folder(uri: str) -> None:
    with pytest.raises(Invalid):
        storage.existing(uri)


def test_a_link_out_of_the_working_directory_is_not_kept_as_an_output(tmp_path: Path) -> None:
    value = store.load(an_execution().id)
    assert value is not None
    port = ports.Storage(value.execution, "one", "run", lambda: tmp_path, ports.People(value.execution))
    (tmp_path / "plain.txt").write_text("fine")
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    assert storage.existing(port.put(tmp_path / "plain.txt", "plain.txt")).read_text() == "fine"
    with pytest.raises(TaskFailed, match="links that lead out of it"):
        port.put(tmp_path / "passwd", "passwd")
    with pytest.raises(TaskFailed, match="cannot be read"):
        port.put(tmp_path / "absent", "absent")


def test_an_environment_is_made_once_by_one_at_a_time(settings: Settings, tmp_path: Path) -> None:
    settings.KESTRA_ENVIRONMENTS = tmp_path
    port, seen, inside = ports.Environments(lambda: False), [], []

    def make() -> None:
        with port.building("venv-1") as complete:
            inside.append(1)
            assert len(inside) == 1
            time.sleep(0.05)
            seen.append(complete)
            inside.pop()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False, True, True, True]


def test_an_environment_that_could_not_be_made_is_not_complete(settings: Settings, tmp_path: Path) -> None:
    settings.KESTRA_ENVIRONMENTS = tmp_path
    port = ports.Environments(lambda: False)
    with pytest.raises(TaskFailed), port.building("venv-2"):
        raise TaskFailed("no")
    with port.building("venv-2") as complete:
        assert not complete


def asked(execution: models.Execution, template: str) -> str:
    """What an expression gives in an execution."""
    value = store.load(execution.id)
    assert value is not None
    return render(template, {}, functions=world.functions(value.execution, world.Masks(), ports.People(value.execution).may_read))


def test_expressions_reach_keys_and_files_of_their_namespace() -> None:
    execution = an_execution()
    kv.set(NAMESPACE, "mode", {"speed": 3})
    files.write(NAMESPACE, "a/b.txt", b"content")
    assert asked(execution, "{{ kv('mode').speed }}{{ kv('none') ?? '-' }}{{ read('a/b.txt') }}{{ fileSize('a/b.txt') }}") == "3-content7"
    assert asked(execution, "{{ fileURI('a/b.txt') }}") == "kestra:///exec/test/_files/a/b.txt"
    with pytest.raises(ExpressionError, match="The key 'none' does not exist in the namespace"):
        asked(execution, "{{ kv('none', errorOnMissing=true) }}")
    with pytest.raises(ExpressionError, match="Cannot find secret for key 'NONE'"):
        asked(execution, "{{ secret('NONE') }}")


def test_jq_is_ended_at_its_limit() -> None:
    execution = an_execution()
    assert asked(execution, "{{ [1, 2] | jq('.[] + 1') }}") == "[2,3]"
    begun = time.monotonic()
    with pytest.raises(ExpressionError, match=r"took longer|limit of time"):
        asked(execution, "{{ [1] | jq('def f: f; f') }}")
    assert time.monotonic() - begun < 10


def test_masks_hide_a_secret_in_every_form() -> None:
    masks = world.Masks()
    masks.add('one"two\nthree and four')
    assert masks.text('x one\\"two\\nthree and four y') == "x ******** y"
    assert masks.value({"a": ["three and four"], "b": 3}) == {"a": ["********"], "b": 3}


def test_the_tester_evaluates_or_tells_why_not() -> None:
    execution = work_off(start(save("tested", "tasks:\n" + log("one"))))
    assert evaluation.evaluate(user=None, execution_id=execution.id, expression="{{ flow.id }}") == {"result": "tested"}
    assert "Unable to find `nope`" in evaluation.evaluate(user=None, execution_id=execution.id, expression="{{ nope }}")["error"]


def test_the_tester_reaches_no_further_than_whoever_asks() -> None:
    kv.set("elsewhere", "key", "theirs")
    execution = work_off(start(save("tested", "tasks:\n" + log("one"))))
    member = builders.person("nosy")
    builders.member(member, Role.MEMBER, NAMESPACE)
    asked = {"execution_id": execution.id, "expression": "{{ kv('key', namespace='elsewhere') }}"}
    assert evaluation.evaluate(user=None, **asked) == {"result": "theirs"}
    assert "error" in evaluation.evaluate(user=member, **asked)


def test_what_is_too_old_is_removed() -> None:
    old = work_off(start(save("old", "tasks:\n" + log("one"))))
    young = work_off(start(save("young", "tasks:\n" + log("one"))))
    models.Execution.objects.filter(id=old.id).update(ended=timezone.now() - timedelta(days=400))
    cleaning.clean()
    assert not models.Execution.objects.filter(id=old.id).exists()
    assert models.Execution.objects.filter(id=young.id).exists()


def test_a_working_folder_of_an_ended_execution_is_removed(settings: Settings) -> None:
    ended, going = work_off(start(save("ended", "tasks:\n" + log("one")))), an_execution("going")
    models.Execution.objects.filter(id=ended.id).update(ended=timezone.now() - timedelta(minutes=2))
    for each in (ended, going):
        (settings.KESTRA_WORK / each.id).mkdir(parents=True)
    cleaning.clean()
    assert not (settings.KESTRA_WORK / ended.id).exists()
    assert (settings.KESTRA_WORK / going.id).exists()
