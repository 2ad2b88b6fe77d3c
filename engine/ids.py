"""Ids that the machine gives to task runs: the same question always gives the same id, so that a repeated advance repeats nothing."""

from __future__ import annotations

import hashlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 22


def base62(number: int, length: int = LENGTH) -> str:
    """A number as exactly `length` characters of 0-9A-Za-z; what does not fit is cut off at the front."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def task_run_id(
    execution_id: str, parent_id: str | None, path: str, task_id: str, value: str | None, iteration: int | None, generation: int
) -> str:
    """The id of a task run, 22 characters; `generation` counts restarts: what was removed does not come back under its old id."""
    named = "\x1f".join((execution_id, parent_id or "", path, task_id, "\x00" if value is None else value, str(iteration), str(generation)))
    return base62(int.from_bytes(hashlib.sha256(named.encode()).digest(), "big"))


def copied_id(new_execution_id: str, task_run_id: str) -> str:
    """The id that a task run gets when it is copied into another execution."""
    return base62(int.from_bytes(hashlib.sha256(f"{new_execution_id}\x1f{task_run_id}".encode()).digest(), "big"))


def fraction(*names: object) -> float:
    """A number in [0, 1) that looks random and is always the same for the same names."""
    digest = hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
