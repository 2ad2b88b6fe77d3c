"""What the way of parsing depends on besides files, variables and profile: settings of dbt, and what templates learn of the command.

A template that is parsed may ask for a flag (`flags.FULL_REFRESH`) or for the arguments (`invocation_args_dict`). What it was told is
kept with the parsed project, which then is for commands of which it would be told the same.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from dbt import flags
from dbt.context import providers
from dbt.contracts.project import ProjectFlags

Looked = dict[str, str]  # by name of the flag, or ARGUMENTS, what it was
ARGUMENTS = "invocation_args_dict"
_now: Looked | None = None
_flags: Callable[[], Any] = flags.get_flag_obj
_arguments: Callable[[Any], dict[str, Any]] = providers.args_to_dict


def install() -> None:
    """Once, before any fork."""
    module: Any = flags
    module.get_flag_obj = lambda: _flags() if _now is None else _Flags(**vars(_flags()))
    module = providers
    module.args_to_dict = lambda args: _arguments(args) if _now is None else _Arguments(_arguments(args))


def settings() -> list[str]:
    """Those that decide how files are parsed, from wherever dbt has them."""
    names = ("STATIC_PARSER", "USE_EXPERIMENTAL_PARSER", *sorted(map(str.upper, ProjectFlags().project_only_flags)))
    return [repr(getattr(flags.get_flags(), name, None)) for name in names]


def begin(before: Looked) -> Looked:
    """A project is parsed from here on; what its templates learn is added to what is known of it."""
    global _now
    _now = dict(before)
    return _now


def end() -> None:
    """It is parsed."""
    global _now
    _now = None


def same(learned: Looked, loader: Any) -> bool:
    """Whether the templates would be told the same now."""
    if not learned:
        return True
    told = {name: repr(value) for name, value in vars(_flags()).items()}
    if ARGUMENTS in learned:
        told[ARGUMENTS] = repr(_arguments(loader.root_project.args))
    return all(told.get(name) == value for name, value in learned.items())


def _note(name: str, value: Any) -> None:
    if _now is not None:
        _now[name] = repr(value)


class _Flags(Namespace):
    """`flags` of a template that is parsed."""

    def __getattribute__(self, name: str) -> Any:
        values = super().__getattribute__("__dict__")
        for one in values if name == "__dict__" else (name,):
            if one in values:
                _note(one, values[one])
        return super().__getattribute__(name)


class _Arguments(dict):  # type: ignore[type-arg]
    """`invocation_args_dict` of a template that is parsed."""


def _noted(name: str) -> Callable[..., Any]:
    def method(self: _Arguments, *given: Any, **named: Any) -> Any:
        _note(ARGUMENTS, dict(dict.items(self)))
        return getattr(dict, name)(self, *given, **named)

    return method


for _name in (
    *("__getitem__", "__iter__", "__reversed__", "__len__", "__contains__", "__eq__", "__ne__", "__repr__", "__or__", "__ror__"),
    *("copy", "get", "items", "keys", "values", "pop", "popitem", "setdefault"),
):
    setattr(_Arguments, _name, _noted(_name))
