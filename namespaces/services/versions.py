"""Every change of a file of a namespace, in any of its copies, so that what it held and what it holds can be read again.

Whoever writes, moves or deletes files does it here. Contents are kept first, then the rows that name them, then the files change: a
crash between leaves a version too many, never one too few. What lies there without a version (someone else put it there) gets one
before it goes. Nobody's rights are checked here: callers do that, outside of a transaction.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from namespaces import blobs, files
from namespaces.blobs import Blob
from namespaces.files import NameTaken, NoSuchFile, Place, Stats, place_of
from namespaces.models import Deletion, Draft, FileVersion
from namespaces.paths import UnsafePath, clean_file
from namespaces.rights import Person
from ui.errors import Conflict

Reason = FileVersion.Reason
CHUNK = 400  # paths in one query


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes files: a person, an execution, or an execution that a person started."""

    person: Person = None
    execution: str = ""

    def fields(self) -> dict[str, Any]:
        """As columns of a row."""
        person = self.person
        return {"author_id": person.pk if person is not None and person.is_authenticated else None, "execution": self.execution}


SYSTEM = Author()


class Changed(Conflict):
    """A file has changed meanwhile."""


def write(
    place: str | Place, path: str, content: bytes | IO[bytes], *, author: Author, reason: Reason = Reason.SAVED, overwrite: bool = True
) -> Stats:
    """Write a file whole or not at all, with the folders above it. Raises `TooLarge`, and `NameTaken` for a folder of that name or,
    with `overwrite=False`, for anything."""
    place, path = place_of(place), _clean(path)
    if not overwrite and files.exists(place, path):
        raise NameTaken(f"{path} is already there.")
    _check_folder(place, path)
    (blob,) = blobs.keep(place.namespace, [(path, content)])
    with blobs.changing(place.namespace):
        put(place, {path: blob}, author=author, reason=reason, overwrite=overwrite)
    return files.stats(place, path)


def write_all(
    place: str | Place, contents: Iterable[tuple[str, bytes | IO[bytes]]], *, author: Author, reason: Reason = Reason.SAVED
) -> list[str]:  # fmt: skip
    """Write many files at once; answers their paths. Raises as `write` does, before anything is written where it can."""
    place = place_of(place)
    paths: list[str] = []

    def noted() -> Iterator[tuple[str, bytes | IO[bytes]]]:
        for path, content in files.checked(place, contents):
            paths.append(path)
            yield path, content

    kept = blobs.keep(place.namespace, noted())
    with blobs.changing(place.namespace):
        put(place, dict(zip(paths, kept, strict=True)), author=author, reason=reason)
    return paths


def put(
    place: Place, wanted: Mapping[str, Blob], *, author: Author, reason: Reason, overwrite: bool = True, other: str = ""
) -> None:  # fmt: skip
    """Give files contents that are kept, for whoever is `changing` the namespace; a file that has its content already stays as it is."""
    present = files.blobs_of(place, wanted)
    if not overwrite and (taken := next((path for path in wanted if files.exists(place, path)), None)):
        raise NameTaken(f"{taken} is already there.")
    lasts = _found(place, present)
    changed = [path for path, blob in wanted.items() if present[path] != blob.id]
    rows = [_row(place, path, wanted[path], reason, author, lasts.get(path), other=other) for path in changed]
    with _recorded(rows) as done:
        for path in blobs.bring(place, {path: wanted[path].id for path in changed}):
            done.append(path)


def put_aside(place: Place, path: str, blob: Blob, *, author: Author) -> FileVersion:
    """Tell in the history of a file a content, kept already, that somebody wanted to give it."""
    row = _row(place, path, blob, Reason.ASIDE, author, _lasts(place, [path]).get(path))
    row.save()
    return row


def found(place: Place, path: str, blob: str) -> None:
    """Have a version that tells what the file holds, for whoever is `changing` the namespace."""
    _found(place, {path: blob})


