"""A file cut into pieces by rows, by size or into a number of parts, read and written as a stream."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CHUNK = 1024 * 1024
BUFFER = 4 * 1024 * 1024  # rows that wait to be written, in bytes
SIZE = re.compile(r"\s*(\d+)\s*([KMGT]?)I?B?\s*", re.IGNORECASE)
POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def size_of(text: str) -> int:
    """Bytes of a size such as `10MB`, counted by 1024; raises ValueError."""
    found = SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"Expected a size such as 10MB, found {text!r}")
    times: int = 1024 ** POWERS[found[2].upper()]
    return int(found[1]) * times


@dataclass(frozen=True, slots=True)
class Cut:
    """How a file is cut: the first of `bytes`, `partitions` and `rows` that is given counts; a row is what stands before `separator`."""

    bytes: int | None = None
    partitions: int | None = None
    rows: int | None = None
    separator: str = "\n"


def split(source: Path, folder: Path, cut: Cut, suffix: str = "") -> Iterator[Path]:
    """The pieces of a file, each given as soon as it is complete; raises ValueError for a cut that cuts nothing.

    By rows and by bytes a new piece begins once the limit is reached; partitions take rows in turn, empty ones are left out.
    """
    for name in ("bytes", "partitions", "rows"):
        limit = getattr(cut, name)
        if limit is not None and limit < 1:
            raise ValueError(f"`{name}` must be 1 or more, found {limit}")
    if not cut.separator:
        raise ValueError("`separator` must not be empty")
    if cut.bytes is None and cut.partitions is not None:
        return _in_turn(source, folder, cut.partitions, cut.separator, suffix)
    if cut.bytes is None and cut.rows is None:
        raise ValueError("one of `bytes`, `partitions` and `rows` is needed")
    return _one_by_one(source, folder, cut, suffix)


def rows_of(source: Path, separator: str = "\n", charset: str = "utf-8") -> Iterator[bytes]:
    """The rows of a file, each with its separator (which is added to the last where it has none)."""
    mark, rest = separator.encode(charset), bytearray()
    with source.open("rb") as file:
        while chunk := file.read(CHUNK):
            seen = max(0, len(rest) - len(mark) + 1)  # a row of many chunks is not searched anew with each of them
            rest += chunk
            if rest.find(mark, seen) >= 0:
                *whole, rest = rest.split(mark)
                for row in whole:
                    yield bytes(row + mark)
    if rest:
        yield bytes(rest + mark)


def reverse(source: Path, target: IO[bytes], scratch: IO[bytes], separator: str = "\n", charset: str = "utf-8") -> None:
    """Write the rows of a file into another, the last first: blocks of rows turned round, then the blocks from the last to the first."""
    ends = [0]
    for block in _blocks(rows_of(source, separator, charset)):
        ends.append(ends[-1] + scratch.write(b"".join(reversed(block))))
    for start, end in reversed(list(itertools.pairwise(ends))):
        scratch.seek(start)
        target.write(scratch.read(end - start))


def _blocks(rows: Iterable[bytes]) -> Iterator[list[bytes]]:
    held: list[bytes] = []
    waiting = 0
    for row in rows:
        held.append(row)
        waiting += len(row)
        if waiting >= BUFFER:
            yield held
            held, waiting = [], 0
    if held:
        yield held


def _one_by_one(source: Path, folder: Path, cut: Cut, suffix: str) -> Iterator[Path]:
    number, filled, path = 0, 0, folder / f"1{suffix}"
    limit = cut.bytes if cut.bytes is not None else cut.rows or 1
    held: list[bytes] = []
    waiting = 0
    for row in rows_of(source, cut.separator):
        held.append(row)
        waiting += len(row)
        filled += len(row) if cut.bytes is not None else 1
        if filled >= limit or waiting >= BUFFER:
            _append(path, held)
            held, waiting = [], 0
        if filled >= limit:
            yield path
            number, filled = number + 1, 0
            path = folder / f"{number + 1}{suffix}"
    if filled:
        _append(path, held)
        yield path


def _in_turn(source: Path, folder: Path, partitions: int, separator: str, suffix: str) -> Iterator[Path]:
    held: dict[int, list[bytes]] = {}
    waiting = count = 0
    for row in rows_of(source, separator):
        held.setdefault(count % partitions, []).append(row)
        waiting, count = waiting + len(row), count + 1
        if waiting >= BUFFER:
            _append_all(folder, held, suffix)
            held, waiting = {}, 0
    _append_all(folder, held, suffix)
    for number in range(min(partitions, count)):
        yield folder / f"{number + 1}{suffix}"


def _append_all(folder: Path, held: dict[int, list[bytes]], suffix: str) -> None:
    for number, rows in held.items():
        _append(folder / f"{number + 1}{suffix}", rows)


def _append(path: Path, rows: list[bytes]) -> None:
    with path.open("ab") as file:
        file.writelines(rows)
