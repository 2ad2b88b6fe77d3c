"""What a task runs in place of `dbt`: it hands the command to the host, passes signals on, and ends as the command ended.

`python -IS client.py SOCKET DBT ARGUMENT…`. Where the host cannot do the command exactly as dbt would, dbt itself takes the place of
this process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

TOLD = "KESTRA_WEB_DBT_TOLD"  # names the file in which each command notes which way it took
HIDDEN = "KESTRA_WEB_DBT_HIDDEN"  # names the variables with secrets in them
EVERYTHING = "*"  # stands there for a command that has one in its arguments
LEFT = "-left"  # what the name of that file gets for the folder with the artifacts that each command left
HARMLESS = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONFAULTHANDLER")
# What dbt, or the loader of programs, reads when it starts, and so cannot be changed in a process that has started.
AT_START = ("PYTHON", "LD_", "DBT_MACRO_DEBUGGING", "DBT_RECORDER", "DBT_PACKAGE_HUB_URL", "DBT_ENGINE_RECORDER", "DBT_ENGINE_PACKAGE_HUB")
LIMITS = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Handed:
    """A command that the host runs: signals that arrive here go to its process group, early ones as soon as that is known."""

    def __init__(self) -> None:
        self.group = 0
        self.waiting: list[int] = []
        self.ignored = [number for number in PASSED_ON if number != signal.SIGINT and signal.getsignal(number) == signal.SIG_IGN]
        for number in PASSED_ON:
            if number not in self.ignored:
                signal.signal(number, self.pass_on)

    def pass_on(self, number: int, _frame: object = None) -> None:
        if not self.group:
            self.waiting.append(number)
            return
        try:
            os.killpg(self.group, number)
        except ProcessLookupError:
            return

    def begun(self, group: int) -> None:
        self.group = group
        for number in self.waiting:
            self.pass_on(number)


def main(address: str, program: str, arguments: list[str]) -> NoReturn:
    """Run one command of dbt; does not return."""
    environment = dict(os.environ)
    told = environment.pop(TOLD, "")
    early = [name for name in environment if name.startswith(AT_START) and name not in HARMLESS]
    if early:
        plainly(program, arguments, told, f"{early[0]} is read when a process starts")
    handed = Handed()
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(address)
        send(connection, environment, [program, *arguments], told, ignored=handed.ignored)
        answers = connection.makefile("rb")
        first = answers.readline().split()
    except OSError:
        first = []
    if first[:1] != [b"pid"]:
        for number in PASSED_ON:
            if number not in handed.ignored:
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        if handed.waiting:
            end_by(handed.waiting[0])
        plainly(program, arguments, told, "the host did not answer")
    note(told, "warm")
    handed.begun(int(first[1]))
    last = answers.readline().split()
    if last[:1] != [b"ended"]:
        handed.pass_on(signal.SIGKILL)
        print("dbt was ended, because the process that had it loaded is gone", file=sys.stderr, flush=True)
        os._exit(137)
    status = int(last[1])
    if status < 0:
        end_by(-status)
    os._exit(status)


def send(connection: socket.socket, environment: Mapping[str, str], argv: list[str], told: str, *, ignored: Sequence[int] = ()) -> None:
    """The command with all that it finds around it, and our standard streams, which become its own."""
    asked = {"argv": argv, "cwd": os.getcwd(), "environment": dict(environment), "told": told, **inherited(ignored)}
    text = json.dumps(asked).encode()
    socket.send_fds(connection, [struct.pack(">I", len(text))], [0, 1, 2])
    connection.sendall(text)


def inherited(ignored: Sequence[int]) -> dict[str, Any]:
    """What a process has from the shell that started it: `umask`, `ulimit`, `nice`, and signals that are ignored, as `nohup` has it."""
    mask = os.umask(0)
    os.umask(mask)
    limits = {name: resource.getrlimit(number) for name, number in LIMITS.items()}
    return {"umask": mask, "limits": limits, "nice": os.getpriority(os.PRIO_PROCESS, 0), "ignored": [int(number) for number in ignored]}


def plainly(program: str, arguments: list[str], told: str, why: str) -> NoReturn:
    """Become dbt itself."""
    note(told, f"plain: {why}")
    os.environ.pop(TOLD, None)
    os.execv(program, [program, *arguments])


def note(told: str, text: str) -> None:
    """Tell the task which way the command took."""
    if told:
        with open(told, "a", encoding="utf-8") as file:
            file.write(text + "\n")


def end_by(number: int) -> NoReturn:
    """End as a process does that a signal ended."""
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