def move(place: str | Place, source: str, target: str, *, author: Author) -> Stats:
    """Rename a file or folder, into another folder too. Raises `NoSuchFile`, `NameTaken`, and `UnsafePath` for a folder into itself."""
    place, old, new = place_of(place), _clean(source), _clean(target)
    if new == old:
        return files.stats(place, old)
    if new.startswith(f"{old}/"):
        raise UnsafePath("A folder cannot be moved into itself.")
    with blobs.changing(place.namespace):
        return _move(place, old, new, author)


def rewrite(place: str | Place, contents: Mapping[str, tuple[bytes, bytes]], source: str, target: str, *, author: Author) -> None:
    """Give files, which have the first of two contents, the second one, and `source` another path: all of it or nothing.

    Raises `Changed` where a file has another content meanwhile, and as `move` does.
    """
    place, old, new = place_of(place), _clean(source), _clean(target)
    paths = [_clean(path) for path in contents]
    befores, afters = (blobs.keep(place.namespace, list(zip(paths, side, strict=True))) for side in zip(*contents.values(), strict=True))
    with blobs.changing(place.namespace):
        other = next((path for path, blob in zip(paths, befores, strict=True) if files.blob(place, path) != blob.id), None)
        if other is not None:
            raise Changed(f"{other} has changed meanwhile: look at what changes again.")
        try:
            put(place, dict(zip(paths, afters, strict=True)), author=author, reason=Reason.SAVED)
            _move(place, old, new, author)
        except BaseException:
            put(place, dict(zip(paths, befores, strict=True)), author=author, reason=Reason.RESTORED)
            raise


def _move(place: Place, old: str, new: str, author: Author) -> Stats:
    """As `move`, for whoever is `changing` the namespace."""
    contents, _ = _below(place, old)
    if files.exists(place, new):
        raise NameTaken(f"{new} is already there.")
    lasts = _found(place, contents)
    targets = {path: new + path[len(old) :] for path in contents}
    before = _lasts(place, list(targets.values()))
    rows = []
    for path, to in targets.items():
        last = lasts[path]
        blob = Blob(last.blob, last.size)
        rows.append(_row(place, path, blob, Reason.AWAY, author, last, other=to))
        rows.append(_row(place, to, blob, Reason.MOVED, author, max(last, before.get(to, last), key=_number), other=path))
    with _recorded(rows):
        moved = files.move(place, old, new)
    _move_drafts(place, old, new)
    return moved


def _move_drafts(place: Place, old: str, new: str) -> None:
    """What people typed goes with the file, but for whoever has typed something for the new path already."""
    rows = Draft.objects.filter(namespace=place.namespace, place=place.key)
    taken = set(rows.filter(Q(path=new) | Q(path__startswith=f"{new}/")).values_list("path", "person_id"))
    for row in rows.filter(Q(path=old) | Q(path__startswith=f"{old}/")):
        target = new + row.path[len(old) :]
        if (target, row.person_id) not in taken:
            rows.filter(id=row.id).update(path=target)


def delete(place: str | Place, path: str, *, author: Author) -> Deletion | None:
    """Take a file, or a folder with everything in it, to the trash; None where there was none."""
    return next(iter(delete_all(place, [path], author=author)), None)


def delete_all(place: str | Place, paths: Sequence[str], *, author: Author) -> list[Deletion]:
    """Take files and folders to the trash; what is not there is left out."""
    place = place_of(place)
    with blobs.changing(place.namespace):
        found = {}
        for path in map(_clean, paths):
            with contextlib.suppress(NoSuchFile):
                found[path] = _below(place, path)
        lasts = _found(place, {path: blob for contents, _ in found.values() for path, blob in contents.items()})
        rows, deletions = [], []
        for top, (contents, folders) in found.items():
            size = sum(lasts[path].size for path in contents)
            deletion = Deletion(
                namespace=place.namespace, place=place.key, path=top, folders=folders, files=len(contents), size=size, **author.fields()
            )  # fmt: skip
            deletions.append(deletion)
            rows += [
                _row(place, path, Blob(lasts[path].blob, lasts[path].size), Reason.DELETED, author, lasts[path], deletion=deletion)
                for path in contents
            ]
        with _recorded(rows, deletions):
            for deletion in deletions:
                files.delete(place, deletion.path)
    return deletions


