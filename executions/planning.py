"""Plans: what the dbt task of a flow would do, found out by a worker before anything is run; then the execution that does it."""

from __future__ import annotations

import logging
import shutil
import statistics
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from engine.document import Flow, Task
from engine.execution import Execution, TaskRun
from engine.states import State
from executions import claims, dispatch, executor, models, services, starting, working_directory, world
from executions.aside import AsideContext
from executions.context import Sink
from executions.dispatch import Outgoing
from executions.leftovers import GOOD, PLANNED, as_notes
from executions.logbook import LEVELS, Line
from executions.models import Plan
from flows import selectors as flow_selectors
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person
from plugins import catalog
from plugins.catalog import CATALOG
from plugins.contract import Narrowed, TaskFailed
from plugins.dbt import _plan
from plugins.dbt._events import read_time as moment
from plugins.dbt._narrowing import NODES
from plugins.dbt.cli.dbt_cli import DbtCLI
from ui.errors import Conflict, Forbidden, Invalid, Missing

LONGEST = timedelta(minutes=10)  # after it a plan that is not made is one that was lost
KEPT = timedelta(days=7)
HISTORY = 20  # executions from which durations are learned
WHAT_IF = (1, 2, 4, 8, 16)
GUESS = 0.2  # seconds of a node that never ran
OFFERED = 20  # nodes that are offered at once to be put in
HARMLESS = ("io.kestra.plugin.git.Clone",)  # what may be run before, so that the project is there
logger = logging.getLogger(__name__)


class NoPlan(Missing):
    """There is no such plan; they are forgotten after a week."""


class NotReady(Conflict):
    """The plan is not made, or its execution has begun already"""


class NotApproved(Conflict):
    """Somebody else than who made this plan must approve it first: give them the address of this page"""


class OwnPlan(Forbidden):
    """Somebody else than who made a plan approves it"""


class Settled(Conflict):
    """The plan is approved as it is: make another one"""


class NothingToPlan(Invalid):
    """This flow has no dbt task whose nodes can be told before: only a DbtCLI at the top or in a WorkingDirectory can be planned."""


# --- asking for one ---------------------------------------------------------------------------------------------------------------


def planned_task(flow: Flow) -> tuple[Task, Task | None] | None:
    """The first dbt task of a flow and the WorkingDirectory around it, if any."""
    for task in flow.tasks:
        if _is_dbt(task) and not task.disabled:
            return task, None
        if task.type.endswith(".WorkingDirectory"):
            inside = next((child for child in _children(task) if _is_dbt(child) and not child.disabled), None)
            if inside is not None:
                return inside, task
    return None


def _children(task: Task) -> tuple[Task, ...]:
    return tuple(child for branch in task.branches.values() for child in branch) if isinstance(task.branches, Mapping) else ()


def _is_dbt(task: Task) -> bool:
    try:
        return issubclass(catalog.find(task.type), DbtCLI)
    except catalog.CatalogError:
        return False


def ask(
    *, user: Person, namespace: str, flow_id: str, inputs: Mapping[str, Any], files: Mapping[str, services.File] | None = None,
    labels: Collection[tuple[str, str]] = (),
) -> Plan:  # fmt: skip
    """Have a worker find out what an execution with these inputs would do. Raises InvalidInput as a start does, and NothingToPlan."""
    rights.require(user, namespace, Role.MEMBER)
    flow = flow_selectors.parsed(namespace, flow_id)
    found = planned_task(flow)
    if found is None:
        raise NothingToPlan
    plan_id = world.new_id()
    known = starting.labels_of(flow, labels, correlation=plan_id)
    execution = starting.new(flow, inputs={**inputs, **services.uploads(files)}, labels=known, id=plan_id, starter=user)
    if execution.notes.get("refused"):
        raise Invalid(str(execution.notes["refused"]))
    Plan.objects.filter(created__lt=timezone.now() - KEPT).delete()
    plan = Plan.objects.create(
        id=plan_id, namespace=namespace, flow_id=flow_id, flow_revision=flow.revision, inputs=execution.inputs, labels=list(known),
        task_id=found[0].id, created_by_id=getattr(user, "pk", None),
    )  # fmt: skip
    dispatch.send([Outgoing("make_plan", plan.id)])
    return plan


