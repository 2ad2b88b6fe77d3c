"""Running one attempt: the task's plugin in its context, and what came of it as an event for the engine."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.utils import timezone

from engine import events
from engine.document import Task
from engine.expressions.values import parse_duration
from engine.texts import storable
from executions import logbook, steps, working_directory
from executions.claims import Claim
from executions.context import Context
from plugins.catalog import CATALOG
from plugins.contract import Result, RunnableTask, StepReport, TaskFailed

logger = logging.getLogger(__name__)
Answer = events.TaskSucceeded | events.TaskFailed


def run(context: Context, task: Task, phase: str, claim: Claim | None = None) -> Answer:
    """Run an attempt to its end. Everything it wrote is in the database when this returns; the answer is to be told to the engine.

    This is the outermost place of a task, and so the only one that catches every Exception: a bug in a task type fails its attempt.
    """
    try:
        answer = _answer(context, task, phase, claim)
    except TaskFailed as failure:
        answer = _failed(context, failure, phase)
    except Exception as error:
        logger.exception("Task %s of execution %s failed unexpectedly", context.task_id, context.execution_id)
        context.log("TRACE", traceback.format_exc())
        answer = _failed(context, TaskFailed(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__), phase)
    if claim is not None and claim.reason in ("killed", "timeout") and isinstance(answer, events.TaskFailed):
        answer = _stopped(context, answer, claim, task.timeout)
    return replace(answer, log_file=context.kept_log()) if phase == "run" else answer


def finish(context: Context, answer: Answer) -> None:
    """Close what the attempt left open: steps that never ended, buffers, its working directory."""
    state = "KILLED" if answer.state == "KILLED" else "FAILED"
    for name in context.board.open_names():
        context.board.report(StepReport(name, state, ended=timezone.now()), timezone.now())
    steps.flush()
    logbook.flush()
    if not context.shared_working_dir and context.folder_was_made:
        shutil.rmtree(context.working_dir, ignore_errors=True)


def _answer(context: Context, task: Task, phase: str, claim: Claim | None) -> Answer:
    with _time_limit(context, task, claim):
        if phase == "open":
            working_directory.open_(context, task)
            result = Result()
        elif phase == "close":
            result = Result(working_directory.close(context, task))
        else:
            result = _plugin(task).run(context)
    outputs = checked(context, result.outputs)
    return events.TaskSucceeded(
        context.task_run_id,
        context.attempt,
        outputs,
        result.state,
        phase,  # type: ignore[arg-type] -- the phase is one of three
        labels=storable(context.masks.value(dict(result.labels))),
        variables=checked(context, result.variables) or {},
        forgotten=tuple(result.forgotten),
        ends=result.ends,
    )


def _plugin(task: Task) -> RunnableTask:
    plugin = CATALOG.build(task)
    if not isinstance(plugin, RunnableTask):
        raise TaskFailed(f"{task.type} is no task that can be run", retryable=False)
    return plugin


@contextmanager
def _time_limit(context: Context, task: Task, claim: Claim | None) -> Iterator[None]:
    text = context.render(task.timeout) if task.timeout and claim is not None else ""
    if not text or claim is None:
        yield
        return
    try:
        seconds = parse_duration(text).total_seconds()
    except ValueError as error:
        raise TaskFailed(f"Invalid timeout '{text}': {error}", retryable=False) from error
    timer = threading.Timer(seconds, claim.stop, ["timeout"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def checked(context: Context, outputs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Outputs as they may be stored: JSON values, without secrets, not too large."""
    if outputs is None:
        return None
    text = json.dumps(context.masks.value(dict(outputs)), default=str)
    limit = settings.KESTRA_LIMITS["output_bytes"]
    if len(text) > limit:
        raise TaskFailed(
            "Unable to emit the worker task result to the queue: "
            f"Message of size {len(text)} has exceeded the configured limit of {limit}. "
            "Write large results into a file (outputFiles) and hand on its URI.",
            retryable=False,
        )
    checked: dict[str, Any] = storable(json.loads(text))
    return checked


def _failed(context: Context, failure: TaskFailed, phase: str) -> events.TaskFailed:
    message = context.mask(failure.message)
    if failure.state != "KILLED" and message:
        context.log("ERROR", message)
    try:
        outputs = checked(context, failure.outputs)
    except TaskFailed as too_large:
        context.log("ERROR", too_large.message)
        outputs = None
    return events.TaskFailed(
        context.task_run_id,
        context.attempt,
        message,
        outputs,
        failure.retryable,
        failure.state,
        phase,  # type: ignore[arg-type] -- the phase is one of three
    )


def _stopped(context: Context, answer: events.TaskFailed, claim: Claim, limit: str | None) -> events.TaskFailed:
    """What a task that was stopped says is not what happened to it."""
    if claim.reason == "timeout":
        message = f"Timeout after {context.render(limit or '')}"
        context.log("ERROR", message)
        return events.TaskFailed(context.task_run_id, context.attempt, message, answer.outputs, True, "FAILED", answer.phase)
    return events.TaskFailed(context.task_run_id, context.attempt, "Killed", answer.outputs, False, "KILLED", answer.phase)
