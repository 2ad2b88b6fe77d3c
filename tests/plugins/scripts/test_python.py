"""Python tasks as a process."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.contract import TaskFailed
from plugins.scripts.python.commands import Commands
from plugins.scripts.python.script import Script
from tests.plugins.context import MemoryContext

PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}


def outputs_of(context: MemoryContext, script: str, **given: Any) -> dict[str, Any]:
    result = Script.model_validate({"id": "a", "type": "p", "script": script, "taskRunner": PROCESS, **given}).run(context)
    return dict(result.outputs or {})


def test_a_script_gives_outputs(context: MemoryContext) -> None:
    given = outputs_of(context, """print('::{"outputs": {"extract":"hello world"}}::')""")
    assert (given["exitCode"], given["vars"]) == (0, {"extract": "hello world"})


def test_the_exit_code_of_a_script_is_kept(context: MemoryContext) -> None:
    with pytest.raises(TaskFailed) as caught:
        outputs_of(context, "import sys; sys.exit(1)")
    assert (caught.value.outputs or {})["exitCode"] == 1


def test_a_uri_in_a_script_becomes_a_path(context: MemoryContext) -> None:
    uri = context.storage.put(b"hello there!", "get.yml")
    script = f"""import os\n\nsize = os.path.getsize("{uri}")\nprint('::{{"outputs": {{"size":' + str(size) + '}}}}::')"""
    assert outputs_of(context, script)["vars"] == {"size": 12}


def test_words_of_json_are_known(context: MemoryContext) -> None:
    script = "import json\nt = true\nf = false\nn = null\nprint('::' + json.dumps({'outputs': {'t': t, 'f': f, 'n': n}}) + '::')\n"
    assert outputs_of(context, script)["vars"] == {"t": True, "f": False, "n": None}


def test_a_script_may_begin_with_a_future_import(context: MemoryContext) -> None:
    assert outputs_of(context, "from __future__ import annotations\nx = None  # null\nprint('fine')\n")["exitCode"] == 0


def test_an_error_is_told_with_its_line(context: MemoryContext) -> None:
    with pytest.raises(TaskFailed):
        outputs_of(context, "x = 1\ny = x / 0\n")
    assert any("line 2" in line for line in context.lines("ERROR"))
    assert any("ZeroDivisionError" in line for line in context.lines("ERROR"))


def test_commands_find_python_and_their_files(context: MemoryContext) -> None:
    task = Commands.model_validate(
        {"id": "a", "type": "p", "commands": ["python main.py"], "inputFiles": {"main.py": "print('from a file')"}, "taskRunner": PROCESS}
    )
    task.run(context)
    assert context.lines("INFO")[-1] == "from a file"


def test_the_script_must_be_there() -> None:
    with pytest.raises(ValueError, match="script"):
        Script.model_validate({"id": "a", "type": "p"})


def test_an_environment_activated_before_the_script_is_used(context: MemoryContext) -> None:
    given = outputs_of(
        context,
        """import sys\nprint('::{"outputs": {"prefix":"' + sys.prefix + '"}}::')""",
        beforeCommands=["python -m venv --without-pip .venv", ". .venv/bin/activate"],
    )
    assert given["vars"]["prefix"] == str(context.working_dir / ".venv")


def test_a_version_that_is_not_here_is_told(context: MemoryContext) -> None:
    outputs_of(context, "print(1)", pythonVersion="3.99")
    assert any("3.99 is not on this machine" in line for line in context.lines("WARN"))


@pytest.mark.dbt
def test_dependencies_are_installed_once(context: MemoryContext) -> None:
    script = 'import six\nprint(\'::{"outputs": {"name":"\' + six.__name__ + \'"}}::\')'
    assert outputs_of(context, script, dependencies=["six==1.17.0"])["vars"] == {"name": "six"}
    made = len(context.lines("INFO"))
    outputs_of(context, script, dependencies=["six==1.17.0"])
    assert not any("Making" in line for line in context.lines("INFO")[made:])


def test_an_option_is_no_dependency(context: MemoryContext) -> None:
    with pytest.raises(TaskFailed, match="not an option"):
        outputs_of(context, "print(1)", dependencies=["--index-url=http://elsewhere"])


@pytest.mark.dbt
def test_what_a_task_installs_stays_with_the_task(context: MemoryContext) -> None:
    script = 'import tomli_w, six\nprint(\'::{"outputs": {"name":"\' + tomli_w.__name__ + \'"}}::\')'
    given = outputs_of(context, script, dependencies=["six==1.17.0"], beforeCommands=["pip install --quiet tomli_w"])
    assert given["vars"] == {"name": "tomli_w"}
    with pytest.raises(TaskFailed):
        outputs_of(context, script, dependencies=["six==1.17.0"])
    assert any("No module named 'tomli_w'" in line for line in context.lines("ERROR"))


@pytest.mark.dbt
def test_an_environment_made_with_uv_by_the_task_itself_works(context: MemoryContext) -> None:
    before = ["pip install --quiet uv", "uv venv --quiet", ". .venv/bin/activate", "uv pip install --quiet six==1.17.0"]
    script = 'import six, sys\nprint(\'::{"outputs": {"prefix":"\' + sys.prefix + \'"}}::\')'
    assert outputs_of(context, script, beforeCommands=before)["vars"]["prefix"] == str(context.working_dir / ".venv")
