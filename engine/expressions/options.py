"""The limits and settings of a rendering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How far an expression may go, and how it behaves.

    `max_output`: characters a rendering may print. `max_work`: characters and list items it may make on the way;
    `max_nodes`: values inside the lists and maps it writes. `max_iterations`: rounds of all loops together.
    `max_steps`: operations, calls and names looked up. `max_depth`: macros and `render` inside each other.
    `clock`: gives seconds; a rendering that has one may take `max_seconds` of them. `hands_on`: what goes beyond the limits, or runs a
    regular expression, is left to whoever can wait (WorldNeeded).
    `time_zone`: the zone of dates that name none. `recursive`: what comes from a variable is rendered again, and
    `render` does not exist (Kestra's `kestra.variables.recursive-rendering`).
    """

    max_output: int = 10 * 1024 * 1024
    max_work: int = 50 * 1024 * 1024
    max_nodes: int = 1_000_000
    max_iterations: int = 100_000
    max_steps: int = 1_000_000
    max_depth: int = 30
    max_passes: int = 100
    max_template: int = 2 * 1024 * 1024
    max_seconds: float = 0.8
    clock: Callable[[], float] | None = None
    hands_on: bool = False
    time_zone: str = "UTC"
    recursive: bool = False


DEFAULTS = Options()
# For whoever must not wait, such as the machine inside a transaction.
SHORT = Options(max_work=4 * 1024 * 1024, max_steps=20_000, max_iterations=20_000, max_nodes=100_000, hands_on=True)
