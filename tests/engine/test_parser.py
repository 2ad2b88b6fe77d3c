"""A flow's text becomes a flow, or problems in Kestra's words at the place where they stand."""

# ruff: noqa: E501 -- a case on one line reads better than one that is wrapped

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from engine.defaults import PluginDefault, merge
from engine.document import Flow, Problem
from engine.parser import parse

HEAD = "id: f\nnamespace: n\n"
TASKS = "tasks:\n  - id: a\n    type: t.Log\n"


class Types:
    """A small catalog: Log runs, Group and the core flowables steer, Old is another name of Log."""

    flowables: Mapping[str, Sequence[str]] = {
        "t.Group": ("onPause", "tasks", "errors"),
        "io.kestra.plugin.core.flow.Switch": ("cases", "defaults", "errors"),
        "io.kestra.plugin.core.flow.WorkingDirectory": ("tasks",),
        "io.kestra.plugin.core.flow.Dag": ("tasks", "errors"),
    }

    def task_kind(self, type_: str) -> str | None:
        if type_ in self.flowables:
            return "flowable"
        return {"t.Log": "task", "t.Old": "task", "io.kestra.plugin.core.flow.Subflow": "task", "t.Schedule": "trigger", "t.Runner": "runner"}.get(type_)

    def child_properties(self, type_: str) -> Sequence[str]:
        return self.flowables.get(type_, ())

    def generated(self, type_: str, given: Mapping[str, Any]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        return {}

    def properties(self, type_: str) -> Sequence[str] | None:
        return ("id", "type", "message", "level", "list", "deep") if type_ in ("t.Log", "t.Old") else None

    def canonical(self, type_: str) -> str:
        return "t.Log" if type_ == "t.Old" else type_

    def check(self, mapping: Mapping[str, Any], kind: str) -> list[tuple[str, tuple[str | int, ...]]]:
        return [("unknown to t.Log", ("nope",))] if "nope" in mapping else []


def read(source: str, *defaults: PluginDefault, strict: bool = True) -> tuple[Flow | None, list[Problem]]:
    return parse(source, catalog=Types(), defaults=defaults, strict=strict)


def flow(source: str, *defaults: PluginDefault) -> Flow:
    found, problems = read(source, *defaults)
    assert found is not None, problems
    return found


def test_a_whole_flow_is_read() -> None:
    found = flow(
        HEAD + "description: d\nlabels: {a: 1, b: true}\nvariables: {v: '{{ x }}'}\n"
        "inputs:\n  - {id: i, type: INT, defaults: 3, min: 1}\n  - {name: j, type: STRING, required: false, dependsOn: {inputs: [i], condition: '{{ inputs.i > 2 }}'}}\n"
        "concurrency: {limit: 2, behavior: CANCEL}\nretry: {type: constant, interval: PT1M, maxAttempt: 3}\n"
        "sla:\n  - {id: s, type: MAX_DURATION, duration: PT1H, behavior: FAIL, labels: {late: true}}\n"
        "outputs:\n  - {id: o, type: STRING, value: '{{ 1 }}'}\n"
        "triggers:\n  - {id: t, type: t.Schedule, cron: '0 9 * * 1-5', disabled: true}\n"
        "tasks:\n  - id: g\n    type: t.Group\n    tasks:\n      - {id: a, type: t.Old, runIf: false, timeout: PT1S, message: m}\n    errors:\n      - {id: e, type: t.Log}\n"
        "errors:\n  - {id: x, type: t.Log, allowFailure: true}\n"
    )
    assert (found.id, found.namespace, found.description, found.revision) == ("f", "n", "d", 1)
    assert found.labels == (("a", "1"), ("b", "true"))
    assert [(i.id, i.type, i.required, i.defaults, dict(i.properties)) for i in found.inputs] == [("i", "INT", True, 3, {"min": 1}), ("j", "STRING", False, None, {})]
    assert (found.inputs[1].depends_on, found.inputs[1].condition) == (("i",), "{{ inputs.i > 2 }}")
    assert found.concurrency is not None
    assert (found.concurrency.limit, found.concurrency.behavior) == (2, "CANCEL")
    assert found.retry is not None
    assert (found.retry.interval, found.retry.max_attempts) == (dt.timedelta(minutes=1), 3)
    assert (found.sla[0].duration, found.sla[0].labels) == (dt.timedelta(hours=1), (("late", "true"),))
    assert found.triggers[0].disabled
    group = found.tasks[0]
    assert {name: [task.id for task in tasks] for name, tasks in group.branches.items()} == {"tasks": ["a"], "errors": ["e"]}
    inner = group.branches["tasks"][0]
    assert (inner.type, inner.run_if, inner.timeout, inner.properties["message"]) == ("t.Log", "false", "PT1S", "m")
    assert found.errors[0].allow_failure


def test_the_cases_of_a_switch_and_the_tasks_of_a_dag_are_branches() -> None:
    found = flow(
        HEAD + "tasks:\n  - id: s\n    type: io.kestra.plugin.core.flow.Switch\n    cases:\n      one: [{id: a, type: t.Log}]\n      2: [{id: b, type: t.Log}]\n"
        "    defaults: [{id: c, type: t.Log}]\n"
        "  - id: d\n    type: io.kestra.plugin.core.flow.Dag\n    tasks:\n      - task: {id: x, type: t.Log}\n      - task: {id: y, type: t.Log}\n        dependsOn: [x]\n"
    )
    assert {name: tasks[0].id for name, tasks in found.tasks[0].branches.items()} == {"cases.one": "a", "cases.2": "b", "defaults": "c"}
    assert [task.id for task in found.tasks[1].branches["tasks"]] == ["x", "y"]


def test_one_task_alone_is_a_branch_too() -> None:
    group = HEAD + "tasks:\n  - id: g\n    type: t.Group\n    onPause: {id: %s}\n    tasks: [{id: b, type: t.Log}]\n"
    found = flow(group % "a, type: t.Log")
    assert {name: [task.id for task in tasks] for name, tasks in found.tasks[0].branches.items()} == {"onPause": ["a"], "tasks": ["b"]}
    for wrong, message, path in (
        ("b, type: t.Log", "Duplicate task id with name [b]", ""),
        ("a, type: t.None", "Invalid type: t.None", "tasks[0].onPause.type"),
        ("a", "Invalid type: null: missing type id property 'type'", "tasks[0].onPause"),
    ):
        _, problems = read(group % wrong)
        assert [(problem.message, problem.path) for problem in problems] == [(message, path)]


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("", "Illegal flow yaml: a flow is a map", 1),
        ("null", "Illegal flow yaml", 1),
        ("- a", "Illegal flow yaml", 1),
        ("id: f\n  namespace: n", "Illegal flow yaml: mapping values are not allowed here\n in 'reader', line 2, column 12:", 2),
        (HEAD, "must not be empty", 1),
        (HEAD + "tasks: []", "must not be empty", 3),
        (HEAD + "tasks: a", "a list is needed here", 3),
        (HEAD + "tasks: [a]", "a map with `id` and `type` is needed here", 3),
        (HEAD + "tasks: [null]", "a map with `id` and `type` is needed here", 3),
        (HEAD + "tasks:\n  - id: a", "Invalid type: null", 4),
        (HEAD + "tasks:\n  - id: a\n    type: t.Nope", "Invalid type: t.Nope", 5),
        (HEAD + "tasks:\n  - id: a\n    type: t.Runner", "t.Runner is a runner, not a task", 5),
        (HEAD + "tasks:\n  - type: t.Log", "must not be null", 4),
        (HEAD + "tasks:\n  - id: a.b\n    type: t.Log", 'must match "^[a-zA-Z0-9][a-zA-Z0-9_-]*"', 4),
        (HEAD + TASKS + "    nope: 1", "unknown to t.Log", 6),
        (HEAD + TASKS + "    disabled: maybe", "`true` or `false` is needed here", 6),
        (HEAD + TASKS + "    retry: {type: constant}", "must not be null", 6),
        (HEAD + TASKS + "    retry: {type: constant, interval: 1 minute}", "is not a duration like PT30S", 6),
        (HEAD + TASKS + "    workerGroup: {key: k}", "Worker Group is an Enterprise Edition functionality", 6),
        (HEAD + TASKS + "frob: 1", 'Unrecognized field "frob" (class io.kestra.core.models.flows.Flow), not marked as ignorable (24 known properties: "id", ', 6),
        (HEAD + TASKS + "tasks: []", "Duplicate field 'tasks'", 6),
        (HEAD + TASKS + "  - id: a\n    type: t.Log", "Duplicate task id with name [a]", 6),
        (HEAD + TASKS + "errors:\n  - id: a\n    type: t.Log", "Duplicate task id with name [a]", 7),
        (HEAD + TASKS + "labels: {system.x: y}", "System labels can only be set by Kestra itself, offending label: system.x=y", 6),
        (HEAD + TASKS + "labels: {a: [b]}", "a label needs a `key` and a `value`", 6),
        (HEAD + TASKS + "inputs:\n  - {id: x, type: INT}\n  - {id: x, type: INT}", "Duplicate input with name [x]", 8),
        (HEAD + TASKS + "inputs:\n  - id: x", "Invalid type: null", 7),
        (HEAD + TASKS + "inputs:\n  - {id: x, type: NOPE}", "Invalid type: NOPE", 7),
        (HEAD + TASKS + "inputs:\n  - {id: x, type: INT, frob: 1}", 'Unrecognized field "frob"', 7),
        (HEAD + TASKS + "inputs:\n  - {id: x, type: FILE, defaults: a}", "no `defaults` can be set for inputs of type 'FILE'", 7),
        (HEAD + TASKS + "inputs:\n  - {id: x, type: ARRAY, itemType: ARRAY}", "`itemType` cannot be `ARRAY`", 7),
        (HEAD + TASKS + "inputs:\n  - {id: x, type: STRING, validator: '['}", "invalid pattern [[]", 7),
        (HEAD + TASKS + "inputs:\n  - {id: x, type: MULTISELECT, values: [a], options: [a]}", "you can't define both `values` and `options`", 7),
        (HEAD + TASKS + "inputs:\n  - {id: x, type: INT, dependsOn: {inputs: [y]}}", "Input with id 'x' depends on a non-existent input 'y'.", 7),
        (HEAD + TASKS + "inputs:\n  - {id: x, type: INT, dependsOn: {inputs: [x]}}", "Cycle dependency detected for input with id 'x': [x]", 7),
        (HEAD + TASKS + "outputs:\n  - {id: x, type: INT, value: 1}\n  - {id: x, type: INT, value: 1}", "Duplicate output with name [x]", 8),
        (HEAD + TASKS + "triggers:\n  - {id: x, type: t.Schedule}\n  - {id: x, type: t.Schedule}", "Duplicate trigger id with name [x]", 8),
        (HEAD + TASKS + "triggers:\n  - {id: x, type: t.Schedule, cron: '0 25 * * *'}", "invalid cron expression '0 25 * * *': ", 7),
        (HEAD + TASKS + "triggers:\n  - {id: x, type: t.Schedule, cron: '* * *'}", "invalid cron expression '* * *': Cron expression contains 3 parts", 7),
        (HEAD + TASKS + "triggers:\n  - {id: x, type: t.Log}", "t.Log is a task, not a trigger", 7),
        (HEAD + TASKS + "concurrency: {limit: 0}", "must be greater than or equal to 1", 6),
        (HEAD + TASKS + "pluginDefaults:\n  - type: t.Log", "Invalid Plugin Default: No 'values' provided", 7),
        (HEAD + TASKS + "pluginDefaults:\n  - {type: t.Log, values: {x: null}}", "Invalid Plugin Default: No value provided for key 'x'", 7),
        (HEAD + TASKS + "pluginDefaults:\n  - {type: t.Log, values: {frob: 1}}", "Invalid Plugin Default: No property 'frob' exists in plugin 't.Log'", 7),
        (HEAD + "tasks:\n  - {id: a, type: io.kestra.plugin.core.flow.Subflow, namespace: n, flowId: f}", "Recursive call to flow [n.f]", 4),
        (HEAD + "tasks:\n  - {id: a, type: io.kestra.plugin.core.flow.Switch, value: x}", "a: No task defined, neither cases or default have any tasks", 4),
        (HEAD + "tasks:\n  - {id: a, type: io.kestra.plugin.core.flow.WorkingDirectory}", "a: The 'tasks' property cannot be empty", 4),
        (HEAD + "tasks:\n  - {id: a, type: io.kestra.plugin.core.flow.WorkingDirectory, tasks: [{id: b, type: t.Group, tasks: []}]}", "a: Only runnable tasks are allowed as children of a WorkingDirectory task", 4),
        (HEAD + "tasks:\n  - {id: d, type: io.kestra.plugin.core.flow.Dag, tasks: [{task: {id: x, type: t.Log}, dependsOn: [y]}, {task: {id: y, type: t.Log}, dependsOn: [x]}, {task: {id: z, type: t.Log}, dependsOn: [y]}]}", "d: Cyclic dependency detected: x, y", 4),
        (HEAD + "tasks:\n  - {id: d, type: io.kestra.plugin.core.flow.Dag, tasks: [{task: {id: x, type: t.Log}, dependsOn: [nope]}]}", "d: Not existing task id in dependency: nope", 4),
        ("id: my#flow\nnamespace: n\n" + TASKS, 'must match "^[a-zA-Z0-9][a-zA-Z0-9._-]*"', 1),
        ("id: f\nnamespace: N\n" + TASKS, 'must match "^[a-z0-9][a-z0-9._-]*"', 2),
        (f"id: {'f' * 101}\nnamespace: n\n" + TASKS, "size must be between 1 and 100", 1),
    ],
)
def test_a_mistake_is_told_where_it_stands(source: str, message: str, line: int) -> None:
    found, problems = read(source)
    assert found is None
    told = [(problem.message, problem.line) for problem in problems if problem.severity == "error"]
    assert any(text.startswith(message) or message in text for text, _ in told), told
    assert line in [number for text, number in told if message in text]


