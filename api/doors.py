"""What every group of operations shares: who asks, pages of results, reading bodies."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import DurationField, ExpressionWrapper, F, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from engine.texts import storable
from namespaces.authentication import authenticate_request, by_session
from namespaces.models import User
from ui.errors import Conflict, Invalid, KestraError

MAX_PAGE = 1000


OPEN = {"security": []}  # what the schema says of an operation that needs no login


def authenticate(request: HttpRequest) -> User | None:
    """The person behind Basic or Bearer credentials; a signed-in browser may read (its page of the API tries things out)."""
    user = authenticate_request(request)
    if user is None and request.method == "GET" and request.user.is_authenticated:
        return request.user
    return user


def still(request: HttpRequest) -> User | None:
    """The same person, asked for anew while an answer streams: None once their token, session or account is over."""
    return authenticate_request(request) or (by_session(request.session.session_key) if request.method == "GET" else None)


def who(request: HttpRequest) -> User:
    """The authenticated person (ninja keeps what `authenticate` answered)."""
    return request.auth  # type: ignore[attr-defined]  # set by ninja for every operation that needs a login


def page_of(rows: QuerySet[Any] | list[Any], shape: Callable[[Any], Any], page: int, size: int) -> dict[str, Any]:
    """`{results, total}`; pages count from 1."""
    if page < 1 or size < 1:
        raise Invalid(f"`page` and `size` count from 1, got page {page} and size {size}")
    size = min(size, MAX_PAGE)
    total, start = len(rows) if isinstance(rows, list) else rows.count(), (page - 1) * size
    found = rows[start : start + size] if start < total else []  # a page far beyond the last is more than a database counts
    return {"results": [shape(row) for row in found], "total": total}


def sorted_by(rows: QuerySet[Any], sorts: Iterable[str], columns: Mapping[str, Any]) -> QuerySet[Any]:
    """Rows in the order of `sort=field:desc`, its fields being the keys of `columns` (names or expressions); as they were without one."""
    order = []
    for sort in sorts:
        name, _, direction = sort.partition(":")
        if name not in columns or direction not in ("", "asc", "desc"):
            raise Invalid(f"`sort` reads field:asc or field:desc with one of {', '.join(columns)}, got {sort[:100]}")
        column = F(columns[name]) if isinstance(columns[name], str) else ExpressionWrapper(columns[name], DurationField())
        order.append(column.desc(nulls_last=True) if direction == "desc" else column.asc(nulls_last=True))
    return rows.order_by(*order, "-pk") if order else rows


class _Line:
    """Something to write a line to, which gives it back."""

    def write(self, line: str) -> str:
        return line


def csv_of(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """A table as a CSV file; a text that a spreadsheet would calculate begins with an apostrophe."""
    writer = csv.writer(_Line())

    def lines() -> Iterator[str]:
        yield writer.writerow(header)
        for row in rows:
            yield writer.writerow(
                [f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell for cell in row]
            )

    return StreamingHttpResponse(
        lines(), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}.csv"'}
    )


def object_of(request: HttpRequest) -> dict[str, Any]:
    """The body as a JSON object; an absent one is empty."""
    asked = json_of(request)
    if asked is None:
        return {}
    if not isinstance(asked, dict):
        raise Invalid("Expected a JSON object in the body")
    return asked


def word_of(asked: Mapping[str, Any], name: str, default: str = "") -> str:
    """A text of a JSON object, `default` where it is absent; raises Invalid for anything else."""
    value = asked.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Invalid(f"`{name}` must be a text")
    return value


def switch_of(asked: Mapping[str, Any], name: str) -> bool:
    """A boolean of a JSON object, False where it is absent; raises Invalid for anything else."""
    value = asked.get(name)
    if value is not None and not isinstance(value, bool):
        raise Invalid(f"`{name}` must be true or false")
    return bool(value)


def pairs_of(listed: Any, *names: str) -> list[tuple[str, str]]:
    """A JSON list of `{namespace, id}` as pairs; `names` are those that the second may have."""
    keys = names or ("id",)
    found = []
    for one in listed if isinstance(listed, list) else [None]:
        second = next((one[key] for key in keys if isinstance(one.get(key), str)), None) if isinstance(one, dict) else None
        if second is None or not isinstance(one.get("namespace"), str):
            raise Invalid(f'Expected a JSON list of {{"namespace", "{keys[0]}"}} in the body')
        found.append((one["namespace"], second))
    return found


def text_of(request: HttpRequest) -> str:
    """The body as text; a body that is no UTF-8 is refused."""
    try:
        return request.body.decode()
    except UnicodeDecodeError as error:
        raise Invalid("The body must be UTF-8 text") from error


def json_of(request: HttpRequest) -> Any:
    """The body as JSON, None where there is none."""
    if not request.body.strip():
        return None
    try:
        return storable(json.loads(text_of(request)))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"Malformed JSON in the body: {error}") from error


def ids_of(request: HttpRequest) -> list[str]:
    """The body of a bulk operation by ids: a JSON list of texts."""
    ids = json_of(request)
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise Invalid("Expected a JSON list of ids in the body")
    return ids


def labels_of(values: list[str]) -> list[tuple[str, str]]:
    """`key:value` of each; malformed ones and the same key twice are refused as Kestra does."""
    pairs: dict[str, str] = {}
    for value in values:
        key, colon, text = value.partition(":")
        if not colon or not key or not text:
            raise Invalid("Invalid queryString parameter")
        if key in pairs:
            raise Conflict(f"Duplicate key {key} (attempted merging values {pairs[key]} and {text})")
        pairs[key] = text
    return list(pairs.items())


def inputs_of(request: HttpRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """(values, files) of a multipart body, where an empty text is as good as none (Kestra's reader does not tell them apart).

    Files come in parts named `files` whose file name is the input's id, or named by the input.
    """
    if request.content_type != "multipart/form-data":
        if request.body:
            raise UnsupportedBody(request.content_type or "")
        return {}, {}
    values: dict[str, Any] = {name: request.POST.get(name) for name in request.POST if request.POST.get(name) != ""}
    files: dict[str, Any] = {}
    for name in request.FILES:
        for upload in request.FILES.getlist(name):
            files[(upload.name or name) if name == "files" else name] = upload
    return values, files


class UnsupportedBody(KestraError):
    """Inputs are sent as multipart/form-data."""

    def __init__(self, content_type: str) -> None:
        super().__init__(f"Content Type [{content_type}] not allowed. Allowed types: [multipart/form-data]")

    @property
    def status(self) -> int:
        """Unsupported Media Type."""
        return 415


def nothing(status: int = 204) -> HttpResponse:
    """An answer without a body, and so without a type."""
    response = HttpResponse(status=status)
    del response["Content-Type"]
    return response
