"""What the commands print: sentences for people on the standard output, or one JSON value with `--json`."""

from __future__ import annotations

import json
import sys
from typing import Any


class Printer:
    """Prints for people, or keeps silent until the one JSON value that a program reads."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def say(self, line: str) -> None:
        """A line for people."""
        if not self.as_json:
            print(line, flush=True)

    def warn(self, line: str) -> None:
        """A line about what is going on, beside the result."""
        print(f"kestra-web: {line}", file=sys.stderr, flush=True)

    def result(self, value: Any) -> None:
        """The result for a program."""
        if self.as_json:
            print(json.dumps(value, indent=2, ensure_ascii=False), flush=True)
