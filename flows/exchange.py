"""Flows as files: several of them in one zip or one text, out and in again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

from flows import services
from flows.models import Flow
from flows.validation import split_documents, validate
from namespaces.rights import Person
from ui.archives import DAMAGED
from ui.errors import Invalid, KestraError

LARGEST = 20_000_000  # bytes that a zip may unpack to
MOST = 5_000  # flows in one zip


def export_zip(rows: Iterable[Flow]) -> bytes:
    """A zip of sources, one file for each flow: `company.team.load.yml`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in rows:
            archive.writestr(f"{row.namespace}.{row.flow_id}.yml", row.source)
    return buffer.getvalue()


def sources_of(name: str, content: bytes) -> list[str]:
    """The sources in an upload: a zip of YAML files, or YAML with documents separated by `---`. Raises Invalid."""
    if name.lower().endswith(".zip"):
        return [one for text in _unpacked(content) for one in split_documents(text)]
    if not name.lower().endswith((".yml", ".yaml")):
        raise Invalid("Cannot import flows: the file must be YAML or a zip of YAML files, by its name's ending")
    return split_documents(_text(content))


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Invalid("Cannot import flows: a source must be UTF-8 text") from error


def _unpacked(content: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = [one for one in archive.infolist() if one.filename.lower().endswith((".yml", ".yaml")) and not one.is_dir()]
            if len(listed) > MOST or sum(one.file_size for one in listed) > LARGEST:
                raise Invalid(f"Cannot import flows: a zip may hold {MOST} flows of {LARGEST} bytes together")
            return [_text(archive.read(one)) for one in listed]
    except DAMAGED as error:
        raise Invalid("Cannot import flows: the file is no zip that can be read") from error


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