def test_what_concerns_the_whole_flow_has_a_place_but_no_path() -> None:
    _, problems = read(HEAD + TASKS + "  - id: a\n    type: t.Log")
    assert [(problem.path, problem.line, problem.column) for problem in problems] == [("", 6, 5)]


def test_an_old_name_is_an_info_and_becomes_the_new_one() -> None:
    found, problems = read(HEAD + "tasks:\n  - id: a\n    type: t.Old\n")
    assert found is not None
    assert found.tasks[0].type == "t.Log"
    assert [(p.message, p.path, p.severity) for p in problems] == [("t.Old is replaced by t.Log", "tasks[0].type", "info")]


def test_a_stored_flow_is_read_leniently() -> None:
    source = HEAD + TASKS + "    nope: 1\nfrob: 1\n"
    assert read(source)[0] is None
    found, _ = read(source, strict=False)
    assert found is not None
    assert found.tasks[0].properties["nope"] == 1


def test_plugin_defaults_lie_under_the_task_and_forced_ones_over_it() -> None:
    found = flow(
        HEAD + "pluginDefaults:\n  - {type: t.Old, values: {level: WARN, list: [1], deep: {a: 1, b: 1}}}\n  - {type: t., forced: true, values: {message: forced}}\n"
        "tasks:\n  - {id: a, type: t.Log, level: INFO, message: mine, list: [2], deep: {b: 2, c: null}}\n",
        PluginDefault("t.Log", {"level": "ERROR", "env": {"k": "v"}}),
    )
    own = found.tasks[0].properties
    assert (own["level"], own["message"], own["list"], own["deep"], own["env"]) == ("INFO", "forced", [1, 2], {"a": 1, "b": 2, "c": None}, {"k": "v"})