def one(user: Person, plan_id: str) -> Plan:
    """A plan that this person may read; raises NoPlan."""
    plan = Plan.objects.filter(id=plan_id).first()
    if plan is None or not rights.allows(rights.role_of(user, plan.namespace), Role.READER):
        raise NoPlan
    return plan


def status(plan: Plan) -> str:
    """How it stands; one that no worker made in time has failed."""
    late = timezone.now() - plan.created > LONGEST
    return Plan.Status.FAILED if plan.status == Plan.Status.WAITING and late else plan.status


# --- making it, on a worker -------------------------------------------------------------------------------------------------------


def make(plan_id: str) -> None:
    """Find out what a plan asks. This is the outermost place, and so the only one that catches every Exception."""
    claims.start_beating()
    plan = Plan.objects.filter(id=plan_id, status=Plan.Status.WAITING).first()
    if plan is None:
        return
    changes: dict[str, Any] = {"status": Plan.Status.FAILED, "error": ""}
    try:
        changes = {"status": Plan.Status.READY, "result": _made(plan)}
    except TaskFailed as failure:
        changes["error"] = failure.message
    except Exception as error:
        logger.exception("The plan %s of %s.%s failed unexpectedly", plan.id, plan.namespace, plan.flow_id)
        changes["error"] = type(error).__name__
    Plan.objects.filter(id=plan.id).update(**changes)


def _made(plan: Plan) -> dict[str, Any]:
    flow = flow_selectors.parsed(plan.namespace, plan.flow_id, plan.flow_revision)
    found = planned_task(flow)
    if found is None:
        raise TaskFailed(NothingToPlan().message)
    task, around = found
    execution = _execution(plan)
    context = _PlanContext(flow, execution, task, plan.id)
    try:
        if around is not None:
            _prepare(flow, execution, around, task, plan.id)
        plugin = CATALOG.build(task)
        if not isinstance(plugin, DbtCLI):
            raise TaskFailed(NothingToPlan().message)
        return {**plugin.plan(context), "said": context.said}
    finally:
        shutil.rmtree(context.working_dir.parent, ignore_errors=True)


def _prepare(flow: Flow, execution: Execution, around: Task, task: Task, workspace: str) -> None:
    """What a WorkingDirectory has in it when the dbt task begins, as far as that can be had without changing anything elsewhere."""
    working_directory.open_(_PlanContext(flow, execution, around, workspace), around)
    for child in _children(around):
        if child.id == task.id:
            return
        if catalog.canonical(child.type) in HARMLESS and not child.disabled:
            context = _PlanContext(flow, execution, child, workspace)
            plugin: Any = CATALOG.build(child)
            plugin.run(context)
            context.hand_over()


def _execution(plan: Plan) -> Execution:
    now = timezone.now()
    labels = tuple((key, value) for key, value in plan.labels)
    known = {"inputs": plan.inputs, "labels": labels, "original_id": plan.id, "original_created": now}
    return Execution(plan.id, plan.namespace, plan.flow_id, plan.flow_revision, State.new(now), **known)


class _PlanContext(AsideContext):
    """A task's context in which nothing is told but to the plan."""

    def __init__(self, flow: Flow, execution: Execution, task: Task, workspace: str) -> None:
        self.said: list[str] = []
        run = TaskRun(f"{execution.id}-{task.id}", task.id, execution.state)
        super().__init__(flow, execution, {}, run, task, 0, workspace=workspace, sink=Sink(self._say))
        self.planned = "approved"  # nothing is built

    def _say(self, line: Line) -> None:
        if LEVELS[line.level] in ("WARN", "ERROR"):
            self.said = [*self.said[-19:], line.message]


