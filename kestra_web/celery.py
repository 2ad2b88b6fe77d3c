"""The Celery application: what every `tasks.py` of the rooms is delivered by."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kestra_web.settings")

app = Celery("kestra_web")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
