"""What a request carries: a text, a form, or a form in parts with files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import IO, Any

from plugins.contract import RunContext, TaskFailed
from plugins.core.http._options import HttpProperties
from plugins.scripts import _render

FILE = "kestra://"
MULTIPART = "multipart/form-data"


@contextmanager
def carried(context: RunContext, request: HttpProperties, charset: str) -> Iterator[dict[str, Any]]:
    """Arguments for httpx's `build_request`; files stay open while the block runs. A form wins over a body."""
    kind = context.render(request.content_type) if request.content_type else ""
    with ExitStack() as stack:
        if request.form_data is not None:
            fields = _fields(context, request.form_data)
            if kind.partition(";")[0].strip().lower() == MULTIPART:
                yield {"files": [(name, _part(context, value, stack)) for name, value in fields.items()]}
            else:
                yield {"data": {name: _text(value) for name, value in fields.items()}}
        elif request.body is not None:
            content = context.render(request.body)
            headers = {"content-type": kind or "application/json"}
            yield {"content": _encoded(content, charset), "headers": headers}
        else:
            yield {"headers": {"content-type": kind}} if kind else {}


def _fields(context: RunContext, form: Mapping[str, Any] | str) -> dict[str, Any]:
    fields = context.render_typed(form) if isinstance(form, str) else context.render_any(form)
    if isinstance(fields, str):
        try:
            fields = json.loads(fields)
        except ValueError:
            fields = None
    if not isinstance(fields, Mapping):
        raise TaskFailed("`formData` must be a map of names to values", retryable=False)
    return {str(name): value for name, value in fields.items() if value is not None}


def _text(value: Any) -> Any:
    """A field as text; a list of plain values is a field that comes several times."""
    if isinstance(value, list) and not any(isinstance(item, list | Mapping) for item in value):
        return [_render.as_text(item) for item in value]
    return _render.as_text(value)


def _part(context: RunContext, value: Any, stack: ExitStack) -> tuple[str | None, IO[bytes] | bytes]:
    """A part as (file name, content); without a file name it is a plain field."""
    if isinstance(value, Mapping) and {"name", "content"} <= value.keys():
        return str(value["name"]), _content(context, str(value["content"]), stack)
    if isinstance(value, str) and value.startswith(FILE):
        return PurePosixPath(value).name, _content(context, value, stack)
    return None, _render.as_text(value).encode()


def _content(context: RunContext, text: str, stack: ExitStack) -> IO[bytes] | bytes:
    return stack.enter_context(context.storage.open(text).open("rb")) if text.startswith(FILE) else text.encode()


def _encoded(text: str, charset: str) -> bytes:
    try:
        return text.encode(charset)
    except UnicodeEncodeError as error:
        raise TaskFailed(f"The body has characters that {charset} cannot hold", retryable=False) from error
