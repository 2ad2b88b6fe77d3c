"""What every test session has: a data folder and a Redis of its own, and the list of parts that this machine lacks.

Tests that need such a part carry its marker. Where it is missing they are deselected and the session ends with a list of them; with
`CI=true` that list is a failure.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from django.conf import settings

from tests import machine

SESSION_HOME = Path(tempfile.mkdtemp(prefix="kestra_web-tests-"))
for name in [name for name in os.environ if name.startswith(("KESTRA_", "SECRET_")) and not name.startswith("KESTRA_WEB_TEST_")]:
    del os.environ[name]
os.environ.pop("DATABASE_URL", None)
os.environ["KESTRA_WEB_HOME"] = str(SESSION_HOME)
os.environ["REDIS_URL"] = machine.session_redis_url(SESSION_HOME)
os.environ["DJANGO_SETTINGS_MODULE"] = "kestra_web.settings"
django.setup()
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a real hash takes half a second on purpose

LACKING = pytest.StashKey[Counter[str]]()
REDIS = pytest.StashKey["subprocess.Popen[bytes] | None"]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the Redis that the settings of this session name."""
    session.config.stash[REDIS] = machine.start_redis(SESSION_HOME)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    server = config.stash.get(REDIS, None)
    if server is not None:
        server.kill()
        server.wait()
    shutil.rmtree(SESSION_HOME, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs a part that this machine lacks, and remember why."""
    lacking: Counter[str] = Counter()
    kept, left = [], []
    for item in items:
        missing = [reason for part, look in machine.PARTS.items() if item.get_closest_marker(part) and (reason := look())]
        lacking.update(missing)
        (left if missing else kept).append(item)
    config.stash[LACKING] = lacking
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a missing part is a failure."""
    if os.environ.get("CI") == "true" and session.config.stash.get(LACKING, None) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the parts that this machine lacks, with how many tests could not run for it."""
    lacking = config.stash.get(LACKING, None)
    if lacking:
        terminalreporter.section("what this machine lacks")
        for reason, count in sorted(lacking.items()):
            terminalreporter.line(f"{reason} ({count} tests not run)")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The address of the session's Redis."""
    return os.environ.get("REDIS_URL") or machine.session_redis_url(SESSION_HOME)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty PostgreSQL database of this session."""
    with machine.postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url