# --- what it says -----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Past:
    """What the last executions of a flow tell of nodes, by unique id: the usual seconds, the last state where that was no success, when
    each began that last succeeded and with which variables, and up to when each source was loaded."""

    usual: dict[str, float] = field(default_factory=dict)
    troubled: dict[str, str] = field(default_factory=dict)
    began: dict[str, datetime] = field(default_factory=dict)
    variables: dict[str, Mapping[str, str]] = field(default_factory=dict)
    loaded: dict[str, datetime] = field(default_factory=dict)


def past_of(plan: Plan) -> Past:
    """What is known when it is asked."""
    recent = models.Execution.objects.filter(namespace=plan.namespace, flow_id=plan.flow_id).order_by("-created")
    ids = list(recent.values_list("id", flat=True)[:HISTORY])
    past, took = Past(), defaultdict[str, list[float]](list)
    rows = models.Step.objects.filter(execution_id__in=ids, kind__in=(*NODES, "source")).order_by("ended", "started")
    for data, state, started in rows.values_list("data", "state", "started").iterator(chunk_size=2000):
        unique_id = str(data.get("unique_id") or "")
        if loaded := moment(data.get("max_loaded_at")):
            past.loaded[unique_id] = loaded
        elif state not in GOOD:
            past.troubled[unique_id] = state
        else:
            past.troubled.pop(unique_id, None)
            past.variables[unique_id] = data.get("vars") or {}
            if started is not None:
                past.began[unique_id] = started
            if isinstance(data.get("duration"), int | float):
                took[unique_id].append(float(data["duration"]))
    past.usual = {unique_id: statistics.median(known) for unique_id, known in took.items()}
    return past


def _news(node: Mapping[str, Any], past: Past) -> list[str]:
    """What is other than when a node last succeeded, though its own definition need not be: variables, and data of its sources."""
    began = past.began.get(node["id"])
    if began is None:
        return []
    known, now = past.variables.get(node["id"], {}), node.get("vars") or {}
    news = [f"variable {name} changed" for name in now if known and known.get(name) != now[name]]
    newer = [one for one in node.get("parents", ()) if one in past.loaded and past.loaded[one] > began]
    return [*news, *(f"source {'.'.join(one.split('.')[2:])} is newer" for one in newer)]


def told(plan: Plan, dropped: Collection[str] = ()) -> dict[str, Any]:
    """The nodes with their reasons and usual seconds, and how long those that are not dropped take on how many threads."""
    past = past_of(plan)
    usual = past.usual
    guess = statistics.median(usual.values()) if usual else GUESS
    nodes = [*plan.result.get("nodes", []), *({**node, "why": "put in by hand"} for node in _others(plan) if node["id"] in plan.added)]
    kept = [node["id"] for node in nodes if node["id"] not in dropped]
    waits = _plan.gates(kept, {node["id"]: {"parents": node.get("parents", node.get("waits", ()))} for node in nodes})
    took = {node: usual.get(node, guess) for node in kept}
    threads = plan.result.get("threads", 1)
    counts = sorted({*WHAT_IF, threads})
    return {
        "nodes": [_row(node, past, dropped) for node in nodes],
        "kept": len(kept),
        "unknown": sum(node not in usual for node in kept),
        "threads": threads,
        "what_if": [(count, _plan.seconds(kept, waits, took, count), count == threads) for count in counts],
        "predicted": _plan.seconds(kept, waits, took, threads),
    }


def _row(node: Mapping[str, Any], past: Past, dropped: Collection[str]) -> dict[str, Any]:
    news = _news(node, past)
    trouble = {"FAILED": "failed last time", "SKIPPED": "was skipped last time", "KILLED": "was stopped last time"}
    return {
        **node,
        "type": _type(node),
        "why": "; ".join([node["why"].removesuffix(", unchanged") if news else node["why"], *news]),
        "seconds": past.usual.get(node["id"]),
        "trouble": trouble.get(past.troubled.get(node["id"], ""), ""),
        "dropped": node["id"] in dropped,
    }


