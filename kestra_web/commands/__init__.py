"""One module for each command of `kestra-web`, with a function `run(options)` that returns the exit status."""

from __future__ import annotations


class Refused(Exception):
    """A command cannot be done; the message is one sentence that says why and what to do."""
