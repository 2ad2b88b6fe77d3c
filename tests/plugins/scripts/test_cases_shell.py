"""What shell tasks answer, case by case; the ids are those of the acceptance cases that the table re-expresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from plugins.contract import TaskFailed
from plugins.scripts._script import ExecScript
from plugins.scripts.shell.commands import Commands
from plugins.scripts.shell.script import Script
from tests.plugins.cases import case
from tests.plugins.context import MemoryContext

PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}
COUNTING = 'for i in {1..2000}\ndo\n   echo "$i"\ndone\n'


@dataclass
class Ran:
    """How a task ended: its outputs, the message where it failed, and how many lines it wrote where."""

    outputs: Mapping[str, Any]
    failed: str | None = None
    lines: Counter[str] = field(default_factory=Counter)

    @property
    def vars(self) -> Mapping[str, Any]:
        return dict(self.outputs["vars"])


def ran(task: ExecScript, context: MemoryContext) -> Ran:
    """Run a task to its end, whatever that is."""
    lines: Counter[str] = Counter()
    try:
        result = task.run_heard(context, lambda stream, _text: lines.update([stream]))
    except TaskFailed as failed:
        return Ran(failed.outputs or {}, failed.message, lines)
    return Ran(result.outputs or {}, None, lines)


def commands(given: Sequence[str], **more: Any) -> Commands:
    return Commands.model_validate({"id": "a", "type": "c", "commands": list(given), "taskRunner": PROCESS, **more})


def script(text: str, **more: Any) -> Script:
    return Script.model_validate({"id": "a", "type": "s", "script": text, "taskRunner": PROCESS, **more})


@pytest.mark.parametrize(
    ("task", "exit_code", "stdout", "stderr", "levels"),
    [
        pytest.param(
            commands(["echo 0", "echo 1", ">&2 echo 2", ">&2 echo 3"]),
            0, 2, 2, {"0": "INFO", "1": "INFO", "2": "ERROR", "3": "ERROR"},
            id="sh.counts",
        ),
        pytest.param(commands(["echo 1 1>&2", "exit 66", "echo 2"]), 66, 0, 1, {"1": "ERROR"}, id="sh.exit66"),
        pytest.param(commands(["unknown", "echo 1"], failFast=True), 127, 0, 1, {}, id="sh.failfast"),
        pytest.param(commands(["unknown", "echo 1"], failFast=False), 0, 1, 1, {"1": "INFO"}, id="sh.no_failfast"),
        pytest.param(
            script(COUNTING, interpreter=["/bin/bash", "-c"]), 0, 2000, 0, {"1": "INFO", "1000": "INFO", "2000": "INFO"}, id="sh.masslog"
        ),
    ],
)  # fmt: skip
def test_lines_and_exit_code(
    context: MemoryContext, task: ExecScript, exit_code: int, stdout: int, stderr: int, levels: Mapping[str, str]
) -> None:
    told = ran(task, context)
    assert told.outputs["exitCode"] == exit_code
    assert (told.failed is None) == (exit_code == 0)
    assert (told.lines["stdout"], told.lines["stderr"]) == (stdout, stderr)
    seen = {line.message: line.level for line in context.logs}
    assert levels.items() <= seen.items()
    numbers = [int(line) for line in context.lines("INFO")]
    assert numbers == sorted(numbers), "the order is kept"


@case("sh.outputdir")
def test_what_is_written_into_the_output_directory_is_kept(context: MemoryContext) -> None:
    uri = context.storage.put(b"I'm here", "get.yml")
    given = [
        "mkdir -p {{ outputDir}}/sub/dir/",
        f"""echo '::{{"outputs": {{"extract":"'$(cat {uri})'"}}}}::'""",
        "echo 1 >> {{ outputDir}}/file.xml",
        "echo 2 >> {{ outputDir}}/sub/dir/file.csv",
        "echo 3 >> {{ outputDir}}/file.xml",
    ]
    told = ran(commands(given), context)
    assert (told.outputs["exitCode"], told.lines["stdout"], told.lines["stderr"]) == (0, 1, 0)
    assert told.vars == {"extract": "I'm here"}
    files = {name: context.storage.text(found) for name, found in told.outputs["outputFiles"].items()}
    assert files == {"file.xml": "1\n3\n", "sub/dir/file.csv": "2\n"}


@case("sh.null_output")
def test_null_is_a_value(context: MemoryContext) -> None:
    told = ran(commands(["""echo '::{"outputs": {"extract":null}}::'"""]), context)
    assert told.vars == {"extract": None}
    assert told.lines["stdout"] == 1


@case("sh.workingdir")
def test_the_working_directory_has_a_name(context: MemoryContext) -> None:
    assert ran(commands(["echo {{ workingDir }}"]), context).outputs["exitCode"] == 0
    assert context.lines("INFO") == [str(context.working_dir)]


@case("sh.input_output_files")
def test_files_come_in_and_go_out(context: MemoryContext) -> None:
    uri = context.storage.put(b"a: 1\n", "application.yml")
    text = "mkdir out\ncat test/application.yml > out/bla.yml\n"
    told = ran(script(text, inputFiles={"test/application.yml": uri}, outputFiles=["out/**"]), context)
    assert list(told.outputs["outputFiles"]) == ["out/bla.yml"]
    kept = told.outputs["outputFiles"]["out/bla.yml"]
    assert kept.startswith("kestra://")
    assert context.storage.text(kept) == "a: 1\n"


@case("sh.output_files_var")
def test_a_named_output_file_has_a_path(context: MemoryContext) -> None:
    told = ran(script("echo -n {{ outputFiles.outfile }} > outfile", outputFiles=["outfile"]), context)
    assert context.storage.text(told.outputs["outputFiles"]["outfile"]).endswith("/outfile")
