"""Filters over text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import ExpressionError, WorldNeeded
from engine.expressions.numbers import number, number_format
from engine.expressions.patterns import MAX_PIECES, PLAIN, check_size, pieces, substitute
from engine.expressions.run import Run
from engine.expressions.values import is_list, text_of, to_text

ESCAPES = {"single": ("'", "\\'"), "double": ('"', '\\"'), "shell": ("'", "'\\''")}


def textual(name: str, change: Callable[[str], Any], doc: str) -> Callable[[Any], Any]:
    """A filter of text alone; null stays null. `doc` is what its users read."""

    def apply(value: Any) -> Any:
        return None if value is None else change(text_of(value, name))

    apply.__doc__ = doc
    return apply


def abbreviate(value: Any, length: int) -> Any:
    """A text cut to `length` characters, the last three of them dots.

    {{ 'a rather long text' | abbreviate(8) }} → a rat...
    """
    if value is None:
        return None
    text = text_of(value, "abbreviate")
    if length < 0:
        raise ExpressionError("Invalid argument to abbreviate filter; must be greater than zero")
    if len(text) <= length:
        return text
    return text[: length - 3] + "..." if length > 3 else text[:length]


def title(text: str) -> str:
    return re.sub(r"\S+", lambda word: word[0][0].upper() + word[0][1:], text)


def capitalize(text: str) -> str:
    return re.sub(r"^(\s*)(\S)", lambda found: found[1] + found[2].upper(), text)


def url_encode(text: str) -> str:
    return urllib.parse.quote_plus(text, safe="*-._")


def slugify(text: str) -> str:
    plain = unicodedata.normalize("NFD", re.sub(r"\s+", "-", text))
    plain = re.sub(r"[^\w-]", "", plain.encode("ascii", "ignore").decode())
    return re.sub(r"-+", "-", plain.replace("_", "-")).strip("-").lower()


def string(value: Any) -> Any:
    """Any value as the text that it prints.

    {{ 12 | string | className }} → java.lang.String
    """
    return None if value is None else to_text(value)


def escape_char(value: Any, type: str) -> Any:
    """Quotes of the kind `single`, `double` or `shell` escaped, in maps and lists too.

    {{ "it's" | escapeChar('shell') }} → it'\\''s
    """
    if type not in ESCAPES:
        raise ExpressionError(f"The 'escapeChar' filter knows `single`, `double` and `shell`, not `{type}`")
    if isinstance(value, Mapping):
        return {key: escape_char(item, type) for key, item in value.items()}
    if is_list(value):
        return [escape_char(item, type) for item in value]
    return value.replace(*ESCAPES[type]) if isinstance(value, str) else value


def replace(run: Run, value: Any, replace_pairs: Mapping[Any, Any] | None = None, regexp: bool = False) -> Any:
    """Every pair replaced, in order, in maps and lists too; with `regexp` the keys are patterns and the values may name groups as `$1`.

    {{ 'a-b' | replace({'-': '+'}) }} → a+b
    {{ 'order 17' | replace({'[0-9]+': '<$0>'}, regexp=true) }} → order <17>
    """
    if value is None:
        return None
    if not isinstance(replace_pairs, Mapping):
        raise ExpressionError("The 'replace' filter needs a map: `| replace({'a': 'b'})`")
    if isinstance(value, Mapping):
        return {replace(run, key, replace_pairs, regexp): replace(run, item, replace_pairs, regexp) for key, item in value.items()}
    if is_list(value):
        return [replace(run, item, replace_pairs, regexp) for item in value]
    if not isinstance(value, str):
        return value
    for old, new in replace_pairs.items():
        before, after = to_text(old), to_text(new)
        run.step()
        run.charge(len(value) // 8)
        if regexp:
            allow_patterns(run, "replace")
            value = substitute(before, after, value)
        else:
            check_size(len(value) + value.count(before) * len(after))
            value = value.replace(before, after)
    return value


def allow_patterns(run: Run, name: str) -> None:
    """Leaves a pattern to who can wait for it."""
    if run.options.hands_on:
        raise WorldNeeded(name)


def split(run: Run, value: Any, delimiter: str, limit: int = 0) -> Any:
    """A text cut at a pattern into at most `limit` pieces; without a limit empty pieces at the end are dropped, with a negative one kept.

    {{ 'a,b,,' | split(',') }} → ["a","b"]
    {{ 'a.b.c' | split('\\.', 2) }} → ["a","b.c"]
    """
    if value is None:
        return None
    text = text_of(value, "split")
    if PLAIN.fullmatch(delimiter):
        if text.count(delimiter) > MAX_PIECES:
            raise ExpressionError(f"the text splits into more than {MAX_PIECES} pieces")
        cut = text.split(delimiter, limit - 1 if limit > 0 else -1)
    else:
        allow_patterns(run, "split")
        cut = pieces(text, delimiter, limit)
    while limit == 0 and len(cut) > 1 and not cut[-1]:
        cut.pop()
    return cut


def _indented(value: Any, amount: int, prefix: str, first: bool) -> Any:
    if value is None:
        return None
    text = to_text(value)
    if not text:
        return ""
    if not 0 <= amount <= 1000:
        raise ExpressionError("the amount of an indentation lies between 0 and 1000")
    newline = next((mark for mark in ("\r\n", "\n", "\r") if mark in text), "\n")
    lines = re.split(r"\r\n|\n|\r", text)
    check_size(len(text) + len(lines) * amount * len(prefix))
    pad = prefix * amount
    return newline + pad + (newline + pad).join(lines) if first else (newline + pad).join(lines)


def indent(value: Any, amount: int, prefix: str = " ") -> Any:
    """All lines but the first moved right by `amount` times `prefix`.

    {{ 'ab' | indent(2) }} → ab
    """
    return _indented(value, amount, prefix, first=False)


def nindent(value: Any, amount: int, prefix: str = " ") -> Any:
    """A new line, then all lines moved right by `amount` times `prefix`: for a block below a key of YAML.

    {{ 'ab' | nindent(2) | length }} → 5
    """
    return _indented(value, amount, prefix, first=True)


def cut(name: str, last: bool, after: bool, doc: str) -> Callable[[Any, str], Any]:
    """substringBefore, substringAfter and their `Last` forms."""

    def apply(value: Any, separator: str) -> Any:
        if value is None:
            return None
        text = text_of(value, name)
        before, found, rest = text.rpartition(separator) if last else text.partition(separator)
        if not found:
            return "" if after else text
        return rest if after else before

    apply.__doc__ = doc
    return apply


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ExpressionError("The 'base64decode' filter needs text in base64") from error


def _digest(name: str) -> Callable[[str], str]:
    return lambda text: hashlib.new(name, text.encode()).hexdigest()


TEXT_FILTERS: dict[str, Callable[..., Any]] = {
    "abbreviate": abbreviate,
    "base64decode": textual("base64decode", _decoded, "A text from its base64.\n\n{{ 'YWI=' | base64decode }} → ab"),
    "base64encode": textual("base64encode", _encoded, "A text in base64.\n\n{{ 'ab' | base64encode }} → YWI="),
    "capitalize": textual("capitalize", capitalize, "The first letter large.\n\n{{ 'one two' | capitalize }} → One two"),
    "escapeChar": escape_char,
    "indent": indent,
    "nindent": nindent,
    "lower": textual("lower", str.lower, "All letters small.\n\n{{ 'AbC' | lower }} → abc"),
    "upper": textual("upper", str.upper, "All letters large.\n\n{{ 'AbC' | upper }} → ABC"),
    "trim": textual("trim", str.strip, "Without space at both ends.\n\n{{ ' ab ' | trim }} → ab"),
    "title": textual("title", title, "The first letter of each word large.\n\n{{ 'one two' | title }} → One Two"),
    "slugify": textual("slugify", slugify, "Small letters and hyphens alone.\n\n{{ 'Été à la mer' | slugify }} → ete-a-la-mer"),
    "md5": textual("md5", _digest("md5"), "The MD5 of a text.\n\n{{ 'a' | md5 }} → 0cc175b9c0f1b6a831c399e269772661"),
    "sha1": textual("sha1", _digest("sha1"), "The SHA-1 of a text.\n\n{{ 'a' | sha1 }} → 86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    "sha256": textual("sha256", _digest("sha256"), "The SHA-256 of a text.\n\n{{ ('a' | sha256) | abbreviate(11) }} → ca978112..."),
    "sha512": textual("sha512", _digest("sha512"), "The SHA-512 of a text.\n\n{{ ('a' | sha512) | abbreviate(11) }} → 1f40fc92..."),
    "string": string,
    "urlencode": textual("urlencode", url_encode, "A text for an address.\n\n{{ 'a b&c' | urlencode }} → a+b%26c"),
    "urldecode": textual("urldecode", urllib.parse.unquote_plus, "A text from an address.\n\n{{ 'a+b%26c' | urldecode }} → a b&c"),
    "number": number,
    "numberFormat": number_format,
    "substringBefore": cut("substringBefore", False, False, "What stands before a mark.\n\n{{ 'a.b.c' | substringBefore('.') }} → a"),
    "substringAfter": cut("substringAfter", False, True, "What stands after a mark.\n\n{{ 'a.b.c' | substringAfter('.') }} → b.c"),
    "substringBeforeLast": cut(
        "substringBeforeLast", True, False, "What stands before the last mark.\n\n{{ 'a.b.c' | substringBeforeLast('.') }} → a.b"
    ),
    "substringAfterLast": cut(
        "substringAfterLast", True, True, "What stands after the last mark.\n\n{{ 'a.b.c' | substringAfterLast('.') }} → c"
    ),
}
TEXT_RUN_FILTERS: dict[str, Callable[..., Any]] = {"replace": replace, "split": split}
