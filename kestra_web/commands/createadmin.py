"""`kestra-web createadmin`: make an administrator, or give one a new password."""

from __future__ import annotations

import argparse

from kestra_web import bootstrap, environment


def run(options: argparse.Namespace) -> int:
    """The password comes from KESTRA_WEB_ADMIN_PASSWORD, else one is made and printed."""
    current = environment.current()
    user = options.user or current.admin_user
    password = current.admin_password or bootstrap.make_password()
    bootstrap.set_administrator(user, password)
    print(f"administrator {user}" + ("" if current.admin_password else f", password {password}"))
    return 0
