"""`kestra-web web`: the web server, which is daphne with our ASGI application."""

from __future__ import annotations

import argparse

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings

from kestra_web import environment
from kestra_web.asgi import application


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    current = environment.current()
    Server(
        application=application,
        endpoints=build_endpoint_description_strings(host=current.host, port=current.port),
        signal_handlers=True,
        server_name="kestra_web",
        http_timeout=None,
        websocket_timeout=-1,
        application_close_timeout=2,
        proxy_forwarded_address_header="X-Forwarded-For" if settings.SECURE else None,
        verbosity=0,
    ).run()
    return 0
