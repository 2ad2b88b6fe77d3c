"""How a task sees the world while it runs: the RunContext that every attempt is given."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from engine.document import Flow, Task
from engine.errors import ExpressionError
from engine.execution import Execution, TaskRun
from engine.expressions import render, render_any, render_typed
from engine.texts import storable
from executions import execution_ports, leftovers, logbook, models, ports, publish, world
from executions.claims import Claim
from executions.log_file import LogFile
from executions.logbook import Line
from executions.sight import Sight
from executions.steps import Board
from namespaces import vault
from plugins.contract import (
    EnvironmentsPort,
    ExecutionsPort,
    FlowReference,
    Level,
    LogsPort,
    NamespacePort,
    Settings,
    StepReport,
    StoragePort,
    TaskFailed,
    TriggersPort,
)
from plugins.core.runner._hand_over import hand_over, identity_of


def installation() -> Settings:
    """What tasks may know of this installation."""
    return Settings(
        home=settings.KESTRA_HOME,
        docker_host=settings.KESTRA_DOCKER_HOST or None,
        docker_fallback=settings.KESTRA_DOCKER_FALLBACK,
        volumes=tuple(map(str, settings.KESTRA_DOCKER_VOLUMES)),
        run_as=settings.KESTRA_RUN_AS,
        dbt_warm=settings.KESTRA_DBT_WARM,
        dbt_warm_memory=settings.KESTRA_DBT_WARM_MEMORY,
        file_limit=settings.KESTRA_LIMITS["file_bytes"],
        git_file_roots=tuple(map(str, settings.KESTRA_GIT_FOLDERS)),
    )


@dataclass(slots=True)
class Sink:
    """Where lines and metrics of an attempt go: into the logbook as they come, or gathered for the commit of work done in place."""

    write: Callable[[Line], None] = logbook.write
    metrics: dict[tuple[str, str, tuple[tuple[str, str], ...]], models.Metric] = field(default_factory=dict)


class Context:
    """One attempt of one task run. Implements `plugins.contract.RunContext`."""

    def __init__(
        self,
        flow: Flow,
        execution: Execution,
        runs: Mapping[str, TaskRun],
        task_run: TaskRun,
        task: Task,
        attempt: int,
        *,
        workspace: str = "",
        claim: Claim | None = None,
        sink: Sink,
    ) -> None:
        self.flow = FlowReference(execution.namespace, execution.flow_id, execution.flow_revision)
        self.execution_id, self.task_run_id, self.task_id, self.attempt = execution.id, task_run.id, task.id, attempt
        self.value = task_run.value
        self.labels: Mapping[str, str] = dict(reversed(execution.labels))
        self.settings = installation()
        self.resumed = claim is not None and claim.delivery.claims > 1
        self.narrowed = leftovers.as_narrowed(execution.notes.get("narrowed"), task_run.task_id, task_run.value)
        self.planned = str(execution.notes.get(leftovers.PLANNED) or "")
        self.shared_working_dir = bool(workspace)
        self.masks = world.Masks()
        self.board = Board(execution.id, task_run.id, attempt)
        self._people = ports.People(execution)
        self._execution, self._task, self._claim, self._sink = execution, task, claim, sink
        self._folder = Path(settings.KESTRA_WORK) / execution.id / (workspace or task_run.id)
        self._log_file = LogFile() if task.log_to_file else None
        self._lowest = logbook.NUMBERS.get(task.log_level or "TRACE", 0)
        self._sight = Sight(flow, execution, runs, self.masks, task_run, task)
        self._functions = world.functions(execution, self.masks, self._people.may_read)
        self.triggers: TriggersPort = ports.Triggers(self._people)
        self.executions: ExecutionsPort = execution_ports.Executions(execution, self._people)
        self.logs: LogsPort = execution_ports.Logs(execution, self._people)
        self.environments: EnvironmentsPort = ports.Environments(self.cancelled)
        self.storage: StoragePort = ports.Storage(execution, task.id, task_run.id, lambda: self.working_dir, self._people)

    # --- rendering

    @property
    def variables(self) -> Mapping[str, Any]:
        """All that a template may name, also what none does."""
        return self._sight.everything()

    def render(self, template: str, extra: Mapping[str, Any] | None = None) -> str:
        """Text of a template; TaskFailed says what is wrong with it."""
        return str(self._rendered(render, template, extra))

    def render_typed(self, template: Any, extra: Mapping[str, Any] | None = None) -> Any:
        """As `render`, but a lone `{{ }}` keeps its type; what is no text is answered as it is."""
        return self._rendered(render_typed, template, extra) if isinstance(template, str) else template

    def render_any(self, value: Any, extra: Mapping[str, Any] | None = None) -> Any:
        """Every text inside a map or list, rendered."""
        return self._rendered(render_any, value, extra)

    def _rendered(self, how: Callable[..., Any], template: Any, extra: Mapping[str, Any] | None) -> Any:
        try:
            return self._sight.rendered(how, template, self._functions, extra)
        except ExpressionError as error:
            raise TaskFailed(self.mask(error.message)) from error

    # --- telling

    def log(self, level: Level, message: str, *, step: str | None = None, at: datetime | None = None) -> None:
        """Write a log line, secrets masked; lines below the task's `logLevel` are dropped."""
        number = logbook.NUMBERS[level]
        if number >= self._lowest and self._log_file is not None:
            self._log_file.write(level, self.mask(message), at or timezone.now())
        elif number >= self._lowest:
            self._sink.write(
                Line(
                    self.execution_id,
                    number,
                    self.mask(message),
                    at or timezone.now(),
                    self.task_run_id,
                    self.task_id,
                    self.attempt,
                    step or "",
                )
            )

    def kept_log(self) -> str | None:
        """Store the lines of an attempt whose task logs to a file; answers the URI, None where lines go to the log store."""
        return None if self._log_file is None else self._log_file.keep(self._execution, self.task_id, self.task_run_id, self.attempt)

    def step(self, report: StepReport) -> None:
        """Show a step, or its change, in the Gantt."""
        message = self.mask(report.message) if report.message else report.message
        known = {name: getattr(report, name) for name in ("name", "state", "label", "kind", "started", "ended", "parent", "working")}
        data, detail = self.masks.value(dict(report.data)), self.masks.value(dict(report.detail))
        self.board.report(StepReport(**known, message=message, data=data, detail=detail), timezone.now())

    def metric(
        self, name: str, value: float, *, kind: Literal["counter", "timer"] = "counter", tags: Mapping[str, str] | None = None
    ) -> None:
        """Publish a metric; the same name and tags are added up within the attempt."""
        key = (name, kind, tuple(sorted((tags or {}).items())))
        row = self._sink.metrics.get(key)
        if row is None:
            row = self._sink.metrics[key] = models.Metric(
                execution_id=self.execution_id,
                task_run_id=self.task_run_id,
                task_id=self.task_id,
                name=storable(name)[:200],
                type=kind,
                value=0.0,
                tags=storable(self.masks.value(dict(tags or {}))),
                timestamp=timezone.now(),
            )
        row.value += value

    def header(self, key: str, text: str) -> None:
        """Say in the execution's header how this attempt runs."""
        with transaction.atomic():
            row = models.Execution.objects.select_for_update().filter(id=self.execution_id).first()
            told = storable(self.mask(text))
            if row is None or row.header.get(key) == told:
                return
            row.header[key] = told
            models.Execution.objects.filter(id=row.id).update(header=row.header, seq=F("seq") + 1)
            publish.execution_changed(row, row.state, row.seq + 1)

    def mask(self, text: str) -> str:
        """The text without the secrets that this attempt has met."""
        return self.masks.text(text)

    def hide(self, secret: str) -> None:
        """Mask this text from now on."""
        self.masks.add(secret)

    def in_sight(self, content: bytes) -> bool:
        """Whether a secret stands in these bytes."""
        return self.masks.in_sight(content)

    def encrypt(self, clear: str) -> Mapping[str, str]:
        """An output that is stored encrypted and is in clear only in the expressions of this execution."""
        self.masks.add(clear)
        return vault.encrypt_value(clear)

    # --- stopping

    def cancelled(self) -> bool:
        """Whether the attempt is to end."""
        return self._claim is not None and self._claim.stopped()

    def killed(self) -> bool:
        """Whether it is to end because somebody kills it."""
        return self.cancelled() and self._claim is not None and self._claim.reason == "killed"

    def on_cancel(self, action: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `action` once, from another thread, when the attempt is to end while the block runs."""
        if self._claim is None:
            raise TaskFailed("A task that is run in place cannot wait for anything")
        return self._claim.on_stop(action)

    def left_behind(self, *, pgid: int | None = None, started: float | None = None, container: str | None = None) -> None:
        """Record what to end, or to find again, if this worker dies."""
        if self._claim is not None:
            left = {"pgid": pgid, "started": started, "container": container, "host": os.uname().nodename}
            known = {key: value for key, value in left.items() if value is not None}
            self._claim.delivery.left_behind = {**self._claim.delivery.left_behind, **known}
            models.Delivery.objects.filter(id=self._claim.delivery.id).update(left_behind=self._claim.delivery.left_behind)

    def selects(self, command: int, nodes: Sequence[str]) -> None:
        """Keep which nodes a command of this attempt is going to run."""
        leftovers.selects(self.task_run_id, self.attempt, command, nodes)

    # --- places

    @property
    def working_dir(self) -> Path:
        """The folder of this task run, or of the WorkingDirectory around it; made when it is first asked for."""
        if not self._folder.is_dir():
            make_folder(self._folder)
        return self._folder

    def hand_over(self) -> None:
        """Give what lies in the working directory to the account that the task's processes run under."""
        hand_over(self.working_dir, identity_of(self.settings))

    @property
    def folder_was_made(self) -> bool:
        return self._folder.is_dir()

    def namespace(self, name: str | None = None) -> NamespacePort:
        """The namespace of the flow, or another one that the flow's people may read."""
        return ports.NamespaceAccess.of(name or self.flow.namespace, self._people, self.masks, lambda: self.working_dir)


def make_folder(folder: Path) -> None:
    """Make a working directory that only its task may enter."""
    account = settings.KESTRA_RUN_AS if os.geteuid() == 0 else None
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o711 if account else 0o700)
    folder.mkdir(exist_ok=True, mode=0o700)
    if account:
        os.chown(folder, *account)
