"""Levels, branches and endings: what starts when, and which state comes of it."""

from __future__ import annotations

import pytest

from engine import commands, events
from engine.execution import Execution
from engine.machine import advance
from tests.engine.simulator import FLOWABLES, START, World, as_json, flow_of, history, ids, new_execution, one, state_of


def run(text: str, **more: object) -> Execution:
    return World().run(text, **more)


def test_a_sequence_runs_one_after_another() -> None:
    execution = run("""
tasks:
  - {id: a, type: Log}
  - {id: b, type: Return, format: "{{ outputs.a ?? 'none' }}"}
""")
    assert history(execution) == ["CREATED", "RUNNING", "SUCCESS"]
    assert [history(r) for r in execution.task_runs] == [["CREATED", "RUNNING", "SUCCESS"]] * 2
    assert one(execution, "a").state.histories[-1].date <= one(execution, "b").state.start
    assert one(execution, "b").outputs == {"value": "none"}
    assert execution.error is None


def test_a_task_run_is_running_only_when_its_worker_says_so() -> None:
    flow = flow_of("tasks: [{id: a, type: Log}]")
    execution, decided = advance(flow, new_execution(flow), events.ExecutionCreated(), START, FLOWABLES)
    (task_run,) = execution.task_runs
    assert decided == (commands.RunTask(task_run.id, 0),)
    assert execution.state.current == "RUNNING"
    assert task_run.state.current == "CREATED"
    execution, decided = advance(flow, execution, events.TaskStarted(task_run.id, 0), START, FLOWABLES)
    assert execution.task_runs[0].state.current == "RUNNING"
    assert decided == ()


def test_what_the_machine_remembers_is_json() -> None:
    execution = run("""
tasks:
  - id: loop
    type: ForEach
    values: [1, {a: "{{ flow.id }}"}]
    tasks: [{id: a, type: Return, format: "{{ taskrun.value }}"}]
""")
    assert "flow" in as_json(execution)


LOOPS = ("ForEach, values", "ForEach, concurrencyLimit: 0, values", "EachSequential, value", "EachParallel, value")


@pytest.mark.parametrize("loop", LOOPS)
def test_the_tasks_of_a_loop_know_their_place_in_it(loop: str) -> None:
    place = "'{{ taskrun.iteration }}{{ taskrun.value }}'"
    inner = f"{{id: r, type: Return, format: {place}}}, {{id: s, type: Return, format: {place}}}"
    execution = run(f"tasks: [{{id: l, type: {loop}: [a, b, a, c], tasks: [{inner}]}}]")
    said = {(r.task_id, (r.outputs or {})["value"], r.iteration) for r in execution.task_runs[1:]}
    assert said == {(task, value, int(value[0])) for task in ("r", "s") for value in ("0a", "1b", "2c")}


def test_a_flow_whose_tasks_are_all_disabled_succeeds() -> None:
    execution = run("tasks: [{id: a, type: Fail, disabled: true}, {id: s, type: Sequential, tasks: [{id: b, type: Fail, disabled: true}]}]")
    assert (execution.state.current, ids(execution)) == ("SUCCESS", ["s"])


# --- failing


def test_errors_run_in_order_on_every_level_and_change_nothing() -> None:
    execution = run("""
tasks:
  - id: outer
    type: Sequential
    tasks:
      - id: inner
        type: Sequential
        tasks: [{id: ko, type: Fail}, {id: never, type: Log}]
        errors: [{id: e1, type: Log}, {id: e2, type: Log}]
  - {id: never2, type: Log}
errors: [{id: e3, type: Fail}, {id: e4, type: Log}]
""")
    assert ids(execution) == ["outer", "inner", "ko", "e1", "e2", "e3", "e4"]
    assert [r.state.current for r in execution.task_runs] == ["FAILED", "FAILED", "FAILED", "SUCCESS", "SUCCESS", "FAILED", "SUCCESS"]
    assert execution.state.current == "FAILED"
    assert execution.error == "Task ko failed: Task failure"


def test_a_parallel_group_waits_for_the_others_and_starts_none_when_one_failed() -> None:
    execution = run("""
tasks:
  - id: both
    type: Parallel
    concurrent: 2
    tasks: [{id: ko, type: Fail}, {id: slow, type: Sleep, duration: PT9S}, {id: third, type: Log}]
    errors: [{id: e1, type: Sleep, duration: PT1S}, {id: e2, type: Log}]
""")
    assert ids(execution) == ["both", "ko", "slow", "e1", "e2"]
    assert state_of(execution, "slow") == "SUCCESS"
    assert one(execution, "e2").state.start == one(execution, "e1").state.start, "errors of a parallel group stand side by side"
    assert one(execution, "e1").state.start >= one(execution, "slow").state.histories[-1].date


