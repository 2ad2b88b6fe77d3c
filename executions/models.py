"""Executions and what belongs to them: task runs, steps, attempts given to workers, timers, log lines, metrics, triggers."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Execution(models.Model):
    """One execution of a flow. `histories` is `[[state, iso date], …]`, oldest first.

    `parent_id` is the execution that it is a copy of, `caller_id` the one whose task started it. `version` guards the engine's
    compare-and-set; `seq` grows with everything that a page may show, so that a page knows what it missed.
    """

    id = models.CharField(primary_key=True, max_length=40)
    namespace = models.CharField(max_length=150)
    flow_id = models.CharField(max_length=100)
    flow_revision = models.PositiveIntegerField()
    state = models.CharField(max_length=12, default="CREATED")
    histories = models.JSONField(default=list)
    created = models.DateTimeField(default=timezone.now)
    ended = models.DateTimeField(null=True, blank=True)
    inputs = models.JSONField(default=dict)
    outputs = models.JSONField(null=True, blank=True)
    variables = models.JSONField(default=dict)
    labels = models.JSONField(default=list)  # [[key, value], …] in order; repeated keys are allowed
    trigger = models.JSONField(null=True, blank=True)
    parent_id = models.CharField(max_length=40, null=True, blank=True, db_index=True)
    caller_id = models.CharField(max_length=40, null=True, blank=True)  # the execution that called this one, by a task
    caller_task = models.CharField(max_length=256, blank=True)  # the id of that task
    original_id = models.CharField(max_length=40, null=True, blank=True)
    attempt_number = models.PositiveIntegerField(default=1)
    original_created = models.DateTimeField(null=True, blank=True)
    schedule_date = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)  # one sentence: what happened
    header = models.JSONField(default=dict)  # what attempts said about how they run: {key: text}
    notes = models.JSONField(default=dict)  # the engine's own memory
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")  # NULL is the system
    version = models.PositiveIntegerField(default=0)
    seq = models.PositiveBigIntegerField(default=0)
    log_count = models.PositiveBigIntegerField(default=0)  # the number of its last log line

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-created"], name="execution_created"),
            models.Index(fields=["namespace", "flow_id", "-created"], name="execution_flow"),
            models.Index(fields=["state", "-created"], name="execution_state"),
            models.Index(
                fields=["caller_id", "caller_task", "state", "created"], name="execution_caller", condition=Q(caller_id__isnull=False)
            ),
        ]

    @property
    def came_of(self) -> str | None:
        """The execution whose task started this one, or that it is a copy of."""
        return self.caller_id or self.parent_id


class ExecutionLabel(models.Model):
    """A label again, as a row that lists can filter by."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="label_rows")
    key = models.CharField(max_length=100)
    value = models.CharField(max_length=300)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["key", "value"], name="execution_label")]


class TaskRun(models.Model):
    """One task of an execution. `attempts` is `[{"number", "histories", "logFile"?}, …]`."""

    id = models.CharField(primary_key=True, max_length=40)
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="task_runs")
    task_id = models.CharField(max_length=256)
    parent_id = models.CharField(max_length=40, null=True, blank=True)
    path = models.CharField(max_length=300, default="tasks")
    value = models.TextField(null=True, blank=True)
    iteration = models.IntegerField(null=True, blank=True)
    state = models.CharField(max_length=12, default="CREATED")
    histories = models.JSONField(default=list)
    attempts = models.JSONField(default=list)
    outputs = models.JSONField(null=True, blank=True)
    position = models.PositiveIntegerField(default=0)
    notes = models.JSONField(default=dict)
    folded = models.BooleanField(default=False)  # ended well in a long loop: the engine does without it
    seq = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["execution", "position"], name="task_run_order"),
            models.Index(fields=["execution", "position"], name="task_run_frontier", condition=Q(folded=False)),
            models.Index(fields=["execution", "seq"], name="task_run_seq"),
        ]


class Step(models.Model):
    """Something inside a task run that deserves its own row: one dbt model, one test. Written by the worker, not by the engine."""

    id = models.CharField(primary_key=True, max_length=40)
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="steps")
    task_run = models.ForeignKey(TaskRun, on_delete=models.CASCADE, related_name="steps")
    attempt = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=500)
    label = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=50, blank=True)
    parent_name = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=12)
    histories = models.JSONField(default=list)
    started = models.DateTimeField(null=True, blank=True)
    ended = models.DateTimeField(null=True, blank=True)
    message = models.TextField(blank=True)
    data = models.JSONField(default=dict)
    position = models.PositiveIntegerField(default=0)
    seq = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["task_run", "attempt", "name"], name="one_step_per_name")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["execution", "seq"], name="step_seq")]


