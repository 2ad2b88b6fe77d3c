"""What commands find out that the host can tell the next ones: each leaves it in a file at its end, and the host takes it over."""

from __future__ import annotations

import json
import marshal
import os
from typing import Any


class Learned:
    """Facts by key, of what `marshal` can write. `known` is the host's, `fresh` what this process has added; `word` names the kind."""

    def __init__(self, word: str, most: int) -> None:
        self.word, self.most = word, most
        self.known: dict[Any, Any] = {}
        self.fresh: dict[Any, Any] = {}

    def settle(self) -> None:
        """In the host: keep what it found out itself."""
        self.known.update(self.fresh)
        self.fresh.clear()

    def tell(self, tell: int, folder: str) -> None:
        """At the end of a fork: leave what it has added for the host."""
        if not self.fresh:
            return
        path = os.path.join(folder, f"{os.getpid()}.{self.word}")
        try:
            with open(path, "wb") as file:
                marshal.dump(self.fresh, file)
            os.write(tell, json.dumps({self.word: path}).encode() + b"\n")
        except (OSError, ValueError):
            return  # a full disk, or a host that is gone: it is found out again

    def learn(self, path: str) -> None:
        """In the host: take over what a fork has added."""
        try:
            with open(path, "rb") as file:
                found = marshal.load(file)  # noqa: S302 -- written by our own fork into our own folder
            os.unlink(path)
        except (OSError, ValueError, EOFError, TypeError):
            return
        if len(self.known) + len(found) > self.most:
            self.known.clear()
        self.known.update(found)