@pytest.mark.parametrize(
    ("more", "state"), [("", "FAILED"), (", allowFailure: true", "WARNING"), (", allowFailure: true, allowWarning: true", "SUCCESS")]
)
def test_allowed_failures(more: str, state: str) -> None:
    plain = run(f"tasks: [{{id: ko, type: Fail{more}}}]")
    assert (plain.state.current, state_of(plain, "ko")) == (state, state)
    assert one(plain, "ko").attempts[0].state.current == "FAILED"
    group = run(f"tasks: [{{id: s, type: Sequential{more}, tasks: [{{id: ko, type: Fail}}, {{id: never, type: Log}}]}}]")
    assert (group.state.current, state_of(group, "s"), ids(group)) == (state, state, ["s", "ko"])
    assert (group.error is None) == (state == "SUCCESS")


def test_allow_failure_makes_a_warning_after_its_errors_ran() -> None:
    execution = run("""
tasks:
  - {id: try, type: AllowFailure, tasks: [{id: ko, type: Fail}], errors: [{id: e, type: Log}]}
  - {id: after, type: Log}
""")
    assert (execution.state.current, ids(execution)) == ("WARNING", ["try", "ko", "e", "after"])


def test_a_warning_is_told_upward_and_may_be_allowed() -> None:
    assert run("tasks: [{id: s, type: Sequential, tasks: [{id: w, type: Warn}]}]").state.current == "WARNING"
    assert run("tasks: [{id: s, type: Sequential, allowWarning: true, tasks: [{id: w, type: Warn}]}]").state.current == "SUCCESS"


def test_finally_runs_in_any_case_and_after_errors() -> None:
    text = """
tasks:
  - {id: s, type: Sequential, tasks: [{id: a, type: KIND}], errors: [{id: e, type: Log}], finally: [{id: f, type: Log}]}
finally: [{id: last, type: Fail}]
"""
    good, bad = run(text.replace("KIND", "Log")), run(text.replace("KIND", "Fail"))
    assert (good.state.current, ids(good)) == ("SUCCESS", ["s", "a", "f", "last"])
    assert (bad.state.current, ids(bad)) == ("FAILED", ["s", "a", "e", "f", "last"])


# --- choosing


@pytest.mark.parametrize(
    ("condition", "branch"), [("{{ true }}", "yes"), ("{{ 0 }}", "no"), ("{{ null }}", "no"), ("False", "yes"), ("false", "no")]
)
def test_if_follows_its_condition(condition: str, branch: str) -> None:
    execution = run(f"""
tasks:
  - {{id: choose, type: If, condition: "{condition}", then: [{{id: "yes", type: Log}}], else: [{{id: "no", type: Log}}]}}
""")
    assert ids(execution) == ["choose", branch]
    assert one(execution, "choose").outputs == {"evaluationResult": branch == "yes"}


def test_if_without_tasks_for_the_answer_succeeds() -> None:
    assert run("tasks: [{id: i, type: If, condition: 'false', then: [{id: a, type: Fail}]}]").state.current == "SUCCESS"


def test_switch_takes_the_case_the_defaults_or_fails() -> None:
    text = "tasks: [{id: s, type: Switch, value: '{{ inputs.v }}', cases: {a: [{id: in_a, type: Log}]}, defaults: DEFAULTS}]"
    defaults = "[{id: other, type: Log}]"
    a, b = run(text.replace("DEFAULTS", defaults), inputs={"v": "a"}), run(text.replace("DEFAULTS", defaults), inputs={"v": "b"})
    assert (ids(a), one(a, "s").outputs) == (["s", "in_a"], {"value": "a", "defaults": False})
    assert (ids(b), one(b, "s").outputs) == (["s", "other"], {"value": "b", "defaults": True})
    none = run(text.replace("DEFAULTS", "null"), inputs={"v": "b"})
    assert (none.state.current, ids(none)) == ("FAILED", ["s"])
    assert none.error == "Task s failed: No case for the value 'b', and no defaults"


