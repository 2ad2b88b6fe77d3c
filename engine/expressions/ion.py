"""Amazon Ion's text form, as far as expressions and stored tables need it."""

from __future__ import annotations

import datetime as dt
import math
import re
import string
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from engine.errors import ExpressionError
from engine.expressions.values import Float32, Missing, fits_float32, is_list, java_date, to_float32, to_text

SYMBOL = re.compile(r"[A-Za-z_$][\w$]*")
WORDS = frozenset({"null", "true", "false", "nan"})
ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\", "\0": "\\0"}
ESCAPED = str.maketrans(ESCAPES)
READ_ESCAPES = {
    "n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0",
    "/": "/", '"': '"', "'": "'", "\\": "\\", "?": "?",
}
TIMESTAMP = re.compile(r"\d{4}(?:T|-\d\dT|-\d\d-\d\d(?:T(?:\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?)?)")
NUMBER = re.compile(r"-?\d[\d_]*(?:\.\d*)?(?:([eEdD])[+-]?\d+)?|[+-]inf")
PLAIN = {quote: re.compile(rf"[^{quote}\\]*") for quote in ("\"", "'")}  # of a text, what stands for itself
SKIP = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)


def _text(value: str) -> str:
    return f'"{value.translate(ESCAPED)}"'


def _float(value: float) -> str:
    """A double in Ion: `1.5e0`."""
    wide = float(to_float32(value)) if isinstance(value, Float32) or fits_float32(value) else float(value)
    if not math.isfinite(wide):
        return "nan" if math.isnan(wide) else "+inf" if wide > 0 else "-inf"
    text = repr(wide)
    return text if "e" in text else text + "e0"


def to_ion(value: Any) -> str:
    """One value as one line of Ion text."""
    if isinstance(value, Missing):
        raise value.error()
    if value is None:
        return "null"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        fields = []
        for key, item in value.items():
            name = to_text(key)
            plain = SYMBOL.fullmatch(name) and name not in WORDS
            fields.append(f"{name if plain else chr(39) + name.replace(chr(39), chr(92) + chr(39)) + chr(39)}:{to_ion(item)}")
        return "{" + ",".join(fields) + "}"
    if is_list(value):
        return "[" + ",".join(to_ion(item) for item in value) + "]"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Decimal):
        if abs(value.adjusted()) > 100:
            return str(value).replace("E", "d")
        return f"{value:f}" if "." in f"{value:f}" else f"{value:f}."
    if isinstance(value, dt.datetime):
        return java_date(value if value.tzinfo else value.replace(tzinfo=dt.UTC), always_seconds=True)
    return to_text(value) if isinstance(value, (bool, int, dt.date)) and not isinstance(value, dt.datetime) else _text(to_text(value))


LONGEST_NUMBER = 400  # digits; the time that a number takes to read grows with the square of its length


class IonReader:
    """Reads Ion text into plain values; timestamps stay text, symbols become text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self) -> NoReturn:
        found = repr(self.text[self.at]) if self.at < len(self.text) else "the end"
        raise ExpressionError(f"this is not Ion: {found} is unexpected at character {self.at + 1}")

    def skip(self) -> None:
        found = SKIP.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def take(self, token: str) -> bool:
        self.skip()
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def value(self) -> Any:
        self.skip()
        for open_, read in (("{", self._struct), ("[", self._list), ('"', self._string), ("'", self._quoted)):
            if self.take(open_):
                return read()
        stamp = TIMESTAMP.match(self.text, self.at)
        if stamp:
            self.at = stamp.end()
            return stamp[0]
        number = NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            return self._number(number[0])
        symbol = SYMBOL.match(self.text, self.at)
        if symbol is None:
            self.fail()
        self.at = symbol.end()
        return self._word(symbol[0])

    def _word(self, word: str) -> Any:
        if word == "null" and self.take("."):
            self.at = SYMBOL.match(self.text, self.at).end() if SYMBOL.match(self.text, self.at) else self.at  # type: ignore[union-attr]  # matched in the condition
            return None
        if self.take("::"):
            return self.value()
        return {"null": None, "true": True, "false": False, "nan": float("nan")}.get(word, word)

    def _number(self, text: str) -> Any:
        plain = text.replace("_", "")
        if len(plain) > LONGEST_NUMBER:
            self.fail()
        if plain.endswith("inf"):
            return float(plain)
        if "d" in plain.lower() or ("." in plain and "e" not in plain.lower()):
            return Decimal(plain.lower().replace("d", "e").rstrip("."))
        return float(plain) if "e" in plain.lower() else int(plain)

    def _list(self) -> list[Any]:
        items: list[Any] = []
        while not self.take("]"):
            if items and not self.take(","):
                self.fail()
            if self.take("]"):
                break
            items.append(self.value())
        return items

    def _struct(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        while not self.take("}"):
            if fields and not self.take(","):
                self.fail()
            if self.take("}"):
                break
            name = self.value()
            if not self.take(":"):
                self.fail()
            fields[to_text(name)] = self.value()
        return fields

    def _string(self) -> str:
        return self._until('"')

    def _quoted(self) -> Any:
        if self.text.startswith("''", self.at):
            self.at += 2
            end = self.text.find("'''", self.at)
            if end < 0:
                self.fail()
            text, self.at = self.text[self.at:end], end + 3
            return text
        text = self._until("'")
        return self.value() if self.take("::") else text

    def _until(self, quote: str) -> str:
        pieces: list[str] = []
        while True:
            plain = PLAIN[quote].match(self.text, self.at)
            assert plain is not None  # it matches nothing, too
            pieces.append(plain[0])
            self.at = plain.end() + 1
            if self.at > len(self.text):
                self.fail()
            if self.text[plain.end()] == quote:
                return "".join(pieces)
            pieces.append(self._escape())

    def _escape(self) -> str:
        letter = self.text[self.at:self.at + 1]
        self.at += 1
        size = {"x": 2, "u": 4, "U": 8}.get(letter)
        if size:
            digits = self.text[self.at:self.at + size]
            self.at += size
            if len(digits) != size or not all(digit in string.hexdigits for digit in digits) or int(digits, 16) > sys.maxunicode:
                self.fail()
            return chr(int(digits, 16))
        return READ_ESCAPES.get(letter, "" if letter == "\n" else letter)


def from_ion(text: str) -> Any:
    """The first value of an Ion text; raises ExpressionError where it is not Ion."""
    reader = IonReader(text)
    value = reader.value()
    reader.skip()
    if reader.at < len(text) and text[reader.at] in "}]),:":
        reader.fail()
    return value


def only_ion(text: str) -> Any:
    """The one value of a text; raises ExpressionError where there is none, or something after it."""
    reader = IonReader(text)
    value = reader.value()
    reader.skip()
    if reader.at < len(text):
        reader.fail()
    return value
