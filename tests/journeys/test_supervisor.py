"""`kestra-web up` as its user meets it: it starts, keeps running, starts again what died, and ends without a trace."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from kestra_web import processes
from tests.machine import free_port
from tests.stack import Stack, command, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.linux]
MakeStack = Callable[..., Stack]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def below(stack: Stack) -> list[int]:
    """Every process of a stack."""
    assert stack.process
    return [stack.process.pid, *processes.descendants(stack.process.pid)]


def test_a_second_start_keeps_the_data_and_is_ready_within_six_seconds(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.start()
    key = (stack.home / "keys" / "secret_key").read_text()
    assert stack.stop() < 5
    assert stack.start() < 6
    assert (stack.home / "keys" / "secret_key").read_text() == key
    assert stack.is_healthy()
    assert stack.client().get("/api/v1/main/flows/search").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process_within_five_seconds(make_stack: MakeStack, number: signal.Signals) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false")
    stack.start()
    running = below(stack)
    assert len(running) >= 5
    assert stack.stop(number) < 5
    assert stack.process
    assert stack.process.returncode == 0
    assert [pid for pid in running if is_alive(pid)] == []


def test_no_process_outlives_a_killed_supervisor(make_stack: MakeStack) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false")
    stack.start()
    running = below(stack)
    stack.stop(signal.SIGKILL)
    wait_until(lambda: not [pid for pid in running if is_alive(pid)], 5, "every process of the killed supervisor has ended")


@pytest.mark.parametrize("name", ["redis", "web", "worker", "engine", "scheduler"])
def test_a_part_that_is_killed_starts_again(make_stack: MakeStack, name: str) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false")
    stack.start()
    before = stack.pid(name)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: stack.has_new(name, before), 5, f"{name} runs again")
    wait_until(stack.is_healthy, 20, f"the product is healthy after {name} was killed")
    assert re.search(rf"^{name} +\| was ended by SIGKILL, starts again in ", stack.output, re.MULTILINE)


def test_what_redis_had_committed_is_there_after_it_was_killed(make_stack: MakeStack) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false")
    stack.start()
    before = stack.pid("redis")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: stack.has_new("redis", before), 5, "Redis runs again")
    assert any((stack.home / "redis").rglob("*.aof")), "Redis keeps what it is told in a file"


def test_two_copies_run_side_by_side(make_stack: MakeStack) -> None:
    first, second = make_stack(KESTRA_WEB_DEMO="false"), make_stack(KESTRA_WEB_DEMO="false")
    first.start()
    second.start()
    assert first.is_healthy()
    assert second.is_healthy()
    cookies = [httpx.get(f"{stack.url}/signin/", follow_redirects=True).cookies.keys() for stack in (first, second)]
    assert not set(cookies[0]) & set(cookies[1]), "browsers keep cookies by host: two ports need two names"


def test_the_first_start_prints_a_password_that_signs_in_and_later_ones_name_its_file(make_stack: MakeStack) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false", KESTRA_WEB_ADMIN_PASSWORD="")
    stack.start()
    printed = re.search(r"ready .* login admin@kestra\.io, password (\S+)", stack.output)
    assert printed
    path = stack.home / "keys" / "admin_password"
    assert path.read_text().strip() == printed[1]
    assert path.stat().st_mode & 0o777 == 0o600
    assert httpx.get(f"{stack.url}/api/v1/main/flows/search", auth=("admin@kestra.io", printed[1])).status_code == 200
    stack.stop()
    stack.start()
    assert printed[1] not in stack.output
    assert f"password in {path}" in stack.output


def refusal(stack: Stack) -> str:
    """The one line with which `kestra-web up` refuses to start."""
    done = subprocess.run(command("up"), env=stack.environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    return line


def test_a_taken_port_is_told_in_one_sentence(make_stack: MakeStack) -> None:
    stack = make_stack()
    with socket.create_server(("127.0.0.1", stack.port)):
        assert refusal(stack) == (
            f"kestra-web: PORT: 127.0.0.1:{stack.port} is taken by another program; choose another, such as `PORT={stack.port + 1} make up`"
        )


def test_a_data_folder_that_cannot_be_written_is_told_in_one_sentence(make_stack: MakeStack, tmp_path: Path) -> None:
    stack = make_stack()
    stack.home = tmp_path / "file" / "home"
    (tmp_path / "file").write_text("not a folder")
    assert refusal(stack) == (
        f"kestra-web: KESTRA_WEB_HOME: the data folder {stack.home} cannot be written (Not a directory); name another or mend its rights"
    )


def test_a_missing_tool_is_told_in_one_sentence(make_stack: MakeStack, tmp_path: Path) -> None:
    stack = make_stack(PATH=str(tmp_path))
    assert refusal(stack) == "kestra-web: git is missing: install it, flows clone repositories with it"


def test_a_wrong_setting_is_told_in_one_sentence(make_stack: MakeStack) -> None:
    assert refusal(make_stack(KESTRA_WEB_MAX_UPLOAD="much")) == "kestra-web: KESTRA_WEB_MAX_UPLOAD (now 'much'): write a size such as 100MB"


def test_a_redis_that_does_not_answer_is_told_in_one_sentence(make_stack: MakeStack) -> None:
    stack = make_stack(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert refusal(stack) == "kestra-web: REDIS_URL: no Redis answers there; start it, or unset REDIS_URL to have a private one"


def test_a_data_folder_in_use_is_told_in_one_sentence(make_stack: MakeStack) -> None:
    first = make_stack(KESTRA_WEB_DEMO="false")
    first.start()
    second = make_stack()
    second.home = first.home
    assert first.process
    assert refusal(second) == (
        f"kestra-web: KESTRA_WEB_HOME: {first.home} is in use by another kestra-web (process {first.process.pid}); name another data folder"
    )


def test_no_secret_stands_in_the_environment_of_a_server_process(make_stack: MakeStack) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false", SECRET_TOKEN="aHVzaC1odXNo", KESTRA_WEB_SECRET_KEY="k" * 40)
    stack.start()
    for pid in below(stack):
        shown = Path(f"/proc/{pid}/environ").read_bytes()
        for secret in (b"aHVzaC1odXNo", b"k" * 40, stack.password.encode()):
            assert secret not in shown
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert stack.password.encode() not in arguments