def test_a_condition_that_cannot_be_rendered_fails_its_task() -> None:
    world = World()
    execution = world.run(
        "tasks: [{id: i, type: If, condition: '{{ nothing.here }}', then: [{id: a, type: Log}]}]\nerrors: [{id: e, type: Log}]"
    )
    assert (execution.state.current, state_of(execution, "i"), ids(execution)) == ("FAILED", "FAILED", ["i", "e"])
    assert "nothing" in (execution.error or "")
    assert any(isinstance(c, commands.WriteLog) and c.level == "ERROR" for _, c in world.commanded)


def test_run_if_skips_runs_or_fails() -> None:
    world = World()
    execution = world.run("""
tasks:
  - {id: "yes", type: Log, runIf: "{{ flow.id == 'flow' }}"}
  - {id: "no", type: Log, runIf: "{{ false }}"}
  - {id: group, type: Sequential, runIf: "{{ 0 }}", tasks: [{id: inside, type: Log}]}
  - {id: bad, type: Log, runIf: "{{ outputs.notexists == 2 }}"}
  - {id: never, type: Log}
""")
    states = {r.task_id: r.state.current for r in execution.task_runs}
    assert states == {"yes": "SUCCESS", "no": "SKIPPED", "group": "SKIPPED", "bad": "FAILED"}
    assert execution.state.current == "FAILED"
    assert len(one(execution, "bad").attempts) == 1
    lines = [c.message for _, c in world.commanded if isinstance(c, commands.WriteLog)]
    assert lines[0] == "Unable to evaluate the runIf condition for task bad"


def test_run_if_is_looked_at_before_every_attempt() -> None:
    done = World().run("tasks: [{id: a, type: Fail, runIf: '{{ taskrun.attemptsCount < 1 }}', retry: {type: constant, interval: PT1S}}]")
    assert history(one(done, "a")) == ["CREATED", "RUNNING", "RETRYING", "CREATED", "SKIPPED"]
    assert (done.state.current, len(one(done, "a").attempts)) == ("SUCCESS", 1)


def test_what_needs_the_world_is_asked_once_and_stored() -> None:
    world = World(answers={"world": lambda command, _: "true"})
    execution = world.run("""
tasks:
  - {id: i, type: If, condition: "{{ kv('x') }}", then: [{id: a, type: Log, runIf: "{{ kv('y') }}"}], else: [{id: b, type: Log}]}
""")
    assert ids(execution) == ["i", "a"]
    asked = [c for _, c in world.commanded if isinstance(c, commands.Evaluate)]
    assert [(c.property, c.template) for c in asked] == [("condition", "{{ kv('x') }}"), ("runIf", "{{ kv('y') }}")]


def test_an_answer_that_is_an_error_fails_the_task() -> None:
    flow = flow_of("""tasks: [{id: i, type: If, condition: "{{ kv('x') }}", then: [{id: a, type: Log}]}]""")
    execution, _ = advance(flow, new_execution(flow), events.ExecutionCreated(), START, FLOWABLES)
    told = events.Evaluated(execution.task_runs[0].id, "condition", error="no such key")
    execution, _ = advance(flow, execution, told, START, FLOWABLES)
    assert (execution.state.current, execution.error) == ("FAILED", "Task i failed: no such key")


# --- outputs of the flow


def test_the_outputs_of_the_flow_are_rendered_before_it_ends() -> None:
    execution = run("tasks: [{id: a, type: Return, format: hi}]\noutputs: [{id: o, type: STRING, value: '{{ outputs.a.value }}'}]")
    assert (execution.state.current, execution.outputs) == ("SUCCESS", {"o": "hi"})
    assert execution.notes == {}


def test_outputs_that_cannot_be_rendered_fail_the_execution() -> None:
    execution = run("tasks: [{id: a, type: Log}]\noutputs: [{id: o, type: STRING, value: '{{ outputs.b.value }}'}]")
    assert (execution.state.current, execution.outputs) == ("FAILED", None)
    assert (execution.error or "").startswith("Failed to render output values:")


# --- events that are late, early or twice


def test_a_second_delivery_does_nothing() -> None:
    flow = flow_of("tasks: [{id: a, type: Log}, {id: b, type: Log}]")
    execution, _ = advance(flow, new_execution(flow), events.ExecutionCreated(), START, FLOWABLES)
    first = execution.task_runs[0].id
    for event in (events.TaskStarted(first, 0), events.TaskSucceeded(first, 0, {"x": 1})):
        execution, _ = advance(flow, execution, event, START, FLOWABLES)
        assert advance(flow, execution, event, START, FLOWABLES) == (execution, ())
    late = events.TaskFailed(first, 0, "too late")
    again, decided = advance(flow, execution, late, START, FLOWABLES)
    assert again is execution
    assert decided == ()