def _type(node: Mapping[str, Any]) -> str:
    return str(node["id"]).partition(".")[0].replace("_", " ")


# --- putting nodes in, approving it, running it --------------------------------------------------------------------------------------


def _others(plan: Plan) -> list[dict[str, Any]]:
    """The nodes that the commands do not select and could take."""
    return list(plan.result.get("others", []))


def others(plan: Plan, wanted: str) -> list[dict[str, Any]]:
    """Some of the nodes that may be put in, whose name or path holds a text, those whose name begins with it first."""
    text = wanted.strip().lower()
    free = [{**node, "type": _type(node)} for node in _others(plan) if node["id"] not in plan.added]
    found = [node for node in free if text in node["name"].lower() or text in node["path"].lower()]
    return sorted(found, key=lambda node: (not node["name"].lower().startswith(text), node["name"]))[:OFFERED] if text else []


def put_in(*, user: Person, plan_id: str, node: str) -> Plan:
    """Have a plan take one more node of the project. Raises NotReady and Settled."""
    plan = _open(user, plan_id)
    if node not in {other["id"] for other in _others(plan)}:
        raise Missing("The project has no such node that the commands could take")
    plan.added = [*plan.added, *([] if node in plan.added else [node])]
    plan.save(update_fields=["added"])
    return plan


def approve(*, user: Person, plan_id: str, dropped: Collection[str] = ()) -> Plan:
    """Say that a plan may be run, without the nodes that were dropped. Raises OwnPlan, NotReady and Settled."""
    plan = _open(user, plan_id)
    if plan.created_by_id is not None and plan.created_by_id == getattr(user, "pk", None):
        raise OwnPlan
    plan.dropped = _left_out(plan, dropped)
    plan.approved, plan.approved_by_id = timezone.now(), getattr(user, "pk", None)
    plan.save(update_fields=["dropped", "approved", "approved_by"])
    return plan


def _open(user: Person, plan_id: str) -> Plan:
    """A plan that this person may still change."""
    plan = one(user, plan_id)
    rights.require(user, plan.namespace, Role.MEMBER)
    if status(plan) != Plan.Status.READY or models.Execution.objects.filter(id=plan.id).exists():
        raise NotReady
    if plan.approved:
        raise Settled
    return plan


def _left_out(plan: Plan, dropped: Collection[str]) -> list[str]:
    """Those of a plan's nodes that are dropped; never all of them."""
    known = {node["id"] for node in plan.result["nodes"]} | set(plan.added)
    left_out = sorted(known & set(dropped))
    if known and len(left_out) == len(known):
        raise Invalid("Every node was dropped: keep one at least")
    return left_out


def needs_approval(plan: Plan) -> bool:
    """Whether somebody else must still say that it may be run."""
    return plan.result.get("requires") == "approved" and plan.approved is None


def run(*, user: Person, plan_id: str, dropped: Collection[str] = ()) -> models.Execution:
    """Begin the execution of a plan, without the nodes that were dropped; an approved one as it was approved. Raises NotReady and
    NotApproved."""
    plan = one(user, plan_id)
    rights.require(user, plan.namespace, Role.MEMBER)
    if status(plan) != Plan.Status.READY or models.Execution.objects.filter(id=plan.id).exists():
        raise NotReady
    if needs_approval(plan):
        raise NotApproved
    left_out = frozenset(plan.dropped if plan.approved else _left_out(plan, dropped))
    narrowed = Narrowed(dropped=left_out - set(plan.added), failed=frozenset(plan.added) - left_out)  # what commands would not take, too
    notes: dict[str, Any] = {PLANNED: "approved" if plan.approved else "planned"}
    if narrowed != Narrowed():
        notes |= as_notes(plan.task_id, None, narrowed)
    flow = flow_selectors.parsed(plan.namespace, plan.flow_id, plan.flow_revision)
    dispatch.send(executor.start(replace(_execution(plan), notes=notes), flow, getattr(user, "pk", None)))
    return models.Execution.objects.get(id=plan.id)
