"""The columns of the list of executions: which there are, and which a person chose to see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from namespaces.models import User
from namespaces.rights import Person
from namespaces.services import people

SETTING = "execution_columns"


@dataclass(frozen=True, slots=True)
class Column:
    """A column beside state and name, which are always there; `usual` is shown to whoever chose nothing."""

    name: str
    label: str
    usual: bool = True
    number: bool = False


COLUMNS = (
    Column("what", "What happened"),
    Column("started", "Started"),
    Column("ended", "Ended", usual=False),
    Column("duration", "Duration", number=True),
    Column("by", "Started by"),
    Column("trigger", "Trigger", usual=False),
    Column("parent", "Parent", usual=False),
    Column("revision", "Revision", usual=False, number=True),
    Column("inputs", "Inputs", usual=False),
    Column("labels", "Labels"),
)


def chosen_by(user: Person) -> list[str] | None:
    """The names of the columns that a person chose, in the order of the list; None for who chose nothing."""
    kept = user.settings.get(SETTING) if isinstance(user, User) else None
    return [column.name for column in COLUMNS if column.name in kept] if isinstance(kept, list) else None


def shown_to(user: Person) -> list[Column]:
    """The columns that a person sees."""
    chosen = chosen_by(user)
    return [column for column in COLUMNS if (column.usual if chosen is None else column.name in chosen)]


def choose(*, user: User, names: Iterable[str] | None) -> None:
    """Keep which columns this person wants to see; None for the usual ones."""
    people.keep(user=user, name=SETTING, value=None if names is None else [one.name for one in COLUMNS if one.name in set(names)])
