"""Whether a data folder was prepared by this very version: what lets a second `kestra-web up` start its servers at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kestra_web.environment import Environment

CODE = Path(__file__).resolve().parent.parent


def fingerprint(environment: Environment) -> str:
    """A digest of what preparing depends on: the migrations, the versions of what we use, the database, whether the demo is wanted."""
    digest = hashlib.sha256(f"{environment.database_url} {environment.demo}".encode())
    for path in sorted([*CODE.glob("*/migrations/*.py"), CODE / "requirements.lock"]):
        digest.update(str(path.relative_to(CODE)).encode())
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()


def _stamp(environment: Environment) -> Path:
    return environment.home / "database" / "prepared"


def note(environment: Environment) -> None:
    """Remember that the data folder is prepared."""
    _stamp(environment).write_text(fingerprint(environment))


def is_current(environment: Environment) -> bool:
    """Whether nothing changed since `note`; never so for a database elsewhere, which others may have emptied."""
    stamp, database = _stamp(environment), environment.home / "database" / "kestra.sqlite3"
    return not environment.database_url and database.exists() and stamp.exists() and stamp.read_text() == fingerprint(environment)
