"""`kestra-web migrate`: bring the database to this version."""

from __future__ import annotations

import argparse

from django.core.management import call_command


def run(options: argparse.Namespace) -> int:
    """Apply what is missing; says nothing when nothing is."""
    call_command("migrate", interactive=False, verbosity=0)
    return 0
