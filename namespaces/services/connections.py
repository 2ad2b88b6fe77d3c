"""Connections of a namespace: owners write them, flows use them, nobody reads their secret fields back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.db import transaction
from django.utils import timezone

from namespaces import vault
from namespaces.models import Connection, Role, User
from namespaces.rights import Person, ancestry, require
from namespaces.services.tree import ensure
from ui.errors import Conflict, Invalid, Missing

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)


class NoSuchConnection(Missing):
    """There is no such connection here; it may be defined further up."""


def put(
    *,
    user: Person,
    namespace: str,
    name: str,
    adapter: str,
    fields: Mapping[str, Any],
    secrets: Mapping[str, str],
    kept: frozenset[str] = frozenset(),
    description: str = "",
    is_default: bool = False,
    protected: bool = False,
    personal: bool = False,
    must_be_new: bool = False,
) -> Connection:
    """Set a connection. `secrets` are the secret fields that get a new value; those named in `kept` keep theirs; all others go.

    At most one connection of a namespace is its default.
    """
    require(user, namespace, Role.OWNER)
    name = name.strip()
    if not NAME.fullmatch(name) or len(name) > 100:
        raise Invalid("A name has letters, digits, - and _, begins with a letter or digit, and has at most 100 characters.")
    row = Connection.objects.filter(namespace=namespace, name=name).first()
    if row is not None and must_be_new:
        raise Conflict(f"{name} is already there: change it on its own page.")
    ensure(namespace)
    row = row or Connection(namespace=namespace, name=name)
    before = secret_fields(row)
    hidden = {key: value for key, value in before.items() if key in kept and row.adapter == adapter} | dict(secrets)
    row.adapter, row.fields, row.description = adapter, dict(fields), description.strip()[:300]
    row.ciphertext = vault.encrypt(json.dumps(hidden).encode())
    row.is_default, row.protected, row.personal = is_default, protected, personal
    row.changed, row.changed_by = timezone.now(), user if isinstance(user, User) else None
    row.test, row.tested, row.test_log = Connection.Test.NONE, None, ""
    with transaction.atomic():
        if is_default:
            Connection.objects.filter(namespace=namespace).exclude(name=name).update(is_default=False)
        row.save()
    return row


def delete(*, user: Person, namespace: str, name: str) -> None:
    """Delete a connection for good."""
    require(user, namespace, Role.OWNER)
    if not Connection.objects.filter(namespace=namespace, name=name).delete()[0]:
        raise NoSuchConnection


def secret_fields(row: Connection) -> dict[str, str]:
    """The secret fields in clear, for whoever connects. Raises vault.Unreadable."""
    return dict(json.loads(vault.decrypt(row.ciphertext))) if row.ciphertext else {}


def secrets_of(namespace: str) -> list[str]:
    """Every secret text that a flow of the namespace could be given by a connection, for masking, as far as it can be read."""
    found: list[str] = []
    for row in of_namespace(namespace):
        with suppress(vault.Unreadable):
            found += secret_fields(row).values()
    return found


def of_namespace(namespace: str) -> list[Connection]:
    """What flows of a namespace can name: its own connections, then those from further up that it does not replace."""
    nearest: dict[str, Connection] = {}
    for row in Connection.objects.filter(namespace__in=ancestry(namespace)).select_related("changed_by"):
        if row.name not in nearest or len(row.namespace) > len(nearest[row.name].namespace):
            nearest[row.name] = row
    return sorted(nearest.values(), key=lambda row: (row.namespace != namespace, row.name))


def find(namespace: str, name: str | None) -> Connection | None:
    """The connection of this name, or the nearest default where none is named."""
    rows = of_namespace(namespace)
    if name is not None:
        return next((row for row in rows if row.name == name), None)
    defaults = [row for row in rows if row.is_default]
    return max(defaults, key=lambda row: len(row.namespace), default=None)
