"""Who has which file open: facts between the sockets of open pages, kept nowhere else, and the fact that a file was saved."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from executions import publish
from namespaces.files import FILES, Place
from namespaces.models import User

LONGEST_PATH = 1024
FORGOTTEN = 60.0  # seconds after which a page that says nothing any more is gone: its server may have died


def group(namespace: str, branch: str) -> str:
    """The channels group of the pages that show one branch, or with no branch the namespace's own files."""
    return f"workspace.{hashlib.sha256(f'{namespace}/{branch}'.encode()).hexdigest()[:40]}"


def copy_of(user: User, branch: str) -> str:
    """The key of the copy that somebody sees: the namespace's own files are one for all, of a branch each person has their own."""
    return str(user.pk) if branch else FILES


@dataclass(slots=True)
class Here:
    """A page that is open: whose it is, what it shows, and when that was last heard."""

    person: int
    name: str
    copy: str
    path: str
    typing: bool
    at: float

    @classmethod
    def told(cls, fact: dict[str, Any], at: float) -> Here:
        """From what another socket tells of itself."""
        return cls(int(fact["person"]), str(fact["name"]), str(fact["copy"]), str(fact["path"]), bool(fact["typing"]), at)

    def seen_by(self, user: User, copy: str) -> dict[str, Any]:
        """As a page is told of it: `same` where a save changes the very file that the page shows, `me` for another window of one's own."""
        who = {"id": self.person, "name": self.name, "path": self.path, "typing": self.typing}
        return {**who, "same": self.copy == copy, "me": self.person == user.pk}


def tell_saved(place: Place, branch: str, path: str, blob: str, user: User) -> None:
    """Tell the pages that show this copy that a file of it has another content now."""
    fact = {"type": "file.saved", "path": path, "base": blob, "person": user.pk, "name": str(user), "copy": copy_of(user, branch)}
    publish.tell(group(place.namespace, branch), fact)
