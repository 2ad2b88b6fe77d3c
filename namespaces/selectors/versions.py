"""What files of a namespace held before, and what lies in the trash."""

from __future__ import annotations

from django.db.models import QuerySet

from namespaces import blobs
from namespaces.files import NoSuchFile, Place, place_of
from namespaces.models import Deletion, FileVersion
from namespaces.paths import clean

LONGEST_ID = 18  # digits that every database can compare
MOST = 500  # versions of one file that are told


class NoSuchVersion(NoSuchFile):
    """The file has no such version."""


def history(place: str | Place, path: str, most: int = MOST) -> list[FileVersion]:
    """The versions of a file from the newest on, also from before it was moved here; none for a file that never had one."""
    place, path = place_of(place), "/".join(clean(path))
    found: list[FileVersion] = []
    rows = _of(place).filter(path=path)
    while True:
        is_others = False  # what another file held that was here meanwhile, and went on elsewhere
        for number, row in enumerate(rows.order_by("-id").select_related("author").iterator()):
            if is_others and row.reason != FileVersion.Reason.DELETED:
                is_others = row.reason != FileVersion.Reason.MOVED
                continue
            is_others = row.reason == FileVersion.Reason.AWAY and number > 0
            if is_others or (row.reason == FileVersion.Reason.AWAY and found):
                continue
            found.append(row)
            if len(found) == most:
                return found
            if row.reason == FileVersion.Reason.MOVED:
                rows = _of(place).filter(path=row.other, id__lt=row.id)
                break
        else:
            return found


def version(place: str | Place, path: str, number: int) -> FileVersion:
    """One version of a file by its number; raises `NoSuchVersion`."""
    for row in history(place, path):
        if row.number == number:
            return row
    raise NoSuchVersion(f"{path} has no version {number}.")


def content(row: FileVersion) -> bytes:
    """What the file held; raises `Forgotten`."""
    return blobs.read(row.namespace, row.blob)


def trash(place: str | Place) -> QuerySet[Deletion]:
    """What was deleted and may be brought back, the newest first."""
    place = place_of(place)
    rows = Deletion.objects.filter(namespace=place.namespace, place=place.key, restored=None)
    return rows.select_related("author").order_by("-at", "-id")


def deletion(place: str | Place, number: str | int) -> Deletion:
    """What was deleted, by the id of the deletion; raises `NoSuchFile`."""
    text = str(number)
    is_id = text.isascii() and text.isdigit() and len(text) < LONGEST_ID
    row = trash(place).filter(id=int(text)).first() if is_id else None
    if row is None:
        raise NoSuchFile("It is not in the trash any more.")
    return row


def _of(place: Place) -> QuerySet[FileVersion]:
    return FileVersion.objects.filter(namespace=place.namespace, place=place.key)
