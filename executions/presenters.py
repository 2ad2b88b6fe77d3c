"""What pages say about executions: the sentence of the column What happened, which actions a state allows, facts. No queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.states import TERMINATED, UNFINISHED
from executions.gantt import first_line
from executions.models import Execution
from executions.time_axis import moment_of
from ui import formats

NOT_STEPS = frozenset({"SKIPPED"})


@dataclass(frozen=True, slots=True)
class Action:
    """A button: `name` is the URL name and the POST verb; with `confirm` it asks first."""

    name: str
    label: str
    icon: str
    kind: str = ""
    confirm: str = ""
    text: str = ""


PAUSE = Action("pause", "Pause", "pause")
RESUME = Action("resume", "Resume", "play", "primary")
KILL = Action(
    "kill", "Kill", "circle-stop", "danger", "Kill this execution?", "Running tasks are stopped. Steps that have ended keep their rows."
)
RESTART = Action(
    "restart",
    "Restart",
    "rotate-ccw",
    "primary",
    "Restart this execution?",
    "The same execution goes on from its failed tasks; what succeeded is kept.",
)
REPLAY = Action("replay", "Replay", "copy", "", "Replay this execution?", "A new execution starts from the beginning with the same inputs.")
RESUME_DBT = Action(
    "resume_dbt",
    "Resume from failure",
    "skip-forward",
    "primary",
    "Resume from failure?",
    "A new execution goes on from the dbt task with the same inputs. {done} of its nodes had succeeded and are left out; "
    "what failed, was skipped or never began is run.",
)
FORCE = Action(
    "force_run",
    "Run now",
    "fast-forward",
    "",
    "Run it now?",
    "It leaves the queue or its pause at once, whatever the limit of the flow says.",
)
UNQUEUE = Action("unqueue", "Take from the queue", "list-checks", "", "Start it now?", "The limit of concurrent executions is passed over.")
DELETE = Action(
    "delete",
    "Delete",
    "trash-2",
    "danger",
    "Delete this execution?",
    "Its log lines, metrics and files are deleted with it. This cannot be undone.",
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A verb as the bar and its dialog offer it; `asks` names what the dialog asks for besides."""

    name: str
    label: str
    icon: str
    text: str
    kind: str = ""
    asks: str = ""


OFFERS = (
    Offer("restart", "Restart", "rotate-ccw", "Each goes on from its failed tasks; what succeeded is kept."),
    Offer("replay", "Replay", "copy", "A new execution starts for each, with the same inputs.", asks="revision"),
    Offer("kill", "Kill", "circle-stop", "Running tasks are stopped, and what they started with them.", "danger"),
    Offer("delete", "Delete", "trash-2", "Log lines, metrics and files are deleted with them. This cannot be undone.", "danger"),
    Offer("pause", "Pause", "pause", "What runs now is finished, and nothing new is started."),
    Offer("resume", "Resume", "play", "Each goes on after the task that paused it. One that asks for inputs is resumed on its own page."),
    Offer("run-now", "Run now", "fast-forward", "They leave the queue or their pause at once, whatever the limit of the flow says."),
    Offer("unqueue", "Take from the queue", "list-checks", "The limit of concurrent executions is passed over."),
    Offer("labels", "Add labels", "tag", "They are added to those that an execution has, over those of the same key.", asks="labels"),
    Offer(
        "change-status",
        "Change state",
        "circle-dot",
        "Only what is said of them changes: nothing is run again, and flows that wait for their end are not started.",
        asks="status",
    ),
)
FLOW_OFFERS = (
    Offer("enable", "Enable", "play", "They may be executed again, and their triggers start them again."),
    Offer("disable", "Disable", "power", "Nobody and nothing may execute them until they are enabled again."),
    Offer("delete", "Delete", "trash-2", "Their executions and revisions stay; each can be restored from its revisions.", "danger"),
)
DIRECT = 4  # of OFFERS are buttons of the bar; the others are in its menu


def actions(state: str, *, may: bool, can_restart: bool) -> tuple[list[Action], list[Action]]:
    """The buttons of the header and those of its menu, for someone who may act or not. `can_restart`: it has something to restart."""
    if not may:
        return [], []
    buttons: list[Action] = []
    menu: list[Action] = []
    if state == "RUNNING":
        buttons.append(PAUSE)
    if state == "PAUSED":
        buttons.append(RESUME)
    if state in UNFINISHED and state != "KILLING":
        buttons.append(KILL)
    if state in TERMINATED:
        buttons.append(REPLAY)
        if can_restart:
            buttons.append(RESTART)
    if state == "QUEUED":
        menu.append(UNQUEUE)
    if state in ("CREATED", "PAUSED"):
        menu.append(FORCE)
    if state in TERMINATED:
        menu.append(DELETE)
    return buttons, menu


def duration_of(execution: Execution, now: datetime) -> timedelta:
    """How long it took, or has been going on."""
    return (execution.ended or now) - execution.created


