"""One thing done to many executions: which of them it fits, each by the service that does it to one alone, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import restart, states
from executions import services
from executions.models import Execution
from flows import selectors as flow_selectors
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person
from ui.errors import KestraError

MOST = 10_000  # executions of one bulk action
NAMED = 5  # that are named for each reason
Reason = Callable[[Execution], str | None]


def never(row: Execution) -> str | None:
    """There is nothing against it."""
    return None


def unless(*wanted: str) -> Reason:
    """Only those in one of these states."""
    return lambda row: None if row.state in wanted else f"execution is {row.state}, not {' or '.join(sorted(wanted))}"


def if_open(row: Execution) -> str | None:
    """Not those that go on."""
    return None if row.state in states.TERMINATED else "execution not terminated"


def if_ended(row: Execution) -> str | None:
    """Not those that have ended."""
    return "execution already terminated" if row.state in states.TERMINATED else None


def unless_restartable(row: Execution) -> str | None:
    """Only those that have ended, or are paused, with something to begin with."""
    if row.state != states.PAUSED and row.state not in states.TERMINATED:
        return if_open(row)
    found = row.task_runs.filter(state__in=restart.AGAIN).exists()
    return None if found else services.NothingToRestart().message


@dataclass(frozen=True, slots=True)
class Verb:
    """Something to do; `done` says what has been done, `refuses` why one execution cannot be treated."""

    done: str
    refuses: Reason
    act: Callable[..., Any]


def _replay(*, user: Person, execution_id: str, newest: bool = False) -> Any:
    row = Execution.objects.only("namespace", "flow_id").get(id=execution_id)
    revision = flow_selectors.flow(row.namespace, row.flow_id).revision if newest else None
    return services.replay(user=user, execution_id=execution_id, revision=revision)


VERBS: Mapping[str, Verb] = {
    "restart": Verb("restarted", unless_restartable, services.restart),
    "replay": Verb("replayed", never, _replay),
    "kill": Verb("being stopped", if_ended, services.kill),
    "delete": Verb("deleted", if_open, services.delete),
    "pause": Verb("being paused", unless(states.RUNNING), services.pause),
    "resume": Verb("resumed", unless(states.PAUSED), services.resume),
    "run-now": Verb("started", if_ended, services.force_run),
    "unqueue": Verb("taken from the queue", unless(states.QUEUED), services.unqueue),
    "labels": Verb("labelled", if_open, services.set_labels),
    "change-status": Verb("changed", if_open, services.change_status),
}


@dataclass(slots=True)
class Outcome:
    """How many were treated, and the names of the others by the reason why not."""

    count: int = 0
    refused: dict[str, list[str]] = field(default_factory=dict)
    shown: int | None = None  # characters of a name that are enough for people

    def refuse(self, name: str, reason: str) -> None:
        """One more that cannot be treated."""
        self.refused.setdefault(reason, []).append(name)

    def add(self, other: Outcome) -> None:
        """What came of some more."""
        self.count += other.count
        for reason, names in other.refused.items():
            self.refused.setdefault(reason, []).extend(names)


def fitting(user: Person, rows: Iterable[Execution], verb: Verb) -> tuple[list[Execution], Outcome]:
    """Those that it can be done to as far as roles and states tell, and why not to the others; nothing is changed."""
    fit: list[Execution] = []
    outcome = Outcome(shown=8)
    roles: dict[str, bool] = {}
    for row in rows:
        if row.namespace not in roles:
            roles[row.namespace] = rights.allows(rights.role_of(user, row.namespace), Role.MEMBER)
        reason = verb.refuses(row) if roles[row.namespace] else rights.RoleTooLow().message
        if reason is None:
            fit.append(row)
        else:
            outcome.refuse(row.id, reason)
    return fit, outcome


def apply(user: Person, rows: Iterable[Execution], verb: Verb, **given: Any) -> Outcome:
    """Do it to each; one that refuses does not keep the others from it. `given` is what the service is told besides."""
    outcome = Outcome(shown=8)
    for row in rows:
        try:
            verb.act(user=user, execution_id=row.id, **given)
            outcome.count += 1
        except KestraError as error:
            outcome.refuse(row.id, error.message)
    return outcome
