"""Pebble text cut into tokens: text, tags, names, operators, strings with their interpolations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from engine.errors import ExpressionError

START = re.compile(r"\{\{|\{%|\{#")
RAW = re.compile(r"\{%-*[ \t]*raw[ \t]*-*%\}")
END_RAW = re.compile(r"\{%-*[ \t]*endraw[ \t]*-*%\}")
VERBATIM = re.compile(r"\s*verbatim\s*(-?)%\}")
END_VERBATIM = re.compile(r"\{%(-?)\s*endverbatim\s*(-?)%\}")
SYMBOLS = ("???", "??", "==", "!=", ">=", "<=", "..", ">", "<", "+", "-", "*", "/", "%", "|", "~")
TOKEN = re.compile(
    "(?P<operator>" + "|".join(re.escape(symbol) for symbol in SYMBOLS)
    + r"|(?:is\s+not|isIn|is|contains|equals|and|or|not)(?!\w))|(?P<name>[^\W\d]\w*)|(?P<number>\d+L|\d+(?:\.\d+)?)"
)
PRINT_END, TAG_END, PART_END = (re.compile(pattern) for pattern in (r"\s*(-?)\}\}", r"\s*(-?)%\}", r"\s*()\}"))
PLAIN_STRING = re.compile(r"\"([^#\"\\]*(?:(?:\\.|#(?!\{))[^#\"\\]*)*)\"|'([^'\\]*(?:\\.[^'\\]*)*)'", re.DOTALL)
STRING_PART = re.compile(r"[^#\"\\]*(?:(?:\\.|#(?!\{))[^#\"\\]*)*", re.DOTALL)
SPACE = re.compile(r"\s*")
MAX_TOKENS = 50_000
PAIRS = {"(": ")", "[": "]", "{": "}"}


class Token(NamedTuple):
    """`kind` is text, print_start, print_end, tag_start, tag_end, name, number, string, operator, punctuation,
    open_part, close_part (an interpolation inside a string) or end."""

    kind: str
    value: str
    line: int
    column: int


def raw_block(source: str, at: int) -> tuple[int, int, int] | None:
    """Start and end of the text of a raw block whose tag begins at `at`, and where the text after it goes on.

    None where there is no raw tag, or none that ends on its line (Kestra looks no further).
    """
    opened = RAW.match(source, at)
    if opened is None:
        return None
    line_end = source.find("\n", at)
    closed = END_RAW.search(source, opened.end(), len(source) if line_end < 0 else line_end)
    return (opened.end(), closed.start(), closed.end()) if closed else None


def take_raw(source: str, mark: Callable[[int], str]) -> tuple[str, list[str]]:
    """The source with each raw block replaced by `mark(number)`, and what stood inside the blocks."""
    pieces: list[str] = []
    kept: list[str] = []
    at = 0
    while (start := source.find("{%", at)) >= 0:
        found = raw_block(source, start)
        if found is None:
            unclosed = RAW.match(source, start) is not None
            line_end = source.find("\n", start) if unclosed else -1
            to = (line_end if line_end >= 0 else len(source)) if unclosed else start + 2
            pieces.append(source[at:to])
        else:
            pieces += [source[at:start], mark(len(kept))]
            kept.append(source[found[0]:found[1]])
            to = found[2]
        at = to
    pieces.append(source[at:])
    return "".join(pieces), kept


class Lexer:
    """Reads one template from left to right."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = self.line_start = 0
        self.line = 1
        self.tokens: list[Token] = []
        self.brackets: list[str] = []
        self.trim_next = False
        self.opened = (1, 1)

    def run(self) -> list[Token]:
        while self.at < len(self.source):
            self._data()
        self._push("end", "")
        return self.tokens

    def fail(self, message: str) -> NoReturn:
        raise ExpressionError(message, template=self.source, line=self.line, column=self.at - self.line_start + 1)

    def _push(self, kind: str, value: str) -> None:
        if len(self.tokens) > MAX_TOKENS:
            self.fail(f"the expressions have more than {MAX_TOKENS} parts")
        self.tokens.append(Token(kind, value, self.line, self.at - self.line_start + 1))

    def _advance(self, to: int) -> None:
        lines = self.source.count("\n", self.at, to)
        if lines:
            self.line += lines
            self.line_start = self.source.rfind("\n", self.at, to) + 1
        self.at = to

    def _text(self, to: int, trim_end: bool = False) -> None:
        """Takes everything up to `to` as text, trimmed where a tag beside it asks for it."""
        text = self.source[self.at:to]
        if self.trim_next:
            text = text.lstrip()
        if trim_end:
            text = text.rstrip()
        self.trim_next = False
        if text:
            self._push("text", text)
        self._advance(to)

    def _data(self) -> None:
        found = START.search(self.source, self.at)
        if found is None:
            self._text(len(self.source))
            return
        raw = raw_block(self.source, found.start())
        if raw is not None:
            self._text(found.start())
            self._push("text", self.source[raw[0]:raw[1]])
            self._advance(raw[2])
            return
        trim = self._trims(found)
        self._text(found.start(), trim_end=trim)
        start = (self.line, self.at - self.line_start + 1)
        self._advance(found.end() + trim)
        self.opened = start
        {"{{": self._print, "{%": self._tag, "{#": self._comment}[found[0]]()

    def _trims(self, opening: re.Match[str]) -> bool:
        """Whether a sign begins with a trim marker: in `{{-1}}` the `-` belongs to the number."""
        end = opening.end()
        return self.source.startswith("-", end) and (opening[0] != "{{" or self.source[end + 1:end + 2].isspace())

    def _comment(self) -> None:
        end = self.source.find("#}", self.at)
        if end < 0:
            self.fail("Unclosed comment: `{#` begins one")
        self.trim_next = self.source[end - 1] == "-"
        self._advance(end + 2)

    def _print(self) -> None:
        self._start("print_start", "{{")
        self._until(PRINT_END, "print_end", "}}")

    def _start(self, kind: str, sign: str) -> None:
        self.tokens.append(Token(kind, sign, *self.opened))

    def _tag(self) -> None:
        if RAW.match(self.source, self.source.rfind("{%", 0, self.at + 1)):
            self.fail("a raw block ends on the line where it begins; {% verbatim %} may be longer")
        verbatim = VERBATIM.match(self.source, self.at)
        if verbatim:
            self._verbatim(verbatim)
            return
        self._start("tag_start", "{%")
        self._until(TAG_END, "tag_end", "%}")

    def _verbatim(self, start: re.Match[str]) -> None:
        end = END_VERBATIM.search(self.source, start.end())
        if end is None:
            self.fail("Could not find end of verbatim block.")
        text = self.source[start.end():end.start()]
        text = text.lstrip() if start[1] else text
        self._push("text", text.rstrip() if end[1] else text)
        self.trim_next = bool(end[2])
        self._advance(end.end())

    def _until(self, close: re.Pattern[str], kind: str, closing: str) -> None:
        while True:
            end = close.match(self.source, self.at) if not self.brackets else None
            if end:
                self._advance(end.end())
                self._push(kind, closing)
                self.trim_next = bool(end[1])
                return
            self._expression(closing)

    def _expression(self, closing: str) -> None:
        self._advance(SPACE.match(self.source, self.at).end())  # type: ignore[union-attr]  # the pattern always matches
        if self.at >= len(self.source):
            line, column = self.opened
            message = f'Unclosed "{self.brackets[-1]}"' if self.brackets else f'Expected "{closing}" before the end of the text'
            raise ExpressionError(message, template=self.source, line=line, column=column)
        found = TOKEN.match(self.source, self.at)
        if found:
            text = found[0]
            self._push(found.lastgroup or "", " ".join(text.split()) if text.startswith("is") else text)
            self._advance(found.end())
        elif self.source[self.at] in "\"'":
            self._string(closing)
        else:
            self._punctuation()

    def _punctuation(self) -> None:
        character = self.source[self.at]
        if character in PAIRS:
            self.brackets.append(character)
        elif character in ")]}":
            if not self.brackets:
                self.fail(f'Unexpected "{character}"')
            opened = self.brackets.pop()
            if PAIRS.get(opened) != character:
                self.fail(f'Unclosed "{opened}"')
        elif character not in "?:.,=":
            self.fail(f"Unexpected character [{character}]")
        self._push("punctuation", character)
        self._advance(self.at + 1)

    def _string(self, closing: str) -> None:
        plain = PLAIN_STRING.match(self.source, self.at)
        if plain:
            quote = plain[0][0]
            self._push("string", plain[0][1:-1].replace("\\" + quote, quote))
            self._advance(plain.end())
            return
        if self.source[self.at] == "'":
            self.fail('Unclosed "\'"')
        self._interpolated(closing)

    def _interpolated(self, closing: str) -> None:
        """A double-quoted string with `#{expression}` in it: parts between open_part and close_part."""
        self._advance(self.at + 1)
        self._push("string", "")
        while not self.source.startswith('"', self.at):
            part = STRING_PART.match(self.source, self.at)
            if part and part[0]:
                self._push("string", part[0].replace('\\"', '"'))
                self._advance(part.end())
            elif self.source.startswith("#{", self.at):
                self._part(closing)
            else:
                self.fail('Unclosed """')
        self._advance(self.at + 1)

    def _part(self, closing: str) -> None:
        self._push("open_part", "#{")
        self._advance(self.at + 2)
        outer, self.brackets = self.brackets, []
        while not (self.brackets == [] and PART_END.match(self.source, self.at)):
            self._expression(closing)
        self._advance(PART_END.match(self.source, self.at).end())  # type: ignore[union-attr]  # the loop ended on a match
        self.brackets = outer
        self._push("close_part", "}")


def tokenize(source: str) -> list[Token]:
    """The tokens of a template; raises ExpressionError with the line where it cannot be read."""
    return Lexer(source).run()
