"""The host goes through one command itself: what dbt builds when it is first used (schemas, serializers) is then there in every fork.

The command parses a small project; it opens no connection, and what it leaves behind is taken back.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
from argparse import Namespace
from contextlib import redirect_stderr, redirect_stdout
from contextvars import copy_context
from typing import Any

# Settings with which an adapter can be made that is never connected.
ADAPTERS: dict[str, dict[str, Any]] = {
    "duckdb": {"path": ":memory:"},
    "postgres": {"host": "localhost", "user": "nobody", "pass": "", "port": 5432, "dbname": "none", "schema": "none"},
}
# The static parser would start threads.
OPTIONS = ("--no-send-anonymous-usage-stats", "--no-static-parser", "--log-level", "none", "--log-level-file", "none")
FILES = {
    "dbt_project.yml": json.dumps({"name": "rehearsal", "version": "1.0", "profile": "rehearsal"}),
    "models/one.sql": "select 1 as id",
    "models/two.sql": "select * from {{ ref('one') }}",
    "models/one.yml": "models: [{name: one, columns: [{name: id, data_tests: [unique]}]}]",
}


def run(adapters: list[str]) -> None:
    """Once for each adapter that is known here."""
    for adapter in adapters:
        if adapter in ADAPTERS:
            _rehearse(adapter)


def _rehearse(adapter: str) -> None:
    from dbt.adapters.factory import reset_adapters  # noqa: PLC0415 -- the host has loaded it
    from dbt.cli.main import cli  # noqa: PLC0415

    folder = tempfile.mkdtemp(prefix="rehearsal-", dir=os.getcwd())
    before = (dict(os.environ), list(sys.argv), os.getcwd())
    outputs = {"dev": {"type": adapter, **ADAPTERS[adapter]}}
    try:
        os.mkdir(os.path.join(folder, "models"))
        for name, text in {**FILES, "profiles.yml": json.dumps({"rehearsal": {"target": "dev", "outputs": outputs}})}.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        for number in range(2):  # from nothing, then from what was parsed
            sys.argv = ["dbt", *OPTIONS, "parse", "--project-dir", folder, "--profiles-dir", folder]
            with redirect_stdout(io.StringIO()) as said, redirect_stderr(said):
                ended = copy_context().run(_ended, cli)
            if ended:
                print(f"rehearsal {number} with {adapter} ended {ended}: {said.getvalue()[-500:]}", flush=True)
    finally:
        os.environ.clear()
        os.environ.update(before[0])
        sys.argv = before[1]
        os.chdir(before[2])
        reset_adapters()
        _forget()
        shutil.rmtree(folder, ignore_errors=True)


def _ended(cli: Any) -> Any:
    try:
        cli()
    except SystemExit as ended:
        return ended.code
    return 0


def _forget() -> None:
    """What dbt notes for a whole process, as it is before the first command."""
    from dbt import deprecations, flags, tracking  # noqa: PLC0415
    from dbt.events.logging import cleanup_event_logger  # noqa: PLC0415
    from dbt.utils import artifact_upload  # noqa: PLC0415
    from dbt_common.events.functions import reset_metadata_vars  # noqa: PLC0415

    from . import manifests, quicker  # noqa: PLC0415

    cleanup_event_logger()
    deprecations.reset_deprecations()
    reset_metadata_vars()
    artifact_upload.PRODUCED_ARTIFACTS_PATHS.clear()
    tracking.active_user = None
    flags.set_from_args(Namespace(), {})
    manifests.forget()
    quicker.COMPILED.settle()
