"""What somebody typed into a file and did not save: kept here, so that it is found again in another browser."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from namespaces import blobs
from namespaces.files import Place, TooLarge, place_of
from namespaces.models import Draft, FileVersion, User
from namespaces.paths import clean_file
from namespaces.services import versions
from namespaces.services.versions import Author
from ui.errors import Invalid
from ui.formats import size as size_text


def keep(place: str | Place, path: str, person: User, *, base: str, text: str) -> Draft | None:
    """Keep a text that began as the content `base` (empty: as nothing); None, and none is kept, when it is that content again."""
    place, path = place_of(place), "/".join(clean_file(path))
    if base and not blobs.ID.fullmatch(base):
        raise Invalid("The base of a draft is the id of a content, 40 hexadecimal digits.")
    plain = checked(text).replace("\r\n", "\n")
    if base in (blobs.id_of(plain.encode()), blobs.id_of(plain.replace("\n", "\r\n").encode())):
        drop(place, path, person, base)
        return None
    _put_other_aside(place, path, person, base)
    return Draft.objects.update_or_create(**_key(place, path, person), defaults={"base": base, "text": plain, "changed": timezone.now()})[0]


def checked(text: str) -> str:
    """The text itself; raises `Invalid` for one that no file could hold as a text, and `TooLarge`."""
    limit = settings.KESTRA_LIMITS["upload_bytes"]
    if len(text) > limit:
        raise TooLarge(f"The text is larger than {size_text(limit)}.")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid("A text has neither NUL nor halves of characters.")
    return text


def find(place: str | Place, path: str, person: User) -> Draft | None:
    """What this person typed into this file."""
    return Draft.objects.filter(**_key(place_of(place), "/".join(clean_file(path)), person)).first()


def of_person(place: str | Place, person: User) -> list[Draft]:
    """Everything that this person has not saved in one copy of a namespace, the latest first."""
    place = place_of(place)
    return list(Draft.objects.filter(namespace=place.namespace, place=place.key, person=person).order_by("-changed"))


def drop(place: str | Place, path: str, person: User, base: str | None = None) -> bool:
    """Let go of what this person typed, into the content `base` if one is given; False where there was nothing."""
    if base is not None:
        _put_other_aside(place_of(place), "/".join(clean_file(path)), person, base)
    return bool(Draft.objects.filter(**_key(place_of(place), "/".join(clean_file(path)), person)).delete()[0])


def _put_other_aside(place: Place, path: str, person: User, base: str) -> None:
    """A draft that began as another content was typed elsewhere, or came here with a file that was moved: the history keeps it."""
    other = find(place, path, person)
    if other is not None and other.base != base:
        (blob,) = blobs.keep(place.namespace, [(path, other.text.encode())])
        if not FileVersion.objects.filter(namespace=place.namespace, place=place.key, path=path, blob=blob.id).exists():
            versions.put_aside(place, path, blob, author=Author(person))


def _key(place: Place, path: str, person: User) -> dict[str, object]:
    return {"namespace": place.namespace, "place": place.key, "path": path, "person": person}
