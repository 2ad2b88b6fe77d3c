"""How Django knows this room."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from namespaces.guards import keep_while
from plugins import catalog


class FlowsConfig(AppConfig):
    name = "flows"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep namespaces that still have something of ours; offer what types there are."""
        catalog.offer_test_types(settings.KESTRA_TEST_TYPES)
        keep_while(self.name, self._why_keep)

    def _why_keep(self, namespace: str) -> str | None:
        return "There are flows in it." if self.get_model("Flow").objects.filter(namespace=namespace, deleted=False).exists() else None
