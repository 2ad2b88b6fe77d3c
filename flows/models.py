"""Flows and everything they ever were."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Flow(models.Model):
    """A flow as it stands now. `raw` is the plain mapping of the current source (plugin defaults not applied), `labels` a map."""

    namespace = models.CharField(max_length=150)
    flow_id = models.CharField(max_length=100)
    revision = models.PositiveIntegerField(default=1)
    source = models.TextField()
    raw = models.JSONField(default=dict)
    description = models.TextField(blank=True)
    labels = models.JSONField(default=dict)
    disabled = models.BooleanField(default=False)
    deleted = models.BooleanField(default=False)
    updated = models.DateTimeField(default=timezone.now)
    listens = models.BooleanField(default=False)  # it has Flow triggers: every change of an execution concerns it

    class Meta:
        ordering: ClassVar[list[str]] = ["namespace", "flow_id"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["id"], name="flow_listens", condition=Q(listens=True))]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "flow_id"], name="one_flow_per_id"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace}.{self.flow_id}"


class Revision(models.Model):
    """One saved state of a flow's source; never changed afterwards."""

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    source = models.TextField()
    deleted = models.BooleanField(default=False)
    created = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")  # NULL is the system
    comment = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["flow", "number"], name="one_revision_per_number"),
        ]


class Template(models.Model):
    """Tasks that several flows share (deprecated in Kestra, still honoured). `raw` is the plain mapping of its source."""

    namespace = models.CharField(max_length=150)
    template_id = models.CharField(max_length=100)
    source = models.TextField()
    raw = models.JSONField(default=dict)
    description = models.TextField(blank=True)
    updated = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["namespace", "template_id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "template_id"], name="one_template_per_id"),
        ]
