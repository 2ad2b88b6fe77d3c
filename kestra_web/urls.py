"""Which room answers which address."""

from __future__ import annotations

from django.urls import include, path

import executions.urls
import flows.urls
from kestra_web.health import health

urlpatterns = [
    path("health", health, name="health"),
    *executions.urls.home_urlpatterns,
    path("", include("namespaces.urls")),
    path("", include("kv.urls")),
    # The list of flows shows their last executions, so `executions` makes it; its name belongs to flows all the same.
    path("", include(([*executions.urls.flow_urlpatterns, *flows.urls.urlpatterns], flows.urls.app_name))),
    path("", include("executions.urls")),
    path("", include("catalog.urls")),
    path("", include("workspace.urls")),
    path("", include("api.urls")),
]

handler400 = "ui.errors.bad_request"
handler403 = "ui.errors.forbidden"
handler404 = "ui.errors.not_found"
handler500 = "ui.errors.server_error"
