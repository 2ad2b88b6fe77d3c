"""What is done to executions over HTTP: to one, to several by their ids, to all that a search finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from api import shapes
from api.doors import inputs_of, json_of, nothing, text_of, who
from api.executions import asked_for, fresh, start
from api.problems import refused_bulk
from executions import bulk, services
from executions import eval as evaluation
from executions.models import Execution
from executions.starting import Upload
from flows.models import Flow
from namespaces import rights
from namespaces.models import Role
from ui.errors import Conflict, Invalid, Missing

router = Router(tags=["executions"])


# --- to one -----------------------------------------------------------------------------------------------------------------


def _restart(request: HttpRequest, execution_id: str, revision: int | None = None) -> dict[str, Any]:
    return shapes.begun(services.restart(user=who(request), execution_id=execution_id, revision=revision))


def _replay(request: HttpRequest, execution_id: str, taskRunId: str = "", revision: int | None = None) -> dict[str, Any]:  # noqa: N803 -- Kestra's names
    return shapes.begun(services.replay(user=who(request), execution_id=execution_id, task_run_id=taskRunId or None, revision=revision))


def _replay_with_inputs(request: HttpRequest, execution_id: str, taskRunId: str = "", revision: int | None = None) -> dict[str, Any]:  # noqa: N803 -- the name is Kestra's
    values, files = inputs_of(request)
    given = {**values, **{name: Upload(upload.name, upload.file) for name, upload in files.items()}} or None
    found = services.replay(user=who(request), execution_id=execution_id, task_run_id=taskRunId or None, revision=revision, inputs=given)
    return shapes.begun(found)


def _kill(request: HttpRequest, execution_id: str, isOnKillCascade: bool = True) -> HttpResponse:  # noqa: N803 -- the name is Kestra's
    services.kill(user=who(request), execution_id=execution_id, cascade=isOnKillCascade)
    return nothing(202)


def _kill_action(request: HttpRequest, execution_id: str, isOnKillCascade: bool = True) -> dict[str, Any]:  # noqa: N803 -- the name is Kestra's
    return shapes.execution(services.kill(user=who(request), execution_id=execution_id, cascade=isOnKillCascade))


def _pause(request: HttpRequest, execution_id: str) -> HttpResponse:
    services.pause(user=who(request), execution_id=execution_id)
    return nothing()


def _pause_action(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    return shapes.execution(services.pause(user=who(request), execution_id=execution_id))


def _resume(request: HttpRequest, execution_id: str) -> HttpResponse:
    _resume_action(request, execution_id)
    return nothing()


def _resume_action(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    values, files = inputs_of(request)
    return shapes.execution(services.resume(user=who(request), execution_id=execution_id, inputs=values, files=files))


def _resume_from_breakpoint(request: HttpRequest, execution_id: str, breakpoints: str = "") -> dict[str, Any]:
    row = fresh(request, execution_id)
    rights.require(who(request), row.namespace, Role.MEMBER)
    raise Conflict(f"Execution '{execution_id}' is not suspended at a breakpoint, can't resume it")


def _validate_resume(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    values, _ = inputs_of(request)
    row = fresh(request, execution_id)
    checked = services.validate_resume(user=who(request), execution_id=execution_id, inputs=values)
    return {"id": row.flow_id, "namespace": row.namespace, "inputs": [shapes.checked_input(one) for one in checked]}


def _force_run(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    return shapes.execution(services.force_run(user=who(request), execution_id=execution_id))


def _unqueue(request: HttpRequest, execution_id: str, state: str = "RUNNING") -> dict[str, Any]:
    if state != "RUNNING":
        raise Invalid(f"A queued execution can be made RUNNING, not {state}: kill it to end it")
    return shapes.execution(services.unqueue(user=who(request), execution_id=execution_id))


def _state(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    asked = json_of(request)
    if not isinstance(asked, dict) or not isinstance(asked.get("taskRunId"), str) or not isinstance(asked.get("state"), str):
        raise Invalid('Expected {"taskRunId", "state"} in the body')
    row = services.set_state(user=who(request), execution_id=execution_id, task_run_id=asked["taskRunId"], state=asked["state"])
    return shapes.execution(row)


def _change_status(request: HttpRequest, execution_id: str, status: str) -> dict[str, Any]:
    return shapes.execution(services.change_status(user=who(request), execution_id=execution_id, status=status))


def _labels(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    return shapes.execution(services.set_labels(user=who(request), execution_id=execution_id, labels=_label_list(json_of(request))))


def _label_list(listed: Any) -> list[tuple[str, str]]:
    if not isinstance(listed, list) or not all(
        isinstance(one, dict) and isinstance(one.get("key"), str) and isinstance(one.get("value"), str) for one in listed
    ):
        raise Invalid('Expected a JSON list of {"key", "value"} in the body')
    return [(one["key"], one["value"]) for one in listed]


def _eval(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    return _evaluated(request, execution_id, None)


def _eval_task_run(request: HttpRequest, execution_id: str, task_run_id: str) -> dict[str, Any]:
    return _evaluated(request, execution_id, task_run_id)


def _evaluated(request: HttpRequest, execution_id: str, task_run_id: str | None) -> dict[str, Any]:
    row = fresh(request, execution_id)
    rights.require(who(request), row.namespace, Role.MEMBER)
    return evaluation.evaluate(user=who(request), execution_id=row.id, task_run_id=task_run_id, expression=text_of(request))


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do to one execution: by its older route and by the newer one below `actions`, which answers the execution."""

    path: str
    method: str
    view: Callable[..., Any]
    summary: str
    newer: Callable[..., Any] | None = None


