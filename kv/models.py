"""The key-value pairs of a namespace."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class ValueType(models.TextChoices):
    STRING = "STRING"
    NUMBER = "NUMBER"
    BOOLEAN = "BOOLEAN"
    DATETIME = "DATETIME"
    DATE = "DATE"
    DURATION = "DURATION"
    JSON = "JSON"


class KeyValue(models.Model):
    """One typed value, gone after `expires`. Dates and durations are kept as ISO 8601 text in `value`."""

    namespace = models.CharField(max_length=150)
    key = models.CharField(max_length=256)
    type = models.CharField(max_length=10, choices=ValueType.choices)
    value = models.JSONField(null=True)
    description = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(default=timezone.now)
    updated = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "key"], name="one_value_per_key")
        ]
