"""Filters over text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

import regex

from engine.errors import ExpressionError
from engine.expressions.values import Double, Float32, fits_float32, is_list, is_number, java_class, to_float32, to_text

PATTERN_SECONDS = 0.5
MAX_PATTERN = 10_000
MAX_TEXT = 64 * 1024 * 1024
MAX_PIECES = 1_000_000
ESCAPES = {"single": ("'", "\\'"), "double": ('"', '\\"'), "shell": ("'", "'\\''")}


def text_of(value: Any, name: str) -> str:
    """The text that flows into a filter; anything else is refused by the filter's name."""
    if isinstance(value, str):
        return value
    raise ExpressionError(f"The '{name}' filter needs text, found {java_class(value)}")


def textual(name: str, change: Callable[[str], Any]) -> Callable[[Any], Any]:
    """A filter of text alone; null stays null."""

    def apply(value: Any) -> Any:
        return None if value is None else change(text_of(value, name))

    return apply


def abbreviate(value: Any, length: int) -> Any:
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


def slugify(text: str) -> str:
    plain = unicodedata.normalize("NFD", re.sub(r"\s+", "-", text))
    plain = re.sub(r"[^\w-]", "", plain.encode("ascii", "ignore").decode())
    return re.sub(r"-+", "-", plain.replace("_", "-")).strip("-").lower()


def escape_char(value: Any, type: str) -> Any:
    """`single`, `double` or `shell` quotes escaped, in maps and lists too."""
    if type not in ESCAPES:
        raise ExpressionError(f"The 'escapeChar' filter knows `single`, `double` and `shell`, not `{type}`")
    if isinstance(value, Mapping):
        return {key: escape_char(item, type) for key, item in value.items()}
    if is_list(value):
        return [escape_char(item, type) for item in value]
    return value.replace(*ESCAPES[type]) if isinstance(value, str) else value


def replace(value: Any, replace_pairs: Mapping[Any, Any] | None = None, regexp: bool = False) -> Any:
    """Every pair replaced, in order; with `regexp` the keys are patterns and the values may name groups as `$1`."""
    if value is None:
        return None
    if not isinstance(replace_pairs, Mapping):
        raise ExpressionError("The 'replace' filter needs a map: `| replace({'a': 'b'})`")
    if isinstance(value, Mapping):
        return {replace(key, replace_pairs, regexp): replace(item, replace_pairs, regexp) for key, item in value.items()}
    if is_list(value):
        return [replace(item, replace_pairs, regexp) for item in value]
    if not isinstance(value, str):
        return value
    for old, new in replace_pairs.items():
        before, after = to_text(old), to_text(new)
        if regexp:
            value = substitute(before, after, value)
        else:
            check_size(len(value) + value.count(before) * len(after))
            value = value.replace(before, after)
    return value


def check_size(characters: int) -> None:
    """Refuses a text that is about to become too long to hold."""
    if characters > MAX_TEXT:
        raise ExpressionError(f"the text would be longer than {MAX_TEXT} characters")


def java_pattern(pattern: str) -> regex.Pattern[str]:
    """A pattern written for Java; raises ExpressionError where it is none."""
    if len(pattern) > MAX_PATTERN:
        raise ExpressionError(f"the pattern is longer than {MAX_PATTERN} characters")
    quoted = re.sub(r"\\Q(.*?)(?:\\E|$)", lambda found: re.escape(found[1]), pattern, flags=re.DOTALL)
    try:
        return regex.compile(quoted, regex.V1)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ExpressionError(f"invalid pattern [{pattern}]: {error}") from error


def substitute(pattern: str, replacement: str, text: str) -> str:
    """Java's replaceAll, ended after half a second."""
    template = regex.sub(r"\\(?![$\\])", "", replacement)
    made = len(text)

    def filled(found: regex.Match[str]) -> str:
        nonlocal made
        made += len(template)
        check_size(made)

        def part(group: regex.Match[str]) -> str:
            if group[1] is not None:
                return str(group[1])
            return found.group(int(group[2]) if group[2].isdigit() else group[2]) or ""

        return str(regex.sub(r"\\([$\\])|\$\{?(\d+|(?<=\{)\w+)\}?", part, template))

    try:
        return str(java_pattern(pattern).sub(filled, text, timeout=PATTERN_SECONDS))
    except TimeoutError as error:
        raise ExpressionError(f"the pattern [{pattern}] takes more than {PATTERN_SECONDS} s on this text") from error
    except IndexError as error:
        raise ExpressionError(f"No group in the pattern [{pattern}] for the replacement `{replacement}`") from error


def matches_fully(pattern: str, text: str) -> bool:
    """Java's matches(): the whole text, ended after half a second."""
    try:
        return java_pattern(pattern).fullmatch(text, timeout=PATTERN_SECONDS) is not None
    except TimeoutError as error:
        raise ExpressionError(f"the pattern [{pattern}] takes more than {PATTERN_SECONDS} s on this text") from error


