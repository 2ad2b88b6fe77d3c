"""The worktrees of people: a copy of a namespace's repository for each person and branch."""

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