def undelete(deletion: Deletion, *, author: Author) -> Stats:
    """Bring back what was deleted; raises `NoSuchFile` when it is gone for good, `NameTaken` when something new is there."""
    place = place_at(deletion.namespace, deletion.place)
    rows = list(deletion.versions.order_by("path"))
    with blobs.changing(place.namespace):
        if not Deletion.objects.filter(id=deletion.id, restored=None).exists():
            raise NoSuchFile("It was brought back already.")
        if files.exists(place, deletion.path):
            raise NameTaken(f"{deletion.path} is already there again.")
        for row in rows:
            blobs.opened(place.namespace, row.blob).close()
        for folder in deletion.folders:
            files.make_dir(place, folder)
        put(place, {row.path: Blob(row.blob, row.size) for row in rows}, author=author, reason=Reason.RESTORED)
        Deletion.objects.filter(id=deletion.id).update(restored=timezone.now())
    return files.stats(place, deletion.path)


def restore(place: str | Place, path: str, version: FileVersion, *, author: Author) -> Stats:
    """Give a file the content of one of its versions, which makes a new version."""
    place, path = place_of(place), _clean(path)
    with blobs.changing(place.namespace):
        blobs.opened(place.namespace, version.blob).close()
        put(place, {path: Blob(version.blob, version.size)}, author=author, reason=Reason.RESTORED, other=str(version.number))
    return files.stats(place, path)


def empty_trash(place: str | Place, *, deletions: Iterable[int] | None = None) -> int:
    """Let go for good of what was deleted, all of it or these deletions, with the versions before; answers how many deletions."""
    place = place_of(place)
    rows = Deletion.objects.filter(namespace=place.namespace, place=place.key, restored=None)
    if deletions is not None:
        rows = rows.filter(id__in=list(deletions))
    with blobs.changing(place.namespace), transaction.atomic():
        ids = list(rows.values_list("id", flat=True))
        others = Q(deletion__isnull=False, deletion__restored=None) & ~Q(deletion_id__in=ids)
        for deletion in ids:
            gone = dict(_of(place).filter(deletion_id=deletion).values_list("path", "id"))
            for paths in batched(list(gone), CHUNK):
                _of(place).filter(path__in=paths, id__lte=max(gone.values())).exclude(others).delete()
        Deletion.objects.filter(id__in=ids).delete()
    return len(ids)


def record(place: str | Place, paths: Iterable[str] | None = None, *, author: Author = SYSTEM, reason: Reason = Reason.FOUND) -> int:
    """Keep what files hold now, all of them or these, where no version tells it: before something that is not done here changes them, or
    after. Answers how many versions that made."""
    place = place_of(place)
    with blobs.changing(place.namespace):
        found = files.blobs(place) if paths is None else files.blobs_of(place, map(_clean, paths))
        contents = {path: blob for path, blob in found.items() if blob}
        before = _lasts(place, list(contents))
        after = _found(place, contents, author=author, reason=reason)
    return sum(1 for path, row in after.items() if before.get(path) != row)


def import_zip(
    place: str | Place, source: IO[bytes], *, author: Author, below: str = "", flows: Callable[[list[bytes]], None] | None = None
) -> list[str]:  # fmt: skip
    """Write every file of a zip archive, after all of it was looked at; answers their paths. Raises `Invalid`.

    What its folder `_flows` holds is no file: `flows` is given it before anything is written, and may refuse.
    """
    with files.opened_zip(source) as archive:
        members, apart = files.members_of(archive, apart=flows is not None)
        if flows is not None:
            flows([archive.read(member) for member in apart])
        return write_all(place, _contents(archive, members, below), author=author, reason=Reason.UPLOADED)


def _contents(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], below: str) -> Iterator[tuple[str, IO[bytes]]]:
    for member in members:
        with archive.open(member) as content:
            yield f"{below}/{member.filename}" if below else member.filename, content


def place_at(namespace: str, key: str) -> Place:
    """The copy of a namespace that has this key."""
    return Place(namespace, tuple(key.split("/")))


