"""Inventing flows from a row of bytes, so that Hypothesis can make them fast and make them small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from engine.document import Concurrency, Flow, Retry, Sla, Task

T = TypeVar("T")
STEERING = ["Sequential", "Parallel", "If", "Switch", "ForEach", "WorkingDirectory", "AllowFailure", "Pause", "Subflow", "EachParallel"]
KINDS = [*STEERING, "Dag", "LoopUntil"]
RUN_IFS = [*[None] * 16, "true", "{{ false }}", "{{ nothing.here }}", "{{ kv('x') }}"]
VALUES: list[Any] = [["x"], ["x", "y"], "[]", '["x", "y", "x"]', "oops"]


class Inventor:
    """Makes choices from the bytes; when they are used up it chooses the first, and plainest, of what there is."""

    def __init__(self, choices: bytes) -> None:
        self.choices: Iterator[int] = iter(choices)
        self.names = 0

    def upto(self, highest: int) -> int:
        return next(self.choices, 0) % (highest + 1)

    def one(self, options: Sequence[T]) -> T:
        return options[self.upto(len(options) - 1)]

    def seldom(self, times: int) -> bool:
        """True about once in so many times."""
        return self.upto(times - 1) == times - 1

    def flow(self) -> Flow:
        return Flow(
            "flow",
            "tests",
            self.tasks(3),
            errors=self.tasks(1) if self.seldom(2) else (),
            finally_=self.tasks(1) if self.seldom(4) else (),
            retry=self.retry(),
            after_execution=self.tasks(1) if self.seldom(4) else (),
            concurrency=Concurrency(1, self.one(["QUEUE", "QUEUE", "CANCEL", "FAIL"])) if self.seldom(6) else None,
            sla=self.sla() if self.seldom(5) else (),
        )

    def sla(self) -> tuple[Sla, ...]:
        behavior = self.one(["NONE", "FAIL", "CANCEL"])
        if self.seldom(2):
            return (Sla("asserted", "EXECUTION_ASSERTION", behavior, assertion=self.one(["{{ true }}", "{{ kv('x') }}", "{{ false }}"])),)
        return (Sla("timed", "MAX_DURATION", behavior, duration=timedelta(seconds=1), labels=(("late", "yes"),)),)

    def tasks(self, depth: int, *, plain: bool = False) -> tuple[Task, ...]:
        return tuple(self.task(depth, plain=plain) for _ in range(1 + self.upto(3)))

    def task(self, depth: int, *, plain: bool = False) -> Task:
        self.names += 1
        name = f"t{self.names}"
        steering = depth > 0 and not plain and self.seldom(2)
        kind = self.one(KINDS) if steering else "Work"
        properties, branches = self.inside(kind, depth - 1) if steering else ({}, {})
        return Task(
            id=name,
            type=kind,
            properties=properties,
            branches=branches,
            disabled=self.seldom(10),
            run_if=self.one(RUN_IFS),
            allow_failure=self.seldom(6),
            retry=self.retry(),
        )

    def retry(self) -> Retry | None:
        if not self.seldom(3):
            return None
        return Retry(type=self.one(["constant", "exponential"]), interval=timedelta(seconds=1), max_attempts=1 + self.upto(2))

    def inside(self, kind: str, depth: int) -> tuple[dict[str, Any], dict[str, tuple[Task, ...]]]:
        """The properties and branches of a flowable."""
        if kind == "Subflow":
            return {"namespace": "tests", "flowId": "child", "wait": not self.seldom(3)}, {}
        branches: dict[str, tuple[Task, ...]] = {}
        if kind == "If":
            branches |= {"then": self.tasks(depth), "else": self.tasks(depth)}
        else:
            branches["cases.a" if kind == "Switch" else "tasks"] = self.tasks(depth, plain=kind == "WorkingDirectory")
        if kind == "Pause" and self.seldom(2):
            branches["onPause"] = self.tasks(depth)[:1]
        if self.seldom(3):
            branches["errors"] = self.tasks(depth)
        if self.seldom(4):
            branches["finally"] = self.tasks(depth)
        return self.properties(kind, branches), branches

    def properties(self, kind: str, branches: dict[str, tuple[Task, ...]]) -> dict[str, Any]:
        match kind:
            case "If":
                return {"condition": self.one(["{{ true }}", "{{ false }}", "{{ kv('x') }}", "{{ nothing.here }}"])}
            case "Switch":
                return {"value": self.one(["a", "b", "{{ 'a' }}"])}
            case "ForEach":
                return {"values": self.one(VALUES), "concurrencyLimit": self.upto(2)}
            case "EachParallel":
                return {"value": self.one(VALUES), "concurrent": self.upto(2)}
            case "Parallel":
                return {"concurrent": self.upto(2)}
            case "Pause":
                return self.one([{}, {"delay": "PT1S"}, {"timeout": "PT1S"}])
            case "LoopUntil":
                often = {"interval": "PT1S", "maxIterations": 1 + self.upto(2)}
                condition = self.one(["{{ true }}", "{{ false }}", "{{ kv('x') }}", "{{ nothing.here }}"])
                return {"condition": condition, "checkFrequency": often, "failOnMaxReached": self.seldom(2)}
            case "Dag":
                first, *others = branches["tasks"]
                return {"tasks": [{"task": {"id": inner.id}, "dependsOn": [first.id]} for inner in others]}
        return {}
