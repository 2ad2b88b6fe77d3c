"""Patterns that people write as Java reads them, always with an end: `re` cannot be interrupted, `regex` can."""

from __future__ import annotations

import re

import regex

from engine.errors import ExpressionError

PATTERN_SECONDS = 0.5
MAX_PATTERN = 10_000
MAX_TEXT = 32 * 1024 * 1024
MAX_PIECES = 500_000
PLAIN = re.compile(r"[\w ,;:/=@#%&!<>\"'`~\n\t-]+")  # a delimiter that is no pattern
# Java's classes know ASCII alone, and it writes some things in its own way.
JAVA_CLASSES = {"d": "[0-9]", "D": "[^0-9]", "w": "[a-zA-Z0-9_]", "W": "[^a-zA-Z0-9_]", "s": r"[ \t\n\v\f\r]", "S": r"[^ \t\n\v\f\r]"}
ESCAPE = re.compile(r"\\(?:k<(?P<group>\w+)>|x\{(?P<code>[0-9a-fA-F]{1,6})\}|(?P<letter>.))", re.DOTALL)


def check_size(characters: int) -> None:
    """Refuses a text that is about to become too long to hold."""
    if characters > MAX_TEXT:
        raise ExpressionError(f"the text would be longer than {MAX_TEXT} characters")


def java_pattern(pattern: str) -> regex.Pattern[str]:
    """A pattern written for Java; raises ExpressionError where it is none."""
    if len(pattern) > MAX_PATTERN:
        raise ExpressionError(f"the pattern is longer than {MAX_PATTERN} characters")
    pieces = re.split(r"\\Q(.*?)(?:\\E|$)", pattern, flags=re.DOTALL)
    written = "".join(re.escape(piece) if number % 2 else ESCAPE.sub(_translated, piece) for number, piece in enumerate(pieces))
    try:
        return regex.compile(written, regex.V1)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ExpressionError(f"invalid pattern [{pattern}]: {error}") from error


def _translated(escape: re.Match[str]) -> str:
    if escape["group"]:
        return f"(?P={escape['group']})"
    if escape["code"]:
        code = int(escape["code"], 16)
        return re.escape(chr(code)) if code <= 0x10FFFF else escape[0]
    return JAVA_CLASSES.get(escape["letter"], escape[0])


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


def pieces(text: str, delimiter: str, limit: int) -> list[str]:
    """A text cut at a pattern into at most `limit` pieces, where that is above 0."""
    cut: list[str] = []
    start = 0
    try:
        for found in java_pattern(delimiter).finditer(text, timeout=PATTERN_SECONDS):
            if 0 < limit <= len(cut) + 1:
                break
            if found.end() == 0 or found.end() == found.start() == len(text):
                continue
            cut.append(text[start:found.start()])
            start = found.end()
            if len(cut) > MAX_PIECES:
                raise ExpressionError(f"the text splits into more than {MAX_PIECES} pieces")
    except TimeoutError as error:
        raise ExpressionError(f"the pattern [{delimiter}] takes more than {PATTERN_SECONDS} s on this text") from error
    return [*cut, text[start:]]
