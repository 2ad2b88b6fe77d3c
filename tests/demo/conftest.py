"""A dbt of its own for the tests that really build."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program dbt 1.11 with the DuckDB adapter, in an environment made for this session."""
    folder = tmp_path_factory.mktemp("dbt") / "environment"
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    python = folder / "bin" / "python"
    make = [uv, "venv", "--quiet", str(folder)] if uv else [sys.executable, "-m", "venv", str(folder)]
    install = [uv, "pip", "install", "--quiet", "--python", str(python)] if uv else [str(python), "-m", "pip", "install", "--quiet"]
    subprocess.run(make, check=True)
    subprocess.run([*install, "dbt-core~=1.11.0", "dbt-duckdb"], check=True)
    return folder / "bin" / "dbt"
