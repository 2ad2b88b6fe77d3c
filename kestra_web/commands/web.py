"""`kestra-web web`: the web server, which is daphne with our ASGI application."""

from __future__ import annotations

import argparse
from functools import partial

from daphne import http_protocol
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings

from kestra_web import environment
from kestra_web.asgi import application


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    current = environment.current()
    # Twisted would read every form into memory to parse it, before Django does, and refuse one without parts, as clients send it
    # to start an execution without inputs.
    http_protocol.WebRequest = partial(http_protocol.WebRequest, parsePOSTFormSubmission=False)
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
