"""What a request to a workspace is about: a copy of the files, a path there, and the texts that it sent."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from django.http.request import RawPostDataException

from namespaces.files import Place
from namespaces.models import Role, User
from namespaces.paths import asked, clean_file
from namespaces.selectors import tree
from ui.errors import Invalid
from workspace import worktrees


def person(request: HttpRequest) -> User:
    """Who asks; views are for those who are signed in."""
    assert isinstance(request.user, User)
    return request.user


def place(request: HttpRequest, namespace: str, role: Role = Role.READER) -> Place:
    """The copy that is asked for: this person's own one of the branch in `?branch=`, or the namespace's own files without it.

    Raises `Missing` for a stranger, `Forbidden` for a role below `role`, `NoSuchBranch`.
    """
    tree.enter(request.user, namespace, role)
    branch = request.GET.get("branch", "")
    return worktrees.find(user=person(request), namespace=namespace, branch=branch).place if branch else Place(namespace)


def path(of: Place, text: str) -> str:
    """A path of a file; `_flows` is a folder like any other in a worktree, where it is part of the repository. Raises `UnsafePath`."""
    return "/".join(clean_file(asked(text) if of == Place(of.namespace) else text))


def values(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent. Raises `Invalid`."""
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError, RawPostDataException) as error:
        raise Invalid("Send a JSON object.") from error
    if not isinstance(found, dict):
        raise Invalid("Send a JSON object.")
    return found


def sent(request: HttpRequest, *names: str) -> list[str]:
    """The texts of these names in the JSON object that was sent. Raises `Invalid`."""
    given = values(request)
    wrong = next((name for name in names if not isinstance(given.get(name), str)), None)
    if wrong is not None:
        raise Invalid(f"The JSON object lacks the text {wrong}.")
    return [given[name] for name in names]
