"""The limits and settings of a rendering."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How far an expression may go, and how it behaves.

    `max_output`: characters a rendering may print. `max_work`: characters and list items it may make on the way;
    `max_nodes`: values inside the lists and maps it makes. `max_iterations`: rounds of all loops together.
    `max_steps`: operations, calls and names looked up. `max_depth`: macros and `render` inside each other.
    `time_zone`: the zone of dates that name none. `recursive`: what comes from a variable is rendered again, and
    `render` does not exist (Kestra's `kestra.variables.recursive-rendering`).
    """

    max_output: int = 10 * 1024 * 1024
    max_work: int = 100 * 1024 * 1024
    max_nodes: int = 1_000_000
    max_iterations: int = 100_000
    max_steps: int = 1_000_000
    max_depth: int = 30
    max_passes: int = 100
    max_template: int = 2 * 1024 * 1024
    time_zone: str = "UTC"
    recursive: bool = False


DEFAULTS = Options()
