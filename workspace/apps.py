"""How Django knows this room."""

from __future__ import annotations

from django.apps import AppConfig, apps

from namespaces import guards
from workspace import housekeeping


class WorkspaceConfig(AppConfig):
    name = "workspace"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """A namespace that is bound to a repository is not deleted under the people who work in it; its store is tidied at times."""
        guards.keep_while(self.name, self._kept)
        guards.tidy_with(self.name, housekeeping.tidy)

    def _kept(self, namespace: str) -> str | None:
        bound = apps.get_model("namespaces", "Repository").objects.filter(namespace=namespace).exists()
        return "It is bound to a Git repository." if bound else None
