"""The commands that talk to a server, used in a shell script as CI would."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.stack import Stack, command

pytestmark = pytest.mark.redis


@pytest.mark.timeout(300)  # it starts half a hundred commands one after another
def test_flows_are_kept_in_files_and_run_from_a_shell(live_server_stack: Stack, tmp_path: Path) -> None:
    stack = live_server_stack
    token = stack.token()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KESTRA_")}
    environment |= {"KESTRA_WEB_SERVER": stack.url, "KESTRA_WEB_TOKEN": token, "KW": shlex.join(command())}
    script = Path(__file__).with_name("command_line.sh")
    done = subprocess.run(["sh", str(script), str(tmp_path)], env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert done.stdout.strip().splitlines()[-1:] == ["done"], done.stdout + done.stderr
    assert done.returncode == 0
    assert token not in done.stdout + done.stderr
    assert {flow["id"] for flow in stack.client().get("/api/v1/flows/journeys.shell").json()} == {"greet", "fails"}
