"""`kestra-web execution …`: start an execution, follow it to its end, kill it."""

from __future__ import annotations

import argparse
import math
import threading
import time
from pathlib import Path
from typing import Any

from kestra_web.client import OK, UNSUCCESSFUL
from kestra_web.client.connection import Failed, Part, Server, Unreachable, pairs
from kestra_web.client.output import Printer

ENDED = frozenset({"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED"})
GOOD = frozenset({"SUCCESS", "WARNING"})
RETRIES = 20  # without an answer, one after another
LONGEST_PAUSE = 2.0  # seconds between two looks


def run(options: argparse.Namespace, printer: Printer) -> int:
    """Start; with `--follow` or `--wait` the exit status tells how it ended."""
    server = Server.chosen(options.server, options.token)
    if options.follow or options.wait:
        return run_to_its_end(server, options.namespace, options.id, options, printer, [])
    row = _start(server, options.namespace, options.id, options)
    printer.say(row["id"])
    printer.result(row)
    return OK


def run_to_its_end(server: Server, namespace: str, flow_id: str, options: argparse.Namespace, printer: Printer, started: list[str]) -> int:
    """Start an execution and follow it; its id is put into `started` as soon as it is known."""
    row = _start(server, namespace, flow_id, options)
    started.append(row["id"])
    printer.say(f"{row['id']} started")
    return _followed(server, row["id"], options, printer)


def _start(server: Server, namespace: str, flow_id: str, options: argparse.Namespace) -> dict[str, Any]:
    parts: list[Part] = [(name, None, value.encode()) for name, value in map(_pair, options.input)]
    for name, path in map(_pair, options.file):
        try:
            parts.append((name, Path(path).name, Path(path).read_bytes()))
        except OSError as error:
            raise Failed(f"the file {path} of input {name} cannot be read: {error.strerror}") from error
    query = [("labels", label) for label in options.label] + pairs({"revision": options.revision})
    row: dict[str, Any] = server.send("POST", "executions", namespace, flow_id, query=query, parts=parts)
    return row


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Failed(f"an input reads name=value, got {text}")
    return name, value


def put_away(server: Server, execution_id: str, printer: Printer, *, keep: bool) -> None:
    """Delete an execution that has ended, with its logs and files, unless it is to be kept; kill one that has not."""
    if server.ask("GET", "executions", execution_id)["state"]["current"] not in ENDED:
        server.ask("DELETE", "executions", execution_id, "actions", "kill")
        printer.warn(f"{execution_id} had not ended and is killed")
    elif not keep:
        server.ask("DELETE", "executions", execution_id)


def follow(options: argparse.Namespace, printer: Printer) -> int:
    """Log lines as they come, until the execution ends."""
    return _followed(Server.chosen(options.server, options.token), options.execution, options, printer)


def _followed(server: Server, execution_id: str, options: argparse.Namespace, printer: Printer) -> int:
    server.ask("GET", "executions", execution_id)  # says at once when there is none
    lines = _Lines(server, execution_id, options.level, printer)
    lines.begin()
    row = _until_ended(server, execution_id, options.timeout)
    lines.finish()
    state = row["state"]["current"]
    printer.say(f"{execution_id} {state} after {row['state']['duration']}")
    printer.result(row)
    good = state in GOOD and not (options.fail_on_warning and state == "WARNING")
    return OK if good else UNSUCCESSFUL


def _until_ended(server: Server, execution_id: str, timeout: float | None) -> dict[str, Any]:
    """The execution once it has ended. A server that is away for a moment is waited for; raises Failed after `timeout` seconds."""
    deadline = time.monotonic() + timeout if timeout else math.inf
    pause, failures = 0.1, 0
    while True:
        try:
            row: dict[str, Any] = server.ask("GET", "executions", execution_id)
            failures = 0
        except Unreachable:
            failures += 1
            if failures > RETRIES:
                raise
        else:
            if row["state"]["current"] in ENDED:
                return row
            if time.monotonic() > deadline:
                raise Failed(f"{execution_id} is still {row['state']['current']} after {timeout:g} s; it goes on")
        time.sleep(min(pause, max(0.0, deadline - time.monotonic()) + 0.01))
        pause = min(pause * 1.5, LONGEST_PAUSE)


class _Lines:
    """Prints the log lines of an execution while it runs, from a thread of its own; what the stream missed comes at the end."""

    def __init__(self, server: Server, execution_id: str, level: str, printer: Printer) -> None:
        self._server, self._id, self._level, self._printer = server, execution_id, level, printer
        self._lock = threading.Lock()
        self._printed = 0

    def begin(self) -> None:
        if not self._printer.as_json:
            threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        try:
            for number, (_, line) in enumerate(self._server.events("logs", self._id, "follow", query=[("minLevel", self._level)]), start=1):
                with self._lock:
                    if number > self._printed:
                        self._print(line)
        except (Unreachable, Failed):
            return  # the lines that are missing are printed at the end

    def finish(self) -> None:
        """Print what has not come yet."""
        if self._printer.as_json:
            return
        listed = self._server.ask("GET", "logs", self._id, query=[("minLevel", self._level)])
        with self._lock:
            for line in listed[self._printed :]:
                self._print(line)

    def _print(self, line: dict[str, Any]) -> None:
        self._printed += 1
        self._printer.say(f"{line['timestamp']} {line['level']:<5} {line.get('taskId', '-')}: {line['message']}")


def kill(options: argparse.Namespace, printer: Printer) -> int:
    """Stop executions with all that they started."""
    server = Server.chosen(options.server, options.token)
    told = []
    for execution_id in options.executions:
        row = server.ask("DELETE", "executions", execution_id, "actions", "kill")
        if options.wait:
            row = _until_ended(server, execution_id, options.timeout)
        printer.say(f"{execution_id} {row['state']['current']}")
        told.append({"id": execution_id, "state": row["state"]["current"]})
    printer.result(told)
    return OK
