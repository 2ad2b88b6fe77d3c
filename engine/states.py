"""The states of executions, task runs, attempts and steps, and which moves between them are legal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

CREATED: Final = "CREATED"
RUNNING: Final = "RUNNING"
PAUSED: Final = "PAUSED"
RESTARTED: Final = "RESTARTED"
KILLING: Final = "KILLING"
SUCCESS: Final = "SUCCESS"
WARNING: Final = "WARNING"
FAILED: Final = "FAILED"
KILLED: Final = "KILLED"
CANCELLED: Final = "CANCELLED"
QUEUED: Final = "QUEUED"
RETRYING: Final = "RETRYING"
RETRIED: Final = "RETRIED"
SKIPPED: Final = "SKIPPED"

ALL: Final = (CREATED, RUNNING, PAUSED, RESTARTED, KILLING, SUCCESS, WARNING, FAILED, KILLED, CANCELLED, QUEUED, RETRYING, RETRIED, SKIPPED)
TERMINATED: Final = frozenset({FAILED, WARNING, SUCCESS, KILLED, CANCELLED, RETRIED, SKIPPED})
UNFINISHED: Final = frozenset(ALL) - TERMINATED

# Where a state may lead. A terminated one is left only by a restart or a replay, which pass through RESTARTED (RUNNING for the flowables
# above the restarted task run), or by somebody who sets another terminated state by hand.
MOVES: Final[dict[str, frozenset[str]]] = {
    CREATED: frozenset(ALL) - {CREATED},
    QUEUED: frozenset({RUNNING, CANCELLED, KILLING, KILLED, FAILED}),
    RUNNING: frozenset({PAUSED, KILLING, SUCCESS, WARNING, FAILED, KILLED, CANCELLED, RETRYING, RETRIED, SKIPPED, CREATED, RESTARTED}),
    PAUSED: frozenset({RUNNING, RESTARTED, KILLING, CREATED}) | TERMINATED,
    RESTARTED: frozenset({RUNNING, KILLING, PAUSED}) | TERMINATED,
    KILLING: frozenset({KILLED, FAILED, SUCCESS, WARNING, CANCELLED}),
    RETRYING: frozenset({CREATED, RUNNING, KILLING, PAUSED}) | TERMINATED,
    **{state: TERMINATED - {state} | {RESTARTED, RUNNING} for state in TERMINATED},
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A state and when it was entered (an aware UTC datetime)."""

    state: str
    date: datetime


@dataclass(frozen=True, slots=True)
class State:
    """A state with everything it went through, oldest first; never empty."""

    histories: tuple[Moment, ...]

    @classmethod
    def new(cls, now: datetime, state: str = CREATED) -> State:
        return cls((Moment(state, now),))

    @property
    def current(self) -> str:
        return self.histories[-1].state

    @property
    def start(self) -> datetime:
        return self.histories[0].date

    @property
    def end(self) -> datetime | None:
        """When it ended or paused, None while it goes on (Kestra shows `endDate` in exactly these cases)."""
        last = self.histories[-1]
        return last.date if last.state in TERMINATED or last.state == PAUSED else None

    @property
    def terminated(self) -> bool:
        return self.current in TERMINATED

    def duration(self, now: datetime) -> timedelta:
        """From the first to the last moment, or to `now` while there is only one (as Kestra counts)."""
        last = self.histories[-1].date if len(self.histories) > 1 else now
        return last - self.start

    def to(self, state: str, now: datetime) -> State:
        """This state after a move; setting the present state again changes nothing."""
        if state == self.current:
            return self
        return State((*self.histories, Moment(state, now)))
