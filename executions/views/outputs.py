"""The Outputs tab: what each task run gave, and files to look into and download."""

from __future__ import annotations

import csv
import io
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import FileResponse, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from engine.expressions.completion import member
from executions import gantt, long_loops, presenters, selectors, storage
from executions.execution_context import page_context
from executions.models import Execution, TaskRun
from executions.views._pauses import pauses
from namespaces.rights import login_required
from ui.htmx import page
from ui.paging import paginate

PREVIEW = 256 * 1024  # bytes
ROWS = 200
RUNS = 50  # task runs listed at once
SANDBOX = "default-src 'none'; sandbox"  # a file that someone's task wrote never acts as a page of ours
TREE = 3000  # values drawn for one task run


@dataclass(frozen=True, slots=True)
class Value:
    """One line of the tree of values; `path` is what an expression would say, `file` its page when it is a file of ours."""

    name: str
    path: str
    depth: int
    value: Any
    is_branch: bool
    file: str = ""


@login_required
@require_GET
def outputs(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Task runs with outputs, the values of the chosen one, the expression tester."""
    execution = selectors.execution(request.user, execution_id)
    asked = request.GET.get("q", "").strip()
    given = TaskRun.objects.filter(execution=execution).exclude(outputs=None).order_by("position")
    found = given.filter(Q(task_id__icontains=asked) | Q(value__icontains=asked)) if asked else given
    shown = paginate(request, found.only("id", "task_id", "state", "value", "iteration", "position"), size=RUNS)
    rows = list(shown.rows)
    chosen = given.filter(id=request.GET.get("run", "")).first() or (given.filter(id=rows[0].id).first() if rows else None)
    context = page_context(execution, request.user, "outputs") | {
        "runs": [(run, gantt.value_note(run)) for run in rows],
        "shown": shown,
        "asked": asked,
        "chosen": chosen,
        "chosen_note": gantt.value_note(chosen) if chosen else "",
        "values": values(execution, chosen.outputs or {}, _path_of(chosen)) if chosen else [],
        "others": [
            (title, prefix, values(execution, tree, prefix))
            for title, prefix, tree in (
                ("Inputs", "inputs", execution.inputs),
                ("Variables", "vars", execution.variables),
                ("Trigger", "trigger", (execution.trigger or {}).get("variables") or {}),
            )
            if tree
        ],
        "flow_outputs": values(execution, execution.outputs or {}, "outputs"),
        "expression": request.GET.get("expression", ""),
        "pauses": pauses(execution, request.user),
    }
    return page(request, "executions/outputs.html", "executions/_outputs.html", context)


def _path_of(run: TaskRun) -> str:
    """How an expression names the outputs of a task run: below the values of the loops around it, outermost first."""
    above = TaskRun.objects.filter(id__in=long_loops.ancestry(run.execution, run.id), value__isnull=False)
    return f"outputs{member(run.task_id)}" + "".join(f"[{json.dumps(one.value)}]" for one in above.order_by("position"))


def values(execution: Execution, tree: Mapping[str, Any], prefix: str) -> list[Value]:
    """The tree as lines, depth first, secrets hidden, at most TREE of them."""
    made: list[Value] = []
    stack: list[tuple[str, str, int, Any]] = [
        (str(name), f"{prefix}{member(str(name))}", 0, value) for name, value in reversed(tree.items())
    ]
    while stack and len(made) < TREE:
        name, path, depth, value = stack.pop()
        value = presenters.display(value) if isinstance(value, dict) and value.get("type") == presenters.ENCRYPTED else value
        branch = isinstance(value, dict | list) and bool(value)
        made.append(Value(name, path, depth, value, branch, _file_url(execution, value)))
        if isinstance(value, dict):
            stack.extend((str(key), f"{path}{member(str(key))}", depth + 1, inner) for key, inner in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((f"[{place}]", f"{path}[{place}]", depth + 1, inner) for place, inner in reversed(list(enumerate(value))))
    return made


def _file_url(execution: Execution, value: Any) -> str:
    if not isinstance(value, str) or not value.startswith(storage.SCHEME):
        return ""
    return f"{reverse('executions:file', args=[execution.id])}?{urlencode({'path': value})}"


# --- files ----------------------------------------------------------------------------------------------------------------------------


def _opened(request: HttpRequest, execution_id: str) -> tuple[Execution, str, Path]:
    """The execution, and the file of `?path=` if it belongs to it."""
    row = selectors.execution(request.user, execution_id)
    uri = request.GET.get("path", "")
    return row, uri, selectors.file_of(request.user, execution_id, uri)


@login_required
@require_GET
def file(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The beginning of a file: a table, an image, or text."""
    row, uri, path = _opened(request, execution_id)
    size = path.stat().st_size
    context = page_context(row, request.user, "outputs") | {
        "file_name": storage.name_of(uri),
        "uri": uri,
        "size": size,
        "download_url": f"{reverse('executions:file_download', args=[row.id])}?{urlencode({'path': uri})}",
        **_preview(path, size),
    }
    return page(request, "executions/file.html", "executions/_file.html", context)


def _preview(path: Path, size: int) -> dict[str, Any]:
    kind = mimetypes.guess_type(path.name)[0] or ""
    if kind in ("image/png", "image/jpeg", "image/gif", "image/webp"):
        return {"image": True}
    with path.open("rb") as source:
        raw = source.read(PREVIEW)
    if b"\0" in raw:
        return {"binary": True}
    text = raw.decode("utf-8", errors="replace")
    cut = size > PREVIEW
    if path.suffix == ".csv":
        return {"table": _table(text), "cut": cut}
    if path.suffix == ".json" and not cut:
        try:
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
        except ValueError:
            return {"text": text, "cut": cut}
    return {"text": text, "cut": cut}


def _table(text: str) -> list[list[str]]:
    try:
        return [row for _, row in zip(range(ROWS + 1), csv.reader(io.StringIO(text)), strict=False)]
    except csv.Error:
        return [[line] for line in text.splitlines()[:ROWS]]


@login_required
@require_GET
def file_download(request: HttpRequest, execution_id: str) -> FileResponse:
    """The file itself; it never runs as a page of ours."""
    _, uri, path = _opened(request, execution_id)
    inline = request.GET.get("inline") == "1" and mimetypes.guess_type(path.name)[0] in (
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
    )
    response = FileResponse(path.open("rb"), as_attachment=not inline, filename=storage.name_of(uri))
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    return response
