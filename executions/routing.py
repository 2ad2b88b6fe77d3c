"""Which consumer answers which socket."""

from __future__ import annotations

from django.urls import path

from executions.consumers import ExecutionConsumer, ListConsumer

websocket_urlpatterns = [
    path("ws/executions/<str:execution_id>/", ExecutionConsumer.as_asgi()),
    path("ws/home/", ListConsumer.as_asgi()),
]
