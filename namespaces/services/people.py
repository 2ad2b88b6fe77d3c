"""People: added, disabled and promoted by administrators; passwords and settings changed by themselves."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from namespaces.models import User
from namespaces.rights import Person, require_admin
from ui.errors import Conflict, Invalid, Missing

WORDS = "abcdefghjkmnpqrstuvwxyz23456789"  # no letters that are easily taken for others
SETTINGS: dict[str, tuple[Any, ...]] = {"theme": ("system", "light", "dark"), "nav": ("full", "rail"), "keys": (True, False)}


class EmailTaken(Conflict):
    """Someone with this e-mail address is already here."""


class WrongEmail(Invalid):
    """This is not an e-mail address."""


class LastAdministrator(Conflict):
    """This is the last administrator: make someone else one first."""


class NoSuchPerson(Missing):
    """There is no such person."""


class WeakPassword(Invalid):
    """This password is too easy to guess."""


class WrongPassword(Invalid):
    """The present password is wrong."""


def one_time_password() -> str:
    """20 characters in groups of five: about 99 random bits, easy to read out."""
    return "-".join("".join(secrets.choice(WORDS) for _ in range(5)) for _ in range(4))


def add(*, user: Person, email: str, name: str = "", is_admin: bool = False, password: str = "") -> tuple[User, str]:
    """Add a person; answers the row and the password. Without `password` it is a one-time one, which must be changed at sign-in."""
    require_admin(user)
    email = email.strip()
    try:
        validate_email(email)
    except ValidationError as error:
        raise WrongEmail from error
    if User.objects.filter(email__iexact=email).exists():
        raise EmailTaken
    secret = password or one_time_password()
    person = User.objects.create_user(email, secret, is_admin=is_admin, name=name.strip())
    if not password:
        person.must_change_password = True
        person.save(update_fields=["must_change_password"])
    return person, secret


def reset_password(*, user: Person, person_id: int) -> str:
    """Give a person a new one-time password, which is answered; their sessions end."""
    require_admin(user)
    person = _person(person_id)
    password = one_time_password()
    person.set_password(password)
    person.must_change_password = True
    person.save(update_fields=["password", "must_change_password"])
    end_sessions(person)
    return password


@transaction.atomic
def set_active(*, user: Person, person_id: int, active: bool) -> User:
    """Let a person in or keep them out; out means that their sessions end and their tokens stop working at once."""
    require_admin(user)
    person = _person(person_id)
    if not active:
        _keep_one_administrator(person)
    person.is_active = active
    person.save(update_fields=["is_active"])
    if not active:
        end_sessions(person)
    return person


@transaction.atomic
def set_admin(*, user: Person, person_id: int, is_admin: bool) -> User:
    """Make a person an administrator, or no longer."""
    require_admin(user)
    person = _person(person_id)
    if not is_admin:
        _keep_one_administrator(person)
    person.is_admin = is_admin
    person.save(update_fields=["is_admin"])
    return person


def change_password(*, user: User, present: str, new: str) -> None:
    """Change one's own password; raises `WrongPassword` or `WeakPassword`. Other sessions of this person end by themselves."""
    if not user.check_password(present):
        raise WrongPassword
    if new == present:
        raise WeakPassword("The new password is the old one.")
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise WeakPassword(" ".join(error.messages)) from error
    user.set_password(new)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])


def change_name(*, user: User, name: str) -> None:
    """How others see this person."""
    user.name = name.strip()[:150]
    user.save(update_fields=["name"])


def change_settings(*, user: User, **changes: Any) -> None:
    """Keep how this person wants the pages: `theme`, `nav`, `keys`; raises `Invalid` for what is none of the choices."""
    for name, value in changes.items():
        if value not in SETTINGS.get(name, ()):
            raise Invalid(f"{value} is not a choice for {name}.")
    user.settings = {**user.settings, **changes}
    user.save(update_fields=["settings"])


def keep(*, user: User, name: str, value: Any) -> None:
    """Keep what another page remembers for this person, under a name of its own; None forgets it."""
    others = {key: kept for key, kept in user.settings.items() if key != name}
    user.settings = others if value is None else {**others, name: value}
    user.save(update_fields=["settings"])


def end_sessions(person: User) -> None:
    """Sign a person out everywhere."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get("_auth_user_id") == str(person.pk):
            session.delete()


def _person(person_id: int) -> User:
    try:
        return User.objects.get(pk=person_id)
    except User.DoesNotExist as error:
        raise NoSuchPerson from error


def _keep_one_administrator(person: User) -> None:
    if person.is_admin and not User.objects.filter(is_admin=True, is_active=True).exclude(pk=person.pk).exists():
        raise LastAdministrator
