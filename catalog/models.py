"""What was taken from dbt's artifacts, for each project and target of a namespace."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class Project(models.Model):
    """A dbt project as one target sees it; `target` is empty where the commands left it to the profile.

    `version` is the manifest version that pages show. `busy` is held by whoever takes in artifacts.
    """

    namespace = models.CharField(max_length=150)
    name = models.CharField(max_length=200)
    target = models.CharField(max_length=100, blank=True)
    adapter = models.CharField(max_length=50, blank=True)
    dbt_version = models.CharField(max_length=50, blank=True)
    version = models.PositiveIntegerField(default=0)
    generated = models.DateTimeField(null=True, blank=True)  # when dbt wrote the manifest that was taken in last
    updated = models.DateTimeField(default=timezone.now)
    busy = models.DateTimeField(null=True, blank=True)
    to_trace = models.DateTimeField(null=True, blank=True)  # since when the lineage of its columns may be out of date
    tracing = models.DateTimeField(null=True, blank=True)  # held by whoever traces them

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "name", "target"], name="one_project_per_target")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.target})" if self.target else self.name


class Version(models.Model):
    """One state of a project's manifest that differs from the one before."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    execution_id = models.CharField(max_length=40)
    created = models.DateTimeField(default=timezone.now)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "number"], name="one_version_per_number")
        ]


class Node(models.Model):
    """A model, seed, snapshot, source, test, exposure, metric… as it was from manifest version `first` to `last`, NULL for still.

    Long texts stand last, so that a search which does not need them does not read them either.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="nodes")
    unique_id = models.CharField(max_length=500)
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=300)
    lower_name = models.CharField(max_length=300)  # for the search
    package = models.CharField(max_length=200, blank=True)
    path = models.CharField(max_length=500, blank=True)
    materialized = models.CharField(max_length=50, blank=True)
    owner = models.CharField(max_length=300, blank=True)
    relation = models.CharField(max_length=700, blank=True)  # database.schema.identifier in small letters
    attached = models.CharField(max_length=500, blank=True)  # of a test: the node that it is about
    digest = models.CharField(max_length=64)
    fqn = models.CharField(max_length=700, blank=True)  # with dots, as selectors name it
    tags = models.JSONField(default=list)
    parents = models.JSONField(default=list)
    facts = models.JSONField(default=dict)  # what only some kinds have
    columns = models.JSONField(default=list)  # [{"name", "description", "type"?, "tests": […]}, …]
    description = models.TextField(blank=True)
    code = models.TextField(blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["project", "unique_id", "first"], name="node_of_project"),
            models.Index(fields=["project", "kind", "name"], name="node_by_kind"),
            models.Index(fields=["lower_name", "project", "first", "last", "kind"], name="node_by_name"),
            models.Index(fields=["relation"], name="node_by_relation", condition=~models.Q(relation="")),
            models.Index(fields=["project", "attached"], name="node_tests", condition=~models.Q(attached="")),
        ]


class Outcome(models.Model):
    """What is known last of a node, whatever the manifest version: how its last run ended, how fresh it is, what the warehouse tells.

    `state` is one of ours, `status` dbt's word. `freshness` holds what `dbt source freshness` said, `types` and `stats` are of
    `dbt docs generate`.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="outcomes")
    unique_id = models.CharField(max_length=500)
    state = models.CharField(max_length=12, blank=True)
    status = models.CharField(max_length=30, blank=True)
    execution_id = models.CharField(max_length=40, blank=True)
    ended = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    rows = models.BigIntegerField(null=True, blank=True)
    failures = models.PositiveIntegerField(null=True, blank=True)
    compiled = models.CharField(max_length=64, blank=True)  # of a Text
    freshness = models.JSONField(default=dict)
    types = models.JSONField(default=dict)  # {column in small letters: type}
    stats = models.JSONField(default=dict)
    message = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "unique_id"], name="one_outcome_per_node")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["project", "state"], name="outcome_state")]


class NodeRun(models.Model):
    """One node in one execution."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="runs")
    unique_id = models.CharField(max_length=500)
    execution_id = models.CharField(max_length=40)
    task_run_id = models.CharField(max_length=40)
    state = models.CharField(max_length=12)
    status = models.CharField(max_length=30, blank=True)
    ended = models.DateTimeField()
    seconds = models.FloatField(null=True, blank=True)
    rows = models.BigIntegerField(null=True, blank=True)
    failures = models.PositiveIntegerField(null=True, blank=True)
    compiled = models.CharField(max_length=64, blank=True)  # of a Text
    message = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["execution_id", "task_run_id", "unique_id"], name="one_run_per_node_and_task_run")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["project", "unique_id", "-ended"], name="node_history"),
            models.Index(fields=["project", "ended"], name="node_run_age"),
        ]


class Invocation(models.Model):
    """A task run that left artifacts: the version of the manifest then, and how dbt was called."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invocations")
    execution_id = models.CharField(max_length=40, db_index=True)
    task_run_id = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    generated = models.DateTimeField()
    command = models.CharField(max_length=50, blank=True)
    dbt_version = models.CharField(max_length=50, blank=True)
    adapter = models.CharField(max_length=50, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    arguments = models.JSONField(default=dict)
    environment = models.JSONField(default=dict)
    packages = models.JSONField(default=list)  # `{name: version}`, the version empty where it is not known; a list of names in old rows

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["execution_id", "task_run_id", "project"], name="one_invocation_per_task_run")
        ]


class Trace(models.Model):
    """What the columns of a node are made of, found in its compiled SQL; or why that was not found.

    `key` is a hash of all that went in. `names` are all columns that the SQL gives the node, NULL where it gives more than is known.
    `columns` is `[{"name", "from": [[node, column], …], "via": [expression, …], "why": [reason, …]}, …]`, as `sql_child` says it;
    `rest` is `[[node, [name that is left out, …]], …]`: tables of which all other columns are there, too.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="traces")
    unique_id = models.CharField(max_length=500)
    key = models.CharField(max_length=64)
    names = models.JSONField(null=True)
    wrong = models.CharField(max_length=500, blank=True)
    rest = models.JSONField(default=list)
    columns = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "unique_id"], name="one_trace_per_node")
        ]


class Text(models.Model):
    """Compiled SQL under its SHA-256; `used` is when a run had it last."""

    digest = models.CharField(primary_key=True, max_length=64)
    used = models.DateTimeField(default=timezone.now, db_index=True)
    text = models.TextField()


class Intake(models.Model):
    """Artifacts of a task run that wait to be taken in: `files` is `{artifact: URI}`. The row goes when that is done."""

    namespace = models.CharField(max_length=150)
    execution_id = models.CharField(max_length=40)
    task_run_id = models.CharField(max_length=40)
    files = models.JSONField()
    created = models.DateTimeField(default=timezone.now)
    sent = models.DateTimeField(default=timezone.now)
    sends = models.PositiveIntegerField(default=1)
