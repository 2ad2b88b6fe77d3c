"""The Logs tab: windows of lines, the next one of a level or with a text, the rail, download. And the lines of all executions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions import found_logs, page_logs, page_selectors, selectors
from executions.execution_context import page_context
from executions.logbook import LEVELS
from executions.models import Execution
from executions.views._pauses import pauses
from flows.views.pages import frame
from flows.views.pages import readable as readable_flow
from namespaces.rights import login_required
from ui.errors import Invalid
from ui.htmx import page

PERIODS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}


@login_required
@require_GET
def logs_of(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The lines of one execution: the first window, or the one around `?line=`."""
    execution = selectors.execution(request.user, execution_id)
    context = page_context(execution, request.user, "logs_of") | log_context(execution, request.GET.dict())
    return page(request, "executions/logs.html", "executions/_log_view.html", context | {"pauses": pauses(execution, request.user)})


def log_context(execution: Execution, query: dict[str, str]) -> dict[str, Any]:
    """The window, the tree of sources, the counts and the rail, as a filter wants them."""
    wanted = page_logs.filter_of(query)
    shown = replace(wanted, text="")  # the text marks and jumps; it hides nothing unless asked
    if query.get("only"):
        shown = wanted
    return {
        "wanted": wanted,
        "only": bool(query.get("only")),
        "window": _window(execution, shown, query),
        "sources": page_selectors.log_sources(execution),
        "chosen": (wanted.task_run, wanted.step),
        "counts": page_logs.level_counts(execution, replace(shown, level=0)),
        "rail": page_logs.rail(execution, shown, wanted.text),
        "levels": LEVELS,
        "text": wanted.text,
    }


def _window(execution: Execution, wanted: page_logs.Filter, query: dict[str, str]) -> page_logs.Window:
    number = {
        name: int(query[name]) for name in ("line", "after", "before", "offset") if query.get(name, "").isdigit() and len(query[name]) < 12
    }
    if "after" in number:
        lines = page_logs.after(execution, wanted, number["after"])
    elif "before" in number:
        lines = page_logs.before(execution, wanted, number["before"])
    elif "offset" in number:
        lines = page_logs.at_offset(execution, wanted, number["offset"])
    elif "line" in number:
        lines = page_logs.around(execution, wanted, number["line"])
    elif query.get("end"):
        lines = page_logs.last(execution, wanted)
    else:
        lines = page_logs.after(execution, wanted, 0)
    return page_logs.window(execution, wanted, lines)


@login_required
@require_GET
def window(request: HttpRequest, execution_id: str) -> HttpResponse:
    """500 lines: `?after=`, `?before=`, `?line=` (around), `?offset=` or `?end=1`."""
    execution = selectors.execution(request.user, execution_id)
    query = request.GET.dict()
    wanted = page_logs.filter_of(query)
    shown = wanted if query.get("only") else replace(wanted, text="")
    return render(
        request, "executions/_log_window.html", {"window": _window(execution, shown, query), "text": wanted.text, "execution": execution}
    )


@login_required
@require_GET
def find(request: HttpRequest, execution_id: str) -> JsonResponse:
    """`{"number", "index", "total"}` of the next line of a level (`?jump=ERROR`) or with a text (`?q=`), from `?from=`."""
    execution = selectors.execution(request.user, execution_id)
    query = request.GET.dict()
    wanted = replace(page_logs.filter_of(query), text="")
    jump, text = query.get("jump", ""), query.get("q", "")
    if jump not in LEVELS and not text:
        raise Invalid("Say what to look for: jump=ERROR or q=a text")
    level = LEVELS.index(jump) if jump in LEVELS else None
    text = "" if level is not None else text[:200]
    if level is not None and level < wanted.level:
        wanted = replace(wanted, level=0)
    start = int(query["from"]) if query.get("from", "").isdigit() else 0
    number = page_logs.find(execution, wanted, start, level=level, text=text, forward=not query.get("back"))
    index, total = page_logs.rank(execution, wanted, number, level=level, text=text) if number is not None else (0, 0)
    return JsonResponse({"number": number, "index": index, "total": total})


@login_required
@require_GET
def rail(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The rail beside the lines, with the matches of `?q=`."""
    execution = selectors.execution(request.user, execution_id)
    wanted = page_logs.filter_of(request.GET.dict())
    return render(request, "executions/_log_rail.html", {"rail": page_logs.rail(execution, replace(wanted, text=""), wanted.text)})


@login_required
@require_GET
def sources(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The list of task runs and steps beside the lines."""
    execution = selectors.execution(request.user, execution_id)
    wanted = page_logs.filter_of(request.GET.dict())
    context = {"sources": page_selectors.log_sources(execution), "wanted": wanted, "seen_line": execution.log_count}
    return render(request, "executions/_log_sources.html", context)


@login_required
@require_GET
def download(request: HttpRequest, execution_id: str) -> StreamingHttpResponse:
    """The shown lines as text: `<instant> <LEVEL> <message>`."""
    execution = selectors.execution(request.user, execution_id)
    wanted = page_logs.filter_of(request.GET.dict())
    response = StreamingHttpResponse(_text(execution, wanted), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{execution.flow_id}-{execution.id}.log"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _text(execution: Execution, wanted: page_logs.Filter) -> Iterator[str]:
    for line in page_logs.shown(page_logs.everything(execution, wanted)):
        source = f" [{line.source}]" if line.source else ""
        yield f"{line.timestamp.isoformat(timespec='milliseconds')} {LEVELS[line.level]:<5}{source} {line.text}\n"


# --- the lines of all executions ------------------------------------------------------------------------------------------------------


@login_required
@require_GET
def all_logs(request: HttpRequest) -> HttpResponse:
    """Search in the log lines of every execution that one may see."""
    context = _found(request, request.GET.get("namespace", ""), request.GET.get("flow", ""))
    return page(request, "executions/all_logs.html", "executions/_all_logs.html", context)


@login_required
@require_GET
def flow_logs(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """The log lines of one flow's executions."""
    row = readable_flow(request, namespace, flow_id)
    context = frame(request, row, "logs") | _found(request, namespace, flow_id) | {"of_flow": True}
    return page(request, "executions/flow_logs.html", "executions/_all_logs.html", context)


def _found(request: HttpRequest, namespace: str, flow_id: str) -> dict[str, Any]:
    wanted = page_logs.filter_of(request.GET.dict())
    period = request.GET.get("period", "24h")
    level = wanted.level if request.GET.get("level") else 2
    now = timezone.now()
    since = now - PERIODS.get(period, PERIODS["24h"])
    lines = selectors.search_logs(request.user, query=wanted.text, namespace=namespace, flow_id=flow_id, min_level=level, start=since)
    execution_id = request.GET.get("execution", "").strip()[:40]
    lines = found_logs.in_execution(lines, execution_id)
    cursor = found_logs.Cursor.of(request.GET.get("before", ""))
    found, older = found_logs.page(lines, cursor)
    return {
        "found": [(line, page_logs.ANSI.sub("", line.message)) for line in found],
        "older": str(older) if older else "",
        "later_page": cursor is not None,
        "chart": found_logs.chart(lines if older else found, since, now) if cursor is None else None,
        "follow": cursor is None and request.GET.get("follow") == "1",
        "text": wanted.text,
        "level": LEVELS[level],
        "levels": LEVELS,
        "period": period if period in PERIODS else "24h",
        "periods": list(PERIODS),
        "log_namespace": namespace,
        "log_flow": flow_id,
        "log_execution": execution_id,
    }
