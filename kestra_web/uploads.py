"""How much may be sent in one request."""

from __future__ import annotations

import os
from collections.abc import Callable
from tempfile import SpooledTemporaryFile

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ui.errors import answer
from ui.formats import size as size_text


class BodyLimit:
    """Refuses a body that is larger than KESTRA_WEB_MAX_UPLOAD, and tells Django the length of one that was sent in chunks.

    Django limits what is no file by itself, and takes a form without a length for an empty one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length, most = _length(request), settings.KESTRA_LIMITS["upload_bytes"]
        if length > most:
            return answer(request, 413, f"At most {size_text(most)} can be sent at once, as the setting KESTRA_WEB_MAX_UPLOAD says")
        if length:
            request.META["CONTENT_LENGTH"] = str(length)
        return self.get_response(request)


def _length(request: HttpRequest) -> int:
    """As the request says, or as the server found it: then it has received all of it into a file."""
    said = request.META.get("CONTENT_LENGTH") or ""
    stream = getattr(request, "_stream", None)  # Django has no public name for it
    if said.isdecimal() or not isinstance(stream, SpooledTemporaryFile):
        return int(said) if said.isdecimal() else 0
    length = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return length
