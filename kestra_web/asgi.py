"""The ASGI application: pages over HTTP, live updates over sockets that only our own pages may open."""

from __future__ import annotations

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kestra_web.settings")
pages = get_asgi_application()

import executions.routing  # noqa: E402 -- consumers use models, which load with the line above
import workspace.routing  # noqa: E402
from kestra_web.security import SameOrigin  # noqa: E402 -- settings are read with the line above, too

websocket_urlpatterns = [*executions.routing.websocket_urlpatterns, *workspace.routing.websocket_urlpatterns]
sockets = SameOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
application = ProtocolTypeRouter({"http": pages, "websocket": sockets})
