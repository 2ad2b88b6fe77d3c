"""The functions that need more than the variables: what each is called with, and what it gives. Whoever renders brings them."""

# ruff: noqa: N802 -- their names, and those of their arguments, are those that flows use

from __future__ import annotations

from typing import Any, Protocol


class World(Protocol):
    """A method for each such function, under the name that flows call it by."""

    def now(
        self, format: str | None = None, timeZone: str | None = None, existingFormat: str | None = None, locale: str | None = None
    ) -> str:
        """The present date and time, formatted as the filter `date` does it: `{{ now(format='iso_local_date') }}`."""

    def secret(self, key: str) -> str:
        """A secret of the namespace or of one above it, hidden in all logs: `{{ secret('API_TOKEN') }}`."""

    def kv(self, key: str, namespace: str | None = None, errorOnMissing: bool = False) -> Any:
        """A value of the key-value store; null where there is none, unless `errorOnMissing`: `{{ kv('last_run') }}`."""

    def read(self, path: str, namespace: str | None = None) -> str:
        """The text of a namespace file, or of one that this execution or the one that triggered it stored: `{{ read('a.sql') }}`."""

    def fileURI(self, path: str, namespace: str | None = None) -> str:
        """The address of a namespace file, to give to a task: `{{ fileURI('queries/a.sql') }}`."""

    def fileSize(self, path: str, namespace: str | None = None) -> int:
        """The bytes of a file, with the rights of `read`: `{{ fileSize(outputs.load.uri) }}`."""

    def fileExists(self, path: str, namespace: str | None = None) -> bool:
        """Whether there is such a file, with the rights of `read`: `{{ fileExists('queries/a.sql') }}`."""

    def isFileEmpty(self, path: str, namespace: str | None = None) -> bool:
        """Whether a file holds nothing, with the rights of `read`: `{{ isFileEmpty(outputs.load.uri) }}`."""

    def fileEmpty(self, path: str, namespace: str | None = None) -> bool:
        """Another name of `isFileEmpty`."""

    def errorLogs(self) -> list[dict[str, Any]]:
        """The error lines of the execution, each with `taskId` and `message`: for a task of `errors` that tells someone."""

    def tasksWithState(self, state: str) -> list[dict[str, Any]]:
        """The task runs that are in a state, each with `taskId`, `state` and, in a loop, `value`: `{{ tasksWithState('FAILED') }}`."""

    def uuid(self) -> str:
        """A random UUID."""

    def id(self) -> str:
        """A random id of 22 letters and digits, as Kestra makes them."""

    def ksuid(self) -> str:
        """A random id of 27 letters and digits that sorts by the time when it was made."""

    def nanoId(self, length: int = 21, alphabet: str | None = None) -> str:
        """A random id of `length` characters, of letters, digits, `-` and `_` unless there is an `alphabet`."""

    def randomInt(self, lower: int, upper: int) -> int:
        """A random whole number from `lower` to below `upper`: `{{ randomInt(1, 7) }}`."""

    def randomPort(self) -> int:
        """A port of this machine that nobody listens on at the moment."""

    def http(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
        contentType: str | None = None,
        accept: str | None = None,
    ) -> Any:
        """What an address answers: a value where it is JSON, else text: `{{ http('https://example.org/ids.json') | jq('.[]') }}`."""


WORLD = frozenset(name for name in vars(World) if not name.startswith("_"))
