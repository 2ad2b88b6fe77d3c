"""The command `kestra-web`: starts the parts of the server, does the administrator's chores, and talks to a server by its API."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

import django

from kestra_web import environment, processes
from kestra_web.client import arguments as client
from kestra_web.commands import Refused

SERVERS = ("up", "web", "worker", "engine", "scheduler")
COMMANDS = {
    "up": "start everything: Redis where REDIS_URL names none, web server, worker, engine and scheduler",
    "web": "start the web server alone",
    "worker": "start one worker alone",
    "engine": "start one worker alone that takes only what takes a moment, and so never keeps a decision waiting",
    "scheduler": "start one scheduler alone",
    "migrate": "bring the database to this version; make the first administrator and load the demo where there is none",
    "check": "check settings, database and Redis",
    "createadmin": "make an administrator, or give an administrator a new password",
    "createtoken": "make an API token for someone; it is printed once",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when it did what it says, 1 when it told why not, 130 after Ctrl-C (and see `client`)."""
    parser, options = _parse(arguments)
    if options.command is None:
        parser.print_help()
        return 2
    try:
        return client.run(options) if "client" in options else _run(options)
    except (environment.WrongSetting, Refused) as error:
        print(f"kestra-web: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    if options.command in SERVERS:
        leave_secrets_behind()
        processes.hide_from_tasks()
        processes.be_frugal()
    # Where tasks run under another account they read what the server makes for them; what is private lies in folders closed to them.
    os.umask(0o022 if environment.current().run_as else 0o077)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kestra_web.settings")
    if options.command != "up":  # which first says what its own Redis is
        django.setup()
    return int(importlib.import_module(f"kestra_web.commands.{options.command}").run(options))


def _parse(arguments: list[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="kestra-web", description="A web IDE and orchestrator for dbt that runs Kestra flows unchanged.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    made = {name: commands.add_parser(name, help=help, description=help) for name, help in COMMANDS.items()}
    client.add(commands)
    made["createadmin"].add_argument("user", nargs="?", help="e-mail address; KESTRA_WEB_ADMIN_USER when left out")
    made["createtoken"].add_argument("user", help="e-mail address of the person whom the token speaks for")
    made["createtoken"].add_argument("--name", default="command line", help="what the token is for")
    made["createtoken"].add_argument("--days", type=int, default=90, help="days until it expires; 0 for never")
    return parser, parser.parse_args(arguments)


def leave_secrets_behind() -> None:
    """Start this program again without secrets in its first environment, which `/proc` shows for as long as a process lives."""
    if any(environment.is_secret(name) for name in os.environ):
        clean = dict(os.environ)
        clean[environment.SECRETS_FD] = str(environment.offer_secrets(environment.take_secrets(clean)))
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], clean)


if __name__ == "__main__":
    sys.exit(main())
