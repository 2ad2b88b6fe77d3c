"""Files that are kept in a folder of this machine."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from executions.kept_files import CHUNK, Kept, Measured


@dataclass(frozen=True, slots=True)
class Folder:
    """Implements `executions.kept_files.Backend`."""

    root: Path

    def check(self) -> str:
        """A folder is made when it is needed."""
        return f"folder {self.root}"

    def fetch(self, key: str) -> Path | None:
        """The file itself."""
        path = self.root / key
        return path if path.is_file() else None

    def kept(self, key: str) -> Kept | None:
        """As the folder tells it."""
        path = self.fetch(key)
        if path is None:
            return None
        found = path.stat()
        return Kept(found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def put(self, key: str, source: IO[bytes], limit: int) -> int:
        """Written beside its place, then moved there."""
        target, measured = self.root / key, Measured(source, limit)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{secrets.token_hex(8)}")
        try:
            with temporary.open("wb") as file:
                while chunk := measured.read(CHUNK):
                    file.write(chunk)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        return measured.size

    def below(self, folder: str) -> list[str]:
        """Those of the folder and the folders in it."""
        found = (path for path in (self.root / folder).rglob("*") if path.is_file())
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def delete(self, keys: Sequence[str]) -> int:
        """One after another."""
        count = 0
        for key in keys:
            path = self.fetch(key)
            if path is not None:
                path.unlink(missing_ok=True)
                count += 1
        return count

    def forget(self, folder: str) -> None:
        """Empty folders, and what was being written."""
        shutil.rmtree(self.root / folder, ignore_errors=True)

    def tidy(self) -> None:
        """There are no copies."""
