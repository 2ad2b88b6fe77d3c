"""The two commands hold their word on a machine that has next to nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.machine import free_port


@pytest.mark.long
@pytest.mark.root
@pytest.mark.dbt
@pytest.mark.timeout(1800)
def test_a_bare_debian_gets_from_make_up_to_the_end_of_the_demo_flow() -> None:
    assert shutil.which("debootstrap"), "install debootstrap"
    script = Path(__file__).with_name("bare_debian.sh")
    done = subprocess.run([str(script), str(free_port())], capture_output=True, text=True, check=False)
    print(done.stdout)  # `make test-long` shows how long each took
    assert done.returncode == 0, done.stdout + done.stderr
    assert "demo flow: ended after" in done.stdout
