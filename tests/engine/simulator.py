"""A whole installation in memory: it carries out the machine's commands on a clock of its own, with tasks that only say, return or fail."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from engine import commands, events, folding
from engine.context import variables
from engine.document import Concurrency, Flow, Input, Listener, Output, Retry, Sla, Task
from engine.errors import ExpressionError
from engine.execution import Execution, TaskRun
from engine.expressions import render, render_any, truthy
from engine.expressions.values import parse_duration
from engine.machine import Table, advance
from engine.states import State
from plugins.core.flow.allow_failure import AllowFailure
from plugins.core.flow.dag import Dag
from plugins.core.flow.each_parallel import EachParallel
from plugins.core.flow.each_sequential import EachSequential
from plugins.core.flow.for_each import ForEach
from plugins.core.flow.for_each_item import TYPE as EACH_TYPE
from plugins.core.flow.for_each_item import ForEachItem, ForEachItemExecutable
from plugins.core.flow.if_ import If
from plugins.core.flow.loop_until import LoopUntil
from plugins.core.flow.parallel import Parallel
from plugins.core.flow.pause import Pause
from plugins.core.flow.sequential import Sequential
from plugins.core.flow.subflow import Subflow
from plugins.core.flow.switch import Switch
from plugins.core.flow.wait_for import WaitFor
from plugins.core.flow.working_directory import WorkingDirectory

START = datetime(2026, 1, 1, tzinfo=UTC)
FLOWABLES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        AllowFailure,
        Dag,
        EachParallel,
        EachSequential,
        ForEach,
        ForEachItem,
        If,
        LoopUntil,
        Parallel,
        Pause,
        Sequential,
        Subflow,
        Switch,
        WaitFor,
        WorkingDirectory,
    )
}
FLOWABLES[f"{EACH_TYPE}$ForEachItemExecutable"] = ForEachItemExecutable

# --- flows from short YAML: types without their package


def _retry(given: Mapping[str, Any] | None) -> Retry | None:
    if given is None:
        return None
    times = {name: parse_duration(given[key]) for key, name in _TIMES.items() if key in given}
    return Retry(
        type=given["type"],
        max_attempts=given.get("maxAttempt"),
        warning_on_retry=given.get("warningOnRetry", False),
        behavior=given.get("behavior", "RETRY_FAILED_TASK"),
        **times,
    )


_TIMES = {"interval": "interval", "maxInterval": "max_interval", "minInterval": "min_interval", "maxDuration": "max_duration"}


def task_of(given: Mapping[str, Any]) -> Task:
    """A task with its branches, as the parser would make it."""
    kind = FLOWABLES.get(given["type"])
    branches: dict[str, tuple[Task, ...]] = {}
    for name in kind.child_properties if kind is not None else ():
        inner = given.get(name)
        if name == "onPause" and inner:
            branches[name] = (task_of(inner),)
        elif name == "cases" and inner:
            branches |= {f"cases.{case}": tuple(map(task_of, tasks)) for case, tasks in inner.items()}
        elif inner:
            branches[name] = tuple(task_of(item.get("task", item)) for item in inner)
    for name, made in kind.generated(given).items() if kind is not None else ():
        branches[name] = tuple(task_of(each) for each in made)
    return Task(
        id=given["id"],
        type=given["type"],
        properties=dict(given),
        branches=branches,
        disabled=given.get("disabled", False),
        run_if=given.get("runIf"),
        allow_failure=given.get("allowFailure", False),
        allow_warning=given.get("allowWarning", False),
        retry=_retry(given.get("retry")),
    )


def _listener(given: Mapping[str, Any]) -> Listener:
    return Listener(tuple(map(task_of, given["tasks"])), tuple(given.get("conditions", ())))


def flow_of(text: str, **more: Any) -> Flow:
    """A flow from YAML."""
    given = {"id": "flow", "namespace": "tests", **yaml.safe_load(text), **more}
    concurrency = given.get("concurrency")
    return Flow(
        id=given["id"],
        namespace=given["namespace"],
        tasks=tuple(map(task_of, given["tasks"])),
        errors=tuple(map(task_of, given.get("errors", ()))),
        finally_=tuple(map(task_of, given.get("finally", ()))),
        after_execution=tuple(map(task_of, given.get("afterExecution", ()))),
        listeners=tuple(map(_listener, given.get("listeners", ()))),
        inputs=tuple(Input(entry["id"], entry["type"], defaults=entry.get("defaults")) for entry in given.get("inputs", ())),
        outputs=tuple(Output(entry["id"], entry["type"], entry["value"]) for entry in given.get("outputs", ())),
        variables=given.get("variables", {}),
        retry=_retry(given.get("retry")),
        concurrency=Concurrency(concurrency["limit"], concurrency.get("behavior", "QUEUE")) if concurrency else None,
        sla=tuple(
            Sla(
                entry["id"],
                entry["type"],
                entry["behavior"],
                duration=parse_duration(entry["duration"]) if "duration" in entry else None,
                assertion=entry.get("assert"),
                labels=tuple(entry.get("labels", {}).items()),
            )
            for entry in given.get("sla", ())
        ),
    )


def new_execution(flow: Flow, execution_id: str = "execution", **more: Any) -> Execution:
    """An execution of a flow that was just stored."""
    return Execution(execution_id, flow.namespace, flow.id, flow.revision, State.new(START), **more)


def advance_folded(
    flow: Flow, whole: Execution, away: set[str], event: events.Event, now: datetime, world: Mapping[str, Any] | None = None
) -> tuple[Execution, tuple[commands.Command, ...]]:
    """As `advance`, but the machine sees only what is not folded and folds afterwards; `away` holds the ids of what is folded."""
    if isinstance(event, events.RestartRequested | events.StateChangeRequested):
        whole = folding.unfolded(whole)
        away.clear()
    seen = replace(whole, task_runs=tuple(run for run in whole.task_runs if run.id not in away))
    table = Table(flow, seen, now, FLOWABLES, world=world or {})
    table.hear(event, now)
    decided = table.decide()
    kept = [run for run in whole.task_runs if run.id in away] + table.fold()
    away |= {run.id for run in kept}
    runs = sorted([*kept, *table.runs.values()], key=lambda run: run.position)
    after = replace(table.execution, task_runs=tuple(runs))
    return (whole if after == whole else after), decided


# --- the installation


@dataclass(slots=True)
class World:
    """Executions by id, what is under way by time, and everything that was commanded."""

    flows: dict[str, Flow] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    now: datetime = START
    agenda: list[tuple[datetime, int, str, events.Event]] = field(default_factory=list)
    commanded: list[tuple[str, commands.Command]] = field(default_factory=list)
    answers: dict[str, Callable[[TaskRun, Task], Any]] = field(default_factory=dict)
    parents: dict[str, tuple[str, str]] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    limit: int = 10_000
    _order: int = 0

    def start(self, flow: Flow, *, execution_id: str = "execution", **more: Any) -> Execution:
        self.flows[flow.id] = flow
        self.executions[execution_id] = replace(new_execution(flow, execution_id, **more), state=State.new(self.now))
        self.tell(events.ExecutionCreated(), execution_id)
        return self.executions[execution_id]

    def tell(self, event: events.Event, execution_id: str = "execution") -> Execution:
        """Tell the machine one event now and carry out what comes of it."""
        before = self.executions[execution_id]
        flow = self.flows[before.flow_id]
        after, decided = advance(flow, before, event, self.now, FLOWABLES, world=self.told)
        self.executions[execution_id] = after
        for command in decided:
            self.commanded.append((execution_id, command))
            self.carry_out(execution_id, flow, command)
        if after.state.terminated and not before.state.terminated:
            self._ended(after)
        return after

    def later(self, event: events.Event, execution_id: str = "execution", seconds: float = 0.001, at: datetime | None = None) -> None:
        self._order += 1
        heapq.heappush(self.agenda, (at or self.now + timedelta(seconds=seconds), self._order, execution_id, event))

    def step(self) -> bool:
        """Let the next thing on the agenda happen."""
        if not self.agenda:
            return False
        due, _, execution_id, event = heapq.heappop(self.agenda)
        self.now = max(self.now, due)
        self.tell(event, execution_id)
        return True

    def run(self, flow: Flow | str, **more: Any) -> Execution:
        """Start a flow and let everything happen; answers how it stands when nothing is left to happen."""
        execution_id = self.start(flow_of(flow) if isinstance(flow, str) else flow, **more).id
        return self.finish(execution_id)

    def finish(self, execution_id: str = "execution", until: str | None = None) -> Execution:
        for _ in range(self.limit):
            if until is not None and self.executions[execution_id].state.current == until:
                break
            if not self.step():
                break
        else:
            raise AssertionError("it never ends")
        return self.executions[execution_id]

    # --- carrying out

    def carry_out(self, execution_id: str, flow: Flow, command: commands.Command) -> None:
        match command:
            case commands.RunTask():
                self._work(execution_id, flow, command)
            case commands.WakeAt():
                self.later(events.TimerElapsed(command.key), execution_id, at=command.at)
            case commands.StopTask():
                self.later(events.TaskFailed(command.task_run_id, command.attempt, "stopped", state="KILLED"), execution_id)
            case commands.Evaluate():
                value = self.answers["world"](command, flow)
                self.later(events.Evaluated(command.task_run_id, command.property, value), execution_id)
            case commands.RenderOutputs():
                self._render_outputs(execution_id, flow)
            case commands.JudgeListener():
                holds = all(condition.get("holds", True) for condition in flow.listeners[command.number].conditions)
                self.later(events.ListenerJudged(command.number, holds), execution_id)
            case commands.AskSlot():
                self.later(events.SlotDecided(self._free(flow)), execution_id)
            case commands.StartExecution():
                self._start_child(execution_id, command)

    def _free(self, flow: Flow) -> bool:
        busy = sum(e.flow_id == flow.id and e.state.current in ("RUNNING", "PAUSED") for e in self.executions.values())
        return flow.concurrency is None or busy < flow.concurrency.limit

    def _render_outputs(self, execution_id: str, flow: Flow) -> None:
        context = variables(flow, self.executions[execution_id])
        try:
            outputs = {output.id: render_any(output.value, context) for output in flow.outputs}
        except ExpressionError as error:
            self.later(events.OutputsRendered(None, error.message), execution_id)
            return
        self.later(events.OutputsRendered(outputs), execution_id)

    def _start_child(self, execution_id: str, command: commands.StartExecution) -> None:
        child_id = f"{execution_id}-{len(self.executions)}"
        child = self.flows.get(command.flow_id)
        if child is None and command.task_run_id is not None:
            message = f"Unable to find flow '{command.namespace}'.'{command.flow_id}' with revision '{command.revision or 0}'"
            self.later(events.ChildEnded(command.task_run_id, "", "FAILED", message=message), execution_id)
            return
        assert child is not None
        if command.task_run_id is not None:
            self.parents[child_id] = execution_id, command.task_run_id
            self.later(events.ChildStarted(command.task_run_id, child_id), execution_id)
            self.executions[child_id] = new_execution(child, child_id, inputs=command.inputs or {})
        else:
            old = self.executions[command.replay_of or ""]
            self.executions[child_id] = new_execution(
                child,
                child_id,
                attempt_number=old.attempt_number + 1,
                parent_id=old.id,
                original_created=old.original_created or old.state.start,
            )
        self.later(events.ExecutionCreated(), child_id, at=command.schedule_date)

    def _ended(self, execution: Execution) -> None:
        if execution.id in self.parents:
            parent, run_id = self.parents[execution.id]
            self.later(events.ChildEnded(run_id, execution.id, execution.state.current, execution.outputs), parent)
        flow = self.flows[execution.flow_id]
        queued = next((e for e in self.executions.values() if e.flow_id == flow.id and e.state.current == "QUEUED"), None)
        if queued is not None and self._free(flow):
            self.later(events.SlotDecided(True), queued.id)

    def _work(self, execution_id: str, flow: Flow, command: commands.RunTask) -> None:
        ident = (command.task_run_id, command.attempt)
        self.later(events.TaskStarted(*ident, phase=command.phase), execution_id)
        if command.phase != "run":
            self.later(events.TaskSucceeded(*ident, phase=command.phase, outputs={}), execution_id, 0.002)
            return
        execution = self.executions[execution_id]
        run = execution.run(command.task_run_id)
        assert run is not None
        task = self._task(flow, execution, run)
        event, seconds = self._outcome(flow, execution, run, task)
        self.later(event, execution_id, 0.002 + seconds)

    def _task(self, flow: Flow, execution: Execution, run: TaskRun) -> Task:
        parent = execution.run(run.parent_id) if run.parent_id else None
        found = self._task(flow, execution, parent).branches[run.path] if parent is not None else flow.branches[run.path]
        return next(task for task in found if task.id == run.task_id)

    def _outcome(self, flow: Flow, execution: Execution, run: TaskRun, task: Task) -> tuple[events.Event, float]:
        number = run.attempts[-1].number
        context = variables(flow, execution, run, task=task)
        if task.type == "Exit":
            return events.TaskSucceeded(run.id, number, ends=task.properties["state"]), self._lasts(task)
        try:
            return events.TaskSucceeded(run.id, number, *self._do(run, task, context)), self._lasts(task)
        except (ExpressionError, _Failed) as error:
            return events.TaskFailed(run.id, number, str(error)), self._lasts(task)

    @staticmethod
    def _lasts(task: Task) -> float:
        return parse_duration(task.properties["duration"]).total_seconds() if "duration" in task.properties else 0

    def _do(self, run: TaskRun, task: Task, context: dict[str, Any]) -> tuple[Any, str]:
        given = task.properties
        if task.type in self.answers:
            return self.answers[task.type](run, task), "SUCCESS"
        if task.type == "Fail" and ("condition" not in given or truthy(render(given["condition"], context))):
            raise _Failed("Task failure")
        if task.type == "Return":
            return {"value": render(given["format"], context)}, "SUCCESS"
        if task.type == "OutputValues":
            return {"values": render_any(given["values"], context)}, "SUCCESS"
        if task.type == "Log":
            render(given.get("message", ""), context)
        return None, "WARNING" if task.type == "Warn" else "SUCCESS"


class _Failed(Exception):
    pass


# --- looking


def ids(execution: Execution) -> list[str]:
    """The task ids of an execution's task runs, in order of creation."""
    return [run.task_id for run in execution.task_runs]


def one(execution: Execution, task_id: str) -> TaskRun:
    """The first task run of a task."""
    return next(run for run in execution.task_runs if run.task_id == task_id)


def state_of(execution: Execution, task_id: str) -> str:
    return one(execution, task_id).state.current


def history(thing: Execution | TaskRun) -> list[str]:
    return [moment.state for moment in thing.state.histories]


def as_json(execution: Execution) -> str:
    """Notes and outputs must be storable."""
    return json.dumps([[run.notes, run.outputs] for run in execution.task_runs] + [execution.notes])
