"""Real repositories for tests, and what they hold."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.expressions.ion import from_ion
from tests.plugins.context import MemoryContext

AUTHOR = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@b.c", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@b.c"}


def git(folder: Path, *arguments: str) -> str:
    env = {**AUTHOR, "PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Remote:
    """A bare repository, and a clone of it in which a colleague works."""

    def __init__(self, folder: Path, branch: str = "main") -> None:
        self.folder, self.clone = folder / "remote.git", folder / "colleague"
        git(folder, "init", "-q", "--bare", "-b", branch, str(self.folder))
        git(folder, "clone", "-q", str(self.folder), str(self.clone))
        git(self.clone, "checkout", "-q", "-b", branch)
        self.url = f"file://{self.folder}"

    def commit(self, files: Mapping[str, str | None], branch: str | None = None, message: str = "change") -> str:
        """A colleague writes (None: deletes) files and pushes them."""
        if branch:
            git(self.clone, "fetch", "-q")
            git(self.clone, "checkout", "-q", "-B", branch, f"origin/{branch}" if self.head(branch) else "HEAD")
        else:
            branch = git(self.clone, "branch", "--show-current")
            if self.head(branch):
                git(self.clone, "pull", "-q", "--ff-only", "origin", branch)
        for path, text in files.items():
            target = self.clone / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True) if text is None else target.write_text(text)
        git(self.clone, "add", "-A")
        git(self.clone, "commit", "-qm", message)
        git(self.clone, "push", "-q", "origin", branch)
        return git(self.clone, "rev-parse", "HEAD")

    def head(self, branch: str) -> str:
        return git(self.folder, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def files(self, branch: str = "main") -> dict[str, str]:
        names = git(self.folder, "ls-tree", "-r", "--name-only", branch).splitlines()
        return {name: git(self.folder, "show", f"{branch}:{name}") for name in names}

    def log(self, branch: str, form: str) -> str:
        return git(self.folder, "log", "-1", f"--format={form}", branch)


def rows(context: MemoryContext, uri: str) -> list[Any]:
    """The lines of a file of Ion that a task stored."""
    return [from_ion(line) for line in context.storage.text(uri).splitlines()]
