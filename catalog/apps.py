"""How Django knows this room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import AppConfig

from catalog import sending
from executions.signals import files_kept


class CatalogConfig(AppConfig):
    name = "catalog"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hear of the files that task runs keep."""
        files_kept.connect(self._note, dispatch_uid=self.name)

    def _note(self, *, execution: Any, task_run_id: str, files: Mapping[str, str], **_signal: Any) -> None:
        """Write down that there are artifacts to take in, in the transaction that saves them as outputs."""
        artifacts = sending.artifacts_among(files)
        if artifacts:
            values = {"namespace": execution.namespace, "execution_id": execution.id, "task_run_id": task_run_id, "files": artifacts}
            sending.send(self.get_model("Intake").objects.create(**values).id)