@pytest.mark.parametrize(
    "event", [events.TaskSucceeded("nobody", 0), events.TimerElapsed("retry:nobody:1"), events.Evaluated("nobody", "x", 1)]
)
def test_news_of_unknown_task_runs_change_nothing(event: events.Event) -> None:
    flow = flow_of("tasks: [{id: a, type: Log}]")
    execution, _ = advance(flow, new_execution(flow), events.ExecutionCreated(), START, FLOWABLES)
    assert advance(flow, execution, event, START, FLOWABLES) == (execution, ())


def test_an_end_that_overtakes_its_beginning_counts() -> None:
    flow = flow_of("tasks: [{id: a, type: Log}]")
    execution, _ = advance(flow, new_execution(flow), events.ExecutionCreated(), START, FLOWABLES)
    run_id = execution.task_runs[0].id
    execution, _ = advance(flow, execution, events.TaskSucceeded(run_id, 0), START, FLOWABLES)
    assert (execution.state.current, history(execution.task_runs[0])) == ("SUCCESS", ["CREATED", "RUNNING", "SUCCESS"])
    assert advance(flow, execution, events.TaskStarted(run_id, 0), START, FLOWABLES) == (execution, ())


def test_a_push_on_a_running_execution_repeats_nothing() -> None:
    flow = flow_of("tasks: [{id: p, type: Parallel, tasks: [{id: a, type: Log}, {id: b, type: Log}]}]")
    execution, _ = advance(flow, new_execution(flow), events.ExecutionCreated(), START, FLOWABLES)
    assert advance(flow, execution, events.ExecutionCreated(), START, FLOWABLES) == (execution, ())


def test_a_chain_of_a_hundred_tasks_runs_through() -> None:
    execution = run("tasks:\n" + "".join(f"  - {{id: t{n}, type: Log}}\n" for n in range(100)))
    assert (execution.state.current, len(execution.task_runs)) == ("SUCCESS", 100)
    assert [r.position for r in execution.task_runs] == list(range(100))


# --- a working directory


def test_a_working_directory_is_opened_before_and_closed_after_its_tasks() -> None:
    world = World()
    execution = world.run("tasks: [{id: w, type: WorkingDirectory, tasks: [{id: a, type: Log}, {id: b, type: Fail}, {id: c, type: Log}]}]")
    folder = one(execution, "w").id
    sent = [(c.phase, c.workspace, c.task_run_id) for _, c in world.commanded if isinstance(c, commands.RunTask)]
    assert sent == [
        ("open", None, folder),
        ("run", folder, one(execution, "a").id),
        ("run", folder, one(execution, "b").id),
        ("close", None, folder),
    ]
    assert (execution.state.current, ids(execution)) == ("FAILED", ["w", "a", "b"])
    assert one(execution, "w").attempts == ()


def test_the_outputs_of_a_working_directory_come_with_its_closing() -> None:
    flow = flow_of("tasks: [{id: w, type: WorkingDirectory, tasks: [{id: a, type: Log}]}]")
    execution, _ = advance(flow, new_execution(flow), events.ExecutionCreated(), START, FLOWABLES)
    folder = execution.task_runs[0].id
    execution, _ = advance(flow, execution, events.TaskSucceeded(folder, 0, phase="open"), START, FLOWABLES)
    execution, _ = advance(flow, execution, events.TaskSucceeded(execution.task_runs[1].id, 0), START, FLOWABLES)
    closed = events.TaskSucceeded(folder, 0, {"outputFiles": {"a": "kestra:///a"}}, phase="close")
    execution, _ = advance(flow, execution, closed, START, FLOWABLES)
    assert execution.state.current == "SUCCESS"
    assert execution.task_runs[0].outputs == {"outputFiles": {"a": "kestra:///a"}}


def test_a_working_directory_that_cannot_be_opened_fails_without_its_tasks() -> None:
    flow = flow_of("tasks: [{id: w, type: WorkingDirectory, tasks: [{id: a, type: Log}]}]")
    execution, _ = advance(flow, new_execution(flow), events.ExecutionCreated(), START, FLOWABLES)
    failed = events.TaskFailed(execution.task_runs[0].id, 0, "no space left", phase="open")
    execution, _ = advance(flow, execution, failed, START, FLOWABLES)
    assert (execution.state.current, execution.error, ids(execution)) == ("FAILED", "Task w failed: no space left", ["w"])


