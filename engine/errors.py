"""Errors that the language raises while it reads or renders what someone wrote."""

from __future__ import annotations


class LanguageError(Exception):
    """What was written cannot be understood."""


class ExpressionError(LanguageError):
    """An expression cannot be rendered; `line` and `column` count from 1, a column of 0 is not known."""

    def __init__(self, message: str, *, template: str = "", line: int = 1, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.template = template
        self.line = line
        self.column = column


class InputError(LanguageError):
    """A value given for an input is refused."""

    def __init__(self, input_id: str, message: str) -> None:
        super().__init__(message)
        self.input_id = input_id
        self.message = message


class WorldNeeded(ExpressionError):
    """An expression needs more than is given here: a function of the world (`function` is its name: `kv`, `now`…), a pattern, more time."""

    def __init__(self, function: str, message: str = "") -> None:
        super().__init__(message or f"{function}() cannot be used here: it needs more than the variables")
        self.function = function
