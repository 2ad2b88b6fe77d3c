"""What namespaces and Git branches had in common when they last met."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone

from namespaces.models import SyncPoint


def find(namespace: str, *, folder: str, remote: str, directory: str, branch: str) -> SyncPoint | None:
    """The point of this branch; else that of the branch that came last to this folder from the same place."""
    place = SyncPoint.objects.filter(namespace=namespace, folder=folder, remote=remote, directory=directory)
    return place.filter(branch=branch).first() or place.filter(brought__isnull=False).order_by("-brought").first()


def keep(
    namespace: str, *, folder: str, remote: str, directory: str, branch: str, commit: str, blobs: Mapping[str, str], brought: bool
) -> SyncPoint:
    """Record what is common now."""
    now = timezone.now()
    values = {"commit": commit, "blobs": dict(blobs), "changed": now, **({"brought": now} if brought else {})}
    place = {"namespace": namespace, "folder": folder, "remote": remote, "directory": directory, "branch": branch}
    return SyncPoint.objects.update_or_create(**place, defaults=values)[0]
