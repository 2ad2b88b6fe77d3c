"""Secrets of a namespace: owners write them, nobody reads them back."""

from __future__ import annotations

import re

from django.utils import timezone

from namespaces import vault
from namespaces.models import Role, Secret, User
from namespaces.rights import Person, require
from namespaces.services.tree import ensure
from ui.errors import Conflict, Invalid, Missing

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
LONGEST = 100_000  # characters


class NoSuchSecret(Missing):
    """There is no such secret here; it may be defined further up."""


class KeyNotRepeated(Invalid):
    """Type the key of the secret to delete it."""


def put(*, user: Person, namespace: str, key: str, value: str, description: str | None = None, must_be_new: bool = False) -> Secret:
    """Set a secret, or give it a new value; executions that run now keep the old one."""
    require(user, namespace, Role.OWNER)
    key = key.strip()
    if not KEY.fullmatch(key) or len(key) > 150:
        raise Invalid("A key has letters, digits, dots, - and _, begins with a letter or digit, and has at most 150 characters.")
    if not value:
        raise Invalid("Write the value of the secret.")
    if len(value) > LONGEST:
        raise Invalid(f"A secret has at most {LONGEST} characters.")
    row = Secret.objects.filter(namespace=namespace, key=key).first()
    if row is not None and must_be_new:
        raise Conflict(f"{key} is already there: change it in its row.")
    ensure(namespace)
    row = row or Secret(namespace=namespace, key=key)
    row.ciphertext = vault.encrypt(value.encode())
    row.changed = timezone.now()
    row.changed_by = user if isinstance(user, User) else None
    if description is not None:
        row.description = description.strip()[:300]
    row.save()
    return row


def describe(*, user: Person, namespace: str, key: str, description: str) -> Secret:
    """Say what a secret is for; its value stays."""
    require(user, namespace, Role.OWNER)
    row = Secret.objects.filter(namespace=namespace, key=key).first()
    if row is None:
        raise NoSuchSecret
    row.description = description.strip()[:300]
    row.save(update_fields=["description"])
    return row


def delete(*, user: Person, namespace: str, key: str, repeated: str) -> None:
    """Delete a secret for good; `repeated` is the key, typed again."""
    require(user, namespace, Role.OWNER)
    row = Secret.objects.filter(namespace=namespace, key=key).first()
    if row is None:
        raise NoSuchSecret
    if repeated.strip() != key:
        raise KeyNotRepeated
    row.delete()