# --- listeners


def test_listeners_run_after_the_end_and_change_nothing_about_it() -> None:
    execution = run("""
tasks: [{id: a, type: Log}]
listeners: [{tasks: [{id: ko, type: Fail}, {id: never, type: Log}]}, {tasks: [{id: l2, type: Log}]}]
""")
    assert (execution.state.current, execution.error) == ("SUCCESS", None)
    assert {r.task_id: r.state.current for r in execution.task_runs} == {"a": "SUCCESS", "ko": "FAILED", "l2": "SUCCESS"}


@pytest.mark.parametrize(("holds", "state"), [("true", ["a", "l1", "l2"]), ("false", ["a", "l2"])])
def test_a_listener_runs_where_its_conditions_hold(holds: str, state: list[str]) -> None:
    execution = run(f"""
tasks: [{{id: a, type: Log}}]
listeners: [{{conditions: [{{holds: {holds}}}], tasks: [{{id: l1, type: Log}}]}}, {{tasks: [{{id: l2, type: Log}}]}}]
""")
    assert ids(execution) == state


AFTER = "afterExecution: [{id: s, type: Sequential, tasks: [{id: x, type: %s}], errors: [{id: e, type: Log}]}, {id: last, type: %s}]"


@pytest.mark.parametrize(
    ("main", "inner", "last", "seen"),
    [
        ("Log", "Log", "Log", {"a": "SUCCESS", "s": "SUCCESS", "x": "SUCCESS", "last": "SUCCESS"}),
        ("Fail", "Fail", "Log", {"a": "FAILED", "s": "FAILED", "x": "FAILED", "e": "SUCCESS"}),
        ("Log", "Log", "Fail", {"a": "SUCCESS", "s": "SUCCESS", "x": "SUCCESS", "last": "FAILED"}),
    ],
)
def test_what_stands_after_the_execution_runs_behind_its_end_and_leaves_it(main: str, inner: str, last: str, seen: dict[str, str]) -> None:
    execution = run(f"tasks: [{{id: a, type: {main}}}]\n" + AFTER % (inner, last))
    assert execution.state.current == ("FAILED" if main == "Fail" else "SUCCESS")
    assert {r.task_id: r.state.current for r in execution.task_runs} == seen


def test_after_the_execution_its_state_can_be_asked() -> None:
    execution = run("""
tasks: [{id: a, type: Fail}]
afterExecution:
  - {id: good, type: Log, runIf: "{{ execution.state == 'SUCCESS' }}"}
  - {id: bad, type: Return, format: "{{ execution.state }} {{ tasks.a.state }}", runIf: "{{ execution.state == 'FAILED' }}"}
""")
    assert (state_of(execution, "good"), one(execution, "bad").outputs) == ("SKIPPED", {"value": "FAILED FAILED"})


def test_a_retry_after_the_execution_is_the_tasks_own() -> None:
    retry = "retry: {type: constant, interval: PT1S, maxAttempt: 3%s}"
    whole = retry % ", behavior: CREATE_NEW_EXECUTION"
    execution = run(f"tasks: [{{id: a, type: Log}}]\nafterExecution: [{{id: b, type: Fail, {retry % ''}}}]\n{whole}")
    assert (execution.state.current, len(one(execution, "b").attempts)) == ("SUCCESS", 3)
    execution = run(f"tasks: [{{id: a, type: Log}}]\nafterExecution: [{{id: b, type: Fail}}]\n{whole}")
    assert (execution.state.current, len(one(execution, "b").attempts)) == ("SUCCESS", 1)


def test_a_kill_after_the_end_stops_what_still_runs_and_leaves_the_state() -> None:
    world = World()
    world.start(flow_of("tasks: [{id: a, type: Log}]\nafterExecution: [{id: p, type: Pause, delay: PT1H}, {id: never, type: Log}]"))
    execution = world.finish(until="SUCCESS")
    assert state_of(execution, "p") == "PAUSED"
    execution = world.tell(events.KillRequested())
    assert (execution.state.current, state_of(execution, "p"), ids(world.finish())) == ("SUCCESS", "KILLED", ["a", "p"])


def test_a_restart_runs_it_once_more() -> None:
    world = World()
    execution = world.run("tasks: [{id: a, type: Fail}]\nafterExecution: [{id: b, type: Log}]")
    world.tell(events.RestartRequested())
    again = world.finish()
    assert ids(again) == ids(execution) == ["a", "b"]
    assert one(again, "b").id != one(execution, "b").id
