"""Where things of a Git repository are, and how they are shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from engine.expressions.ion import to_ion
from engine.globs import chosen
from plugins.contract import RunContext, TaskFailed

_SSH = re.compile(r"^(?:ssh://)?(?:[^@/]+@)?([^:/]+)(?::\d+)?[:/](.+)$")


def folder_of(text: str, name: str) -> str:
    """A folder as a relative path without slashes at its ends; the top is empty. TaskFailed for one that leads out."""
    parts = [part for part in text.strip().split("/") if part not in ("", ".")]
    if ".." in parts or any(ord(sign) < 32 for sign in text):
        raise TaskFailed(f"`{name}` must be a folder inside of the repository, not '{text[:200]}'", retryable=False)
    return "/".join(parts)


def commit_url(url: str, commit: str, branch: str) -> str:
    """Where a browser shows a commit, for an address of GitHub, GitLab, Bitbucket, Azure DevOps or one like them."""
    site = url.removesuffix("/").removesuffix(".git")
    if not site.startswith(("http://", "https://", "file://")) and (found := _SSH.match(site)):
        site = f"https://{found[1]}/{found[2]}"
    if "dev.azure.com" in site or "visualstudio.com" in site:
        return f"{site}/commit/{commit}?refName={quote(f'refs/heads/{branch}', safe='')}"
    return f"{site}/{'commits' if 'bitbucket' in site else 'commit'}/{commit}"


def stored_rows(context: RunContext, name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Keep rows as a file of Ion, one line each; answers its URI."""
    return context.storage.put("".join(f"{to_ion(row)}\n" for row in rows).encode(), name)


def picked_of(paths: Collection[str], patterns: Sequence[str]) -> list[str]:
    """The paths that a pattern matches whole, by their name, or by their name without what follows its last dot."""
    if "**" in patterns:
        return sorted(paths)
    try:
        whole = set(chosen(sorted(paths), patterns))
        names = {path: path.rpartition("/")[2] for path in paths if path not in whole}
        named = set(chosen(sorted(set(names.values())), patterns))
        stems = {name: name.rpartition(".")[0] or name for name in names.values()}
        stemmed = set(chosen(sorted(set(stems.values())), patterns))
    except ValueError as error:
        raise TaskFailed(f"`files`: {error}", retryable=False) from error
    return sorted(path for path in paths if path in whole or names[path] in named or stems[names[path]] in stemmed)