class StepDetail(models.Model):
    """What only the pane of a step shows: compiled SQL, rows that a test found… `packed` is a JSON object, deflated."""

    step = models.OneToOneField(Step, primary_key=True, on_delete=models.CASCADE, related_name="detail")
    packed = models.BinaryField()


class Selection(models.Model):
    """Which nodes a command of a dbt task, by its number, was going to run, written before the first begins. `packed` is deflated JSON."""

    task_run = models.ForeignKey(TaskRun, on_delete=models.CASCADE, related_name="selections")
    attempt = models.PositiveIntegerField()
    command = models.IntegerField()
    packed = models.BinaryField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["task_run", "attempt", "command"], name="one_selection_per_command")
        ]


class Delivery(models.Model):
    """An attempt (or the opening or closing of a working directory) that a worker must take: written with the engine's decision,
    claimed by a conditional update, kept alive by a heartbeat, done when the worker's answer is saved."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        CLAIMED = "claimed"
        DONE = "done"

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="deliveries")
    task_run_id = models.CharField(max_length=40)
    attempt = models.PositiveIntegerField()
    phase = models.CharField(max_length=5, default="run")
    workspace = models.CharField(max_length=40, blank=True)
    inline = models.BooleanField(default=False)  # so cheap that whoever advances the execution on a worker does it in place
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    worker = models.CharField(max_length=100, blank=True)
    claims = models.PositiveIntegerField(default=0)
    created = models.DateTimeField(default=timezone.now)
    sent = models.DateTimeField(null=True, blank=True)
    sends = models.PositiveIntegerField(default=0)
    claimed = models.DateTimeField(null=True, blank=True)
    heartbeat = models.DateTimeField(null=True, blank=True)
    stop_requested = models.DateTimeField(null=True, blank=True)
    left_behind = models.JSONField(default=dict)  # {"pgid", "started", "container", "host"}

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["task_run_id", "attempt", "phase"], name="one_delivery_per_attempt")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "created"], name="delivery_open", condition=~Q(status="done"))
        ]


class Command(models.Model):
    """A decision of the engine that is neither attempt nor timer (StartExecution, Evaluate, KillChildren…), until it is carried out."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="commands")
    kind = models.CharField(max_length=30)
    payload = models.JSONField(default=dict)
    created = models.DateTimeField(default=timezone.now)
    sent = models.DateTimeField(null=True, blank=True)
    sends = models.PositiveIntegerField(default=0)


