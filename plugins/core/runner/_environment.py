"""What a task's process finds in its environment: little, and nothing of the server's own."""

from __future__ import annotations

import os
from collections.abc import Mapping

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# How this machine reaches the network and trusts it: the same for every process, and never a secret (see `_harmless`).
_NETWORK = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "PIP_INDEX_URL",
    "PIP_FIND_LINKS",
    "UV_DEFAULT_INDEX",
    "UV_FIND_LINKS",
    "TZ",
)


def _harmless(value: str) -> bool:
    """A proxy or index address with a name and password in it stays with the server."""
    return "@" not in value


def network(*, credentials: bool = False) -> dict[str, str]:
    """The network settings to hand on; `credentials=True` (our own helpers only) keeps addresses that carry a password."""
    found = {name: os.environ[name] for name in _NETWORK if name in os.environ}
    return {name: value for name, value in found.items() if credentials or _harmless(value)}


def minimal(home: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """PATH, HOME, LANG, the network settings, then what the task defines (which wins)."""
    return {"PATH": PATH, "HOME": home, "LANG": "C.UTF-8", **network(), **(extra or {})}
