"""Who belongs to a namespace, by themselves or from further up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from namespaces.models import Member, Role, User
from namespaces.rights import RANK, ancestry


@dataclass(frozen=True, slots=True)
class Membership:
    """A person's highest role in a namespace, and the namespace that it comes from."""

    person: User
    role: Role
    origin: str
    inherited: bool
    since: datetime


def members(namespace: str) -> list[Membership]:
    """Everyone with a role in the namespace, owners first; what counts for each is their highest role, nearest first."""
    rows = Member.objects.filter(namespace__name__in=ancestry(namespace)).select_related("user", "namespace")
    best: dict[int, Membership] = {}
    for row in sorted(rows, key=lambda row: -len(row.namespace.name)):
        found = Membership(row.user, Role(row.role), row.namespace.name, row.namespace.name != namespace, row.created)
        if row.user_id not in best or RANK[found.role] > RANK[best[row.user_id].role]:
            best[row.user_id] = found
    return sorted(best.values(), key=lambda found: (-RANK[found.role], str(found.person).lower()))
