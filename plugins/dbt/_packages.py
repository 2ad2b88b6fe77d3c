"""Which packages a dbt project is locked to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from plugins.scripts import _folders

_LOCK = "package-lock.yml"
_LARGEST = 1 << 20  # bytes of a lock file that is read
_COMMIT = 12  # characters of a commit that tell it from others


def locked(root: Path, project: Path) -> dict[str, str]:
    """The version of each package by its name, as the lock file of the project says; the project lies below `root`."""
    path = project / _LOCK
    content = _folders.read_inside(root, path) if path.is_file() and path.stat().st_size < _LARGEST else None
    try:
        told = yaml.safe_load(content or b"")
    except yaml.YAMLError:
        return {}
    packages = told.get("packages") if isinstance(told, Mapping) else None
    found = [one for one in packages if isinstance(one, Mapping)] if isinstance(packages, list) else []
    return dict(sorted(filter(None, map(_version, found))))


def _version(package: Mapping[str, Any]) -> tuple[str, str] | None:
    """Its name, which older lock files do not say, and version, commit or folder."""
    source = package.get("package") or package.get("git") or package.get("tarball") or package.get("local")
    if not isinstance(source, str):
        return None
    name = str(package.get("name") or source.rstrip("/").removesuffix(".git").rpartition("/")[2])
    if "git" in package:
        return name, str(package.get("revision") or "")[:_COMMIT]
    return name, str(package.get("version") or ("a folder" if "local" in package else ""))
