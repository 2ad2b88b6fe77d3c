"""When a failed attempt is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.document import Retry
from engine.ids import fraction

ZERO = timedelta(0)


def delay(policy: Retry, attempts: int, seed: str = "") -> timedelta:
    """How long to wait after the attempt number `attempts` (counted from 1).

    As Kestra: constant = interval; exponential = interval x int(delayFactor) x (attempts - 1), capped at maxInterval, so the first retry
    is immediate; random = between minInterval and maxInterval, here derived from `seed` so that the same question has the same answer.
    """
    interval = policy.interval or ZERO
    if policy.type == "exponential":
        grown = interval * (int(policy.delay_factor) * (attempts - 1))
        return min(grown, policy.max_interval) if policy.max_interval is not None else grown
    if policy.type == "random":
        shortest = policy.min_interval or ZERO
        longest = max(policy.max_interval or shortest, shortest)
        return shortest + (longest - shortest) * fraction(seed, attempts)
    return interval


def next_date(policy: Retry, *, attempts: int, first_start: datetime, now: datetime, seed: str = "") -> datetime | None:
    """When the next attempt begins, None when there is none: `maxAttempt` counts the first try, `maxDuration` from when it began."""
    if policy.max_attempts is not None and attempts >= policy.max_attempts:
        return None
    date = now + delay(policy, attempts, seed)
    if policy.max_duration is not None and date > first_start + policy.max_duration:
        return None
    return date
