"""What a child process finds in its environment: nothing of the server's own, whoever starts it and for whatever."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from plugins.git.clone import Clone
from plugins.scripts import _environments
from plugins.scripts._images import Recipe
from plugins.scripts.python.script import Script as PythonScript
from plugins.scripts.shell.commands import Commands
from tests.plugins.context import MemoryContext

SERVERS = {
    "DATABASE_URL": "postgresql://canary-1",
    "REDIS_URL": "redis://canary-2",
    "KESTRA_WEB_SECRET_KEY": "canary-3",
    "KESTRA_WEB_ENCRYPTION_KEYS": "canary-4",
    "KESTRA_WEB_ADMIN_PASSWORD": "canary-5",
    "SECRET_TOKEN": "canary-6",
    "KESTRA_SOMETHING": "canary-7",
    "AWS_SECRET_ACCESS_KEY": "canary-8",
    "LD_PRELOAD_OF_OURS": "canary-9",
    "PYTHONPATH_OF_OURS": "canary-10",
    "HTTPS_PROXY": "http://me:canary-11@proxy:3128",
}
RUNNER = {"taskRunner": {"type": "io.kestra.plugin.core.runner.Process"}}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Mapping[str, str] | None]]]:
    """The program and environment of every process that is started while the server's environment holds what is its own."""
    found: list[tuple[str, Mapping[str, str] | None]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]  # of bytes or text, as whoever starts it wants
        def __init__(self, args: Any, **given: Any) -> None:
            found.append((str(args[0]), given.get("env")))
            super().__init__(args, **given)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    for name, value in SERVERS.items():
        monkeypatch.setenv(name, value)
    _environments._is_version.cache_clear()
    yield found
    _environments._is_version.cache_clear()


def _shell(context: MemoryContext, remote: Path) -> None:
    Commands.model_validate({"id": "a", "type": "c", **RUNNER, "commands": ["env"]}).run(context)


def _python(context: MemoryContext, remote: Path) -> None:
    PythonScript.model_validate({"id": "a", "type": "c", **RUNNER, "script": "import os; print(dict(os.environ))"}).run(context)


def _clone(context: MemoryContext, remote: Path) -> None:
    Clone.model_validate({"id": "a", "type": "c", "url": f"file://{remote}"}).run(context)


def _environment(context: MemoryContext, remote: Path) -> None:
    _environments.ensure(context, Recipe("bare", (), "3.11"))


@pytest.mark.parametrize("start", [_shell, _python, _clone, _environment])
def test_nothing_of_the_server_reaches_a_child(
    start: Callable[[MemoryContext, Path], None],
    make_context: Callable[..., MemoryContext],
    started: list[tuple[str, Mapping[str, str] | None]],
    tmp_path: Path,
) -> None:
    remote = tmp_path / "remote"
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for arguments in (["init", "-q", str(remote)], ["-C", str(remote), *identity, "commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", *arguments], check=True, env={"PATH": "/usr/bin:/bin"})
    started.clear()
    context = make_context(git_file_roots=(str(remote),))
    start(context, remote)
    assert started
    # Git and what makes an environment are our own helpers: they may know the way through a proxy. No task sees it, as the log says.
    wanted = {name: value for name, value in SERVERS.items() if name != "HTTPS_PROXY" or start is _shell}
    for program, environment in started:
        assert environment is not None, f"{program} inherits all that the server has"
        assert not wanted.keys() & environment.keys(), program
        assert not [value for value in wanted.values() if value in str(environment)], program
    assert not any("canary" in line for line in context.lines())
