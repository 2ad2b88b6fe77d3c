"""Flow triggers start their flow once for what happened to other flows, whoever was faster and whoever died in between."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from executions import flow_triggers, services, triggering, worker
from executions.models import Command, Delivery, Execution, LogLine, TriggerState, TriggerWindow
from flows import services as flow_services
from namespaces.models import Role
from tests import builders
from tests.executions.flows import CORE, NAMESPACE, save, start, work_off

pytestmark = pytest.mark.django_db(transaction=True)
CONDITION = f"{CORE}.condition."


def listener(flow_id: str, trigger: str, more: str = "") -> str:
    """A flow with one Flow trigger whose YAML goes on with `trigger`."""
    lines = "".join(f"    {line}\n" for line in trigger.strip("\n").split("\n") if line)
    task = f"  - {{id: say, type: {CORE}.debug.Return, format: x}}\n"
    return save(flow_id, f"{more}tasks:\n{task}triggers:\n  - id: heard\n    type: {CORE}.trigger.Flow\n{lines}")


def to(flow_id: str) -> str:
    """The condition that an execution is of this flow, as YAML of a trigger."""
    return f"conditions:\n  - {{type: {CONDITION}ExecutionFlow, namespace: {NAMESPACE}, flowId: {flow_id}}}\n"


def plain(flow_id: str, fails: bool = False, more: str = "") -> str:
    task = f"{CORE}.execution.Fail" if fails else f"{CORE}.debug.Return"
    return save(flow_id, f"{more}tasks:\n  - {{id: only, type: {task}{'' if fails else ', format: hello'}}}\n")


def run(flow_id: str, **given: Any) -> Execution:
    return work_off(start(flow_id, **given))


def started(flow_id: str) -> list[Execution]:
    return list(Execution.objects.filter(flow_id=flow_id).order_by("created"))


def said() -> list[str]:
    return [line.message for line in LogLine.objects.exclude(trigger=None)]


def test_an_execution_that_ends_starts_the_flow_that_listens_to_it() -> None:
    plain("load", more="outputs:\n  - {id: rows, type: INT, value: '3'}\n")
    listener(
        "publish",
        to("load") + 'inputs: {word: "{{ outputs.only.value }}", rows: "{{ trigger.outputs.rows }}", from: "{{ trigger.executionId }}"}\n'
        'labels: {of: "{{ trigger.flowId }}"}',
        "labels: {team: data}\ninputs:\n  - {id: word, type: STRING}\n  - {id: rows, type: INT}\n",
    )
    first = run("load", labels=[("a", "b")])
    (row,) = started("publish")
    work_off(row)
    assert row.state == "SUCCESS"
    assert row.inputs == {"word": "hello", "rows": "3", "from": first.id}
    assert row.labels == [["team", "data"], ["of", "load"]]
    assert row.trigger is not None
    assert (row.trigger["id"], row.trigger["type"]) == ("heard", f"{CORE}.trigger.Flow")
    told = {"executionId": first.id, "namespace": NAMESPACE, "flowId": "load", "flowRevision": 1, "state": "SUCCESS"}
    assert row.trigger["variables"] == {**told, "outputs": {"rows": 3}}
    state = TriggerState.objects.get(flow_id="publish")
    assert state.last_execution_id == row.id


def test_outputs_of_a_long_loop_are_there() -> None:
    task = f"{{id: one, type: {CORE}.debug.Return, format: 'said {{{{ taskrun.value }}}}'}}"
    save("loop", f"tasks:\n  - {{id: each, type: {CORE}.flow.ForEach, values: '{{{{ range(1, 150) }}}}', tasks: [{task}]}}\n")
    listener("publish", to("loop") + "inputs: {early: \"{{ outputs.one['3'].value }}\", late: \"{{ outputs.one['149'].value }}\"}")
    work_off(start("loop"), most=2000)
    (row,) = started("publish")
    assert row.inputs == {"early": "said 3", "late": "said 149"}


def test_every_state_counts_that_the_trigger_names() -> None:
    plain("load")
    listener("all_along", "states: [CREATED, RUNNING, SUCCESS]\n" + to("load"))
    listener("at_the_end", to("load"))
    run("load")
    assert [row.trigger["variables"]["state"] for row in started("all_along") if row.trigger] == ["CREATED", "RUNNING", "SUCCESS"]
    assert [row.trigger["variables"]["state"] for row in started("at_the_end") if row.trigger] == ["SUCCESS"]


def test_a_flow_does_not_hear_itself_nor_when_it_is_off() -> None:
    listener("self", to("self"))
    listener("off", "disabled: true")
    listener("flow_off", "", "disabled: true\n")
    switched = listener("switched", to("self"))
    run("self")
    assert (len(started("self")), len(started("switched"))) == (1, 1)
    TriggerState.objects.filter(flow_id=switched).update(disabled=True)
    run("self")
    assert (len(started("switched")), started("off"), started("flow_off")) == (1, [], [])


def test_conditions_must_all_hold() -> None:
    plain("load")
    plain("broken", fails=True)
    flow = f"{{type: {CONDITION}ExecutionFlow, namespace: {NAMESPACE}, flowId: load}}"
    listener("good", f"conditions:\n  - {flow}\n  - {{type: {CONDITION}ExecutionStatus, in: [SUCCESS]}}")
    listener("labelled", f"conditions:\n  - {flow}\n  - {{type: {CONDITION}Expression, expression: \"{{{{ labels.a == 'b' }}}}\"}}")
    run("load", labels=[("a", "b")])
    run("load", labels=[("a", "c")])
    run("broken")
    assert (len(started("good")), len(started("labelled"))) == (2, 1)


def test_a_condition_that_cannot_be_judged_counts_as_false_and_is_told() -> None:
    plain("load")
    listener("lost", f'conditions:\n  - {{type: {CONDITION}Expression, expression: "{{{{ nope.b }}}}"}}')
    run("load")
    assert started("lost") == []
    assert [text for text in said() if "cannot be judged" in text and "nope" in text]


def test_inputs_that_cannot_be_rendered_start_nothing_and_are_told() -> None:
    plain("load")
    listener("lost", 'inputs: {a: "{{ outputs.nope.value }}"}')
    run("load")
    assert started("lost") == []
    assert said()[0].startswith(f"Failed to trigger flow {NAMESPACE}.lost for trigger heard, invalid inputs: ")


def multiple(more: str = "") -> str:
    flows = "".join(
        f"      {name}: {{type: {CONDITION}ExecutionFlow, namespace: {NAMESPACE}, flowId: {name}}}\n" for name in ("one", "two")
    )
    return f"conditions:\n  - id: both\n    type: {CONDITION}MultipleCondition\n{more}    conditions:\n{flows}"


PRECONDITIONS = f"""preconditions:
  id: both
  flows:
    - {{namespace: {NAMESPACE}, flowId: one}}
    - {{namespace: {NAMESPACE}, flowId: two, states: [SUCCESS]}}
