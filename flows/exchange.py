"""Flows as files: several of them in one zip or one text, out and in again."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db import transaction
from django.utils import timezone

from engine.document import Problem
from flows import services
from flows.models import Flow
from flows.validation import located_documents, validate
from namespaces.rights import Person
from ui.archives import DAMAGED
from ui.errors import Invalid, KestraError

LARGEST = 20_000_000  # bytes that a zip may unpack to
MOST = 5_000  # flows in one zip
NAMESPACE_LINE = re.compile(r"^namespace:.*$", re.MULTILINE)


def export_zip(rows: Iterable[Flow]) -> bytes:
    """A zip of sources, one file for each flow: `company.team.load.yml`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in rows:
            archive.writestr(f"{row.namespace}.{row.flow_id}.yml", row.source)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Document:
    """One source of an upload: the file that it stands in, the line there that its first line is, and the text."""

    file: str
    line: int
    source: str


def documents_of(name: str, content: bytes) -> list[Document]:
    """The documents in an upload: a zip of YAML files, or YAML with documents separated by `---`. Raises Invalid."""
    if name.lower().endswith(".zip"):
        texts = _unpacked(content)
    elif name.lower().endswith((".yml", ".yaml")):
        texts = [(name, _text(content))]
    else:
        raise Invalid("Cannot import flows: the file must be YAML or a zip of YAML files, by its name's ending")
    return [Document(file, line, source) for file, text in texts for line, source in located_documents(text)]


def sources_of(name: str, content: bytes) -> list[str]:
    """The sources in an upload. Raises Invalid."""
    return [document.source for document in documents_of(name, content)]


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Invalid("Cannot import flows: a source must be UTF-8 text") from error


def _unpacked(content: bytes) -> list[tuple[str, str]]:
    """(name, text) of each YAML file in a zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = [one for one in archive.infolist() if one.filename.lower().endswith((".yml", ".yaml")) and not one.is_dir()]
            if len(listed) > MOST or sum(one.file_size for one in listed) > LARGEST:
                raise Invalid(f"Cannot import flows: a zip may hold {MOST} flows of {LARGEST} bytes together")
            return [(one.filename, _text(archive.read(one))) for one in listed]
    except DAMAGED as error:
        raise Invalid("Cannot import flows: the file is no zip that can be read") from error


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of one document: `outcome` is created, updated, unchanged or refused; `problems` have the lines of its file."""

    document: Document
    outcome: str
    flow: Flow | None = None
    problems: tuple[Problem, ...] = ()


def import_documents(*, user: Person, documents: Iterable[Document]) -> list[Imported]:
    """Create or update the flow of each document; one that is refused does not keep the others from it."""
    return [_imported(user, document) for document in documents]


def _imported(user: Person, document: Document) -> Imported:
    began = timezone.now()
    try:
        flow = services.put(user=user, source=document.source)
    except services.InvalidFlow as error:
        problems = tuple(replace(one, line=document.line + (one.line or 1) - 1) for one in error.problems if one.severity == "error")
        return Imported(document, "refused", problems=problems)
    except KestraError as error:
        return Imported(document, "refused", problems=(Problem(error.message, document.line, 1),))
    outcome = "unchanged" if flow.updated < began else "created" if flow.revision == 1 else "updated"
    return Imported(document, outcome, flow)


def save_in(*, user: Person, namespace: str, sources: Iterable[bytes]) -> None:
    """Save flows in this namespace, whichever their sources name, or none of them where one is not valid. Raises Invalid."""
    with transaction.atomic():
        for source in sources:
            services.put(user=user, source=NAMESPACE_LINE.sub(f"namespace: {namespace}", _text(source), count=1))


def import_sources(*, user: Person, sources: Iterable[str], fail_on_error: bool = False) -> list[str]:
    """Create each flow, or update it where it is there; answers `namespace.id` of those that were refused.

    With `fail_on_error` the first that is refused raises instead; those before it stay.
    """
    refused = []
    for number, source in enumerate(sources, start=1):
        try:
            services.put(user=user, source=source)
        except KestraError:
            if fail_on_error:
                raise
            found = validate(source).flow
            refused.append(f"{found.namespace}.{found.id}" if found is not None else f"document {number}")
    return refused
