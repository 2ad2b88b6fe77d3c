"""What Python tasks answer, case by case; the ids are those of the acceptance cases that the tables re-express."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from plugins.catalog import CATALOG
from plugins.scripts._images import looks_like_python, python_version
from plugins.scripts.python.script import Script
from tests.plugins.cases import case
from tests.plugins.context import MemoryContext
from tests.plugins.scripts.test_cases_shell import PROCESS, ran

INDEX = pytest.mark.dbt  # packages come from the index


def script(text: str, **more: Any) -> Script:
    return Script.model_validate({"id": "a", "type": "p", "script": text, "taskRunner": PROCESS, **more})


ACTIVATED = ["python3 -m venv venv", ". venv/bin/activate", "pip install requests > /dev/null"]
MANAGED = ["python3 -m venv .venv", ". .venv/bin/activate", "pip install six > /dev/null"]
TABLE = """\
from kestra import Kestra
import pandas as pd
df = pd.DataFrame({'Name': ['Alice', 'Bob', 'Charlie'], 'Age': [25, 30, 35]})
print(df)
print('Average age:', df['Age'].mean())
Kestra.outputs({'average_age': df['Age'].mean()})
"""
SIX = """import six\nprint('::{"outputs": {"extract":"' + six.__name__ + '"}}::')"""
LITERALS = "import json\nt = true\nf = false\nn = null\nprint('::' + json.dumps({'outputs': {'t': t, 'f': f, 'n': n}}) + '::')\n"
LINES = 'from kestra import Kestra\nprint("1234\\n\\n")\nKestra.outputs({\'secrets\': "test string"})'


@pytest.mark.parametrize(
    ("task", "exit_code", "vars_"),
    [
        pytest.param(
            script("""print('::{"outputs": {"extract":"hello world"}}::')"""), 0, {"extract": "hello world"}, id="py.output"
        ),
        pytest.param(script("import sys; sys.exit(1)"), 1, {}, id="py.exit1"),
        pytest.param(
            script(TABLE, dependencies=["kestra", "pandas"], dependencyCacheEnabled=False, pythonVersion="3.13"),
            0, {"average_age": 30.0}, id="py.dependencies", marks=[INDEX, pytest.mark.timeout(400)],
        ),
        pytest.param(script("import requests", beforeCommands=ACTIVATED), 0, {}, id="py.venv_in_before", marks=INDEX),
        pytest.param(
            script(SIX, beforeCommands=MANAGED, pythonVersion="3.13"), 0, {"extract": "six"}, id="py.managed_venv_preferred", marks=INDEX
        ),
        pytest.param(script(LINES), 0, {"secrets": "test string"}, id="py.multiline", marks=INDEX),
        pytest.param(script(LITERALS), 0, {"t": True, "f": False, "n": None}, id="py.pebble_literals"),
    ],
)  # fmt: skip
def test_outputs_and_exit_code(context: MemoryContext, task: Script, exit_code: int, vars_: Mapping[str, Any]) -> None:
    told = ran(task, context)
    assert (told.outputs["exitCode"], told.failed is None) == (exit_code, exit_code == 0), context.lines("ERROR")
    assert told.vars == vars_
    if exit_code:
        assert told.lines["stdout"] == 0


@case("py.dependencies")
@INDEX
@pytest.mark.timeout(400)
def test_an_environment_without_a_cache_is_gone_with_its_task(context: MemoryContext) -> None:
    task = script("import six, sys\nprint(sys.prefix)", dependencies=["six==1.17.0"], dependencyCacheEnabled=False)
    for _ in range(2):
        assert ran(task, context).failed is None
        assert not Path(context.lines("INFO")[-1]).exists()
    assert len([line for line in context.lines("INFO") if line.startswith("Making the environment")]) == 2


@case("py.size_of_input")
def test_a_uri_in_a_script_is_a_file(context: MemoryContext) -> None:
    uri = context.storage.put(b"hello there!", "get.yml")
    text = f"""import os\n\nfile_size = os.path.getsize("{uri}")\nprint('::{{"outputs": {{"extract":' + str(file_size) + '}}}}::')"""
    assert ran(script(text), context).vars == {"extract": 12}


@case("py.empty")
def test_a_script_that_is_null_is_told() -> None:
    told = CATALOG.check({"id": "a", "type": "io.kestra.plugin.scripts.python.Script", "script": None}, "task")
    assert [f"{'.'.join(map(str, path))}: {message}" for message, path in told] == ["script: must not be null"]


HELPER = """\
from kestra import Kestra
import time
Kestra.outputs({'test': 'value', 'int': 2, 'bool': True, 'float': 3.65})
Kestra.counter('count', 1, {'tag1': 'i', 'tag2': 'win'})
Kestra.counter('count2', 2)
Kestra.timer('timer1', lambda: time.sleep(1), {'tag1': 'i', 'tag2': 'lost'})
Kestra.timer('timer2', 2.12, {'tag1': 'i', 'tag2': 'destroy'})
"""


@case("py.kestra_lib")
@INDEX
def test_kestras_helper_gives_outputs_and_metrics(context: MemoryContext) -> None:
    told = ran(script(HELPER), context)
    assert told.failed is None, context.lines("ERROR")
    assert told.vars == {"test": "value", "int": 2, "bool": True, "float": 3.65}
    found = {metric.name: metric for metric in context.metrics}
    assert {name: (metric.kind, dict(metric.tags)) for name, metric in found.items()} == {
        "count": ("counter", {"tag1": "i", "tag2": "win"}),
        "count2": ("counter", {}),
        "timer1": ("timer", {"tag1": "i", "tag2": "lost"}),
        "timer2": ("timer", {"tag1": "i", "tag2": "destroy"}),
    }
    assert (found["count"].value, found["count2"].value, found["timer2"].value) == (1, 2, 2.12)
    assert found["timer1"].value > 0


VERSIONS = {
    "python:3.11": "3.11",
    "python:3.13-slim": "3.13",
    "python:3.11.4": "3.11.4",
    "python:latest": None,
    "ubuntu:22.04": None,
    "123456789.dkr.ecr.ap-southeast-2.amazonaws.com/python:0.0.10": "0.0.10",
    "python:2.7": "2.7",
    "python:3": "3",
    "my-registry.example.com/python:3.11": "3.11",
    None: None,
}


@pytest.mark.parametrize(
    ("image", "version"), [pytest.param(image, version, id=f"py.image_version.{image}") for image, version in VERSIONS.items()]
)
def test_the_version_that_an_image_names(image: str | None, version: str | None) -> None:
    assert python_version(image) == version


ACCEPTED = {"2.7": True, "3.11": True, "0.0.10": False, "1.5.2": False}


@pytest.mark.parametrize(
    ("version", "accepted"), [pytest.param(version, accepted, id=f"py.looks_like.{version}") for version, accepted in ACCEPTED.items()]
)
def test_what_can_be_a_version_of_python(version: str, accepted: bool) -> None:
    assert looks_like_python(version) is accepted


# --- where this machine has no uv


@pytest.fixture
def no_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine whose Python has no uv beside it, and none on its PATH."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("UV_PATH", raising=False)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The package of a uv that only says what it was asked, in an index of ours; answers the package's path."""
    place = tmp_path / "simple" / "uv"
    place.mkdir(parents=True)
    wheel = place / "uv-99.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("uv-99.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 99.1\n")
        archive.writestr("uv-99.1.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        program = zipfile.ZipInfo("uv-99.1.data/scripts/uv")
        program.external_attr = 0o100755 << 16
        archive.writestr(program, '#!/bin/sh\necho "this uv was asked: $1"\nexit 3\n')
        archive.writestr("uv-99.1.dist-info/RECORD", "")
    (place / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "simple").as_uri())
    return wheel


