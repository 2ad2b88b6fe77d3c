"""Which files of its namespace an execution sees: those of the namespace, or a snapshot that was taken when it was started.

In the notes of an execution, as `source`: `commit`, `branch`, `changed` (there were changes that no commit has), and for a snapshot `tree`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.execution import Execution
from namespaces import snapshots
from namespaces.files import Place
from namespaces.selectors import deployments

SOURCE = "source"


def deployed(namespace: str) -> dict[str, Any]:
    """The note of an execution that sees the files of its namespace; empty where nothing was deployed there."""
    row = deployments.current(namespace)
    if row is None:
        return {}
    return {SOURCE: {"commit": row.commit, "branch": row.branch, "changed": deployments.is_changed(row)}}


def carried(notes: Mapping[str, Any], namespace: str, other: str) -> dict[str, Any]:
    """The note for an execution of `namespace` that comes of one of `other` with these notes: it sees the same snapshot, if any."""
    source = notes.get(SOURCE, {})
    return {SOURCE: source} if namespace == other and source.get("tree") else deployed(namespace)


def place(execution: Execution, namespace: str) -> str | Place:
    """Where an execution reads the files of a namespace."""
    tree = execution.notes.get(SOURCE, {}).get("tree")
    return snapshots.place(namespace, tree) if tree and namespace == execution.namespace else namespace


def told(notes: Mapping[str, Any]) -> str:
    """Commit and branch in words; empty where none is known."""
    source = notes.get(SOURCE)
    if not source:
        return ""
    commit = source["commit"][:7] or "no commit yet"
    named = f"{commit} of {source['branch']}" if source["branch"] else commit
    return f"{named}, with uncommitted changes" if source["changed"] else named
