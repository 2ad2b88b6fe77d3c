"""`dbt deps` where nothing is new: the packages that were installed for the same lock file are put there again, without the network.

That is so only where the lock file belongs to the project's packages and says of each exactly which bytes it is: a version from the
hub, or a commit of a Git repository. In all other cases, and where dbt has something to say of a package, dbt does it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dbt.config.project import load_yml_dict
from dbt.config.renderer import PackageRenderer
from dbt.constants import PACKAGE_LOCK_FILE_NAME, PACKAGE_LOCK_HASH_KEY
from dbt.task import deps
from dbt_common.events.event_manager_client import get_event_manager
from dbt_common.events.functions import fire_event
from dbt_common.events.types import Note

from . import cache

KIND = "packages"
MOST, MOST_BYTES = 8, 256 * 1024**2
_VERSION = re.compile(r"\d+\.\d+\.\d+[\w.+-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def install() -> None:
    """Have `dbt deps` look here first."""
    task: Any = deps.DepsTask
    task.run = _around(task.run)


def _around(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def run(task: Any) -> Any:
        args = task.args
        key = "" if args.add_package or args.upgrade or args.lock else _key(task)
        if key and _put(task, os.path.join(cache.place(KIND), key)):
            fire_event(Note(msg="Packages and their lock file are unchanged: what was installed before is used again"))
            return None
        with _hearing(task) as warned:
            plain(task)
        key = "" if warned or args.lock else _key(task)
        if key:
            _keep(task, os.path.join(cache.place(KIND), key))
        return None

    return run


@contextmanager
def _hearing(task: Any) -> Iterator[list[str]]:
    """What dbt warns of while it installs: it would be missing the next time. What it warns of while it locks has its end with that."""
    warned: list[str] = []
    callbacks: Any = get_event_manager().callbacks
    lock = task.lock

    def hear(event: Any) -> None:
        if event.info.level in ("warn", "error"):
            warned.append(event.info.name)

    def locked() -> None:
        lock()
        warned.clear()

    task.lock = locked
    callbacks.append(hear)
    try:
        yield warned
    finally:
        callbacks.remove(hear)


def _key(task: Any) -> str:
    """What names the packages that this lock file stands for; empty where only dbt itself can tell."""
    if not cache.folder:
        return ""
    try:
        lock = load_yml_dict(os.path.join(task.project.project_root, PACKAGE_LOCK_FILE_NAME))
        if lock.get(PACKAGE_LOCK_HASH_KEY) != deps._create_sha1_hash(task.project.packages.packages):
            return ""
        packages = PackageRenderer(task.cli_vars).render_data(lock)["packages"]
        if not packages or not all(map(is_fixed, packages)):
            return ""
        return cache.key(json.dumps(packages, sort_keys=True))
    except Exception:  # noqa: BLE001 -- whatever is wrong with it, dbt finds and tells it
        return ""


def is_fixed(package: Any) -> bool:
    """Whether an entry of a lock file stands for the same bytes for ever."""
    if "package" in package:
        return bool(_VERSION.fullmatch(str(package.get("version"))))
    return "git" in package and bool(_COMMIT.fullmatch(str(package.get("revision"))))


def _installed(task: Any) -> str:
    return str(os.path.join(task.project.project_root, task.project.packages_install_path))


def _put(task: Any, kept: str) -> bool:
    """In place of what is installed, as dbt does; False where nothing is kept, or it cannot be put there."""
    if not os.path.isdir(kept) or os.path.islink(_installed(task)):
        return False
    cache.used(kept)
    try:
        if os.path.lexists(_installed(task)):
            shutil.rmtree(_installed(task))
        shutil.copytree(kept, _installed(task), symlinks=True)
    except OSError:
        return False  # dbt tries, too, and says what is wrong
    return True


def _keep(task: Any, kept: str) -> None:
    fresh = os.path.join(cache.place(KIND), f".{os.getpid()}")
    try:
        shutil.copytree(_installed(task), fresh, symlinks=True)
        cache.put(fresh, kept)
        cache.keep_to(KIND, MOST, MOST_BYTES)
    except OSError:
        cache.remove(fresh)  # a full disk, or another host was faster
