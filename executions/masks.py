"""The secret texts that one execution has met, hidden in all that it shows."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from namespaces import vault

MASK = "********"
SHORTEST = 4  # characters of a line, and of a secret whose other forms are hidden too: what is shorter is found where no secret is
SHORTEST_PIECE = 6  # characters of an encoded form that must be there, for the same reason
WRAPPED = (76, 64)  # characters in a line of base64, as `base64` and OpenSSL write it
BEGINNING = 4  # characters by which a text is looked through for secrets before any pattern is tried
_SIGN = "[A-Za-z0-9+/_-]"

Form = tuple[str, str]  # what a text must hold, and the pattern of all that is then hidden


class Masks:
    """The secret texts that one execution has met, which no log line, output, error or step may show.

    What is added with `in_values=False` is hidden in texts, not in values.
    """

    def __init__(self, *, only_values: bool = False) -> None:
        self._values: Masks = self if only_values else Masks(only_values=True)
        self._texts: set[str] = set()
        self._patterns: set[str] = set()
        self._beginnings: set[str] = set()
        self._short: set[str] = set()
        # Made when a text first needs it, since that takes a while; the number says of how many patterns (other threads add some).
        self._made: tuple[int, re.Pattern[str]] = (0, re.compile(r"(?!)"))

    def add(self, text: str, *, in_values: bool = True) -> None:
        """Hide this text from now on: whole, line by line, and in the forms that it usually takes on its way."""
        if in_values and self._values is not self:
            self._values.add(text)
        if text in self._texts or not text.strip():
            return
        self._texts.add(text)
        for literal, pattern in _forms(text):
            self._patterns.add(pattern)
            if len(literal) < BEGINNING:
                self._short.add(literal)
            else:
                self._beginnings.add(literal[:BEGINNING])

    def text(self, text: str) -> str:
        """The text without its secrets."""
        if not self._suspects(text):
            return text
        number, pattern = self._made
        if number != len(self._patterns):
            known = sorted(self._patterns, key=len, reverse=True)
            pattern = re.compile("|".join(known))
            self._made = (len(known), pattern)
        return pattern.sub(MASK, text)

    def _suspects(self, text: str) -> bool:
        """Whether something in the text begins as a secret does: looked at for every log line, so it takes no longer with many secrets."""
        if not self._patterns:
            return False
        beginnings = {text[at : at + BEGINNING] for at in range(len(text) - BEGINNING + 1)}
        return not self._beginnings.isdisjoint(beginnings) or any(short in text for short in self._short)

    def in_sight(self, content: bytes) -> bool:
        """Whether a secret stands in these bytes in clear, or as JSON writes it; short ones are not looked for."""
        clear = {line.strip() for text in self._texts for line in (text, *text.splitlines())}
        written = {form for text in clear if len(text) >= SHORTEST for form in (text, json.dumps(text)[1:-1])}
        return any(form.encode(errors="replace") in content for form in written)

    def value(self, value: Any) -> Any:
        """A JSON value without its secrets; what is encrypted stays as it is."""
        if isinstance(value, str):
            return self._values.text(value)
        if isinstance(value, Mapping):
            return value if vault.is_encrypted(value) else {self._values.text(str(key)): self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list | tuple) else value

    def encrypted(self, value: Any) -> Any:
        """A JSON value in which every text that holds a secret is encrypted, for values that are needed again in clear."""
        if isinstance(value, str):
            return value if self.text(value) == value else vault.encrypt_value(value)
        if isinstance(value, Mapping):
            return value if vault.is_encrypted(value) else {key: self.encrypted(item) for key, item in value.items()}
        return [self.encrypted(item) for item in value] if isinstance(value, list | tuple) else value


def _forms(text: str) -> Iterator[Form]:
    """A secret in clear, each of its lines, and what encoders make of them."""
    whole = text.strip()
    for clear in {text, whole, json.dumps(text)[1:-1]}:
        yield clear, re.escape(clear)
    for clear in {whole, *(line.strip() for line in text.splitlines())}:
        if len(clear) >= SHORTEST:
            yield from ((written, re.escape(written)) for written in {clear, *_written(clear)})
            yield from _encoded(clear.encode(errors="surrogatepass"))
    if text != whole and len(whole) >= SHORTEST:
        yield from _encoded(text.encode(errors="surrogatepass"))


def _written(text: str) -> set[str]:
    """The text as JSON, HTML, addresses, shells and Python write it, in other letters, and backwards."""
    return {
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        html.escape(text),
        html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        html.escape(text, quote=False),
        quote(text, errors="replace"),
        quote(text, safe="", errors="replace"),
        quote_plus(text, errors="replace"),
        text.replace("'", "'\\''"),
        repr(text)[1:-1],
        text.upper(),
        text.lower(),
        text[::-1],
    }


def _encoded(raw: bytes) -> Iterator[Form]:
    """The bytes in hexadecimal, and in base64 wherever they lie in what was encoded."""
    for hexadecimal in (raw.hex(), raw.hex().upper()):
        yield hexadecimal, hexadecimal
    for before in range(3):
        # Signs that also hold bits of the bytes around the secret differ from place to place: they are hidden, whatever they are.
        start, end = (0, 2, 3)[before], 8 * (before + len(raw)) // 6
        standard = base64.b64encode(b"\0" * before + raw).decode()[start:end]
        for known in {standard, standard.replace("+", "-").replace("/", "_")}:
            pieces = [known, *(_wrapped(known) if before == 0 else ())]
            for piece in pieces:
                if len(piece) >= SHORTEST_PIECE:
                    yield piece, f"{_SIGN + '?' if before else ''}{re.escape(piece)}{_SIGN}?={{0,2}}"


def _wrapped(encoded: str) -> Iterator[str]:
    """The lines into which encoders wrap what is long."""
    for width in WRAPPED:
        if len(encoded) > width:
            yield from (encoded[at : at + width] for at in range(0, len(encoded), width))
