"""The environments that were made for tasks: what is in each, how large it is, when it was used last, and how one goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from executions import cleaning
from executions.ports import COMPLETE
from namespaces import rights
from namespaces.rights import Person
from ui.errors import Conflict, Missing

_PACKAGE = re.compile(r"(.+)-([^-]+)\.dist-info")


class NoSuchEnvironment(Missing):
    """There is no such environment; it may have been removed."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment. `packages` has versions by name, `size` is in bytes, `used` when a task last asked for it."""

    key: str
    python: str
    packages: dict[str, str]
    size: int
    used: datetime

    @property
    def dbt(self) -> str:
        """The version of dbt in it, if any."""
        return self.packages.get("dbt-core", "")

    @property
    def adapters(self) -> list[str]:
        """The adapters of dbt with their versions."""
        apart = {"dbt-core", "dbt-adapters", "dbt-common", "dbt-extractor", "dbt-protos", "dbt-semantic-interfaces"}
        return [f"{name} {version}" for name, version in sorted(self.packages.items()) if name.startswith("dbt-") and name not in apart]


def made() -> list[Environment]:
    """Every environment that is complete, the last used first."""
    root = Path(settings.KESTRA_ENVIRONMENTS)
    marks = root.glob(f"*/{COMPLETE}") if root.is_dir() else ()
    found = [_environment(mark.parent, mark.stat().st_mtime) for mark in marks if not mark.parent.name.startswith(".")]
    return sorted(found, key=lambda one: one.used, reverse=True)


def remove(*, user: Person, key: str) -> None:
    """Remove one that no process uses; the next task that wants it makes it anew."""
    rights.require_admin(user)
    folder = Path(settings.KESTRA_ENVIRONMENTS) / key
    if "/" in key or key.startswith(".") or not (folder / COMPLETE).exists():
        raise NoSuchEnvironment
    if next(_users(folder), None) is not None:
        raise Conflict("A task uses this environment now: remove it when that has ended.")
    cleaning.remove_environment(folder)


def _environment(folder: Path, used: float) -> Environment:
    infos = folder.glob("lib/python*/site-packages/*.dist-info")
    packages = {found[1].replace("_", "-").lower(): found[2] for info in infos if (found := _PACKAGE.fullmatch(info.name))}
    python = next((path.name.removeprefix("python") for path in folder.glob("lib/python*")), "")
    return Environment(folder.name, python, packages, cleaning.environment_size(folder), datetime.fromtimestamp(used, UTC))


def _users(folder: Path) -> Iterator[int]:
    """Processes of this machine that run something of it; one that only waits with dbt loaded does not count."""
    found: dict[int, tuple[int, bytes]] = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
            parent = int((path.parent / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except OSError:  # it ended while we looked
            continue
        if f"{folder}/".encode() in words:
            found[int(path.parent.name)] = (parent, words)
    parents = {parent for parent, _ in found.values()}
    for pid, (parent, words) in found.items():
        waits = b"dbt-host-" in words and pid not in parents and parent not in found
        if not waits:
            yield pid