@case("py.uv_checksum")
@pytest.mark.usefixtures("no_uv")
def test_a_uv_that_is_not_what_it_should_be_is_not_installed(context: MemoryContext, index: Path) -> None:
    task = script("print(1)", dependencies=["six"], uvInstallerVersion="99.1", uvInstallerSha256="0" * 64)
    told = ran(task, context)
    assert told.failed is not None
    assert "Integrity check failed" in told.failed
    assert hashlib.sha256(index.read_bytes()).hexdigest() in told.failed
    assert not [line for line in context.lines() if "this uv was asked" in line], "it never ran"
    assert told.lines["stdout"] == 0, "pip did not take its place"


@case("py.uv_checksum")
@pytest.mark.usefixtures("no_uv")
def test_a_uv_that_is_what_it_should_be_is_used(context: MemoryContext, index: Path) -> None:
    known = hashlib.sha256(index.read_bytes()).hexdigest()
    told = ran(script("print(1)", dependencies=["six"], uvInstallerVersion="99.1", uvInstallerSha256=known), context)
    assert told.failed is not None
    assert "this uv was asked: venv" in told.failed


@case("py.uv_disabled")
@pytest.mark.usefixtures("no_uv")
def test_a_uv_that_may_not_be_fetched_is_told(context: MemoryContext) -> None:
    told = ran(script("print(1)", dependencies=["six"], uvAutoInstallEnabled=False), context)
    assert told.failed is not None
    assert "automatic installation is disabled" in told.failed
    assert "UV_PATH" in told.failed
    assert os.listdir(context.working_dir) == []


@pytest.mark.usefixtures("no_uv")
@INDEX
def test_pip_is_taken_where_it_is_asked_for(context: MemoryContext) -> None:
    told = ran(script(SIX, dependencies=["six==1.16.0"], packageManager="PIP", uvAutoInstallEnabled=False), context)
    assert told.vars == {"extract": "six"}
