"""A batch that is written when it is large or old enough: many small facts, few transactions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import DatabaseError, close_old_connections, connections

Item = TypeVar("Item")
logger = logging.getLogger(__name__)
IDLE = 0.5  # seconds after which the connection is given back; one for each writing would take as long as the writing
SHARE = 8  # a batch waits at least so many times as long as the writing took, so that others have the database, too
TOGETHER = 0.005  # seconds from the first of some items to their writing, so that what is told at once travels together


class Batch(Generic[Item]):
    """Gathers items of all threads and gives them to `write` in order: the first at once, others at most every `period` seconds, or
    every fourfold `period` where writing takes long.

    `write` runs in a thread of the batch's own, or in whoever calls `flush`, never twice at once. Beyond `full` waiting items `add` writes
    itself, so that who produces faster than the database takes is slowed down instead of filling the memory.
    """

    def __init__(self, name: str, write: Callable[[list[Item]], None], *, period: float, size: int, full: int) -> None:
        self._name, self._write, self._period, self._size, self._full = name, write, period, size, full
        self._items: list[Item] = []
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._some = threading.Event()
        self._many = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, item: Item) -> None:
        """Take one item."""
        with self._guard:
            self._items.append(item)
            waiting = len(self._items)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._some.set()
        if waiting >= self._size:
            self._many.set()
        if waiting >= self._full:
            self.flush()

    def flush(self) -> None:
        """Write what waits and return when it is written, also by another thread; raises DatabaseError and keeps the items."""
        with self._writing:
            with self._guard:
                items, self._items = self._items, []
            if not items:
                return
            try:
                self._write(items)
            except BaseException:
                with self._guard:
                    self._items = items + self._items
                raise

    def _run(self) -> None:
        next_ = 0.0
        while True:
            if not self._some.wait(IDLE):
                connections.close_all()
                self._some.wait()
            self._many.wait(max(TOGETHER, next_ - time.monotonic()))
            begun = time.monotonic()
            next_ = begun + self._period
            self._some.clear()
            self._many.clear()
            try:
                self.flush()
                next_ = begun + min(max(self._period, SHARE * (time.monotonic() - begun)), 4 * self._period)
            except DatabaseError:
                logger.exception("%s could not be written; trying again", self._name)
                close_old_connections()
                threading.Event().wait(1)
                self._some.set()
