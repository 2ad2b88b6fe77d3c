"""Where the API lives: `/api/v1/…`, and the same with the tenant `main` in its path; its description at `/api/docs`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from api import (
    absent,
    actions,
    dashboards,
    docs,
    execution_sets,
    executions,
    flow_sets,
    flows,
    graphs,
    logs,
    namespaces,
    plugins,
    problems,
    secrets,
    server,
    stats,
    templates,
    triggers,
    webhooks,
)
from api.doors import authenticate
from ui.errors import KestraError

app_name = "api"

api = NinjaAPI(
    title="kestra_web",
    version="1",
    description="The HTTP API of Kestra. Sign in with Basic (e-mail and password) or with a Bearer token from your account page.",
    urls_namespace="kestra",
    openapi_url=None,
    docs_url=None,
    auth=authenticate,
    openapi_extra={"security": [{name: []} for name in docs.WAYS]},
)
api.add_router("/flows", flow_sets.router)
api.add_router("/flows", flows.router)
api.add_router("/flows", graphs.flows_router)
api.add_router("/executions/webhook", webhooks.router)
api.add_router("/executions", executions.router)
api.add_router("/executions", actions.router)
api.add_router("/executions", execution_sets.router)
api.add_router("/executions", graphs.executions_router)
api.add_router("/logs", logs.router)
api.add_router("/metrics", logs.metrics_router)
api.add_router("/outputs", logs.outputs_router)
api.add_router("/namespaces", namespaces.router)
api.add_router("/namespaces", graphs.namespaces_router)
api.add_router("/namespaces", secrets.router)
api.add_router("/namespaces", absent.credentials)
api.add_router("/secrets", secrets.all_router)
api.add_router("/kv", namespaces.kv_router)
api.add_router("/triggers", triggers.router)
api.add_router("/stats", stats.router)
api.add_router("/plugins", plugins.router)
api.add_router("/dashboards", dashboards.router)
api.add_router("/blueprints", absent.blueprints)
api.add_router("/templates", templates.router)
api.add_router("", server.router)

api.add_exception_handler(KestraError, problems.on_kestra_error)
api.add_exception_handler(Http404, problems.on_missing)
api.add_exception_handler(ValidationError, problems.on_validation)
api.add_exception_handler(HttpError, problems.on_http)
api.add_exception_handler(AuthenticationError, problems.on_unauthenticated)
api.add_exception_handler(Exception, problems.on_bug)

page, schema = docs.views(api)


def _words_first(pattern: URLPattern) -> tuple[bool, ...]:
    """Orders addresses so that `executions/kill/by-ids` is found before `executions/{namespace}/{flow_id}`, wherever each is declared."""
    return tuple(part.startswith("<") for part in str(pattern.pattern).split("/"))


def _with_head(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view that answers HEAD as it would GET, without the body: what streams is not begun."""

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "HEAD":
            return view(request, *args, **kwargs)
        request.method = "GET"
        answer = view(request, *args, **kwargs)
        request.method = "HEAD"
        if answer.streaming:
            answer.streaming_content = ()
        return answer

    return asked


def _addresses() -> tuple[list[Any], str, str]:
    found, app, namespace = api.urls
    for pattern in found:
        pattern.callback = _with_head(pattern.callback)
    return sorted(found, key=_words_first), app, namespace


urlpatterns = [
    path("api/docs", page, name="docs"),
    path("ping", require_safe(server.ping), name="ping"),  # where Kestra has it, too
    re_path(r"^api/v1/(?:main/)?openapi\.json$", schema, name="openapi"),
    re_path(r"^api/v1/(?:main/)?", _addresses()),
]
