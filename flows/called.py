"""The flows that tasks of a flow call, for pictures that show them in their place."""

from __future__ import annotations

from collections.abc import Iterable

from engine.document import Flow, Task
from flows import graph
from flows import selectors as flow_selectors
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person
from ui.errors import KestraError, Missing


def opened(user: Person, uids: Iterable[str]) -> graph.Subflow:
    """Gives the flows inside the named nodes, as far as they may be read and are known before anything runs."""
    wanted = frozenset(uids)

    def find(uid: str, task: Task) -> Flow | None:
        if uid not in wanted:
            return None
        namespace, flow_id, revision = (task.properties.get(name) for name in ("namespace", "flowId", "revision"))
        try:
            rights.require(user, str(namespace), Role.READER)
            return flow_selectors.parsed(str(namespace), str(flow_id), revision if isinstance(revision, int) else None)
        except KestraError as error:
            raise Missing(f"The flow inside {uid} cannot be shown: {error.message}") from error

    return find
