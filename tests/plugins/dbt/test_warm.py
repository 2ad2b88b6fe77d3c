"""dbt through a process that has it loaded: the same as dbt from a shell, in every ending, whatever was edited meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import TaskFailed
from plugins.dbt import _hosts
from plugins.scripts import _environments, _images
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.pairs import BASIC, COMMANDS, PROJECTS, Pair, difference
from tests.plugins.dbt.test_dbt_cli import GOOD, PROJECT, dbt
from tests.stack import wait_until

pytestmark = [pytest.mark.dbt, pytest.mark.linux, pytest.mark.timeout(300)]
SLOW = "select count(*) as n from range(300000000) a, range(1000) b"


@pytest.fixture(autouse=True)
def _no_host_stays() -> Iterator[None]:
    yield
    _hosts.end()


@pytest.fixture
def environment(context: MemoryContext) -> Path:
    """The environment of dbt with DuckDB."""
    recipe = _images.meaning("ghcr.io/kestra-io/dbt-duckdb:latest", ["duckdb"]).recipe
    assert recipe
    return _environments.ensure(context, recipe)


@pytest.fixture
def make_pair(environment: Path, tmp_path: Path) -> Callable[[str], Pair]:
    return lambda name: Pair(PROJECTS[name], tmp_path / name, environment, namespace=name)


@pytest.fixture
def task(make_context: Callable[..., MemoryContext]) -> Callable[..., tuple[Any, MemoryContext]]:
    """Runs the dbt task over a fresh copy of the project; answers its result, or how it failed, and the context."""

    def run(*commands: str, settings: dict[str, Any] | None = None, **given: Any) -> tuple[Any, MemoryContext]:
        context = make_context(**(settings or {}))
        subprocess.run(["cp", "-r", f"{PROJECT}/.", str(context.working_dir)], check=True)
        try:
            return dbt(*commands, **given).run(context), context
        except TaskFailed as failed:
            return failed, context

    return run


def test_a_second_task_finds_dbt_loaded_and_the_project_parsed(task: Callable[..., tuple[Any, MemoryContext]]) -> None:
    seen = []
    for _ in range(3):
        result, context = task(GOOD)
        assert context.headers["dbt"] == "already loaded (warm)"
        seen.append((result.state, {name: step.state for name, step in context.steps().items()}, result.outputs["testSummary"]))
    assert seen[0] == seen[1] == seen[2]
    said = " ".join(context.lines())
    assert "saved manifest not found" not in said
    assert "dbt: command not found" not in said


@pytest.mark.parametrize(
    ("given", "settings", "why"),
    [
        ({"warm": "never"}, {}, "`warm` is `never`"),
        ({}, {"dbt_warm": False}, "`KESTRA_WEB_DBT_WARM` is `never`"),
        ({"env": {"PYTHONPATH": "/nowhere"}}, {}, "PYTHONPATH is read when a process starts"),
        ({"beforeCommands": ["pip --version"]}, {}, "the commands install packages"),
    ],
)
def test_what_a_host_cannot_do_exactly_is_done_by_dbt_itself_and_told(
    given: dict[str, Any], settings: dict[str, Any], why: str, task: Callable[..., tuple[Any, MemoryContext]]
) -> None:
    result, context = task("dbt ls", settings=settings, **given)
    assert result.state == "SUCCESS"
    assert context.headers["dbt"] == f"a process of its own: {why}"


def test_a_shell_around_dbt_keeps_its_meaning(task: Callable[..., tuple[Any, MemoryContext]]) -> None:
    result, context = task("cd models && dbt ls --project-dir .. --profiles-dir .. --quiet | head -1; dbt no-such-command || echo code $?")
    assert result.state == "SUCCESS"
    assert "code 2" in context.lines()
    assert context.headers["dbt"] == "already loaded (warm)"


def test_commands_at_once_are_apart(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    host = _hosts.at(pair.environment, "shop", None)
    said: dict[int, str] = {}

    def show(number: int) -> None:
        folder = pair.folder / str(number)
        subprocess.run(["cp", "-r", str(pair.source), str(folder)], check=True)
        environment = {**BASIC, "PATH": f"{host.programs}:/usr/bin:/bin", "HOME": "/tmp"}
        command = ["dbt", "--quiet", "show", "--inline", f"select {number} as n, '{{{{ env_var('N') }}}}' as v", "--output", "json"]
        done = subprocess.run(command, cwd=folder, env={**environment, "N": f"v{number}"}, capture_output=True, text=True, check=False)
        said[number] = done.stdout + done.stderr

    threads = [threading.Thread(target=show, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, text in said.items():
        assert f'"n": {number},' in text.replace("\n", " "), text
        assert f'"v": "v{number}"' in text


def begun(pair: Pair, *arguments: str, warm: bool = True, shell: str = "") -> subprocess.Popen[str]:
    """dbt, after a shell has done what is given."""
    programs = _hosts.at(pair.environment, pair.namespace, None).programs if warm else pair.environment / "bin"
    environment = {**BASIC, "PATH": f"{programs}:/usr/bin:/bin", "HOME": "/tmp"}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    # Whoever starts tests in the background of a shell has them ignore interrupts, and so would dbt.
    command = ["sh", "-c", f'{shell}\nexec env --default-signal=INT dbt "$@"', "sh", *arguments]
    return subprocess.Popen(command, cwd=pair.source, env=environment, **output)


def forks(pair: Pair) -> list[int]:
    """The commands that the host runs."""
    host = _hosts.at(pair.environment, pair.namespace, None)
    path = Path(f"/proc/{host.process.pid}/task/{host.process.pid}/children")
    return [pid for pid in map(int, path.read_text().split()) if "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()]


def in_a_query(pair: Pair, *, warm: bool = True, shell: str = "") -> subprocess.Popen[str]:
    (pair.source / "models" / "slow.sql").write_text("{{ config(materialized='table') }} " + SLOW)
    running = begun(pair, "--debug", "run", "--select", "slow", warm=warm, shell=shell)
    wait_until(lambda: "range(300000000)" in (running.stdout.readline() if running.stdout else ""), 60, "the query is sent")
    time.sleep(2)  # dbt tells it before the query runs, and an interrupt in between cancels nothing
    return running


def test_an_interrupt_cancels_the_query_as_it_does_from_a_shell(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    codes = []
    for warm in (False, True):
        running = in_a_query(pair, warm=warm)
        asked = time.monotonic()
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=20)
        assert time.monotonic() - asked < 10
        assert "CANCEL query model.shop.slow" in output
        codes.append(running.returncode)
    assert codes[0] == codes[1]
    wait_until(lambda: not forks(pair), 5, "the fork has ended")


@pytest.mark.long
def test_what_a_shell_sets_for_its_commands_holds_for_dbt(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    found = []
    for warm in (False, True):
        running = in_a_query(pair, warm=warm, shell="ulimit -n 777; ulimit -S -c 0; umask 027; trap '' HUP; renice -n 3 $$ > /dev/null")
        [pid] = forks(pair) if warm else [running.pid]
        about = Path(f"/proc/{pid}/status").read_text()
        [ignored] = [int(line.split()[1], 16) for line in about.splitlines() if line.startswith("SigIgn:")]
        [mask] = [line for line in about.splitlines() if line.startswith("Umask:")]
        hung_up = bool(ignored & 1 << signal.SIGHUP - 1)
        found.append((Path(f"/proc/{pid}/limits").read_text(), os.getpriority(os.PRIO_PROCESS, pid), mask, hung_up))
        running.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
    assert found[0] == found[1]
    assert (" 777 " in found[0][0], found[0][1], found[0][3]) == (True, 3, True)


def test_a_client_that_is_killed_takes_its_command_with_it(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    running = in_a_query(pair)
    running.kill()
    running.wait()
    wait_until(lambda: not forks(pair), 5, "the fork has ended")
    assert pair.run("warm", ["ls"], {}).code == 0


def test_a_command_that_is_killed_ends_as_killed_and_harms_nobody(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    for _ in range(2):
        running = in_a_query(pair)
        for pid in forks(pair):
            os.kill(pid, signal.SIGKILL)
        assert running.wait(10) == -signal.SIGKILL
        assert not difference(*pair.both("ls"))


def test_a_host_that_is_killed_ends_its_commands_and_the_next_one_gets_another(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    running = in_a_query(pair)
    [fork] = forks(pair)
    host = _hosts.at(pair.environment, pair.namespace, None)
    host.process.kill()
    assert running.wait(10) == 137
    wait_until(lambda: not Path(f"/proc/{fork}/cmdline").exists() or not Path(f"/proc/{fork}/cmdline").read_text(), 5, "the fork has ended")
    host.process.wait()
    assert pair.run("warm", ["ls"], {}).code == 0


def test_a_host_that_makes_room_finishes_what_it_runs(make_pair: Callable[[str], Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hosts, "MOST", 1)
    pair = make_pair("shop")
    running = in_a_query(pair)
    before = _hosts.at(pair.environment, pair.namespace, None).process.pid  # nobody here holds the host itself
    assert _hosts.at(pair.environment, "other", None).process.pid != before
    time.sleep(1)
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=20)
    assert running.returncode not in (0, 137, -signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{before}/cmdline").exists() or not Path(f"/proc/{before}/cmdline").read_text(), 10, "it is gone")


def test_hosts_leave_under_a_memory_limit_the_one_asked_for_stays(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    one = _hosts.at(pair.environment, "one", None)
    wait_until(lambda: _hosts._resident(one.process.pid) > 30 * 1024**2, 60, "dbt is loaded")
    two = _hosts.at(pair.environment, "two", None, memory=1024**3)
    assert _hosts.at(pair.environment, "one", None, memory=1024**3) is one
    assert _hosts.at(pair.environment, "one", None, memory=1024**2) is one
    wait_until(lambda: two.process.poll() is not None, 60, "the other has left")


@pytest.mark.long
def test_without_partial_parsing_the_same_files_are_not_parsed_again(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    arguments = ["parse", "--no-partial-parse"]
    said = []
    for text in ("select 1 as n", "select 1 as n", "select 2 as n"):
        (pair.source / "models" / "fresh.sql").write_text(text)
        plain, warm = pair.both(*arguments)
        assert not difference(plain, warm)
        said.append("not parsed again" in warm.raw)
    assert said == [False, True, False]
    pair.variables["N"] = "1"
    (pair.source / "models" / "fresh.sql").write_text("select {{ env_var('N') }} as n")
    assert not difference(*pair.both(*arguments))
    pair.variables["N"] = "2"
    assert not difference(*pair.both("compile", "--no-partial-parse"))


HOLD = """
import gc, os, signal
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.factory import FACTORY
from dbt.contracts.graph.manifest import Manifest

