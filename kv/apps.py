"""How Django knows this room."""

from __future__ import annotations

from django.apps import AppConfig

from namespaces.guards import keep_while


class KvConfig(AppConfig):
    name = "kv"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep namespaces that still have something of ours."""
        keep_while(self.name, self._why_keep)

    def _why_keep(self, namespace: str) -> str | None:
        return "There are keys in it." if self.get_model("KeyValue").objects.filter(namespace=namespace).exists() else None