ACTIONS = (
    Action("restart", "POST", _restart, "Run again what failed"),
    Action("replay", "POST", _replay, "Run again as a new execution, from the start or from a task run"),
    Action("replay-with-inputs", "POST", _replay_with_inputs, "Run again as a new execution with other inputs"),
    Action("kill", "DELETE", _kill, "Stop everything", newer=_kill_action),
    Action("pause", "POST", _pause, "Start nothing new", newer=_pause_action),
    Action("resume", "POST", _resume, "Go on", newer=_resume_action),
    Action("resume-from-breakpoint", "POST", _resume_from_breakpoint, "Go on from a breakpoint (there are none)"),
    Action("resume/validate", "POST", _validate_resume, "Check the inputs of a resume"),
    Action("force-run", "POST", _force_run, "Run in spite of a limit"),
    Action("unqueue", "POST", _unqueue, "Take out of the queue"),
    Action("state", "POST", _state, "Set the state of a task run"),
    Action("change-status", "POST", _change_status, "Set the state of an ended execution"),
    Action("labels", "POST", _labels, "Add labels to an ended execution"),
    Action("eval", "POST", _eval, "Render an expression as this execution sees it"),
    Action("eval/{task_run_id}", "POST", _eval_task_run, "Render an expression as this task run sees it"),
)


def _unless_a_flow(action: Action) -> Callable[..., Any]:
    """The action on its older route, where a flow called `state` or `labels` is started too: `POST /executions/{namespace}/{flow}`."""

    @wraps(action.view)
    def view(request: HttpRequest, execution_id: str, **given: Any) -> Any:
        known = Execution.objects.filter(id=execution_id).exists()
        if known or not Flow.objects.filter(namespace=execution_id, flow_id=action.path, deleted=False).exists():
            return action.view(request, execution_id, **given)
        asked = request.GET
        revision = asked.get("revision", "")
        return start(
            request,
            execution_id,
            action.path,
            labels=asked.getlist("labels"),
            wait=asked.get("wait") == "true",
            revision=int(revision) if revision.isdecimal() else None,
            scheduleDate=asked.get("scheduleDate", ""),
        )

    return view


def _register(action: Action) -> None:
    older = _unless_a_flow(action) if action.method == "POST" and "/" not in action.path else action.view
    name = action.path.replace("/", "_").replace("-", "_").replace("{task_run_id}", "task_run")
    for prefix, view, suffix in (("", older, ""), ("actions/", action.newer or action.view, "_action")):
        path = f"/{{execution_id}}/{prefix}{action.path}"
        router.add_api_operation(path, [action.method], view, summary=action.summary, operation_id=f"execution_{name}{suffix}")


for _action in ACTIONS:
    _register(_action)


# --- to several -------------------------------------------------------------------------------------------------------------

Given = Callable[[HttpRequest], dict[str, Any]]


def _nothing_given(request: HttpRequest) -> dict[str, Any]:
    return {}


def _newest(request: HttpRequest) -> dict[str, Any]:
    return {"newest": request.GET.get("latestRevision") == "true"}


def _purge(request: HttpRequest) -> dict[str, Any]:
    return {"storage_files": request.GET.get("deleteStorage", "true") != "false", "include_non_terminated": _with_open(request)}


def _with_open(request: HttpRequest) -> bool:
    return request.GET.get("includeNonTerminated") == "true"


def _new_labels(request: HttpRequest) -> dict[str, Any]:
    asked = json_of(request)
    return {"labels": _label_list(asked.get("executionLabels") if isinstance(asked, dict) else asked)}