def test_defaults_reach_nested_maps_with_a_type() -> None:
    found = flow(HEAD + "tasks:\n  - id: a\n    type: t.Log\n    taskRunner: {type: t.Runner}\n", PluginDefault("t.Runner", {"cpu": 1}))
    assert found.tasks[0].properties["taskRunner"] == {"type": "t.Runner", "cpu": 1}


def test_a_null_keeps_the_other_side_of_a_merge() -> None:
    assert merge({"a": 1, "b": None}, {"a": None, "b": 2}) == {"a": 1, "b": 2}


def test_defaults_that_bring_their_own_type_do_not_go_round() -> None:
    found = flow(
        HEAD + TASKS,
        PluginDefault("t.Log", {"inner": {"id": "b", "type": "t.Log"}, "runner": {"type": "t.Runner"}}),
        PluginDefault("t.Runner", {"cpu": 1, "again": {"type": "t.Log"}}),
    )
    own = found.tasks[0].properties
    assert own["inner"] == {"id": "b", "type": "t.Log"}
    assert own["runner"]["cpu"] == 1


def test_an_expression_that_cannot_be_rendered_is_a_warning_at_its_line() -> None:
    source = HEAD + (
        "description: '{{ not looked at'\ntasks:\n  - id: a\n    type: t.Log\n    message: \"{{ x | frob }}\"\n    script: |\n      echo 1\n      echo {{ x\n"
        "    list: [\"{{ nope() }}\"]\n    fine: \"{{ outputs.b.value }} {% raw %}{{ x{% endraw %}\"\n"
    )
    found, problems = read(source)
    assert found is not None
    told = [(p.message.removeprefix("This expression cannot be rendered: "), p.line, p.path, p.severity) for p in problems]
    assert told == [
        ("Filter [frob] does not exist", 7, "tasks[0].message", "warning"),
        ('Expected "}}" before the end of the text', 10, "tasks[0].script", "warning"),
        ("Function or Macro [nope] does not exist", 11, "tasks[0].list[0]", "warning"),
    ]