class Timer(models.Model):
    """When the engine wants to be woken, and with which key. The tick finds what is due."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="timers")
    key = models.CharField(max_length=200)
    due = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["execution", "key"], name="one_timer_per_key")
        ]


class TriggerState(models.Model):
    """What is remembered of one trigger of one flow.

    `next_date` is when it is looked at next, `date` what it fired for last. `execution_id` is the execution whose end it waits for, and
    `last_execution_id` the one it started last. `backfill` is Kestra's map `{start, end, currentDate, paused, inputs, labels,
    previousNextExecutionDate}`. `followed` is the change of the flow that `next_date` follows; `stale` says that it must be computed anew.
    An evaluation on a worker holds the trigger from `evaluating` on, under the number `lock`, which only grows.
    """

    namespace = models.CharField(max_length=150)
    flow_id = models.CharField(max_length=100)
    trigger_id = models.CharField(max_length=256)
    type = models.CharField(max_length=200, blank=True)
    date = models.DateTimeField(null=True, blank=True)
    next_date = models.DateTimeField(null=True, blank=True, db_index=True)
    execution_id = models.CharField(max_length=40, blank=True)
    last_execution_id = models.CharField(max_length=40, blank=True)
    disabled = models.BooleanField(default=False)
    backfill = models.JSONField(null=True, blank=True)
    updated = models.DateTimeField(default=timezone.now)
    followed = models.DateTimeField(null=True, blank=True)
    stale = models.BooleanField(default=False)
    evaluating = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=100, blank=True)
    lock = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "flow_id", "trigger_id"], name="one_state_per_trigger")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["id"], name="trigger_stale", condition=Q(stale=True)),
            models.Index(fields=["evaluating"], name="trigger_evaluating", condition=Q(evaluating__isnull=False)),
        ]


class TriggerWindow(models.Model):
    """What was true within a window of time, of conditions that a Flow trigger gathers. `version` guards a compare-and-set."""

    namespace = models.CharField(max_length=150)
    flow_id = models.CharField(max_length=100)
    trigger_id = models.CharField(max_length=256)
    name = models.CharField(max_length=256)
    start = models.DateTimeField()
    end = models.DateTimeField(db_index=True)
    results = models.JSONField(default=list)  # the names of the conditions that were true
    version = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "flow_id", "trigger_id", "name"], name="one_window_per_condition")
        ]


class LogLine(models.Model):
    """One log line of an execution, or of a trigger. `level` is 0 TRACE, 1 DEBUG, 2 INFO, 3 WARN, 4 ERROR.

    `number` counts from 1 within the execution, and is 0 for the lines of a trigger.
    """

    id = models.BigAutoField(primary_key=True)
    execution = models.ForeignKey(Execution, null=True, on_delete=models.CASCADE, related_name="log_lines")
    trigger = models.ForeignKey(TriggerState, null=True, on_delete=models.CASCADE, related_name="log_lines")
    task_run_id = models.CharField(max_length=40, blank=True)
    task_id = models.CharField(max_length=256, blank=True)
    step = models.CharField(max_length=500, blank=True)  # the step's name
    attempt = models.PositiveIntegerField(default=0)
    level = models.PositiveSmallIntegerField(default=2)
    timestamp = models.DateTimeField()
    message = models.TextField()
    number = models.PositiveIntegerField(default=0)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["execution", "number"], name="log_order"),
            models.Index(fields=["execution", "level", "number"], name="log_level"),
            models.Index(fields=["execution", "task_run_id", "step", "number"], name="log_task_run"),
            models.Index(fields=["timestamp"], name="log_time"),
        ]


class Metric(models.Model):
    """A counter or a timer (seconds) that a task published."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="metrics")
    task_run_id = models.CharField(max_length=40)
    task_id = models.CharField(max_length=256)
    name = models.CharField(max_length=200)
    type = models.CharField(max_length=10, default="counter")
    value = models.FloatField()
    tags = models.JSONField(default=dict)
    timestamp = models.DateTimeField(default=timezone.now)


class Worker(models.Model):
    """A process that takes deliveries: of `kind` worker or engine, on `concurrency` threads; alive while its heartbeat is young."""

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=10, default="worker")
    host = models.CharField(max_length=100)
    pid = models.PositiveIntegerField()
    started = models.DateTimeField(default=timezone.now)
    heartbeat = models.DateTimeField(default=timezone.now)
    concurrency = models.PositiveIntegerField(default=1)


class ProjectState(models.Model):
    """A manifest of a dbt project that was promoted. The newest of a namespace, project, target and branch is in force; none ever changes.

    `manifest` and `digest` are compressed JSON. `stored_namespace` and `stored_key` are where the key-value store has it, too.
    """

    namespace = models.CharField(max_length=150)
    project = models.CharField(max_length=200)
    target = models.CharField(max_length=200)
    branch = models.CharField(max_length=250, blank=True)
    promoted = models.DateTimeField(default=timezone.now)
    promoted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")  # NULL is a full build
    execution_id = models.CharField(max_length=40, blank=True)
    version = models.CharField(max_length=30, blank=True)  # of dbt
    nodes = models.PositiveIntegerField(default=0)
    manifest = models.BinaryField()
    digest = models.BinaryField()
    stored_namespace = models.CharField(max_length=150, blank=True)
    stored_key = models.CharField(max_length=256, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["namespace", "project", "target", "branch", "-id"], name="state_in_force")
        ]


class Plan(models.Model):
    """An execution that is not begun yet: what the first dbt task of its flow would do. It may begin later, under the same id."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        READY = "ready"
        FAILED = "failed"

    id = models.CharField(primary_key=True, max_length=40)
    namespace = models.CharField(max_length=150)
    flow_id = models.CharField(max_length=100)
    flow_revision = models.PositiveIntegerField()
    inputs = models.JSONField(default=dict)
    labels = models.JSONField(default=list)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    task_id = models.CharField(max_length=256, blank=True)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    added = models.JSONField(default=list)  # unique ids of nodes that somebody put in
    dropped = models.JSONField(default=list)  # and of those that are left out, as it was approved
    approved = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created = models.DateTimeField(default=timezone.now, db_index=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")


class Dashboard(models.Model):
    """Charts that somebody put together. `source` is their YAML as it was written."""

    id = models.CharField(primary_key=True, max_length=100)
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    source = models.TextField()
    created = models.DateTimeField(default=timezone.now)
    updated = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering: ClassVar[list[str]] = ["title", "id"]