"""


@pytest.mark.parametrize("trigger", [multiple(), PRECONDITIONS])
def test_what_must_come_together_starts_the_flow_once_and_is_forgotten(trigger: str) -> None:
    plain("one"), plain("two")
    listener("both", trigger)
    run("one")
    run("one")
    assert started("both") == []
    second = run("two")
    (row,) = started("both")
    assert (row.trigger or {})["variables"]["executionId"] == second.id
    assert not TriggerWindow.objects.exists()
    run("two")
    assert len(started("both")) == 1
    run("one")
    assert len(started("both")) == 2


@pytest.mark.parametrize("trigger", [multiple("    resetOnSuccess: false\n"), PRECONDITIONS + "  resetOnSuccess: false\n"])
def test_without_a_reset_each_further_match_starts_it_again(trigger: str) -> None:
    plain("one"), plain("two"), plain("other")
    listener("both", trigger)
    for flow_id in ("one", "two", "one", "other"):
        run(flow_id)
    assert len(started("both")) == 2


def test_what_was_true_is_forgotten_when_its_window_ends() -> None:
    plain("one"), plain("two")
    listener("both", multiple("    timeWindow: {type: SLIDING_WINDOW, window: PT1H}\n"))
    run("one")
    TriggerWindow.objects.update(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 1, 1, tzinfo=UTC))
    run("two")
    assert started("both") == []
    run("one")
    assert len(started("both")) == 1


def test_outside_a_part_of_the_day_nothing_is_remembered() -> None:
    plain("one"), plain("two")
    hour = (datetime.now(UTC) + timedelta(hours=2)).strftime("%H:00:00")
    later = (datetime.now(UTC) + timedelta(hours=2)).strftime("%H:59:00")
    listener("both", multiple(f'    timeWindow: {{type: DAILY_TIME_WINDOW, startTime: "{hour}", endTime: "{later}"}}\n'))
    run("one")
    run("two")
    assert started("both") == []
    assert not TriggerWindow.objects.exists()


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ("[{field: FLOW_ID, type: EQUAL_TO, value: load}]", 1),
        ("[{field: FLOW_ID, type: IN, values: [other]}]", 0),
        ("[{field: STATE, type: NOT_IN, values: [FAILED]}, {field: NAMESPACE, type: STARTS_WITH, value: exec}]", 1),
        ("[{field: NAMESPACE, type: ENDS_WITH, value: nope}, {field: FLOW_ID, type: REGEX, value: 'l.*d'}]", 0),
        ("[{field: FLOW_ID, type: CONTAINS, value: oa}, {field: EXPRESSION, type: IS_TRUE, value: \"{{ labels.a == 'b' }}\"}]", 1),
        ("[{field: EXPRESSION, type: IS_NOT_NULL, value: '{{ nope.b }}'}]", 0),
        ("[{field: FLOW_ID, type: REGEX, value: '(('}]", 0),
    ],
)
def test_filters_are_compared(filters: str, wanted: int) -> None:
    plain("load")
    listener("filtered", f"preconditions:\n  id: where\n  where:\n    - id: w\n      filters: {filters}")
    run("load", labels=[("a", "b")])
    assert len([row for row in started("filtered") if (row.trigger or {})["variables"]["flowId"] == "load"]) == wanted


def test_one_of_several_filters_is_enough_with_or() -> None:
    plain("load")
    filters = "[{field: FLOW_ID, type: EQUAL_TO, value: other}, {field: FLOW_ID, type: EQUAL_TO, value: load}]"
    listener("filtered", f"preconditions:\n  id: where\n  where:\n    - id: w\n      operand: OR\n      filters: {filters}")
    run("load")
    assert len(started("filtered")) == 1


def test_a_flow_hears_only_what_its_people_may_see() -> None:
    author = builders.person()
    builders.member(author, Role.OWNER, "elsewhere")
    plain("load")
    task, trigger = f"{{id: a, type: {CORE}.debug.Return}}", f"{{id: t, type: {CORE}.trigger.Flow}}"
    source = f"id: spy\nnamespace: elsewhere\ntasks: [{task}]\ntriggers: [{trigger}]\n"
    flow_services.create(user=author, source=source)
    run("load")
    assert started("spy") == []
    builders.member(author, Role.READER, NAMESPACE)
    run("load")
    assert len(started("spy")) == 1


# --- neither lost nor twice -------------------------------------------------------------------------------------------------------


def changes() -> list[Command]:
    return list(Command.objects.filter(kind="Changed").order_by("id"))


def test_a_message_that_comes_twice_starts_the_flow_once() -> None:
    plain("load")
    listener("publish", "")
    execution = start("load")
    end(execution)
    ids = [row.id for row in changes()]
    for number in (*ids, *ids):
        worker.carry_out(number)
    assert len(started("publish")) == 1


def end(execution: Execution) -> None:
    """Run the tasks of an execution, but tell nobody."""
    for delivery in Delivery.objects.filter(execution=execution):
        worker.work(delivery.id)
    assert Execution.objects.get(id=execution.id).state == "SUCCESS"


def test_a_worker_that_dies_between_has_done_nothing_and_another_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plain("one"), plain("two")
    listener("both", multiple())
    run("one")
    execution = start("two")
    end(execution)

    def die(*given: object) -> None:
        raise SystemExit

    monkeypatch.setattr(triggering, "begin", die)
    for row in changes():
        try:
            worker.carry_out(row.id)
        except SystemExit:
            break
    monkeypatch.undo()
    assert (started("both"), TriggerWindow.objects.get().results) == ([], ["one"])
    for row in changes():
        worker.carry_out(row.id)
    assert len(started("both")) == 1


def test_two_that_come_together_at_once_start_the_flow_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both decide on what they read before the other wrote: who is second must see the first one's result."""
    plain("one"), plain("two")
    listener("both", multiple())
    for flow_id in ("one", "two"):
        end(start(flow_id))
    last = {row.execution_id: row.id for row in changes()}
    meet, decide, met = threading.Barrier(2, timeout=10), flow_triggers._plan, threading.local()

    def decided(*given: Any) -> Any:
        plan = decide(*given)
        if not hasattr(met, "once"):
            met.once = meet.wait()
        return plan

    def carry(number: int) -> None:
        worker.carry_out(number)
        connection.close()

    monkeypatch.setattr(flow_triggers, "_plan", decided)
    threads = [threading.Thread(target=carry, args=(number,)) for number in last.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started("both")) == 1
    monkeypatch.undo()
    for row in changes():
        worker.carry_out(row.id)
    assert len(started("both")) == 1


def test_nobody_is_told_where_nobody_listens() -> None:
    plain("load")
    run("load")
    execution = start("load")
    end(execution)
    assert changes() == []


def test_a_change_of_state_by_hand_is_heard() -> None:
    plain("load")
    execution = run("load")
    listener("publish", "states: [FAILED]")
    services.change_status(user=None, execution_id=execution.id, status="FAILED")
    for row in changes():
        worker.carry_out(row.id)
    assert len(started("publish")) == 1
