"""Which room answers which address."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import include, path

from kestra_web.health import health

urlpatterns = [
    path("health", health, name="health"),
    *(path("", include(f"{room}.urls")) for room in ("namespaces", "kv", "flows", "executions", "api") if find_spec(f"{room}.urls")),
]

handler400 = "ui.errors.bad_request"
handler403 = "ui.errors.forbidden"
handler404 = "ui.errors.not_found"
handler500 = "ui.errors.server_error"
