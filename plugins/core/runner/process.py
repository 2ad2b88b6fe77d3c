"""Run commands as processes on the worker itself.

The processes get a group of their own, an environment with only PATH, HOME, LANG and what the task defines, and the
working directory of the task. When the task is killed or times out they are stopped in stages: SIGTERM, a moment, SIGKILL
(for dbt SIGINT comes first, so that running queries are cancelled and finished results kept). Nothing that a
task started outlives it.

```yaml
id: as_a_process
namespace: company.team
tasks:
  - id: hello
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    commands:
      - echo "Hello from $(pwd)"
```
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import Field

from plugins.contract import RunContext, RunnerResult, ShellCommand, TaskFailed, TaskRunner
from plugins.core.runner import _process
from plugins.core.runner._environment import minimal
from plugins.core.runner._group import mark_of
from plugins.core.runner._hand_over import hand_over, identity_of

TYPE: Final = "io.kestra.plugin.core.runner.Process"
KILLED_BY_SIGKILL = 137


class Process(TaskRunner):
    """Runs commands as processes of the worker's machine."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.tasks.runners.types.ProcessTaskRunner",)

    type: Literal["io.kestra.plugin.core.runner.Process", "io.kestra.core.models.tasks.runners.types.ProcessTaskRunner"] = Field(
        TYPE, description="The type of the task runner."
    )

    def execute(self, command: ShellCommand, context: RunContext) -> RunnerResult:
        """Run to the end; TaskFailed where it cannot be started, was stopped or took too long."""
        return run_as_process(command, context)


def run_as_process(
    command: ShellCommand, context: RunContext, *, memory: int | None = None, environment: Mapping[str, str] | None = None
) -> RunnerResult:
    """What Process does, for other runners too: `memory` limits the group in bytes, `environment` comes before the task's own."""
    identity = identity_of(context.settings)
    if identity is None:
        context.header("rights", "runs with the server's rights")
    home = Path(tempfile.mkdtemp(prefix="home-"))
    try:
        for folder in (command.cwd, home, *([command.output_dir] if command.output_dir else [])):
            hand_over(folder, identity)
        plan = _process.Plan(
            argv=command.argv,
            cwd=command.cwd,
            env=minimal(str(home), {**(environment or {}), **command.env}),
            timeout=command.timeout,
            grace=context.settings.kill_grace,
            stages=_process.INTERRUPT if command.interrupt_first else _process.GENTLE,
            identity=identity,
            memory=memory,
            mark=mark_of(context.task_run_id, context.attempt),
        )
        return _answer(_run(plan, command, context), command, context, memory)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _run(plan: _process.Plan, command: ShellCommand, context: RunContext) -> _process.Ended:
    if context.cancelled():
        raise TaskFailed("The task was killed before it started", state="KILLED", retryable=False)
    try:
        return _process.run(
            plan,
            command.on_line,
            on_start=lambda pgid, started: context.left_behind(pgid=pgid, started=started),
            stoppable=context.on_cancel,
        )
    except FileNotFoundError as error:
        raise TaskFailed(f"Cannot run '{error.filename}': no such program or folder on this worker") from error
    except PermissionError as error:
        who = "" if plan.identity is None else f" by the user {plan.identity[0]} that tasks run as"
        raise TaskFailed(f"Cannot run '{command.argv[0]}' in {command.cwd}: it may not be used{who}") from error


def _answer(ended: _process.Ended, command: ShellCommand, context: RunContext, memory: int | None) -> RunnerResult:
    if ended.left_over and ended.reason is None:
        context.log("DEBUG", f"Ended {ended.left_over} process(es) that the task had left running")
    if ended.reason == "cancelled":
        raise TaskFailed("The task was killed", state="KILLED", retryable=False)
    if ended.reason == "timeout":
        raise TaskFailed(f"The task took longer than its timeout of {command.timeout:g} seconds and was stopped")
    if ended.reason == "memory":
        raise TaskFailed(
            f"Killed by the memory limit of {_size(memory or 0)}: the processes held {_size(ended.peak_memory)}. "
            "Raise `memory` of the task runner or let the task do less at a time."
        )
    if ended.exit_code == KILLED_BY_SIGKILL:
        context.log("ERROR", "The process was killed by signal 9 that this server did not send: most often the machine ran out of memory")
    return RunnerResult(ended.exit_code)


def _size(count: int) -> str:
    return f"{count / 1024**2:.0f} MB"
