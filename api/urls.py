"""Where the API lives: `/api/v1/…`, and the same with the tenant `main` in its path."""

from __future__ import annotations

from django.http import Http404
from django.urls import re_path
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from api import executions, flows, logs, namespaces, problems, triggers
from api.doors import authenticate
from ui.errors import KestraError

app_name = "api"

api = NinjaAPI(
    title="kestra_web",
    version="1",
    description="The HTTP API of Kestra, served by kestra_web. Sign in with Basic (e-mail and password) or a Bearer token from your account page.",
    urls_namespace="kestra",
    docs_url="/docs",
    auth=authenticate,
)
api.add_router("/flows", flows.router)
api.add_router("/executions", executions.router)
api.add_router("/logs", logs.router)
api.add_router("/metrics", logs.metrics_router)
api.add_router("/outputs", logs.outputs_router)
api.add_router("/namespaces", namespaces.router)
api.add_router("/kv", namespaces.kv_router)
api.add_router("/triggers", triggers.router)
api.add_router("", triggers.server_router)

api.add_exception_handler(KestraError, problems.on_kestra_error)
api.add_exception_handler(Http404, problems.on_missing)
api.add_exception_handler(ValidationError, problems.on_validation)
api.add_exception_handler(HttpError, problems.on_http)
api.add_exception_handler(AuthenticationError, problems.on_unauthenticated)
api.add_exception_handler(Exception, problems.on_bug)

urlpatterns = [re_path(r"^api/v1/(?:main/)?", api.urls)]
