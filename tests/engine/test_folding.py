"""Long loops are folded while they run, and nobody can tell by what comes of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from engine import events, folding
from engine.execution import Execution
from engine.needs import ALL, NOTHING, needs_of
from tests.engine.simulator import World, advance_folded, flow_of, ids, one, state_of


@dataclass(slots=True)
class FoldingWorld(World):
    """A world that gives the machine only what is not folded, and folds after every event; `executions` are whole all the same."""

    away: dict[str, set[str]] = field(default_factory=dict)
    most: int = 0  # task runs that the machine had to hold at once

    def tell(self, event: events.Event, execution_id: str = "execution") -> Execution:
        whole, away = self.executions[execution_id], self.away.setdefault(execution_id, set())
        flow = self.flows[whole.flow_id]
        after, decided = advance_folded(flow, whole, away, event, self.now, self.told)
        self.most = max(self.most, len(after.task_runs) - len(away))
        self.executions[execution_id] = after
        for command in decided:
            self.commanded.append((execution_id, command))
            self.carry_out(execution_id, flow, command)
        return after


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "FROM", 1)


def shape(execution: Execution) -> list[tuple[str, str | None, str, object]]:
    """What anybody sees of the task runs, whatever the order in which they were begun."""
    return sorted((run.task_id, run.value, run.state.current, str(run.outputs)) for run in execution.task_runs)  # type: ignore[type-var] -- values are texts here or None for all of a task


INNER = (
    'tasks: [{id: a, type: Return, format: "{{ taskrun.value }}"}, {id: b, type: Return, format: "{{ outputs.a[taskrun.value].value }}"}]'
)
LOOPS = {
    "one after another": f"{{id: l, type: ForEach, values: [p, q, r, s], {INNER}}}",
    "two at a time": f"{{id: l, type: ForEach, values: [p, q, r, s], concurrencyLimit: 2, {INNER}}}",
    "all at once": f"{{id: l, type: ForEach, values: [p, q, r, s], concurrencyLimit: 0, {INNER}}}",
    "each": f"{{id: l, type: EachSequential, value: [p, q, r], {INNER}}}",
    "each side by side": "{id: l, type: EachParallel, value: [p, q, r], tasks: [{id: a, type: Return, format: x}, {id: b, type: Log}]}",
    "nested": (
        "{id: l, type: ForEach, values: [p, q], concurrencyLimit: 0, tasks: [{id: m, type: ForEach, values: [x, y], "
        'tasks: [{id: a, type: Return, format: "{{ parent.taskrun.value }}{{ taskrun.value }}"}]}]}'
    ),
    "with warnings": "{id: l, type: ForEach, values: [p, q, r], tasks: [{id: a, type: Warn}]}",
    "with a failure": "{id: l, type: ForEach, values: [p, q, r], tasks: [{id: a, type: Fail, condition: \"{{ taskrun.value == 'q' }}\"}]}",
    "with failures that are allowed": (
        "{id: l, type: ForEach, values: [p, q, r], concurrencyLimit: 0, "
        "tasks: [{id: a, type: Fail, allowFailure: true, condition: \"{{ taskrun.value == 'q' }}\"}]}"
    ),
    "with pauses": "{id: l, type: ForEach, values: [p, q, r], tasks: [{id: a, type: Pause, delay: PT1S}]}",
    "with tasks left out": "{id: l, type: ForEach, values: [p, q, r], tasks: [{id: a, type: Log, runIf: \"{{ taskrun.value == 'q' }}\"}]}",
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
def test_a_folded_loop_ends_as_one_that_is_not(loop: str) -> None:
    text = f"tasks: [{loop}, {{id: last, type: Log}}]\nerrors: [{{id: told, type: Log}}]"
    plain, folded = World().run(text), FoldingWorld().run(text)
    assert plain.state.terminated
    assert (folded.state.current, folded.error) == (plain.state.current, plain.error)
    assert shape(folded) == shape(plain)


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_the_machine_holds_a_few_task_runs_of_a_long_loop(limit: int) -> None:
    world = FoldingWorld()
    values = "[" + ", ".join(f"v{number}" for number in range(300)) + "]"
    execution = world.run(f"tasks: [{{id: l, type: ForEach, values: {values}, concurrencyLimit: {limit}, tasks: [{{id: a, type: Log}}]}}]")
    assert execution.state.current == "SUCCESS"
    assert len(execution.task_runs) == 301
    assert world.most <= {0: 201, 1: 2, 3: 4}[limit]
    assert len({run.position for run in execution.task_runs}) == 301


def test_a_loop_in_which_tasks_wait_begins_them_all() -> None:
    world = FoldingWorld()
    values = "[" + ", ".join(f"v{number}" for number in range(300)) + "]"
    world.start(flow_of(f"tasks: [{{id: l, type: ForEach, values: {values}, concurrencyLimit: 0, tasks: [{{id: a, type: Pause}}]}}]"))
    assert ids(world.executions["execution"]).count("a") == 300


def test_what_is_folded_and_named_is_asked_of_the_world() -> None:
    world = FoldingWorld()
    asked = []

    def answer(command: object, flow: object) -> str:
        asked.append(command.property)  # type: ignore[attr-defined] -- an Evaluate
        return "true"

    world.answers["world"] = answer
    loop = "{id: l, type: ForEach, values: [p, q], tasks: [{id: a, type: Return, format: x}, {id: b, type: Log}]}"
    inner = "{id: i, type: If, condition: \"{{ outputs.a.p.value == 'x' }}\", then: [{id: then, type: Log}]}"
    execution = world.run(
        f"tasks: [{loop}, {inner}, {{id: plain, type: If, condition: '{{{{ flow.id }}}}', then: [{{id: also, type: Log}}]}}]"
    )
    assert execution.state.current == "SUCCESS"
    assert asked == ["condition"]
    assert {"then", "also"} <= set(ids(execution))


def test_a_restart_begins_with_what_failed_and_keeps_what_was_folded() -> None:
    world = FoldingWorld()
    inner = '{id: a, type: Fail, condition: "{{ taskrun.value == vars.broken }}"}'
    text = f"tasks: [{{id: l, type: ForEach, values: [p, q, r, s, t], tasks: [{inner}]}}]"
    first = world.run(flow_of(text, variables={"broken": "s"}))
    assert (first.state.current, [run.value for run in first.task_runs[1:]]) == ("FAILED", ["p", "q", "r", "s"])
    world.flows["flow"] = flow_of(text, variables={"broken": ""})
    world.tell(events.RestartRequested())
    again = world.finish()
    assert again.state.current == "SUCCESS"
    assert [(run.value, len(run.attempts)) for run in again.task_runs[1:]] == [("p", 1), ("q", 1), ("r", 1), ("s", 2), ("t", 1)]


def test_a_kill_ends_a_loop_that_is_folded() -> None:
    world = FoldingWorld()
    world.start(flow_of("tasks: [{id: l, type: ForEach, values: [p, q, r], tasks: [{id: a, type: Log}]}]"))
    while one(world.executions["execution"], "l").notes.get("folded", {}).get("done") != [[0, 2]]:
        world.step()
    world.tell(events.KillRequested())
    execution = world.finish()
    assert (execution.state.current, state_of(execution, "l")) == ("KILLED", "KILLED")
    assert [run.state.current for run in execution.task_runs[1:]] == ["SUCCESS", "SUCCESS", "KILLED"]


def test_spans_that_touch_become_one() -> None:
    assert folding.merged([[0, 1], [1, 2], [3, 4], [4, 6], [9, 10]]) == [[0, 2], [3, 6], [9, 10]]
    assert list(folding.open_places(8, {"folded": {"done": [[0, 2], [3, 6]]}})) == [2, 6, 7]
    assert list(folding.open_places(3, {})) == [0, 1, 2]


@pytest.mark.parametrize(
    ("template", "needs"),
    [
        ("plain outputs", NOTHING),
        ("{{ flow.id }}", NOTHING),
        ("{{ outputs.load.value }}", {"load"}),
        ("{{ outputs['load-all'].value ~ tasks.other.state }}", {"load-all", "other"}),
        ('{{ outputs . load["x"] }}', {"load"}),
        ("{{ parent.outputs.x }} {{ trigger.outputs.y }} {{ parents[0].outputs }}", NOTHING),
        ("{{ currentEachOutput(outputs.each).value }}", {"each"}),
        ("{{ outputs[inputs.name] }}", ALL),
        ("{{ outputs }}", ALL),
        ("{% for task in tasks %}{{ task }}{% endfor %}", ALL),
        ("{{ render(vars.x) }}", ALL),
        ("{{ printContext() }}", ALL),
        ({"a": ["{{ outputs.x }}", {"{{ outputs.y }}": 1}]}, {"x", "y"}),
        (12, NOTHING),
    ],
)
def test_a_template_needs_the_task_runs_that_it_names(template: object, needs: frozenset[str] | None) -> None:
    assert needs_of(template) == needs
