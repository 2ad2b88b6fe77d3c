"""The demo's Git repository: a history written from the files under `demo/`, by the same author on the same days everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

AUTHOR = "Mira Lind <mira.lind@example.com>"
FIRST_COMMIT = 1_782_892_800  # 2026-07-01 08:00 UTC, in seconds; every later commit follows two working hours after the one before
BETWEEN_COMMITS = 7200
LEFT_BY_DBT = {"target", "logs", "dbt_packages", "__pycache__", ".user.yml"}

# What each commit on `main` adds, by the start of the path; the last one takes whatever is left.
HISTORY = (
    ("Start the project with the shop's raw tables", ("dbt_project.yml", ".gitignore", "README.md", "seeds/", "macros/landing.sql")),
    ("Clean each raw table in a staging view", ("models/staging/", "macros/", "tests/generic/")),
    ("Price lines, settle orders, identify sessions", ("models/intermediate/", "models/docs.md")),
    ("Build dimensions and facts, and watch customers change", ("models/marts/core/", "models/groups.yml", "snapshots/")),
    ("Attribute revenue to channels and forecast customers", ("models/marts/",)),
    ("List orders that left unpaid, name who reads the marts", ("",)),
)


def build_repository(target: Path, *, source: Path, warehouse: Path) -> str:
    """Make the bare repository `target` unless it is there, and give its `file://` URL.

    `source` is the folder `demo/`. Branch `main` has the dbt project at its root; `master` has it under `dbt/`, with the profiles of
    `source/branches/master` in which the token `__WAREHOUSE__` becomes the absolute path of `warehouse`. A repository that is there is
    left as it is, since people may have pushed to it. Raises `subprocess.CalledProcessError` when git fails.
    """
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            _git(made, "init", "--quiet", "--bare", "--template=", "--initial-branch=main")
            _git(made, "fast-import", "--quiet", stdin=b"".join(_stream(source, warehouse)))
            made.chmod(target.parent.stat().st_mode & 0o777)  # mkdtemp closes its folder, whoever may read beside it
            made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return target.resolve().as_uri()


def with_warehouse(text: str, warehouse: Path) -> str:
    """A text with the warehouse's absolute path in the place of its token, fit for a quoted YAML text."""
    return text.replace("__WAREHOUSE__", json.dumps(str(warehouse.resolve()), ensure_ascii=False)[1:-1])


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its path, in order, without what dbt leaves behind when it runs there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    relative = {path.relative_to(folder): path for path in paths}
    return {name.as_posix(): path.read_bytes() for name, path in relative.items() if not LEFT_BY_DBT & set(name.parts)}


def master_files(source: Path, warehouse: Path) -> dict[str, bytes]:
    """The files of the branch `master`: the project under `dbt/`, with profiles that name the warehouse."""
    project = {f"dbt/{path}": content for path, content in files_below(source / "project").items()}
    own = files_below(source / "branches" / "master")
    return project | {path: with_warehouse(content.decode(), warehouse).encode() for path, content in own.items()}


def _stream(source: Path, warehouse: Path) -> Iterator[bytes]:
    """The whole history as `git fast-import` reads it."""
    project = files_below(source / "project")
    left = dict(project)
    for number, (message, prefixes) in enumerate(HISTORY):
        added = {path: content for path, content in left.items() if path.startswith(prefixes)}
        left = {path: content for path, content in left.items() if path not in added}
        yield from _commit("main", number, message, added)
    master = master_files(source, warehouse)
    moved = {path: content for path, content in master.items() if path.removeprefix("dbt/") in project}
    yield from _commit("master", len(HISTORY), "Move the project into the folder dbt", moved, parent="refs/heads/main", replaces=True)
    added = {path: content for path, content in master.items() if path not in moved}
    yield from _commit("master", len(HISTORY) + 1, "Bring profiles for dev and prod", added)


def _commit(
    branch: str, number: int, message: str, files: Mapping[str, bytes], *, parent: str | None = None, replaces: bool = False
) -> Iterator[bytes]:
    moment = f"{AUTHOR} {FIRST_COMMIT + number * BETWEEN_COMMITS} +0000"
    yield f"commit refs/heads/{branch}\nauthor {moment}\ncommitter {moment}\n".encode() + _data(message.encode() + b"\n")
    if parent:
        yield f"from {parent}\n".encode()
    if replaces:
        yield b"deleteall\n"
    for path, content in files.items():
        yield f"M 100644 inline {path}\n".encode() + _data(content)
    yield b"\n"


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"


def _git(repository: Path, *arguments: str, stdin: bytes = b"") -> None:
    """Run git in a repository, deaf to the machine's own configuration and hooks."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    command: Iterable[str] = ("git", "-c", f"core.hooksPath={os.devnull}", "-C", str(repository), *arguments)
    subprocess.run([*command], input=stdin, env=environment, check=True, capture_output=True)
