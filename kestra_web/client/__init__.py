"""The commands that talk to a server, here or far away, by its HTTP API: `kestra-web flow …` and `kestra-web execution …`.

They read no setting of a server and touch no database; whoever runs them needs an address and a token. docs/command-line.md tells the rest.
"""

from __future__ import annotations

OK, REFUSED, UNREACHABLE, UNSUCCESSFUL = 0, 1, 3, 4  # exit statuses; argparse ends with 2 on wrong usage
TOKEN_VARIABLE = "KESTRA_WEB_TOKEN"
SERVER_VARIABLE = "KESTRA_WEB_SERVER"
DEFAULT_SERVER = "http://localhost:8080"
