"""Which secrets there are: their keys and who changed them, never their values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from namespaces.models import Secret
from namespaces.rights import Person, ancestry, filter_readable
from namespaces.vault import environment_secrets


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A key as pages list it. `origin` is the namespace that defines it, empty for the server's environment."""

    key: str
    origin: str
    inherited: bool
    description: str = ""
    changed: datetime | None = None
    changed_by: str = ""


def _row(secret: Secret, inherited: bool) -> SecretRow:
    by = str(secret.changed_by) if secret.changed_by else ""
    return SecretRow(secret.key, secret.namespace, inherited, secret.description, secret.changed, by)


def _from_environment(taken: set[str]) -> list[SecretRow]:
    return [SecretRow(key, "", inherited=True) for key in sorted(environment_secrets()) if key not in taken]


def secrets_of(namespace: str) -> list[SecretRow]:
    """What `secret()` finds in a namespace: its own keys, then those from further up that it does not replace, then the environment's."""
    nearest: dict[str, Secret] = {}
    for row in Secret.objects.filter(namespace__in=ancestry(namespace)).select_related("changed_by"):
        if row.key not in nearest or len(row.namespace) > len(nearest[row.key].namespace):
            nearest[row.key] = row
    rows = [_row(row, row.namespace != namespace) for row in nearest.values()]
    rows.sort(key=lambda row: (row.inherited, row.key))
    return [*rows, *_from_environment({row.key.upper() for row in rows})]


def all_secrets(user: Person, query: str = "") -> list[SecretRow]:
    """The secrets of every namespace that `user` may see, then those of the environment; with `query` those that contain it."""
    rows = [
        _row(row, inherited=False)
        for row in filter_readable(Secret.objects.select_related("changed_by").order_by("key", "namespace"), user)
    ]
    found = [*rows, *_from_environment(set())]
    words = query.lower().split()
    return [row for row in found if all(word in f"{row.key} {row.origin} {row.changed_by} {row.description}".lower() for word in words)]
