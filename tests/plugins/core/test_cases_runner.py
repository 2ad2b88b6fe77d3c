"""What task runners and the choice of files do, case by case; the ids are those of the acceptance cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from engine.globs import chosen, compile_glob, matches
from plugins.scripts import _globs
from plugins.scripts._script import open_place
from plugins.scripts.runner.docker.docker import container_name, labels_of
from plugins.scripts.shell.commands import Commands
from tests.plugins.cases import case
from tests.plugins.context import MemoryContext
from tests.plugins.scripts.test_cases_shell import commands, ran

SAYS = """echo '::{"outputs":{"logOutput":"Hello World"}}::'"""


@pytest.mark.parametrize(
    ("given", "fails", "vars_"),
    [
        pytest.param(["echo 'Hello World'"], False, {}, id="runner.run"),
        pytest.param(["return 1"], True, {}, id="runner.fail"),
        pytest.param([SAYS, "return 1"], True, {"logOutput": "Hello World"}, id="runner.outputs_kept_on_failure"),
    ],
)
def test_a_process_ends_with_its_exit_code(context: MemoryContext, given: Sequence[str], fails: bool, vars_: dict[str, str]) -> None:
    told = ran(commands(given), context)
    assert (told.failed is not None) is fails
    assert told.outputs["exitCode"] == int(fails)
    assert told.vars == vars_


@case("runner.output_dir_disabled")
def test_without_an_output_directory_nothing_names_one(context: MemoryContext) -> None:
    told = ran(commands(["env", "echo '{{ outputDir ?? 'none' }}'"], outputDirectory=False), context)
    assert told.outputs["exitCode"] == 0
    assert context.lines("INFO")[-1] == "none"
    assert not [line for line in context.lines("INFO") if line.startswith("OUTPUT_DIR=")]
    assert told.outputs["outputFiles"] == {}


@case("runner.files")
def test_files_go_into_a_process_and_come_out(context: MemoryContext) -> None:
    context.variables["internalStorageFile"] = context.storage.put(b"Hello from internal storage", "internalStorage.txt")
    given = [
        "cat {{internalStorageFile}} && echo",
        "cat hello.txt && echo",
        "cat hello.txt > output.txt",
        "echo -n 'file from output dir' > {{outputDir}}/file.txt",
        "mkdir {{outputDir}}/nested",
        "echo -n 'nested file from output dir' > {{outputDir}}/nested/file.txt",
        SAYS,
    ]
    told = ran(commands(given, inputFiles={"hello.txt": "Hello World"}, outputFiles=["output.txt"]), context)
    assert told.outputs["exitCode"] == 0
    assert {"Hello from internal storage", "Hello World"} <= set(context.lines("INFO"))
    assert {name: context.storage.text(uri) for name, uri in told.outputs["outputFiles"].items()} == {
        "output.txt": "Hello World",
        "file.txt": "file from output dir",
        "nested/file.txt": "nested file from output dir",
    }
    assert told.vars == {"logOutput": "Hello World"}


@case("runner.labels")
def test_labels_say_whose_a_container_is_in_63_characters(make_context: Callable[..., MemoryContext]) -> None:
    context = make_context(execution_id="executionId", task_run_id="taskrun", task_id="task")
    context.flow = type(context.flow)(f"{'very.' * 12}long.namespace", "flowId", 1)
    assert labels_of(context) == {
        "kestra.io/namespace": f"{'very.' * 12}lon",
        "kestra.io/flow-id": "flowId",
        "kestra.io/task-id": "task",
        "kestra.io/execution-id": "executionId",
        "kestra.io/taskrun-id": "taskrun",
        "kestra.io/taskrun-attempt": "0",
    }


@case("runner.job_name")
def test_the_name_of_a_container_says_where_it_comes_from(make_context: Callable[..., MemoryContext]) -> None:
    context = make_context(task_id="task")
    context.flow = type(context.flow)("namespace", "flowId", 1)
    names = {container_name(context) for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("namespace-flowid-task-") and len(name) == 27 for name in names)
    context.flow = type(context.flow)("a.very.long.namespace" * 5, "flowId", 1)
    assert len(container_name(context)) <= 63


@case("runner.script_commands")
def test_an_interpreter_gets_all_commands_as_one_text(context: MemoryContext) -> None:
    given = {"commands": ["command"], "beforeCommands": ["beforeCommand"], "interpreter": ["interpreter"], "failFast": False}
    task = Commands.model_validate({"id": "a", "type": "c", **given})
    with open_place(task, context) as place:
        interpreter, text = task.argv(context, place, task.lines(context, place), on_machine=True)
    assert interpreter == "interpreter"
    ours = [line for line in text.split("\n") if "##kestra:" not in line]  # lines that tell apart what prepares and what is meant
    assert "\n".join(ours) == "beforeCommand\ncommand"


@case("glob.simple")
def test_a_plain_name_is_found_in_every_folder() -> None:
    assert compile_glob("test.txt") == compile_glob("glob:**/test.txt")
    assert [path for path in ("base/test.txt", "base/sub/dir/test.txt", "test.txt", "a/test.txts") if matches("test.txt", path)] == [
        "base/test.txt",
        "base/sub/dir/test.txt",
        "test.txt",
    ]
    for pattern in ("*.txt", "/test.txt", "glob:test.txt"):
        assert matches(pattern, "test.txt")
        assert not matches(pattern, "base/test.txt")


@case("glob.base")
def test_below_a_folder_a_plain_name_is_that_folders_own() -> None:
    assert _globs.matches("test.txt", ["test.txt"], anywhere=False)
    assert not _globs.matches("sub/dir/test.txt", ["test.txt"], anywhere=False)


@case("glob.include_exclude")
def test_what_is_excluded_wins_over_what_is_included() -> None:
    paths = ["a/b/c/1", "a/2", "b/c/d/3", "b/d/4", "c/5"]
    assert chosen(paths, ["/a/**", "c/**"], ["**/2"]) == ["a/b/c/1", "b/c/d/3", "c/5"]


@case("glob.regex")
def test_a_regular_expression_is_taken_as_it_is() -> None:
    assert _globs.matches("deep/in/here.json", [r"regex:.*\.json"])
    assert not _globs.matches("deep/in/here.jsonl", [r"regex:.*\.json"])
