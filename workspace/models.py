"""The worktrees of people (a copy of a namespace's repository for each person and branch), and what they ask dbt about unsaved text."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class Worktree(models.Model):
    """One person's copy of one branch. `slug` is the name of its folder; `opened` is when they last looked at it."""

    namespace = models.CharField(max_length=150)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    branch = models.CharField(max_length=255)
    slug = models.CharField(max_length=64)
    made = models.DateTimeField(default=timezone.now)
    opened = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "user", "branch"], name="one_worktree_per_branch")
        ]


class Question(models.Model):
    """What a person asks dbt about a text that need not be saved. It is answered by a worker and forgotten after a day.

    `asked` is `{"path", "folder", "text", "selection"?, "limit"?, "target"}`; `answer` depends on the kind. `place` is the key of the
    copy of the files.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.CharField(primary_key=True, max_length=40)
    namespace = models.CharField(max_length=150)
    place = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    asked = models.JSONField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    answer = models.JSONField(default=dict)
    created = models.DateTimeField(default=timezone.now, db_index=True)
    ended = models.DateTimeField(null=True, blank=True)
