"""What a place where files are kept can do, and how a stream that is too long is stopped on its way there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from ui.errors import Invalid

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a file without reading it."""

    size: int
    modified: datetime


class Backend(Protocol):
    """Keeps files under keys, which are relative paths with `/` that were looked at before."""

    def check(self) -> str:
        """In a few words, where it keeps files; raises KestraError where that does not answer."""
        ...

    def fetch(self, key: str) -> Path | None:
        """A path where the file can be read; None where there is none."""
        ...

    def kept(self, key: str) -> Kept | None:
        """Size and age; None where there is none."""
        ...

    def put(self, key: str, source: IO[bytes], limit: int) -> int:
        """Store a stream, whole or not at all; answers its size. Raises Invalid beyond `limit` bytes."""
        ...

    def below(self, folder: str) -> list[str]:
        """The keys of every file below a folder, sorted."""
        ...

    def delete(self, keys: Sequence[str]) -> int:
        """Remove files; answers how many there were."""
        ...

    def forget(self, folder: str) -> None:
        """Remove what is left of a folder whose files are gone."""
        ...

    def tidy(self) -> None:
        """Let go of what can be had again."""
        ...


class Measured:
    """A stream that counts what is read from it; reading beyond `limit` bytes raises Invalid."""

    def __init__(self, source: IO[bytes], limit: int) -> None:
        self._source, self._limit = source, limit
        self.size = 0

    def read(self, most: int = -1) -> bytes:
        """The next bytes."""
        chunk = self._source.read(most)
        self.size += len(chunk)
        if self.size > self._limit:
            raise Invalid(f"The file has more than the {self._limit} bytes that are allowed")
        return chunk
