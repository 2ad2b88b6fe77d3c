"""Which consumer answers which socket."""

from __future__ import annotations

from django.urls import path

from workspace.consumers import PresenceConsumer

websocket_urlpatterns = [path("ws/workspace/<str:namespace>/", PresenceConsumer.as_asgi())]
