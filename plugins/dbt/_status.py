"""What dbt's statuses mean for a step."""

from __future__ import annotations

from dataclasses import dataclass

_STATES = {
    "success": "SUCCESS",
    "pass": "SUCCESS",
    "run": "SUCCESS",  # dbt Fusion
    "reused": "SUCCESS",
    "warn": "WARNING",
    "partial success": "WARNING",  # a microbatch model of which some batches failed
    "error": "FAILED",
    "fail": "FAILED",
    "runtime_error": "FAILED",
    "runtime error": "FAILED",  # sources.json writes it with a blank
    "skipped": "SKIPPED",
    "no-op": "SKIPPED",  # exposures and saved queries
}
_BADGES = {"no-op": "no-op", "reused": "reused", "partial success": "partial"}


@dataclass(frozen=True, slots=True)
class Status:
    """A step's state, the badge beside it, and whether this version of the map knew dbt's word."""

    state: str
    badge: str | None = None
    known: bool = True


def status_of(word: str | None) -> Status:
    """The step's state for dbt's status; a word nobody knows is a warning, never a failure."""
    key = (word or "").strip().lower()
    return Status(_STATES.get(key, "WARNING"), _BADGES.get(key), key in _STATES)
