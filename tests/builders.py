"""Plain builders of what tests need; every argument has a default that is enough."""

from __future__ import annotations

from itertools import count

from namespaces.models import Member, Namespace, Role, User

_numbers = count(1)


def person(name: str = "", *, is_admin: bool = False, is_active: bool = True) -> User:
    """Someone who can sign in through `client.force_login`; they have no password, because making one takes half a second."""
    name = name or f"person{next(_numbers)}"
    return User.objects.create(email=f"{name}@example.com", name=name.title(), is_admin=is_admin, is_active=is_active, password="!")


def namespace(name: str = "company.team") -> Namespace:
    """A namespace that exists."""
    return Namespace.objects.get_or_create(name=name)[0]


def member(user: User, role: Role = Role.MEMBER, name: str = "company.team") -> Member:
    """The role of a person in a namespace."""
    return Member.objects.create(user=user, namespace=namespace(name), role=role)


def people(name: str = "company.team") -> dict[str, User]:
    """One of each: admin, owner, member, reader of a namespace, and a stranger who owns another one."""
    found = {"admin": person("admin", is_admin=True)}
    for role in Role:
        found[role.value] = person(role.value)
        member(found[role.value], role, name)
    found["stranger"] = person("stranger")
    member(found["stranger"], Role.OWNER, "elsewhere")
    return found
