"""Task runners of Kestra's enterprise edition: their blocks are accepted, the commands run on this worker and say so."""

from __future__ import annotations

import os

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from plugins.contract import RunContext, RunnerResult, ShellCommand, TaskRunner
from plugins.core.runner.process import run_as_process


class CloudRunner(TaskRunner):
    """A cloud batch service named in a flow (AWS, Google, Azure, Kubernetes); any property is accepted."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True)

    type: str = Field(pattern=r"^io\.kestra\.plugin\.ee\..+", description="The type of the task runner.")

    def execute(self, command: ShellCommand, context: RunContext) -> RunnerResult:
        """Run as a process on this worker; the header names the service that was not used."""
        text = f"{self.type.rpartition('ee.')[2]}: no such service is connected, ran as a process on this worker"
        context.header("runner", text)
        context.log("WARN", f"Task runner {text}; process {os.uname().nodename}")
        return run_as_process(command, context)