def what_happened(execution: Execution, steps: Mapping[str, int], task_runs: Mapping[str, int], doing: str) -> str:
    """One sentence for lists: why it failed, how far it is, what it waits for, how much it did."""
    state = execution.state
    if state == "QUEUED":
        return f"waits for other executions of {execution.flow_id}"
    if state == "CREATED":
        return f"starts at {formats.precise(execution.schedule_date)}" if execution.schedule_date else "waits for a worker"
    if state == "PAUSED":
        return f"waits at task {doing}" if doing else "paused"
    if state in UNFINISHED:
        return progress(steps, task_runs, doing)
    if execution.error:
        return first_line(execution.error, 200)
    return amount(steps, task_runs)


def progress(steps: Mapping[str, int], task_runs: Mapping[str, int], doing: str) -> str:
    """`task dbt_build, 35 of 53 steps`: where a running execution is."""
    parts = [f"task {doing}"] if doing else []
    total = sum(steps.values())
    if total:
        done = sum(count for state, count in steps.items() if state in TERMINATED)
        parts.append(f"{formats.number(done)} of {formats.plural(total, 'step')} begun" if done < total else formats.plural(total, "step"))
    return ", ".join(parts) or "starting"


def amount(steps: Mapping[str, int], task_runs: Mapping[str, int]) -> str:
    """`53 steps, 1 warning` or `9 task runs`: what an execution did."""
    counted, word = (steps, "step") if steps else (task_runs, "task run")
    total = sum(counted.values())
    if not total:
        return ""
    extras = [
        f"{formats.number(counted[state])} {word_}"
        for state, word_ in (("FAILED", "failed"), ("WARNING", "with a warning"), ("SKIPPED", "skipped"))
        if counted.get(state)
    ]
    return ", ".join([formats.plural(total, word), *extras])


def started_by(execution: Execution) -> tuple[str, str]:
    """Icon and name of who or what started it."""
    trigger = execution.trigger or {}
    if trigger.get("id"):
        kind = str(trigger.get("type", ""))
        return ("corner-down-right" if execution.caller_id else "calendar-clock" if "chedule" in kind else "zap", str(trigger["id"]))
    if execution.created_by is not None:
        return "user", str(execution.created_by)
    return ("corner-down-right", "another execution") if execution.parent_id else ("server", "the system")


@dataclass(frozen=True, slots=True)
class StateMoment:
    """One line of the history of states: `after` since the one before."""

    state: str
    date: datetime
    after: timedelta | None


def history(histories: Sequence[Sequence[str]]) -> list[StateMoment]:
    """The states that something went through."""
    moments = [(state, moment_of(date)) for state, date in histories]
    return [StateMoment(state, date, date - moments[place - 1][1] if place else None) for place, (state, date) in enumerate(moments)]


def notes(header: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Icon and text of what attempts said about how they ran."""
    icons = {
        "runner": "box",
        "rights": "shield-alert",
        "image": "container",
        "git": "git-commit-horizontal",
        "source": "git-branch",
        "environment": "package",
        "warnings": "triangle-alert",
        "dbt": "gauge",
    }
    return [(icons.get(key, "info"), str(text)) for key, text in header.items() if text]


def flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Nested mappings as dotted names: `{"a": {"b": 1}}` → `[("a.b", 1)]`; lists stay whole."""
    if isinstance(value, dict) and value:
        return [pair for key, inner in value.items() for pair in flat(inner, f"{prefix}.{key}" if prefix else str(key))]
    return [(prefix, value)]


ENCRYPTED = "io.kestra.datatype:aes_encrypted"
HIDDEN = "•••••• (secret)"


def display(value: Any) -> Any:
    """A value of inputs or outputs as people may see it: encrypted ones only say that they are there."""
    if isinstance(value, dict):
        if value.get("type") == ENCRYPTED:
            return HIDDEN
        return {key: display(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [display(inner) for inner in value]
    return value


def meter(counts: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """A bar of shares: `[(state, x, width), …]` in percent, terminated states first."""
    total = sum(counts.values())
    ended = ("SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "SKIPPED", "RETRIED")
    order = (*ended, "RUNNING", "RESTARTED", "RETRYING", "KILLING", "PAUSED")
    made: list[tuple[str, str, str]] = []
    at = 0.0
    for state in order:
        share = 100 * counts.get(state, 0) / total if total else 0
        if share:
            made.append((state, f"{at:.2f}%", f"{max(share - 0.2, 0.3):.2f}%"))
            at += share
    return made


def waiting_for(execution: Execution) -> str:
    """Why nothing is drawn yet."""
    if execution.state == "QUEUED":
        return f"The flow {execution.flow_id} allows only so many executions at once; this one starts when another ends."
    if execution.state == "CREATED":
        if execution.schedule_date:
            return f"It is scheduled for {formats.precise(execution.schedule_date)}."
        return "It waits for a worker. If this lasts, look whether a worker is running."
    if execution.state in TERMINATED:
        return first_line(execution.error) or "This execution ended before a task began."
    return "The first task is about to begin."


def ran(histories: Sequence[Sequence[str]]) -> timedelta | None:
    """From the first RUNNING to the end; None for what goes on or never ran."""
    began = next((date for state, date in histories if state == "RUNNING"), None)
    if began is None or not histories or histories[-1][0] not in TERMINATED:
        return None
    return moment_of(histories[-1][1]) - moment_of(began)
