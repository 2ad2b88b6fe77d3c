"""The reference in docs/ is what the plugin classes say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flows.help import editor_schema

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_reference_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "scripts/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_editor_completes_everything_that_expressions_know() -> None:
    known = {(one["kind"], one["name"]): one for one in editor_schema()["expressions"]}
    assert known["filter", "abbreviate"]["signature"] == "abbreviate(length)"
    assert known["function", "secret"]["help"]
    assert {kind for kind, _ in known} == {"variable", "operator", "tag", "filter", "function", "test"}
