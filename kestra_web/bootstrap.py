"""What a fresh data folder gets once: its first administrator and the demo."""

from __future__ import annotations

import secrets

from django.contrib.auth import get_user_model
from django.core.management import call_command

from kestra_web import demo, environment, home, preparation
from kestra_web.environment import Environment


def make_password() -> str:
    """A password of 20 random characters."""
    return secrets.token_urlsafe(15)


def set_administrator(email: str, password: str) -> None:
    """Make `email` an administrator with this password, whether or not the person exists."""
    people = get_user_model()
    person = people.objects.filter(email__iexact=email).first() or people(email=email)
    person.is_admin = person.is_active = True
    person.set_password(password)
    person.save()


def first_administrator(current: Environment) -> None:
    """Make the first administrator where there is none; a password that nobody chose is kept in a file that only we read."""
    if get_user_model().objects.filter(is_admin=True).exists():
        return
    path = home.admin_password_file(current)
    set_administrator(current.admin_user, current.admin_password or home.keep_secret(path, make_password()))


def prepare() -> int:
    """All that must be true before the servers start: database, first administrator, demo. Done twice, it changes nothing."""
    current = environment.current()
    call_command("migrate", interactive=False, verbosity=0)
    first_administrator(current)
    if current.demo:
        load_demo(current)
    preparation.note(current)
    return 0


def load_demo(current: Environment) -> None:
    """Load the demo dbt project and its flows once: what someone changed or deleted since stays so."""
    stamp = current.home / "git" / ".demo-loaded"
    if not stamp.exists():
        demo.load(current.home)
        stamp.touch()
