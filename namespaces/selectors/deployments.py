"""Which commit a namespace runs."""

from __future__ import annotations

from namespaces.files import FILES
from namespaces.models import Deployment, FileVersion


def current(namespace: str) -> Deployment | None:
    """What was deployed last; None where nothing ever was."""
    return Deployment.objects.filter(namespace=namespace).order_by("-id").defer("files", "flows").first()


def last(namespace: str, most: int = 20) -> list[Deployment]:
    """What was deployed, the newest first."""
    return list(Deployment.objects.filter(namespace=namespace).select_related("author").order_by("-id").defer("files", "flows")[:most])


def is_changed(deployment: Deployment) -> bool:
    """Whether somebody changed a file of the namespace since."""
    return FileVersion.objects.filter(namespace=deployment.namespace, place=FILES, id__gt=deployment.version).exists()
