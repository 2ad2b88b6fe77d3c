"""The beginning of a stored file as Kestra's preview tells it: rows of a table, a text, or an image."""

from __future__ import annotations

import base64
import codecs
import csv
import json
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from engine.errors import ExpressionError
from engine.expressions import to_json
from engine.expressions.ion import only_ion
from ui.errors import Invalid

IMAGES = frozenset({"png", "jpg", "jpeg", "gif", "webp", "bmp"})
LARGEST_IMAGE = 5_000_000
LONGEST_TEXT = 1_000_000


def preview(path: Path, name: str, *, rows: int, encoding: str) -> dict[str, Any]:
    """`{extension, type: TEXT|LIST|IMAGE|MARKDOWN|PDF, content, maxLine, truncated}`; raises Invalid for what cannot be shown."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if extension in IMAGES or extension == "pdf":
        if path.stat().st_size > LARGEST_IMAGE:
            raise Invalid(f"Only files of up to {LARGEST_IMAGE} bytes are shown; download it instead")
        content: Any = base64.b64encode(path.read_bytes()).decode()
        return {
            "extension": extension,
            "type": "PDF" if extension == "pdf" else "IMAGE",
            "content": content,
            "maxLine": rows,
            "truncated": False,
        }
    try:
        known = codecs.lookup(encoding).name
        with path.open(encoding=known, errors="replace", newline="") as source:
            content, truncated = _read(source, extension, rows)
    except LookupError as error:
        raise Invalid(f"using encoding {encoding} is not possible: there is no such encoding") from error
    kind = "LIST" if isinstance(content, list) else "MARKDOWN" if extension == "md" else "TEXT"
    return {"extension": extension, "type": kind, "content": content, "maxLine": rows, "truncated": truncated}


def _read(source: TextIO, extension: str, rows: int) -> tuple[Any, bool]:
    if extension == "csv":
        found = list(islice(csv.reader(source), rows + 2))
        names = found[0] if found else []
        return [dict(zip(names, row, strict=False)) for row in found[1 : rows + 1]], len(found) > rows + 1
    if extension in ("ion", "jsonl"):
        lines = list(islice(iter(lambda: source.readline(LONGEST_TEXT), ""), rows + 1))
        return [_value(line) for line in lines[:rows] if line.strip()], len(lines) > rows
    text = source.read(LONGEST_TEXT + 1)
    lines = text[:LONGEST_TEXT].splitlines(keepends=True)
    return "".join(lines[:rows]), len(lines) > rows or len(text) > LONGEST_TEXT


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(to_json(only_ion(line)))
    except (ExpressionError, ValueError, RecursionError):
        return line.rstrip("\n")
