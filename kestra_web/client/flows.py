"""`kestra-web flow …`: validate, create, update, delete, export and try flows."""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path
from secrets import token_hex
from typing import Any

from engine.parser import parse
from engine.yaml_ import dump
from kestra_web.client import OK, REFUSED, executions
from kestra_web.client.connection import YAML, Failed, Server, pairs
from kestra_web.client.output import Printer
from kestra_web.client.sources import Source, found
from plugins.catalog import CATALOG


def validate(options: argparse.Namespace, printer: Printer) -> int:
    """Every flow with what is wrong; 1 where one is."""
    sources = found(options.paths)
    check = _checked_here if options.local else _checked_by(Server.chosen(options.server, options.token))
    told = [{"file": source.place} | check(source) for source in sources]
    for one in told:
        problems = [f"  {line}" for line in (one.get("constraints") or "").strip().splitlines()]
        notes = [f"  warning: {note}" for note in one.get("warnings") or []] + [f"  info: {note}" for note in one.get("infos") or []]
        printer.say("\n".join([f"{one['file']}: {'invalid' if problems else 'valid'}", *problems, *notes]))
    printer.result(told)
    return REFUSED if any(one.get("constraints") for one in told) else OK


def _checked_by(server: Server) -> Any:
    def check(source: Source) -> dict[str, Any]:
        answer: dict[str, Any] = server.ask("POST", "flows", "validate", body=source.text.encode(), kind=YAML)[0]
        return answer

    return check


def _checked_here(source: Source) -> dict[str, Any]:
    """Without a server: plugin defaults of namespaces are not known here."""
    flow, problems = parse(source.text, catalog=CATALOG)
    errors = [f"{one.path}: {one.message}" if one.path else one.message for one in problems if one.severity == "error"]
    told: dict[str, Any] = {
        f"{severity}s": [one.message for one in problems if one.severity == severity] for severity in ("warning", "info")
    }
    return told | ({"flow": flow.id, "namespace": flow.namespace} if flow else {}) | ({"constraints": "\n".join(errors)} if errors else {})


def create(options: argparse.Namespace, printer: Printer) -> int:
    """New flows."""
    server = Server.chosen(options.server, options.token)
    return _saved(options, printer, lambda source: server.ask("POST", "flows", body=source.text.encode(), kind=YAML))


def update(options: argparse.Namespace, printer: Printer) -> int:
    """Flows that are there already."""
    server = Server.chosen(options.server, options.token)
    return _saved(options, printer, lambda source: server.ask("PUT", "flows", *source.name, body=source.text.encode(), kind=YAML))


def _saved(options: argparse.Namespace, printer: Printer, save: Any) -> int:
    """Each source by itself: one that is refused does not keep the others back."""
    told: list[dict[str, Any]] = []
    status = OK
    for source in found(options.paths):
        try:
            flow = save(source)
        except Failed as error:
            printer.warn(f"{source.place}: {error}")
            told.append({"file": source.place, "error": str(error)})
            status = REFUSED
            continue
        printer.say(f"{flow['namespace']}.{flow['id']} revision {flow['revision']}")
        told.append({"file": source.place, "namespace": flow["namespace"], "id": flow["id"], "revision": flow["revision"]})
    printer.result(told)
    return status


def delete(options: argparse.Namespace, printer: Printer) -> int:
    """One flow."""
    Server.chosen(options.server, options.token).ask("DELETE", "flows", options.namespace, options.id)
    printer.say(f"{options.namespace}.{options.id} deleted")
    printer.result({"namespace": options.namespace, "id": options.id, "deleted": True})
    return OK


def namespace_update(options: argparse.Namespace, printer: Printer) -> int:
    """All flows of a folder into a namespace, or none where one is invalid."""
    body = "\n---\n".join(source.text for source in found([options.folder])).encode()
    server = Server.chosen(options.server, options.token)
    flows = server.ask("POST", "flows", options.namespace, query=pairs({"delete": options.delete}), body=body, kind=YAML)
    for flow in flows:
        printer.say(f"{flow['namespace']}.{flow['id']} revision {flow['revision']}")
    printer.result([{"namespace": flow["namespace"], "id": flow["id"], "revision": flow["revision"]} for flow in flows])
    return OK


def export(options: argparse.Namespace, printer: Printer) -> int:
    """The flows of a namespace and of those below as a zip, or as files into a folder."""
    server = Server.chosen(options.server, options.token)
    content = server.read("GET", "flows", "export", "by-query", query=pairs({"namespace": options.namespace}))
    target = Path(options.output)
    if target.suffix == ".zip":
        target.write_bytes(content)
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    else:
        names = _unpacked(content, target)
    printer.say(f"{len(names)} flows in {target}")
    printer.result({"output": str(target), "files": names})
    return OK


def _unpacked(content: bytes, folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if Path(name).name != name:
                raise Failed(f"the server sent a file that belongs elsewhere: {name}")
            (folder / name).write_bytes(archive.read(name))
        return archive.namelist()


def test(options: argparse.Namespace, printer: Printer) -> int:
    """Run a flow that is not saved: a copy under a name of its own, without its triggers, executed to its end and deleted."""
    sources = found([options.path])
    if len(sources) > 1:
        raise Failed(f"{options.path} has {len(sources)} flows: try them one by one")
    source = sources[0]
    namespace, id_ = source.name
    server = Server.chosen(options.server, options.token)
    copy = {key: value for key, value in source.mapping.items() if key not in ("triggers", "disabled", "revision")}
    copy["id"] = f"{id_[:80]}-test-{token_hex(4)}"
    server.ask("POST", "flows", body=dump(copy).encode(), kind=YAML)
    started: list[str] = []
    try:
        return executions.run_to_its_end(server, namespace, copy["id"], options, printer, started)
    finally:
        for execution_id in started:
            executions.put_away(server, execution_id, printer, keep=options.keep)
        server.ask("DELETE", "flows", namespace, copy["id"])
