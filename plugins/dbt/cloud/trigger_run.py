"""Run a job of dbt Cloud.

With `wait` the task ends with the run: the steps of the run are rows while it goes on, with their logs, its nodes become rows of their own
once it has ended, and `run_results.json` and `manifest.json` are kept. A task that is killed cancels the run; one whose worker is lost
goes on with the run that was begun instead of beginning another (`resumeOnRestart`).

```yaml
id: run_dbt_cloud
namespace: company.team
tasks:
  - id: nightly
    type: io.kestra.plugin.dbt.cloud.TriggerRun
    accountId: "{{ secret('DBT_ACCOUNT_ID') }}"
    token: "{{ secret('DBT_CLOUD_TOKEN') }}"
    jobId: "396284"
    cause: "{{ flow.id }} {{ execution.id }}"
    stepsOverride:
      - dbt build --select state:modified+
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, TaskFailed, Text
from plugins.core.http._client import ask, whole
from plugins.dbt.cloud._cloud import CloudProperties, Refused, Unfinished, data_of
from plugins.dbt.cloud.check_status import number
from plugins.scripts import _render

_KEPT_AFTER = (401, 403, 404)  # the run may still go on where these were answered


class TriggerRun(CloudProperties):
    """Run a job of dbt Cloud."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"runId": "Number of the run.", **CloudProperties.outputs_schema}

    job_id: Text = Field(description="Number of the job.")
    cause: Text = Field("Triggered by Kestra.", description="Why the run is begun, shown in dbt Cloud.")
    git_sha: Text | None = Field(None, description="Commit to check out first.")
    git_branch: Text | None = Field(None, description="Branch to check out first.")
    schema_override: Text | None = Field(None, description="Schema in place of the job's.")
    dbt_version_override: Text | None = Field(None, description="Version of dbt in place of the job's.")
    threads_override: int | Expression | None = Field(None, description="Number of threads in place of the job's.")
    target_name_override: Text | None = Field(None, description="`target.name` in place of the job's.")
    generate_docs_override: bool | Expression | None = Field(None, description="Whether docs are generated, in place of the job's setting.")
    timeout_seconds_override: int | Expression | None = Field(None, description="Longest run in seconds, in place of the job's.")
    steps_override: list[Text] | Text | None = Field(None, description="Commands in place of the job's.")
    wait: bool | Expression = Field(True, description="End when the run has ended.")
    resume_on_restart: bool | Expression = Field(True, description="Go on with the run that an attempt, lost with its worker, had begun.")

    def run(self, context: RunContext) -> Result:
        """Begin the run, or find the one that was begun, and follow it."""
        job = number(context, self.job_id, "jobId")
        waits = _render.flag(context, self.wait)
        remembers = waits and _render.flag(context, self.resume_on_restart)
        run_id = self._remembered(context) if remembers else None
        if run_id is None:
            run_id = self._begin(context, job)
            if remembers:
                self._remember(context, run_id)
        else:
            context.log("INFO", f"Going on with the run {run_id}, which an earlier attempt began")
        if not waits:
            return Result({"runId": int(run_id)})
        try:
            outputs = self.follow(context, run_id)
        except TaskFailed as failed:
            if context.killed():
                self._cancel(context, run_id)
            unsure = isinstance(failed, Unfinished) or (isinstance(failed, Refused) and failed.code in _KEPT_AFTER)
            if remembers and (context.killed() or not (unsure or context.cancelled())):
                self._forget(context)
            raise
        if remembers:
            self._forget(context)
        return Result({"runId": int(run_id), **outputs})

    def _begin(self, context: RunContext, job: str) -> str:
        reply = self.call(context, "POST", f"jobs/{job}/run/", self._wishes(context))
        run = data_of(reply, f"jobs/{job}/run/")
        if not isinstance(run.get("id"), int):
            raise TaskFailed("dbt Cloud began a run but did not give its number")
        link = run.get("href")
        context.log("INFO", f"Began the run {run['id']} of job {job}" + (f": {link}" if isinstance(link, str) and link else ""))
        return str(run["id"])

    def _wishes(self, context: RunContext) -> dict[str, Any]:
        def text(value: str | None) -> str | None:
            return (context.render(value) or None) if value else None

        wishes = {
            "cause": text(self.cause),
            "git_sha": text(self.git_sha),
            "git_branch": text(self.git_branch),
            "schema_override": text(self.schema_override),
            "dbt_version_override": text(self.dbt_version_override),
            "threads_override": whole(context, self.threads_override, "threadsOverride"),
            "target_name_override": text(self.target_name_override),
            "generate_docs_override": None if self.generate_docs_override is None else _render.flag(context, self.generate_docs_override),
            "timeout_seconds_override": whole(context, self.timeout_seconds_override, "timeoutSecondsOverride"),
            "steps_override": _render.texts(context, self.steps_override) or None,
        }
        return {name: value for name, value in wishes.items() if value is not None}

    def _cancel(self, context: RunContext, run_id: str) -> None:
        try:
            token = context.render(self.token).strip()
            reply = ask(context, "POST", self.address(context, f"runs/{run_id}/cancel/"), token=token, options=self.options, last=True)
        except TaskFailed as failed:
            context.log("WARN", f"The run {run_id} could not be cancelled: {failed.message}")
        else:
            done = reply.code < 400
            context.log("INFO" if done else "WARN", f"Asked dbt Cloud to cancel the run {run_id}: status {reply.code}")

    # --- the run that was begun, kept in the key-value store for an attempt that comes after a lost one

    def _key(self, context: RunContext) -> str:
        return f"dbt_cloud_resume_{context.task_run_id}"

    def _remembered(self, context: RunContext) -> str | None:
        found = str(context.namespace().kv.get(self._key(context)) or "")
        return found if found.isdecimal() else None

    def _remember(self, context: RunContext, run_id: str) -> None:
        longest = _render.seconds(context, self.max_duration) or 3600.0
        try:
            context.namespace().kv.set(self._key(context), run_id, kind="STRING", ttl=2 * longest)
        except TaskFailed as failed:  # the run goes on: it must not be lost because it cannot be remembered
            context.log("WARN", f"The run is not remembered for `resumeOnRestart`: {failed.message}")

    def _forget(self, context: RunContext) -> None:
        context.namespace().kv.delete(self._key(context))