class Plugin(BasePlugin):
    def initialize(self, config):
        adapters = list(FACTORY.adapters.values())
        locks = {
            "manifest": lambda: [thing._lock for thing in gc.get_objects() if isinstance(thing, Manifest)],
            "connections": lambda: [adapter.connections.lock for adapter in adapters],
            "cache": lambda: [adapter.cache.lock for adapter in adapters],
            "factory": lambda: [FACTORY.lock],
        }
        if "HELD" in os.environ:
            gc.unfreeze()
            held = locks[os.environ["HELD"]]()
            assert held
            for lock in held:
                lock.acquire(timeout=5)
            os.kill(os.getpid(), signal.SIGKILL)
"""


LOCKS = ("manifest", "connections", "cache", "factory")


def test_a_command_that_dies_holding_a_lock_of_dbts_blocks_no_other(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    (pair.source / "holds.py").write_text(HOLD)
    profiles = json.loads((pair.source / "profiles.yml").read_text())
    for output in profiles["shop"]["outputs"].values():
        output |= {"plugins": [{"module": "holds"}], "module_paths": ["."]}
    (pair.source / "profiles.yml").write_text(json.dumps(profiles))
    select = ["run", "--select", "stg_people"]
    assert pair.run("warm", ["build"], {}).code in (0, 1)
    before = _hosts.at(pair.environment, pair.namespace, None).process.pid
    for lock in LOCKS:
        assert pair.run("warm", select, {"HELD": lock}).code == -signal.SIGKILL, lock
        after = [["ls"], select, ["parse"], ["show", "--inline", "select 1"], select]
        assert [pair.run("warm", command, {}).code for command in after] == [0] * 5, lock
    assert _hosts.at(pair.environment, pair.namespace, None).process.pid == before


# --- the same as from a shell (all of it: tests/long/test_warm_dbt.py) -------------------------------------------------------------


@pytest.mark.parametrize("name", ["shop", "demo"])
def test_commands_leave_the_same(name: str, make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair(name)
    for command in [["build"], *([] if name == "demo" else COMMANDS[2::15])]:
        assert not difference(*pair.both(*command)), command


def test_a_cycle_is_found_and_told_alike(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    for name, other in (("one", "two"), ("two", "three"), ("three", "one")):
        (pair.source / "models" / f"{name}.sql").write_text(f"select * from {{{{ ref('{other}') }}}}")
    plain, warm = pair.both("compile")
    assert plain.code == warm.code != 0
    assert [line for line in plain.said if "cycle" in line]
    assert [line for line in warm.said if "Found a cycle" in line]


EDITS: dict[str, Callable[[Path], object]] = {
    "a model's SQL": lambda source: (source / "models" / "counts.sql").write_text("select 7 as n -- {{ ref('stg_people') }}"),
    "a new model": lambda source: (source / "models" / "fresh.sql").write_text("select * from {{ ref('counts') }}"),
    "a new macro that is used": lambda source: (
        (source / "macros").mkdir(exist_ok=True),
        (source / "macros" / "seven.sql").write_text("{% macro seven() %}7{% endmacro %}"),
        (source / "models" / "fresh.sql").write_text("select {{ seven() }} as n"),
    ),
    "that macro": lambda source: (source / "macros" / "seven.sql").write_text("{% macro seven() %}8{% endmacro %}"),
    "a seed": lambda source: (source / "seeds" / "raw_people.csv").write_text("id,name,age\n1,Zoe,3\n"),
    "a parse error": lambda source: (source / "models" / "fresh.sql").write_text("select {{ ref('nowhere') }}"),
    "its repair": lambda source: (source / "models" / "fresh.sql").write_text("select {{ seven() }} as m"),
    "the configuration": lambda source: (source / "dbt_project.yml").write_text(
        (source / "dbt_project.yml").read_text() + "vars:\n  limit: 3\n"
    ),
    "a deleted model": lambda source: (source / "models" / "fresh.sql").unlink(),
    "a YAML file, its time unchanged": lambda source: _same_time(source / "models" / "schema.yml"),
}


TOLD_AT = (1, 2, 4, 5, 7, 9)  # after which of them is asked: each further asking takes dbt some seconds; `fuzz` has all orders


def _same_time(path: Path) -> None:
    before = path.stat()
    path.write_text(path.read_text().replace("not_null", "unique", 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_was_edited_meanwhile_is_seen(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    assert not difference(*pair.both("parse"))
    for number, (what, edit) in enumerate(EDITS.items()):
        edit(pair.source)
        if number in TOLD_AT:
            assert not difference(*pair.both("parse")), what
    pair.variables["LIMIT"] = "4"
    (pair.source / "models" / "limited.sql").write_text("select {{ env_var('LIMIT') }} as n")
    assert not difference(*pair.both("parse"))
    pair.variables["LIMIT"] = "5"
    assert not difference(*pair.both("compile")), "a variable of the environment"
