"""A text is saved in the light of what others saved since it was opened: put together where that can be done, else handed back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from namespaces import blobs, files, merging
from namespaces.blobs import Forgotten
from namespaces.files import Place, place_of
from namespaces.merging import Segment
from namespaces.models import FileVersion, User
from namespaces.paths import clean_file
from namespaces.selectors.versions import history
from namespaces.services import drafts, versions
from namespaces.services.versions import Author, Reason
from ui import errors

NEW = ""  # the base of a text that began as nothing


class Settled(errors.Conflict):
    """There are no two versions to put together here: save the text as it is."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The file holds `text` now, whose content has the id `blob`; `merged` tells that it is more than what was given, `other` whose
    version is in it too."""

    blob: str
    text: str
    merged: bool = False
    other: FileVersion | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was saved: the file holds `theirs` (None: it is gone or no text) with the id `blob`, and `text` has both between marks.

    `mine` began as `before`, empty where that is not known any more. It is kept in the history, and is the person's draft.
    Saving again with `blob` as the base replaces `theirs`.
    """

    blob: str
    text: str
    before: str
    mine: str
    theirs: str | None
    conflicts: int
    other: FileVersion | None = None

    @property
    def parts(self) -> list[Segment]:
        """What both have, and what each has in its own way; nothing where there are no two texts."""
        if self.theirs is None:
            return []
        return merging.segments(merging.merge(self.before, self.mine, self.theirs, marker=merging.WIDE).text)

    @property
    def moved_to(self) -> str:
        """Where the file is now, if it was moved."""
        return self.other.other if self.other is not None and self.other.reason == Reason.AWAY else ""

    @property
    def message(self) -> str:
        """What happened, in a sentence or two."""
        who = str(self.other.author) if self.other is not None and self.other.author is not None else "Someone"
        if self.moved_to:
            return f"{who} moved this file to {self.moved_to} meanwhile. Saving again makes it anew here."
        if self.blob == NEW:
            return f"{who} deleted this file meanwhile. Saving again brings it back with your text."
        if self.theirs is None:
            return f"{who} saved something that is no text in this file meanwhile. Saving again replaces it."
        return f"{who} changed the same lines meanwhile. Nothing is saved yet: choose what is right, and save again."


def text_of(content: bytes) -> str | None:
    """A content as a text; None for one that is none."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def opened(place: str | Place, path: str) -> tuple[str | None, str]:
    """The text of a file, None where it is none, and the id of its content, which is the base of what is made of it.

    The content is kept, so that it can be merged with later. Raises `NoSuchFile`.
    """
    place = place_of(place)
    content = files.read(place, path)
    (blob,) = blobs.keep(place.namespace, [(path, content)])
    return text_of(content), blob.id


def save(place: str | Place, path: str, text: str, base: str, author: Author) -> Saved | Conflict:
    """Save a text that began as the content `base`, the id that `opened` told, or `NEW`.

    Lines end as they do in the file. Raises `Invalid` for what is no text, `TooLarge`, `NameTaken` for a folder of that name.
    """
    drafts.checked(text)
    place, path = place_of(place), "/".join(clean_file(path))
    with blobs.changing(place.namespace):
        outcome = _save(place, path, text, base, author)
        if isinstance(author.person, User):
            if isinstance(outcome, Saved):
                drafts.drop(place, path, author.person, base)
            else:
                drafts.keep(place, path, author.person, base=base if blobs.ID.fullmatch(base) else NEW, text=text)
    return outcome


def late(place: str | Place, path: str, person: User) -> Conflict:
    """What a person typed, beside what others saved since they began. Raises `Settled` where there is nothing to put together."""
    place, path = place_of(place), "/".join(clean_file(path))
    draft, present = drafts.find(place, path, person), files.blob(place, path)
    if draft is None or present is None or draft.base == present:
        raise Settled
    content = files.read(place, path)
    theirs, mine = text_of(content), _as_in(draft.text, content)
    if theirs is None:
        raise Settled
    return Conflict(present, mine, _base(place, draft.base), mine, theirs, 0, _last(place, path))


def _save(place: Place, path: str, text: str, base: str, author: Author) -> Saved | Conflict:
    present, content = files.blob(place, path), b""
    if present:
        content = files.read(place, path)
    theirs = text_of(content)
    mine = _as_in(text, content)
    (blob,) = blobs.keep(place.namespace, [(path, mine.encode())])
    if base == (present or NEW) or blob.id == present:
        versions.put(place, {path: blob}, author=author, reason=Reason.SAVED)
        return Saved(blob.id, mine)
    if present:
        versions.found(place, path, present)
    other = _last(place, path)
    versions.put_aside(place, path, blob, author=author)
    before = _base(place, base)
    if present is None or theirs is None:
        return Conflict(present or NEW, mine, before, mine, None, 1, other)
    merged = merging.merge(before, mine, theirs, names=("yours", _name(other)))
    if merged.conflicts:
        return Conflict(present, merged.text, before, mine, theirs, merged.conflicts, other)
    (both,) = blobs.keep(place.namespace, [(path, merged.text.encode())])
    versions.put(place, {path: both}, author=author, reason=Reason.MERGED)
    return Saved(both.id, merged.text, merged=both != blob, other=other)


def _last(place: Place, path: str) -> FileVersion | None:
    """The version that was saved last, if it is told."""
    return next((row for row in history(place, path, 20) if row.reason != Reason.ASIDE), None)


def _as_in(text: str, content: bytes) -> str:
    """With the line ends of a content."""
    plain = text.replace("\r\n", "\n")
    return plain.replace("\n", "\r\n") if b"\r\n" in content else plain


def _base(place: Place, base: str) -> str:
    """What the text began as; nothing where that is not known any more, so that every difference is a conflict."""
    with contextlib.suppress(Forgotten):
        return text_of(blobs.read(place.namespace, base)) or ""
    return ""


def _name(other: FileVersion | None) -> str:
    return str(other.author) if other is not None and other.author is not None else "theirs"


