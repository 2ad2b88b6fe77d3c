"""What changes and reads the key-value pairs of a namespace. `user=None` is the system itself, which may do everything."""

from __future__ import annotations

import builtins
import re
from collections.abc import Collection
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Protocol

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast, Coalesce, Length
from django.utils import timezone

from engine.texts import storable
from kv.models import KeyValue
from kv.values import convert, plain, type_of
from namespaces.models import Role
from namespaces.paths import check_namespace
from namespaces.rights import Person, require
from namespaces.services.tree import ensure
from ui.errors import Conflict, Invalid, Missing

KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", re.ASCII)


class Spanning(Protocol):
    """Something that can be added to a moment: a timedelta, or an ISO duration with months."""

    def __radd__(self, other: datetime) -> datetime: ...


class WrongKey(Invalid):
    """A key has letters, digits, dots, - and _, and begins with a letter or digit."""


class WrongEnd(Invalid):
    """A value must live for some time, and not for ever and a day."""


class NoSuchKey(Missing):
    """There is no value for this key."""


class KeyTaken(Conflict):
    """This key is already there."""


class Expired(Missing):
    """The requested value has expired."""

    kind = "gone"


def check_key(key: str) -> str:
    """The key itself; raises `WrongKey`."""
    if not KEY.fullmatch(key) or len(key) > 256:
        raise WrongKey(
            f"Key must start with an alphanumeric character (uppercase or lowercase) and can contain alphanumeric characters, "
            f"dots (.), underscores (_), and hyphens (-) only, at most 256 of them: {key[:60]}"
        )
    return key


def find(namespace: str, key: str, *, user: Person = None) -> KeyValue | None:
    """The row of a key, or None; raises `Expired` when its time is over."""
    require(user, namespace, Role.READER)
    row = KeyValue.objects.filter(namespace=namespace, key=key).first()
    if row is not None and row.expires is not None and row.expires <= timezone.now():
        raise Expired
    return row


def get(namespace: str, key: str, *, user: Person = None) -> Any:
    """The value of a key; raises `NoSuchKey` in Kestra's words, or `Expired`."""
    row = find(namespace, key, user=user)
    if row is None:
        raise NoSuchKey(f"No value found for key '{key}' in namespace '{namespace}'")
    return row.value


def set(
    namespace: str,
    key: str,
    value: Any,
    *,
    user: Person = None,
    type: str | None = None,
    ttl: timedelta | float | Spanning | None = None,
    overwrite: bool = True,
    description: str | None = None,
) -> KeyValue:
    """Keep a value, for `ttl` (a timedelta, seconds, or an ISO duration) or for ever. Without `type` the value says what it is.

    Raises `WrongKey`, `WrongValue`, and `KeyTaken` with `overwrite=False`.
    """
    require(user, namespace, Role.MEMBER)
    check_key(key)
    kind = type or type_of(value)
    fields = {
        "type": kind,
        "value": convert(value, kind) if type else plain(value),
        "updated": timezone.now(),
        "expires": _end(ttl),
    }
    if description is not None:
        fields["description"] = storable(description).strip()[:300]
    ensure(namespace)
    if overwrite:
        return KeyValue.objects.update_or_create(namespace=namespace, key=key, defaults=fields)[0]
    KeyValue.objects.filter(namespace=namespace, key=key, expires__lte=timezone.now()).delete()
    try:
        with transaction.atomic():
            return KeyValue.objects.create(namespace=namespace, key=key, **fields)
    except IntegrityError as error:
        raise KeyTaken(f"Cannot set value for key '{key}'. Key already exists and `overwrite` is set to `false`.") from error


def _end(ttl: timedelta | float | Spanning | None) -> datetime | None:
    if ttl is None:
        return None
    span: Any = timedelta(seconds=ttl) if isinstance(ttl, int | float) else ttl
    try:
        end: datetime = timezone.now() + span
    except (OverflowError, ValueError) as error:
        raise WrongEnd("This value would end too far away.") from error
    if end <= timezone.now():
        raise WrongEnd("A value must live for some time.")
    return end


def delete(namespace: str, key: str, *, user: Person = None) -> bool:
    """Delete a key; False where there was none."""
    require(user, namespace, Role.MEMBER)
    return KeyValue.objects.filter(namespace=namespace, key=key).delete()[0] > 0


def living() -> QuerySet[KeyValue]:
    """The rows of every namespace that have not expired, without their values, which may be large."""
    return KeyValue.objects.defer("value").filter(Q(expires=None) | Q(expires__gt=timezone.now()))


def list_keys(namespace: str, *, user: Person = None, prefix: str = "") -> QuerySet[KeyValue]:
    """The rows of a namespace that have not expired, by key, without their values."""
    require(user, namespace, Role.READER)
    check_namespace(namespace)
    return living().filter(namespace=namespace, key__startswith=prefix).order_by("key")


def values(rows: Collection[KeyValue], longest: int) -> dict[int, Any]:
    """The values of rows by their primary keys, save those whose JSON has more than `longest` characters."""
    found = KeyValue.objects.filter(pk__in=[row.pk for row in rows])
    found = found.annotate(length=Coalesce(Length(Cast("value", TextField())), 0)).filter(length__lte=longest)
    return dict(found.values_list("pk", "value"))


def keys(namespace: str, prefix: str = "", *, user: Person = None) -> builtins.list[str]:
    """The names of the keys that have not expired."""
    return builtins.list(list_keys(namespace, user=user, prefix=prefix).values_list("key", flat=True))


def purge(namespace: str, pattern: str = "*", *, user: Person = None, expired: bool = True) -> int:
    """Delete the keys that a pattern with `*` and `?` chooses, all of them or only those that have expired; answers how many."""
    require(user, namespace, Role.MEMBER)
    rows = KeyValue.objects.filter(namespace=namespace)
    if expired:
        rows = rows.filter(expires__lte=timezone.now())
    chosen = [number for number, key in rows.values_list("id", "key") if fnmatchcase(key, pattern)]
    return sum(KeyValue.objects.filter(id__in=chosen[at : at + 500]).delete()[0] for at in range(0, len(chosen), 500))


def purge_expired(*, before: datetime) -> int:
    """Forget values that ended before a moment; answers how many."""
    return KeyValue.objects.filter(expires__lt=before).delete()[0]
