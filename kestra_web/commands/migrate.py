"""`kestra-web migrate`: all that must be true of the database before the servers start."""

from __future__ import annotations

import argparse

from kestra_web import bootstrap


def run(options: argparse.Namespace) -> int:
    """Done twice, it changes nothing."""
    return bootstrap.prepare()
