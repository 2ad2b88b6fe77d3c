"""The options of `kestra-web flow …` and `kestra-web execution …`, and running what they ask for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from kestra_web.client import DEFAULT_SERVER, OK, REFUSED, SERVER_VARIABLE, TOKEN_VARIABLE, UNREACHABLE, executions, flows
from kestra_web.client.connection import Failed, Unreachable
from kestra_web.client.output import Printer

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
Run = Callable[[argparse.Namespace, Printer], int]


def add(commands: Any) -> None:
    """Add both groups of commands to the parser of `kestra-web`."""
    flow = _group(commands, "flow", "validate, create, update, export and try flows on a server")
    command = _command(flow, "validate", "tell what is wrong with flows", flows.validate)
    _paths(command)
    command.add_argument("--local", action="store_true", help="check here, without a server")
    _paths(_command(flow, "create", "save new flows", flows.create))
    _paths(_command(flow, "update", "save flows that are there already", flows.update))
    command = _command(flow, "delete", "delete a flow; its revisions stay", flows.delete)
    _flow(command)
    namespace = _group(flow, "namespace", "the flows of a namespace together")
    command = _command(namespace, "update", "save all flows of a folder, or none where one is invalid", flows.namespace_update)
    command.add_argument("namespace", help="such as company.team")
    command.add_argument("folder", help="a folder of YAML files, one file, or - for the standard input")
    command.add_argument("--delete", action="store_true", help="delete the flows of the namespace that are not among them")
    command = _command(flow, "export", "write flows to a zip or a folder", flows.export)
    command.add_argument("output", help="a file that ends with .zip, or a folder")
    command.add_argument("--namespace", help="only those in this namespace and below; all that you may read when left out")
    command = _command(flow, "test", "run a flow that is not saved, as a copy that is deleted afterwards", flows.test)
    command.add_argument("path", help="a YAML file with one flow, or - for the standard input")
    command.add_argument("--keep", action="store_true", help="keep the execution")
    _inputs(command)
    _following(command)

    execution = _group(commands, "execution", "start, follow and kill executions on a server")
    command = _command(execution, "run", "start a flow; its id is printed", executions.run)
    _flow(command)
    _inputs(command)
    command.add_argument("--revision", type=int, help="a revision; the current one when left out")
    command.add_argument("--follow", action="store_true", help="print log lines until it ends; the exit status tells how it ended")
    command.add_argument("--wait", action="store_true", help="the same as --follow")
    _following(command)
    command = _command(execution, "follow", "print log lines until an execution ends", executions.follow)
    command.add_argument("execution", help="its id")
    _following(command)
    command = _command(execution, "kill", "stop executions with all that they started", executions.kill)
    command.add_argument("executions", nargs="+", metavar="execution", help="its id")
    command.add_argument("--wait", action="store_true", help="until they have ended")
    command.add_argument("--timeout", type=float, metavar="SECONDS", help="wait no longer than this")


def _group(commands: Any, name: str, help: str) -> Any:
    parser = commands.add_parser(name, help=help, description=help)
    return parser.add_subparsers(dest=f"{name}_command", metavar="COMMAND", required=True)


def _command(group: Any, name: str, help: str, run: Run) -> Any:
    parser = group.add_parser(name, help=help, description=help)
    parser.add_argument("--server", help=f"address of the server; {SERVER_VARIABLE}, else {DEFAULT_SERVER}, when left out")
    parser.add_argument("--token", help=f"API token; better in {TOKEN_VARIABLE}, or in the file that {TOKEN_VARIABLE}_FILE names")
    parser.add_argument("--json", action="store_true", help="print one JSON value for programs")
    parser.set_defaults(client=run)
    return parser


def _paths(command: Any) -> None:
    command.add_argument("paths", nargs="+", metavar="path", help="a YAML file, a folder of them, or - for the standard input")


def _flow(command: Any) -> None:
    command.add_argument("namespace", help="such as company.team")
    command.add_argument("id", help="id of the flow")


def _inputs(command: Any) -> None:
    command.add_argument("--input", action="append", default=[], metavar="NAME=VALUE", help="an input; may be repeated")
    command.add_argument("--file", action="append", default=[], metavar="NAME=PATH", help="a file for an input; may be repeated")
    command.add_argument("--label", action="append", default=[], metavar="KEY:VALUE", help="a label; may be repeated")
    command.set_defaults(revision=None)


def _following(command: Any) -> None:
    command.add_argument("--level", choices=LEVELS, default="INFO", help="lowest level of log lines that are printed (INFO)")
    command.add_argument("--timeout", type=float, metavar="SECONDS", help="stop waiting after so long; the execution goes on")
    command.add_argument("--fail-on-warning", action="store_true", help="a WARNING is no success")


def run(options: argparse.Namespace) -> int:
    """Do it; the exit status is 0 when done, 1 when refused, 3 without an answer, 4 for an execution that did not succeed."""
    printer = Printer(as_json=options.json)
    try:
        return int(options.client(options, printer))
    except Failed as error:
        printer.warn(str(error))
        return REFUSED
    except Unreachable as error:
        printer.warn(str(error))
        return UNREACHABLE
    except BrokenPipeError:  # whoever read our output has enough
        return OK