def test_the_tasks_inside_a_flowable_are_looked_at_once() -> None:
    _, problems = read(HEAD + "tasks:\n  - id: g\n    type: t.Group\n    tasks:\n      - {id: a, type: t.Log, message: '{{ x'}\n")
    assert [problem.line for problem in problems] == [7]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("labels: [{key: a, value: b, frob: 1}]", "labels[0].frob", "models.Label)"),
        ("listeners: [{frob: 1, tasks: [{id: b, type: t.Log}]}]", "listeners[0].frob", "listeners.Listener)"),
        ("listeners: [{description: d}]", "listeners[0].tasks", "must not be empty"),
        ("listeners: [{conditions: [{type: t.Log}], tasks: [{id: b, type: t.Log}]}]", "listeners[0].conditions[0].type", "is a task, not a condition"),
        ("outputs: [{id: o, type: STRING, value: v, frob: 1}]", "outputs[0].frob", "flows.Output)"),
        ("outputs: [{id: o, type: FROB, value: v}]", "outputs[0].type", "Invalid type: FROB"),
        ("pluginDefaults: [{type: t.Log, values: {level: WARN}, frob: 1}]", "pluginDefaults[0].frob", "flows.PluginDefault)"),
        ("concurrency: {limit: 1, frob: 1}", "concurrency.frob", "flows.Concurrency)"),
        ("retry: {type: random, minInterval: PT1S, maxInterval: PT2S, interval: PT1S}", "retry.interval", "retrys.Random)"),
        ("sla: [{id: s, type: MAX_DURATION, behavior: FAIL, duration: PT1S, assert: x}]", "sla[0].assert", "sla.SLA)"),
        ("checks: [{condition: x, message: m, frob: 1}]", "checks[0].frob", "check.Check)"),
        ("checks: [{condition: x}]", "checks[0].message", "must not be empty"),
        ("checks: [{condition: x, message: m, behavior: HALT}]", "checks[0].behavior", "`HALT` is not one of BLOCK_EXECUTION"),
        ("checks: [x]", "checks[0]", "a map with `condition` and `message`"),
        ("workerGroup: {key: a}", "workerGroup", "Enterprise Edition"),
        ("sla: [{type: MAX_DURATION, behavior: FAIL, duration: PT1S}]", "sla[0].id", "must not be empty"),
        ("inputs: [{id: i, type: STRING, min: 1}]", "inputs[0].min", "input.StringInput)"),
        ("inputs: [{id: i, type: STRING, dependsOn: {inputs: [], frob: 1}}]", "inputs[0].dependsOn.frob", "flows.DependsOn)"),
    ],
)
def test_every_map_of_a_flow_knows_its_fields(text: str, path: str, message: str) -> None:
    _, problems = read(HEAD + TASKS + text)
    told = [problem.message for problem in problems if problem.path == path]
    assert told
    assert message in told[0]


@pytest.mark.parametrize(("timeout", "wrong"), [("PT5S", False), ("'{{ inputs.x }}'", False), ("5s", True)])
def test_a_timeout_is_a_duration_or_an_expression(timeout: str, wrong: bool) -> None:
    _, problems = read(HEAD + f"tasks: [{{id: a, type: t.Log, timeout: {timeout}}}]")
    assert [problem.path for problem in problems] == (["tasks[0].timeout"] if wrong else [])