def _clean(path: str) -> str:
    return "/".join(clean_file(path))


def _check_folder(place: Place, path: str) -> None:
    with contextlib.suppress(NoSuchFile):
        if files.stats(place, path).is_directory:
            raise NameTaken(f"{path} is a folder.")


def batched(items: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """The items, so many at a time."""
    return (items[start : start + most] for start in range(0, len(items), most))


def _of(place: Place) -> Any:
    return FileVersion.objects.filter(namespace=place.namespace, place=place.key)


def _number(row: FileVersion) -> int:
    return row.number


def _lasts(place: Place, paths: Sequence[str]) -> dict[str, FileVersion]:
    """The version of each path that tells what it held last, if any, with the highest number that a version of it has."""
    found: dict[str, FileVersion] = {}
    for some in batched(paths, CHUNK):
        groups = _of(place).filter(path__in=some).values("path").order_by()
        told = groups.annotate(newest=Max("id", filter=~Q(reason=Reason.ASIDE)), highest=Max("number"))
        newest = dict(told.values_list("newest", "highest"))
        for row in FileVersion.objects.filter(id__in=[row_id for row_id in newest if row_id]):
            row.number = newest[row.id]
            found[row.path] = row
    return found


def _below(place: Place, path: str) -> tuple[dict[str, str], list[str]]:
    """The file, or the files below a folder, with the ids of their contents; and the folders. Raises `NoSuchFile`."""
    if not files.stats(place, path).is_directory:
        return {path: files.blob(place, path) or ""}, []
    found = files.blobs(place, path)
    folders = [path, *(f"{path}/{folder[:-1]}" for folder, blob in found.items() if not blob)]
    return {f"{path}/{name}": blob for name, blob in found.items() if blob}, sorted(folders)


def _found(
    place: Place, contents: Mapping[str, str | None], *, author: Author = SYSTEM, reason: Reason = Reason.FOUND
) -> dict[str, FileVersion]:  # fmt: skip
    """The last version of each of these paths; for a file it tells what that holds, and is made where none does."""
    lasts = _lasts(place, list(contents))
    missing = [path for path, blob in contents.items() if blob and not _tells(lasts.get(path), blob)]
    if missing:
        kept = blobs.keep(place.namespace, _opened(place, missing))
        rows = [_row(place, path, blob, reason, author, lasts.get(path)) for path, blob in zip(missing, kept, strict=True)]
        FileVersion.objects.bulk_create(rows, batch_size=CHUNK)
        lasts |= {row.path: row for row in rows}
    return lasts


def _tells(last: FileVersion | None, blob: str) -> bool:
    return last is not None and not last.is_gone and last.blob == blob


def _opened(place: Place, paths: Iterable[str]) -> Iterator[tuple[str, IO[bytes]]]:
    for path in paths:
        with files.open_file(place, path) as file:
            yield path, file


def _row(
    place: Place, path: str, blob: Blob, reason: Reason, author: Author, last: FileVersion | None, *, other: str = "",
    deletion: Deletion | None = None,
) -> FileVersion:  # fmt: skip
    return FileVersion(
        namespace=place.namespace, place=place.key, path=path, number=last.number + 1 if last else 1, blob=blob.id, size=blob.size,
        reason=reason, other=other, deletion=deletion, **author.fields(),
    )  # fmt: skip


@contextlib.contextmanager
def _recorded(rows: list[FileVersion], deletions: Sequence[Deletion] = ()) -> Iterator[list[str]]:
    """Commit rows before the files change. When the change fails they are taken back, but for the paths that it told to be done."""
    done: list[str] = []
    with transaction.atomic():
        Deletion.objects.bulk_create(deletions, batch_size=CHUNK)
        FileVersion.objects.bulk_create(rows, batch_size=CHUNK)
    try:
        yield done
    except BaseException:
        finished = set(done)
        FileVersion.objects.filter(id__in=[row.id for row in rows if row.path not in finished]).delete()
        Deletion.objects.filter(id__in=[deletion.id for deletion in deletions]).delete()
        raise
