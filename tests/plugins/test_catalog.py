"""Types are found by their path, documented by their file, and checked in Kestra's words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.document import Task
from engine.parser import parse
from plugins import catalog
from plugins.catalog import CATALOG
from plugins.contract import BaseTask, BaseTrigger, FlowableTask, TaskFailed

EXAMPLE = re.compile(r"```ya?ml\n(.*?)```", re.DOTALL)
LOG = "io.kestra.plugin.core.log.Log"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("SyncNamespaceFiles", "sync_namespace_files"),
        ("DbtCLI", "dbt_cli"),
        ("If", "if_"),
        ("Return", "return_"),
        ("ForEachItem", "for_each_item"),
        ("AWSBatch2", "aws_batch2"),
    ],
)
def test_a_class_lives_in_the_file_of_its_name(name: str, file: str) -> None:
    assert catalog.file_name(name) == file


def test_every_file_holds_one_type() -> None:
    empty = [str(path) for path in catalog.type_files() if catalog._entry(path) is None]
    assert empty == []


@pytest.mark.parametrize("type_", catalog.all_types())
def test_a_type_is_documented_with_an_example_that_is_valid(type_: str) -> None:
    text = catalog.docs(type_)
    assert text.partition("\n")[0].strip()
    example = EXAMPLE.search(text)
    assert example, f"{type_} has no example"
    flow, problems = parse(example[1], catalog=CATALOG)
    assert flow is not None, [(problem.message, problem.line) for problem in problems]
    assert type_ in example[1]


@pytest.mark.parametrize("type_", catalog.all_types())
def test_every_property_of_a_type_has_help(type_: str) -> None:
    found = catalog.find(type_)
    own = {name for base in (BaseTask, BaseTrigger) if issubclass(found, base) for name in base.model_fields}
    bare = [name for name, field in found.model_fields.items() if not field.description and name not in own | {"type"}]
    assert bare == []
    assert catalog.schema(type_)["properties"]


def test_an_alias_stands_for_its_type() -> None:
    assert catalog.canonical("io.kestra.core.tasks.log.Log") == LOG
    assert catalog.find("io.kestra.core.tasks.log.Log") is catalog.find(LOG)
    assert catalog.kind("io.kestra.core.tasks.log.Log") == "task"


def test_an_unknown_type_is_told() -> None:
    assert catalog.kind("io.kestra.nope") is None
    with pytest.raises(catalog.UnknownType, match=r"Invalid type: io\.kestra\.nope"):
        catalog.find("io.kestra.nope")


def test_a_missing_library_breaks_one_type_and_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalog.Entry("io.kestra.plugin.soda.SodaScan", "plugins.soda_not_installed.soda_scan", "SodaScan", "", ())
    monkeypatch.setattr(catalog, "index", lambda: {entry.type: entry})
    with pytest.raises(catalog.MissingLibrary, match=r"needs the library .* pip install 'kestra-web\[soda_not_installed\]'"):
        catalog.find(entry.type)
    assert CATALOG.task_kind(entry.type) == "task"
    assert "pip install" in CATALOG.check({"id": "a", "type": entry.type}, "task")[0][0]


def test_flowables_are_found_and_nothing_else() -> None:
    assert issubclass(CATALOG.flowables["io.kestra.plugin.core.flow.Sequential"], FlowableTask)
    assert "io.kestra.plugin.core.flow.If" in list(CATALOG.flowables)
    for type_ in (LOG, "io.kestra.nope"):
        with pytest.raises(KeyError):
            CATALOG.flowables[type_]
    assert CATALOG.child_properties("io.kestra.plugin.core.flow.Switch")[:2] == ("cases", "defaults")
    assert CATALOG.child_properties(LOG) == ()


def test_only_cheap_tasks_are_run_in_place() -> None:
    assert CATALOG.inline(LOG)
    assert not CATALOG.inline("io.kestra.plugin.scripts.shell.Commands")


CHECKS: list[tuple[dict[str, Any], list[tuple[str, tuple[str | int, ...]]]]] = [
    ({"type": LOG, "message": "m"}, []),
    ({"type": LOG, "message": 5, "level": "{{ x }}"}, []),
    ({"type": LOG}, [("must not be null", ("message",))]),
    (
        {"type": "io.kestra.plugin.scripts.shell.Commands", "commands": ["ls"], "failFast": "perhaps"},
        [("`true` or `false` is needed here", ("failFast",))],
    ),
    ({"type": LOG, "message": {"a": 1}}, [("a text or a list is needed here", ("message",))]),
    ({"type": LOG, "message": "m", "level": "LOUD"}, [("`LOUD` is not one of TRACE, DEBUG, INFO, WARN, ERROR", ("level",))]),
    (
        {
            "type": "io.kestra.plugin.scripts.shell.Commands",
            "commands": ["ls"],
            "taskRunner": {"type": "io.kestra.plugin.core.runner.Nope"},
        },
        [("Invalid type: io.kestra.plugin.core.runner.Nope", ("taskRunner", "type"))],
    ),
]


@pytest.mark.parametrize(("mapping", "told"), CHECKS)
def test_properties_are_checked(mapping: dict[str, Any], told: list[tuple[str, tuple[str | int, ...]]]) -> None:
    assert CATALOG.check({"id": "a", **mapping}, "task") == told


def test_an_unknown_property_is_told_with_all_known_ones() -> None:
    ((message, path),) = CATALOG.check({"id": "a", "type": LOG, "message": "m", "foo": 1}, "task")
    assert re.fullmatch(
        rf'Unrecognized field "foo" \(class {LOG}\), not marked as ignorable \(\d+ known properties: "id", "type", .*"message", "level"\)',
        message,
    )
    assert path == ("foo",)


def test_a_name_in_pythons_spelling_is_unknown() -> None:
    ((message, _),) = CATALOG.check({"id": "a", "type": LOG, "message": "m", "run_if": "true"}, "task")
    assert message.startswith('Unrecognized field "run_if"')


def test_an_unknown_property_of_a_task_runner_is_told_where_it_stands() -> None:
    runner = {"type": "io.kestra.plugin.core.runner.Process", "cpu": 1}
    told = CATALOG.check({"id": "a", "type": "io.kestra.plugin.scripts.shell.Commands", "commands": ["ls"], "taskRunner": runner}, "task")
    assert [(message.startswith('Unrecognized field "cpu"'), path) for message, path in told] == [(True, ("taskRunner", "cpu"))]


@pytest.mark.parametrize(
    ("type_", "written", "path"),
    [
        ("Sleep", {"duration": "soon"}, ("duration",)),
        ("Sleep", {"duration": "P99999999999D"}, ("duration",)),
        ("Sleep", {"duration": "inf"}, ("duration",)),
        ("Pause", {"delay": "5 minutes"}, ("delay",)),
        ("WaitFor", {"condition": "x", "tasks": [], "checkFrequency": {"interval": "soon"}}, ("checkFrequency", "interval")),
        ("WorkingDirectory", {"tasks": [], "cache": {"patterns": ["a"], "ttl": "soon"}}, ("cache", "ttl")),
    ],
)
def test_a_duration_that_is_none_is_told(type_: str, written: dict[str, Any], path: tuple[str, ...]) -> None:
    told = CATALOG.check({"id": "a", "type": f"io.kestra.plugin.core.flow.{type_}", **written}, "task")
    assert ["is not a duration like PT30S or P1D" in message for message, where in told if where == path] == [True]
    for good in ("PT5S", "{{ inputs.x }}", 5):
        assert CATALOG.check({"id": "a", "type": "io.kestra.plugin.core.flow.Sleep", "duration": good}, "task") == []


def test_common_properties_take_scalars_without_quotes() -> None:
    given = {"id": 1, "type": LOG, "message": "m", "runIf": True, "description": 2}
    assert CATALOG.check(given, "task") == []
    built = CATALOG.build(Task("1", LOG, given))
    assert (built.id, built.run_if, built.description) == ("1", "true", "2")


def test_a_task_is_built_from_what_was_written() -> None:
    built = CATALOG.build(Task("a", LOG, {"id": "a", "type": LOG, "message": "m", "gone": 1}))
    assert built.model_dump(include={"id", "message", "level"}) == {"id": "a", "message": "m", "level": "INFO"}
    with pytest.raises(TaskFailed, match="message: must not be null"):
        CATALOG.build(Task("a", LOG, {"id": "a", "type": LOG}))
    with pytest.raises(TaskFailed, match="Invalid type: x"):
        CATALOG.build(Task("a", "x", {}))


def test_files_lie_below_the_plugins() -> None:
    assert all(path.is_relative_to(Path(catalog.ROOT)) for path in catalog.type_files())


OLD = "io.kestra.core.tasks"
NEW = "io.kestra.plugin.core"
ALIASES = {
    **{f"{OLD}.flows.{name}": f"{NEW}.flow.{name}" for name in (
        "AllowFailure", "Dag", "EachParallel", "EachSequential", "ForEachItem", "If", "Parallel", "Pause", "Sequential", "Subflow",
        "Switch", "Template", "WorkingDirectory")},
    f"{OLD}.flows.Flow": f"{NEW}.flow.Subflow",
    f"{OLD}.flows.Worker": f"{NEW}.flow.WorkingDirectory",
    **{f"{OLD}.debugs.{name}": f"{NEW}.debug.{name}" for name in ("Echo", "Return")},
    **{f"{OLD}.log.{name}": f"{NEW}.log.{name}" for name in ("Fetch", "Log")},
    **{f"{OLD}.executions.{name}": f"{NEW}.execution.{name}" for name in ("Fail", "Labels")},
    f"{OLD}.executions.Counts": f"{NEW}.execution.Count",
    f"{OLD}.storages.Purge": f"{NEW}.execution.PurgeExecutions",
    f"{NEW}.storage.Purge": f"{NEW}.execution.PurgeExecutions",
    f"{OLD}.storages.PurgeExecution": f"{NEW}.storage.PurgeCurrentExecutionFiles",
    f"{NEW}.storage.PurgeExecution": f"{NEW}.storage.PurgeCurrentExecutionFiles",
    **{f"{OLD}.storages.{name}": f"{NEW}.storage.{name}" for name in (
        "Concat", "DeduplicateItems", "Delete", "FilterItems", "LocalFiles", "Reverse", "Size", "Split")},
    **{f"{OLD}.states.{name}": f"{NEW}.state.{name}" for name in ("Delete", "Get", "Set")},
    f"{OLD}.templating.TemplatedTask": f"{NEW}.templating.TemplatedTask",
    f"{OLD}.trigger.Toggle": f"{NEW}.trigger.Toggle",
    **{f"io.kestra.plugin.fs.http.{name}": f"{NEW}.http.{name}" for name in ("Request", "Download", "Trigger")},
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), ALIASES.items())
def test_an_old_name_of_kestra_is_accepted_and_told(old: str, new: str) -> None:
    assert catalog.canonical(old) == new
    assert new in catalog.all_types()
    _, problems = parse(f"id: a\nnamespace: b\ntasks:\n- {{id: t, type: {old}}}\n", catalog=CATALOG)
    if "http.Trigger" not in new:
        assert (f"{old} is replaced by {new}", "info") in [(problem.message, problem.severity) for problem in problems]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("[{id: a, type: STRING}, {id: a, type: INT}]", "Duplicate input with name [a]"),
        ("[{id: a, type: NOPE}]", "Invalid type: NOPE"),
        ("[{id: a, type: INT, dependsOn: {inputs: [b]}}]", "Input with id 'a' depends on a non-existent input 'b'."),
        ("[{id: a, type: INT, min: x}]", 'For input string: "x"'),
    ],
)
def test_what_a_pause_asks_for_is_checked_as_inputs_are(asked: str, message: str) -> None:
    source = f"id: f\nnamespace: n\ntasks:\n  - {{id: p, type: io.kestra.plugin.core.flow.Pause, onResume: {asked}}}\n"
    _, problems = parse(source, catalog=CATALOG)
    assert [problem.message for problem in problems] == [message]
