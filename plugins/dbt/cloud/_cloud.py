"""What the tasks of dbt Cloud share: asking its API, and following a run to its end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field

from engine.states import TERMINATED
from plugins.contract import Duration, Expression, RunContext, RunnableTask, StepReport, TaskFailed, Text
from plugins.core.http._client import NoAnswer, Reply, ask, whole
from plugins.core.http._options import Options
from plugins.dbt import _artifacts
from plugins.dbt._events import read_time, uncoloured
from plugins.dbt._steps import Steps
from plugins.scripts import _render

_AGAIN = (502, 503, 504)
_LONGEST_PAUSE = 30.0  # seconds between two tries
_RELATED = json.dumps(["trigger", "job", "run_steps", "debug_logs", "environment"], separators=(",", ":"))
_ENDS = {10: "SUCCESS", 20: "FAILED", 30: "KILLED"}  # of a run, by its `status`; a step of it has the same
_WORDS = {"success": "SUCCESS", "error": "FAILED", "cancelled": "KILLED"}
_SHOWN = 500  # characters of an answer that a message quotes


class Refused(TaskFailed):
    """dbt Cloud answered with an error; `code` is the status."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Unfinished(TaskFailed):
    """The run had not ended when the time was over."""


class CloudProperties(RunnableTask):
    """Base of the tasks that talk to dbt Cloud."""

    outputs_schema: ClassVar[Mapping[str, str]] = {
        "runResults": "URI of the run's run_results.json, where it left one.",
        "manifest": "URI of the run's manifest.json, where it left one.",
    }

    base_url: Text = Field("https://cloud.getdbt.com", description="Address of dbt Cloud, with the region or cell of the account.")
    account_id: Text = Field(description="Number of the account.")
    token: Text = Field(description="API token; keep it as a secret.")
    options: Options | None = Field(None, description="How the HTTP client behaves.")
    max_retries: int | Expression = Field(3, description="How often a request is tried again after no answer, or 502, 503, 504.")
    initial_delay_ms: int | Expression = Field(1000, description="Milliseconds before the first of them; each next wait is twice as long.")
    poll_frequency: Duration = Field("PT5S", description="Time between two looks at the run, ISO 8601.")
    max_duration: Duration = Field("PT60M", description="Longest time to wait for the run, ISO 8601.")
    parse_run_results: bool | Expression = Field(True, description="Show a row for every node of run_results.json.")

    def call(self, context: RunContext, method: str, path: str, body: Any = None) -> Reply:
        """One request to the account's API, tried again where that may help; any status below 400, or 404, is an answer.

        What starts something is not tried again when the server may have got it and only its answer is missing.
        """
        address = self.address(context, path)
        tries = 1 + max(whole(context, self.max_retries, "maxRetries") or 0, 0)
        pause = (whole(context, self.initial_delay_ms, "initialDelayMs") or 0) / 1000
        token = context.render(self.token).strip()
        while True:
            tries -= 1
            try:
                reply = ask(context, method, address, token=token, body=body, options=self.options)
            except NoAnswer as error:
                if not tries or (method != "GET" and error.began):
                    raise
                context.log("WARN", f"{error.message}; trying again in {pause:g} s")
            else:
                if reply.code not in _AGAIN or not tries:
                    return _accepted(method, path, reply)
                context.log("WARN", f"dbt Cloud answered {reply.code} to {method} {path.partition('?')[0]}; trying again in {pause:g} s")
            wait(context, pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def address(self, context: RunContext, path: str) -> str:
        """Where a part of the account's API is."""
        account = quote(context.render(self.account_id).strip(), safe="")
        return f"{context.render(self.base_url).strip().rstrip('/')}/api/v2/accounts/{account}/{path}"

    def follow(self, context: RunContext, run_id: str) -> dict[str, Any]:
        """Show the run and its steps until it ends; answers its artifacts as outputs.

        Raises TaskFailed where it did not succeed, Unfinished after `maxDuration`.
        """
        frequency = _render.seconds(context, self.poll_frequency) or 5.0
        longest = _render.seconds(context, self.max_duration) or 3600.0
        deadline = time.monotonic() + longest
        watch = _Watch(context)
        while True:
            run = self._look(context, run_id)
            watch.see(run)
            state = ending(run)
            if state is not None:
                break
            if time.monotonic() + frequency > deadline:
                raise Unfinished(f"The run {run_id} had not ended after {longest:g} s (`maxDuration`): it is {_word(run)}")
            wait(context, frequency)
        outputs = self._keep(context, run_id)
        if state != "SUCCESS":
            said = str(run.get("status_message") or "").strip()
            after = f" after {run['duration_humanized']}" if run.get("duration_humanized") else ""
            failed = [f"step '{step.get('name')}' {step.get('status_humanized') or 'failed'}" for step in watch.failed]
            raise TaskFailed(
                f"Failed run with status '{_word(run)}'{after}: {said or ', '.join(failed) or 'dbt Cloud gives no reason'}", outputs=outputs
            )
        return outputs

    def _look(self, context: RunContext, run_id: str) -> Mapping[str, Any]:
        path = f"runs/{run_id}/?include_related={quote(_RELATED)}"
        reply = self.call(context, "GET", path)
        if reply.code == 404:
            raise Refused(f"dbt Cloud knows no run {run_id} in this account", 404)
        return data_of(reply, f"runs/{run_id}/")

    def _keep(self, context: RunContext, run_id: str) -> dict[str, Any]:
        """Fetch what the run left, show its nodes, and keep the files; what is not there is not an error."""
        found = {name: self._artifact(context, run_id, name) for name in (_artifacts.RUN_RESULTS, _artifacts.MANIFEST)}
        results, manifest = found[_artifacts.RUN_RESULTS], found[_artifacts.MANIFEST]
        if results is not None and _render.flag(context, self.parse_run_results):
            parents = manifest.parents if manifest is not None else {}
            steps = Steps(context, [], lambda unique_id: parents.get(unique_id, ()))
            fetched = _artifacts.Artifacts(context.working_dir, [], 0.0)
            fetched.kept[_artifacts.RUN_RESULTS].append(results)
            _artifacts.complete(steps, fetched, context)
        uris = {name: context.storage.put(artifact.content, name) for name, artifact in found.items() if artifact is not None}
        return {"runResults": uris.get(_artifacts.RUN_RESULTS), "manifest": uris.get(_artifacts.MANIFEST)}

    def _artifact(self, context: RunContext, run_id: str, name: str) -> _artifacts.Artifact | None:
        options = self.options or Options.model_validate({})
        if options.max_content_length is None:
            options = options.model_copy(update={"max_content_length": context.settings.file_limit})
        reply = self.model_copy(update={"options": options}).call(context, "GET", f"runs/{run_id}/artifacts/{name}")
        if reply.code == 404:
            context.log("DEBUG", f"The run {run_id} left no {name}")
            return None
        return _artifacts.Artifact(context.working_dir / name, reply.content)


class _Watch:
    """What of a run was shown already: its steps are rows, and the log of each is told once."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._told: set[str] = set()
        self._seen: dict[str, StepReport] = {}
        self._word = ""
        self.failed: list[Mapping[str, Any]] = []

    def see(self, run: Mapping[str, Any]) -> None:
        """Tell what is new."""
        if _word(run) != self._word:
            self._word = _word(run)
            self._context.log("INFO", f"The run is {self._word}")
        given = run.get("run_steps")
        steps = [step for step in given if isinstance(step, Mapping)] if isinstance(given, list) else []
        self.failed = [step for step in steps if ending(step) == "FAILED"]
        for number, step in enumerate(steps, start=1):
            self._show(f"step.{step.get('index') or number}", step)

    def _show(self, name: str, step: Mapping[str, Any]) -> None:
        state = ending(step) or ("RUNNING" if step.get("started_at") or step.get("status") == 3 else "CREATED")
        label = str(step.get("name") or name)
        report = StepReport(name, state, label, "command", read_time(step.get("started_at")), read_time(step.get("finished_at")))
        if self._seen.get(name) != report:
            self._seen[name] = report
            self._context.step(report)
        said = step.get("logs") or step.get("truncated_debug_logs")
        if state in TERMINATED and isinstance(said, str) and said.strip() and name not in self._told:
            self._told.add(name)
            for line in uncoloured(said).splitlines():
                if line.strip():
                    self._context.log("INFO", line.rstrip(), step=name)


def ending(run: Mapping[str, Any]) -> str | None:
    """How a run or a step of one ended, by what dbt Cloud says of it: the number, else the flags, else the word; None while it goes on."""
    status = run.get("status")
    if isinstance(status, int) and not isinstance(status, bool):
        return _ENDS.get(status)
    if run.get("is_complete"):
        return "SUCCESS" if run.get("is_success") else "KILLED" if run.get("is_cancelled") else "FAILED"
    return _WORDS.get(str(run.get("status_humanized") or "").strip().lower())


def _word(run: Mapping[str, Any]) -> str:
    return str(run.get("status_humanized") or {1: "Queued", 2: "Starting", 3: "Running"}.get(run.get("status") or 0) or run.get("status"))


def data_of(reply: Reply, path: str) -> Mapping[str, Any]:
    """The `data` of an answer; raises TaskFailed where there is none."""
    try:
        parsed = json.loads(reply.content)
    except (ValueError, RecursionError):
        parsed = None
    data = parsed.get("data") if isinstance(parsed, Mapping) else None
    if not isinstance(data, Mapping):
        raise TaskFailed(f"dbt Cloud's answer to {path} has no `data`: is `baseUrl` the address of its API?")
    return data


def wait(context: RunContext, seconds: float) -> None:
    """Wait; raises TaskFailed as soon as the task is stopped."""
    stopped = threading.Event()
    with context.on_cancel(stopped.set):
        if stopped.wait(seconds) or context.cancelled():
            raise TaskFailed("Stopped while waiting for dbt Cloud", state="KILLED", retryable=False)


def _accepted(method: str, path: str, reply: Reply) -> Reply:
    if reply.code < 400 or (reply.code == 404 and method == "GET"):
        return reply
    try:
        status = json.loads(reply.content).get("status") or {}
        said = str(status.get("user_message") or status.get("developer_message") or "")
    except (ValueError, AttributeError, RecursionError):
        said = reply.content.decode(errors="replace").strip()
    reason = {401: "the token is not valid", 403: "the token may not do this"}.get(reply.code)
    told = "; ".join(part for part in (reason, said[:_SHOWN]) if part)
    raise Refused(f"dbt Cloud answered {reply.code} to {method} {path.partition('?')[0]}" + (f": {told}" if told else ""), reply.code)
