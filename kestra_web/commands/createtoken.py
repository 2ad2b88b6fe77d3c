"""`kestra-web createtoken`: an API token for someone, printed once."""

from __future__ import annotations

import argparse

from kestra_web.commands import Refused
from namespaces.models import User
from namespaces.services import tokens
from ui.errors import KestraError


def run(options: argparse.Namespace) -> int:
    """Print the token and nothing else, so that a script can keep it."""
    person = User.objects.filter(email__iexact=options.user, is_active=True).first()
    if person is None:
        raise Refused(f"nobody signs in as {options.user}: name an active person by their e-mail address")
    try:
        _, token = tokens.create(user=person, name=options.name, days=options.days or None)
    except KestraError as error:
        raise Refused(error.message) from error
    print(token)
    return 0
