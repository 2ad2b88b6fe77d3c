"""Members of a namespace: owners say who they are."""

from __future__ import annotations

from django.db import transaction

from namespaces.models import Member, Role, User
from namespaces.rights import Person, ancestry, require
from namespaces.services.tree import ensure
from ui.errors import Conflict, Invalid, Missing


class NoSuchMember(Missing):
    """This person is not a member here; they may be one further up."""


class LastOwner(Conflict):
    """This is the last owner: make someone else one first."""


class UnknownPerson(Invalid):
    """Nobody with this e-mail address is here; an administrator adds people."""


@transaction.atomic
def add(*, user: Person, namespace: str, email: str, role: Role) -> Member:
    """Make someone who is here already a member; their role changes if they were one."""
    require(user, namespace, Role.OWNER)
    person = User.objects.filter(email__iexact=email.strip(), is_active=True).first()
    if person is None:
        raise UnknownPerson
    _keep_an_owner(user, namespace, person, role)
    return Member.objects.update_or_create(namespace=ensure(namespace), user=person, defaults={"role": role})[0]


@transaction.atomic
def remove(*, user: Person, namespace: str, person_id: int) -> None:
    """Take a person's role in this namespace away; what they have from further up stays."""
    require(user, namespace, Role.OWNER)
    member = Member.objects.filter(namespace__name=namespace, user_id=person_id).select_related("user").first()
    if member is None:
        raise NoSuchMember
    _keep_an_owner(user, namespace, member.user, None)
    member.delete()


def _keep_an_owner(user: Person, namespace: str, person: User, role: Role | None) -> None:
    """Owners cannot leave a namespace that nobody else owns; administrators can do everything, they own it anyway."""
    if role is Role.OWNER or user is None or getattr(user, "is_admin", False):
        return
    others = Member.objects.filter(namespace__name__in=ancestry(namespace), role=Role.OWNER)
    if (
        Member.objects.filter(namespace__name=namespace, user=person, role=Role.OWNER).exists()
        and not others.exclude(user=person, namespace__name=namespace).exists()
    ):
        raise LastOwner
