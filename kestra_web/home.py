"""The data folder: which folders it has, who may enter them, and the keys that are made once and kept there."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from kestra_web.environment import Environment, WrongSetting

PRIVATE = ("keys", "database", "redis", "run", "storage")
OPEN_TO_TASKS = ("working", "environments", "warehouse", "git", "dbt")


def prepare(environment: Environment) -> Path:
    """Make the data folder and its parts; raises `WrongSetting` when it cannot be written.

    Where tasks run under another account (`KESTRA_WEB_RUN_AS`) that account may pass through the folder to those parts that it needs,
    and owns the warehouse; everything else is closed to it.
    """
    home = environment.home
    passage = 0o711 if environment.run_as else 0o700
    try:
        home.mkdir(parents=True, exist_ok=True)
        _set_mode(home, passage)
        for name in PRIVATE:
            (home / name).mkdir(exist_ok=True)
            _set_mode(home / name, 0o700)
        for name in OPEN_TO_TASKS:
            (home / name).mkdir(exist_ok=True)
            _set_mode(home / name, 0o755 if environment.run_as else 0o700)
        if environment.run_as and os.geteuid() == 0:
            os.chown(home / "warehouse", *environment.run_as)
        probe = home / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise WrongSetting(
            f"KESTRA_WEB_HOME: the data folder {home} cannot be written ({error.strerror}); name another or mend its rights"
        ) from error
    return home


def _set_mode(folder: Path, mode: int) -> None:
    if folder.stat().st_mode & 0o777 != mode:
        folder.chmod(mode)


def keep_secret(path: Path, value: str) -> str:
    """The text that `path` keeps, which is `value` when there was none before; readable by the owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(value + "\n")
        try:
            os.link(temporary, path)  # unlike a rename, a link never replaces the key that another process has just made
        except FileExistsError:
            pass
        temporary.unlink()
    return path.read_text().strip()


def secret_key(environment: Environment) -> str:
    """The key that signs sessions: the setting, else one made once and kept."""
    return environment.secret_key or keep_secret(environment.home / "keys" / "secret_key", secrets.token_urlsafe(48))


def encryption_keys(environment: Environment) -> tuple[str, ...]:
    """The Fernet keys, first the one that encrypts: the setting, else one made once and kept."""
    made = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return environment.encryption_keys or (keep_secret(environment.home / "keys" / "encryption_key", made),)


def new_password() -> str:
    """A password that nobody types."""
    return secrets.token_urlsafe(24)


def admin_password_file(environment: Environment) -> Path:
    """Where the generated password of the first administrator is kept."""
    return environment.home / "keys" / "admin_password"
