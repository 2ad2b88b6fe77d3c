"""What conditions that are made of conditions share."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from plugins.contract import Condition, Facts, WrittenCondition


class Combined(Condition):
    """A condition that is decided by those inside it."""

    conditions: list[WrittenCondition] = Field(description="The conditions inside, one at least.", min_length=1)

    def inside(self, facts: Facts) -> Iterator[bool]:
        """Whether each holds, found out as far as one asks."""
        return (facts.build(one).holds(facts) for one in self.conditions)

    def by_day(self, facts: Facts) -> bool:
        """As all of those inside."""
        return all(facts.build(one).by_day(facts) for one in self.conditions)
