"""Tests that this machine cannot run are told, and in CI that is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def session(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A session of pytest on a machine without Chromium."""
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "REDIS_URL", "KESTRA_WEB_HOME")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/setup/lacking_sample.py"],
        cwd=ROOT,
        env={**environment, "PATH": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_part_that_is_missing_is_listed(tmp_path: Path) -> None:
    done = session(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 1 deselected" in done.stdout
    assert "Chromium: no chromium in PATH; install Debian's package chromium (1 tests not run)" in done.stdout


def test_in_ci_a_part_that_is_missing_is_a_failure(tmp_path: Path) -> None:
    assert session(tmp_path, CI="true").returncode == pytest.ExitCode.TESTS_FAILED
