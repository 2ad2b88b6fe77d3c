"""What colours the nodes of a graph: how they and their tests ended, how fresh what feeds them is, how long they took."""

from __future__ import annotations

from functools import cached_property

from catalog.graph import TESTS
from catalog.joining import Joined
from catalog.models import Outcome

FRESHNESS = {"pass": "SUCCESS", "warn": "WARNING", "error": "FAILED", "runtime error": "FAILED"}  # the worse after the better
WORSE = ("FAILED", "WARNING")  # of states, the worst first
HEATS = 5


class Painting:
    """The colours of all nodes of projects that were joined; each of its parts is read when it is asked for."""

    def __init__(self, met: Joined) -> None:
        self._met = met

    @cached_property
    def _ended(self) -> dict[str, tuple[str, str, float | None]]:
        rows = Outcome.objects.filter(project__in=self._met.projects).values_list("project_id", "unique_id", "state", "status", "seconds")
        project_of = self._met.project_of
        return {name: (state, status, seconds) for project, name, state, status, seconds in rows if project_of.get(name) == project}

    @cached_property
    def _fresh(self) -> dict[str, str]:
        """Sources by dbt's word for their freshness."""
        rows = Outcome.objects.filter(project__in=self._met.projects).exclude(freshness={})
        found = rows.values_list("project_id", "unique_id", "freshness")
        return {name: str(told.get("status")) for project, name, told in found if self._met.project_of.get(name) == project}

    @cached_property
    def _fed(self) -> dict[str, str]:
        graph, found = self._met.graph, {}
        for status, state in FRESHNESS.items():
            sources = [name for name, word in self._fresh.items() if word == status]
            found |= dict.fromkeys(graph.around(sources, graph.children), state)
        return found

    @cached_property
    def _heats(self) -> dict[str, int]:
        members = self._met.graph.members
        timed = sorted((seconds, name) for name, (_, _, seconds) in self._ended.items() if seconds and members[name].kind not in TESTS)
        return {name: place * HEATS // len(timed) + 1 for place, (_, name) in enumerate(timed)}

    @cached_property
    def statuses(self) -> dict[str, str]:
        """dbt's last word on each node that ran."""
        return {name: status for name, (_, status, _) in self._ended.items() if status}

    def seconds(self, name: str) -> float | None:
        """How long the last run of a node took."""
        return self._ended[name][2] if name in self._ended else None

    def state(self, name: str) -> str:
        """How a node and its tests ended, the worst of it; of a source without a run how fresh it is."""
        graph, ended = self._met.graph, self._ended
        states = [ended[one][0] for one in graph.children.get(name, ()) if graph.members[one].kind in TESTS and one in ended]
        own = ended[name][0] if name in ended else ""
        states.append(own or FRESHNESS.get(self._fresh.get(name, ""), ""))
        return next((state for state in WORSE if state in states), own or ("SUCCESS" if "SUCCESS" in states else ""))

    def freshness(self, name: str) -> str:
        """Of a source how fresh it is, of any other node the worst of those above it; as a state."""
        return self._fed.get(name, "")

    def heat(self, name: str) -> int:
        """The duration of a node among the others: 1 for the quickest fifth to 5, 0 where it never ran."""
        return self._heats.get(name, 0)
