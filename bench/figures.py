"""A measured value beside what it is meant to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in `unit`; the goal is met where it is not above `goal`, or not below it with `at_least`."""

    name: str
    value: float
    unit: str
    goal: float
    at_least: bool = False
    note: str = ""

    def __str__(self) -> str:
        met = self.value >= self.goal if self.at_least else self.value <= self.goal
        shown = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.3g}"
        note = f" ({self.note})" if self.note else ""
        return f"{self.name}: {shown} {self.unit}{note}; goal {'≥' if self.at_least else '≤'} {self.goal:g}{'' if met else ', MISSED'}"


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]