def _new_status(request: HttpRequest) -> dict[str, Any]:
    return {"status": services.terminal(request.GET.get("newStatus", ""))}


@dataclass(frozen=True, slots=True)
class Bulk:
    """One thing to do to several executions: its word in addresses, and what the request says of how."""

    word: str
    method: str
    verb: bulk.Verb
    summary: str
    given: Given = _nothing_given

    def refuses(self, request: HttpRequest, row: Execution) -> str | None:
        """Why one execution cannot be treated."""
        return None if self.verb is bulk.VERBS["delete"] and _with_open(request) else self.verb.refuses(row)


BULKS = (
    Bulk("kill", "DELETE", bulk.VERBS["kill"], "Kill several executions"),
    Bulk("restart", "POST", bulk.VERBS["restart"], "Restart several executions"),
    Bulk("replay", "POST", bulk.VERBS["replay"], "Replay several executions", _newest),
    Bulk("pause", "POST", bulk.VERBS["pause"], "Pause several executions"),
    Bulk("resume", "POST", bulk.VERBS["resume"], "Resume several executions"),
    Bulk("force-run", "POST", bulk.VERBS["run-now"], "Force several executions to run"),
    Bulk("unqueue", "POST", bulk.VERBS["unqueue"], "Take several executions out of the queue"),
    Bulk("change-status", "POST", bulk.VERBS["change-status"], "Set the state of several executions", _new_status),
    Bulk("labels", "POST", bulk.VERBS["labels"], "Add labels to several executions", _new_labels),
    Bulk("", "DELETE", bulk.VERBS["delete"], "Delete several executions", _purge),
)


def _ids_of(request: HttpRequest) -> list[str]:
    """The body: a JSON list of ids; that of labels carries them as `executionsId`."""
    asked = json_of(request)
    ids = asked.get("executionsId") if isinstance(asked, dict) else asked
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise Invalid("Expected a JSON list of ids in the body")
    if len(ids) > bulk.MOST:
        raise Invalid(f"At most {bulk.MOST} executions at once, got {len(ids)}")
    return list(dict.fromkeys(ids))


def _by_ids(one: Bulk) -> Callable[[HttpRequest], Any]:
    """All or nothing: 400 with each id that is missing or in a wrong state, else the count."""

    def view(request: HttpRequest) -> Any:
        ids = _ids_of(request)
        rows = {execution_id: _treatable(request, execution_id) for execution_id in ids}
        refused = {execution_id: reason for execution_id, row in rows.items() if (reason := _reason(request, one, row))}
        if not refused:  # who may not is told nothing about the rest of the request
            treated = [row for row in rows.values() if row is not None]
            outcome = bulk.apply(who(request), treated, one.verb, **one.given(request))
            if outcome.count or not ids:
                return {"count": outcome.count}
            refused = {execution_id: reason for reason, refusing in outcome.refused.items() for execution_id in refusing}
        return refused_bulk(request, one.word or "delete", "execution", refused)

    return view


def _treatable(request: HttpRequest, execution_id: str) -> Execution | None:
    """The execution with the right to change it; None where there is none."""
    try:
        row = fresh(request, execution_id)
    except Missing:
        return None
    rights.require(who(request), row.namespace, Role.MEMBER)
    return row


def _reason(request: HttpRequest, one: Bulk, row: Execution | None) -> str | None:
    return "execution not found" if row is None else one.refuses(request, row)


def _by_query(one: Bulk) -> Callable[[HttpRequest], Any]:
    """What the search finds and is in a fitting state; the count says how many that were."""

    def view(request: HttpRequest) -> Any:
        given = one.given(request)
        rows = [row for row in asked_for(request)[: bulk.MOST] if _may_change(request, row) and one.refuses(request, row) is None]
        return {"count": bulk.apply(who(request), rows, one.verb, **given).count}

    return view


def _may_change(request: HttpRequest, row: Execution) -> bool:
    return rights.allows(rights.role_of(who(request), row.namespace), Role.MEMBER)


for _bulk in BULKS:
    _start = f"/{_bulk.word}" if _bulk.word else ""
    _name = _bulk.word.replace("-", "_") or "delete"
    router.add_api_operation(
        f"{_start}/by-ids", [_bulk.method], _by_ids(_bulk), summary=_bulk.summary, operation_id=f"executions_{_name}_by_ids"
    )
    router.add_api_operation(
        f"{_start}/by-query",
        [_bulk.method],
        _by_query(_bulk),
        summary=f"{_bulk.summary} that a search finds",
        operation_id=f"executions_{_name}_by_query",
    )