def split(value: Any, delimiter: str, limit: int = 0) -> Any:
    """Java's split: `delimiter` is a pattern; without a limit empty ends are dropped."""
    if value is None:
        return None
    text = text_of(value, "split")
    pieces: list[str] = []
    start = 0
    try:
        for found in java_pattern(delimiter).finditer(text, timeout=PATTERN_SECONDS):
            if 0 < limit <= len(pieces) + 1:
                break
            if found.end() == 0 or found.end() == found.start() == len(text):
                continue
            pieces.append(text[start:found.start()])
            start = found.end()
            if len(pieces) > MAX_PIECES:
                raise ExpressionError(f"the text splits into more than {MAX_PIECES} pieces")
    except TimeoutError as error:
        raise ExpressionError(f"the pattern [{delimiter}] takes more than {PATTERN_SECONDS} s on this text") from error
    pieces.append(text[start:])
    while limit == 0 and len(pieces) > 1 and not pieces[-1]:
        pieces.pop()
    return pieces


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
    return _indented(value, amount, prefix, first=False)


def nindent(value: Any, amount: int, prefix: str = " ") -> Any:
    return _indented(value, amount, prefix, first=True)


def cut(name: str, last: bool, after: bool) -> Callable[[Any, str], Any]:
    """substringBefore, substringAfter and their `Last` forms."""

    def apply(value: Any, separator: str) -> Any:
        if value is None:
            return None
        text = text_of(value, name)
        before, found, rest = text.rpartition(separator) if last else text.partition(separator)
        if not found:
            return "" if after else text
        return rest if after else before

    return apply


def number(value: Any, type: str | None = None) -> Any:
    """Text to a number: the smallest kind that holds it, or INT, FLOAT, LONG, DOUBLE, BIGDECIMAL, BIGINTEGER."""
    if value is None or is_number(value):
        return value
    text = text_of(value, "number").strip()
    try:
        if type in ("INT", "LONG", "BIGINTEGER"):
            return int(text)
        if type == "FLOAT":
            return to_float32(float(text))
        if type == "DOUBLE":
            return Double(text)
        if type == "BIGDECIMAL":
            return Decimal(text)
        if type is not None:
            raise ExpressionError(f"`{type}` is not a type of number; there are INT, FLOAT, LONG, DOUBLE, BIGDECIMAL, BIGINTEGER")
        if re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        wide = float(text)
        return Float32(to_float32(wide)) if fits_float32(wide) else Double(wide)
    except (ValueError, InvalidOperation) as error:
        raise ExpressionError(f'For input string: "{text}"') from error


def number_format(value: Any, format: str | None = None) -> Any:
    """A number by a Java DecimalFormat pattern: `#,##0.00`, `#.##`, `0.0%`."""
    if value is None:
        return None
    if not is_number(value):
        raise ExpressionError(f"The 'numberFormat' filter needs a number, found {java_class(value)}")
    pattern = (format or "#,##0.###").split(";")[0]
    found = re.fullmatch(r"([^#0,.]*)([#0,]*)(?:\.([#0]*))?([^#0]*)", pattern)
    if found is None:
        raise ExpressionError(f"`{pattern}` is not a pattern for numbers")
    prefix, whole, decimals, suffix = found[1].replace("'", ""), found[2], found[3] or "", found[4].replace("'", "")
    amount = Decimal(to_text(value)) * (100 if "%" in suffix else 1)
    rounded = abs(amount).quantize(Decimal(1).scaleb(-len(decimals)), ROUND_HALF_EVEN)
    integer, _, fraction = f"{rounded:f}".partition(".")
    fraction = fraction[: decimals.count("0")] + fraction[decimals.count("0"):].rstrip("0")
    integer = integer.lstrip("0").rjust(whole.replace(",", "").count("0"), "0")
    if "," in whole and integer:
        size = len(whole) - whole.rindex(",") - 1
        integer = re.sub(rf"(?<=\d)(?=(?:\d{{{size}}})+$)", ",", integer) if size else integer
    text = integer + (f".{fraction}" if fraction else "") or "0"
    return ("-" if amount < 0 and rounded else "") + prefix + text + suffix


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ExpressionError("The 'base64decode' filter needs text in base64") from error


def _digest(name: str) -> Callable[[str], str]:
    return lambda text: hashlib.new(name, text.encode()).hexdigest()


TEXT_FILTERS: dict[str, Callable[..., Any]] = {
    "abbreviate": abbreviate,
    "base64decode": textual("base64decode", _decoded),
    "base64encode": textual("base64encode", lambda text: base64.b64encode(text.encode()).decode()),
    "capitalize": textual("capitalize", lambda text: re.sub(r"^(\s*)(\S)", lambda found: found[1] + found[2].upper(), text)),
    "escapeChar": escape_char,
    "indent": indent,
    "nindent": nindent,
    "lower": textual("lower", str.lower),
    "upper": textual("upper", str.upper),
    "trim": textual("trim", str.strip),
    "title": textual("title", title),
    "slugify": textual("slugify", slugify),
    "md5": textual("md5", _digest("md5")),
    "sha1": textual("sha1", _digest("sha1")),
    "sha256": textual("sha256", _digest("sha256")),
    "sha512": textual("sha512", _digest("sha512")),
    "urlencode": textual("urlencode", lambda text: urllib.parse.quote_plus(text, safe="*-._")),
    "urldecode": textual("urldecode", urllib.parse.unquote_plus),
    "number": number,
    "numberFormat": number_format,
    "replace": replace,
    "split": split,
    "substringBefore": cut("substringBefore", last=False, after=False),
    "substringAfter": cut("substringAfter", last=False, after=True),
    "substringBeforeLast": cut("substringBeforeLast", last=True, after=False),
    "substringAfterLast": cut("substringAfterLast", last=True, after=True),
}
