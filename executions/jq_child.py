"""Programs of jq, run in a child that can be ended: jq cannot be interrupted, and reads any JSON file that it may open.

A child is kept for the next program, since starting one takes longer than most of them; it ends itself after a minute without one.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from engine.errors import ExpressionError
from engine.expressions import to_json

SECONDS = 0.8  # for one program, all in all
MEMORY = 512 * 1024 * 1024
LONGEST = 16 * 1024 * 1024  # characters that go in, or come out
MOST = 100_000  # results
KEPT = 2
CODE = f"""
import itertools, json, resource, select, sys
import jq
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # the three that are open: no module and no data can be imported from a file
lines, out = sys.stdin.buffer, sys.stdout
print("ready", flush=True)
while select.select([lines], [], [], 60)[0]:
    line = lines.readline()
    if not line:
        break
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 3, resource.RLIM_INFINITY))
    asked = json.loads(line)
    try:
        found = iter(jq.compile(asked["program"]).input_text(asked["text"]))
        results = list(itertools.islice(found, {MOST} + 1))
        answer = json.dumps({{"found": results}})
        if len(results) > {MOST} or len(answer) > {LONGEST}:
            answer = json.dumps({{"wrong": "more than {MOST} results, or {LONGEST} characters"}})
    except (ValueError, StopIteration) as error:
        answer = json.dumps({{"wrong": str(error)[:1000]}})
    out.write(answer + "\\n")
    out.flush()
"""


class _Child:
    """One process that answers one program after another."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout
        self.output.readline()  # it is ready; starting is not counted against the program

    @property
    def usable(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def ask(self, line: bytes) -> bytes:
        """The answer; empty where the child ended, or was ended because it took too long."""
        timer = threading.Timer(SECONDS, self.process.kill)
        timer.start()
        try:
            self.input.write(line)
            self.input.flush()
            return self.output.readline()
        except BrokenPipeError:
            return b""
        finally:
            timer.cancel()

    def end(self) -> None:
        if self.owner == os.getpid():
            self.process.kill()
            self.process.wait()
        with suppress(BrokenPipeError):  # what was not written yet is of no use to anybody
            self.input.close()
        self.output.close()


class _Children:
    """Those that wait for a program; several threads may each use one."""

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._lock = threading.Lock()

    def take(self) -> _Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.usable:
                    return child
                child.end()
        return _Child()

    def give_back(self, child: _Child) -> None:
        with self._lock:
            if len(self._idle) < KEPT:
                self._idle.append(child)
                return
        child.end()

    def end(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.pop().end()


class _Waited(threading.local):
    """How long this thread has waited for programs."""

    seconds = 0.0


CHILDREN = _Children()
WAITED = _Waited()
atexit.register(CHILDREN.end)


def run_jq(value: Any, expression: str) -> list[Any]:
    """Every result of a jq program over a value. Raises ExpressionError: the program is wrong, or took too long, or grew too large."""
    if not isinstance(expression, str):
        raise ExpressionError("The 'jq' filter needs a program as text: `| jq('.name')`")
    text = to_json(value, LONGEST)
    child = CHILDREN.take()
    started = time.monotonic()
    answered = child.ask(json.dumps({"program": expression, "text": text}).encode() + b"\n")
    WAITED.seconds += time.monotonic() - started
    ended = not answered.endswith(b"\n")
    if ended:
        child.end()
    else:
        CHILDREN.give_back(child)
    shown = expression if len(expression) <= 100 else expression[:100] + "…"
    if ended:
        raise ExpressionError(f"The jq expression '{shown}' took longer than {SECONDS} seconds, or more memory than it may")
    answer = json.loads(answered)
    if "wrong" in answer:
        raise ExpressionError(f"Unable to process jq expression '{shown}': {answer['wrong']}")
    return [_whole(item) for item in answer["found"]]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
