"""Versions of files that are kept no longer: those replaced too long ago, and the oldest of a file that has too many."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q

from namespaces import blobs, guards, snapshots
from namespaces.models import Deletion, Draft, FileVersion, Namespace
from namespaces.services.versions import batched

AT_ONCE = 2_000  # rows removed in one go, so that no transaction is long
CROWDED = 50  # files with too many versions that are looked at in one go
EVERY = timedelta(hours=1)
SNAPSHOTS = timedelta(days=30)  # how long one is kept that nothing was started with
_last: list[datetime] = []  # when this process last looked


def forget_at_times(now: datetime) -> None:
    """`forget`, at most once an hour in this process: it looks at every version."""
    if not _last or now - _last[0] > EVERY:
        _last[:] = [now]
        forget(now)


def forget(now: datetime) -> int:
    """Remove versions, a bounded amount at a time, then the contents that none names any more; answers how many contents.

    What a file holds now is never removed, what was deleted only when that was too long ago, and what was typed and not saved never.
    """
    seconds = settings.KESTRA_LIMITS["retain_versions"]
    if seconds:
        _old(now - timedelta(seconds=seconds))
    _crowded(settings.KESTRA_LIMITS["versions"])
    for namespace in _namespaces():
        snapshots.forget(namespace, now - SNAPSHOTS)
        guards.tidy(namespace, now)
    return sum(_contents(namespace) for namespace in _namespaces() if blobs.are_in(namespace))


def _old(before: datetime) -> None:
    """What was replaced before then, or went away."""
    ended = Exists(
        FileVersion.objects.filter(
            namespace=OuterRef("namespace"), place=OuterRef("place"), path=OuterRef("path"), id__gt=OuterRef("id"), at__lt=before
        ).exclude(reason=FileVersion.Reason.ASIDE)
    )  # fmt: skip
    gone = Q(reason__in=[FileVersion.Reason.AWAY, FileVersion.Reason.DELETED, FileVersion.Reason.ASIDE])
    _remove(list(FileVersion.objects.filter(at__lt=before).filter(ended | gone).order_by("id").values_list("id", flat=True)[:AT_ONCE]))
    Deletion.objects.filter(at__lt=before, versions=None).delete()


def _crowded(most: int) -> None:
    """The oldest versions of files that have more than this, but for what lies in the trash."""
    places = FileVersion.objects.values("namespace", "place", "path").annotate(count=Count("id")).filter(count__gt=most)
    for place in places[:CROWDED]:
        place.pop("count")
        rows = FileVersion.objects.filter(**place).order_by("-id").values_list("id", flat=True)
        kept = Q(deletion__isnull=False, deletion__restored=None) | Q(id=rows.exclude(reason=FileVersion.Reason.ASIDE).first())
        _remove(list(FileVersion.objects.filter(id__in=list(rows[most : most + AT_ONCE])).exclude(kept).values_list("id", flat=True)))


def _remove(ids: list[int]) -> None:
    for some in batched(ids, 400):
        FileVersion.objects.filter(id__in=some).delete()


def _namespaces() -> set[str]:
    with_versions = FileVersion.objects.order_by().values_list("namespace", flat=True).distinct()
    return {*with_versions, *Namespace.objects.values_list("name", flat=True)}


def _contents(namespace: str) -> int:
    with blobs.changing(namespace):
        named = set(Draft.objects.filter(namespace=namespace).values_list("base", flat=True))
        named |= set(FileVersion.objects.filter(namespace=namespace).order_by().values_list("blob", flat=True).distinct())
        return blobs.forget_others(namespace, named)
