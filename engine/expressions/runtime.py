"""What a template does while it runs: names, macros, loops, printing."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from engine.errors import ExpressionError, WorldNeeded
from engine.expressions.faults import MISTAKES, locate, misfit
from engine.expressions.run import Run, limited, run_of
from engine.expressions.values import Missing, Place, is_list, is_number, java_class, meant, to_json, to_text
from engine.expressions.world import WORLD

NOTHING = object()
WHOLE = re.compile(r"-?[0-9]{1,18}")


@pass_context
def load(context: Context, name: str, place: Place) -> Any:
    run = run_of(context)
    run.step()
    for scope in reversed(run.scopes):
        if name in scope:
            return scope[name]
    return Missing(name, name, itertools.chain.from_iterable(run.scopes), place)


def get(value: Any, place: Place, key: Any, path: str) -> Any:
    """`value.key` and `value[key]`, written `path`: entries of maps, items of lists; Missing where there is none."""
    if isinstance(value, Mapping):
        if isinstance(key, Missing):
            return key
        if isinstance(key, str) and key in value:
            return value[key]
        wanted = _other_key(value, key)
        return value[wanted] if wanted is not NOTHING else Missing(to_text(key), path, value, place)
    if isinstance(value, Missing):
        return value
    if isinstance(key, Missing):
        return key
    if isinstance(value, (list, tuple)):
        return _item(value, key, path, place)
    if isinstance(value, LoopState):
        return value.get(key, place)
    return Missing(to_text(key), f"{path}` because what stands before it is null: `{to_text(key)}" if value is None else path, (), place)


def _other_key(value: Mapping[Any, Any], key: Any) -> Any:
    """A key that is a number in the map and text in the expression, or the other way round."""
    if isinstance(key, str):
        return int(key) if WHOLE.fullmatch(key) and int(key) in value else NOTHING
    if isinstance(key, (int, float, bool, type(None))) and key in value:
        return key
    text = to_text(key)
    return text if text in value else NOTHING


def _item(value: list[Any] | tuple[Any, ...], key: Any, path: str, place: Place) -> Any:
    name = to_text(key)
    if not WHOLE.fullmatch(name) or not 0 <= int(name) < len(value):
        return Missing(name, path, (), place)
    return value[int(name)]


class LoopState:
    """`loop` inside a `for`."""

    __slots__ = ("index", "length")

    def __init__(self, length: int) -> None:
        self.index = 0
        self.length = length

    def get(self, key: Any, place: Place) -> Any:
        values = {
            "index": self.index, "length": self.length, "first": self.index == 0, "last": self.index == self.length - 1,
            "revindex": self.length - self.index - 1,
        }
        return values[key] if key in values else Missing(str(key), f"loop.{key}", values, place)


@pass_context
def for_each(context: Context, value: Any, place: Place, name: str) -> Iterator[int]:
    """The rounds of a `for`: each one binds `name` and `loop`, then lets the body run."""
    run = run_of(context)
    run.looped = value is not None
    items = _items(value, place)
    run.charge(len(items))
    loop = LoopState(len(items))
    scope: dict[str, Any] = {"loop": loop}
    run.scopes.append(scope)
    for number, item in enumerate(items):
        run.iterations += 1
        if run.iterations > run.options.max_iterations:
            told = run.beyond(f"the loops go round more than {run.options.max_iterations} times")
            told.line, told.column = place
            raise told
        loop.index = number
        scope[name] = item
        yield number
    run.scopes.pop()


def _items(value: Any, place: Place) -> list[Any]:
    if isinstance(value, Missing):
        raise value.error()
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [{"key": key, "value": item} for key, item in value.items()]
    if is_list(value):
        return list(value)
    raise ExpressionError(f"Not an iterable object. Value = [a {java_class(value)}]", line=place[0], column=place[1])


@pass_context
def looped(context: Context, value: bool) -> bool:
    """Whether the loop that just ended without a round was given something: for null, not even `else` is rendered."""
    return run_of(context).looped and value


@pass_context
def set_name(context: Context, value: Any, name: str) -> str:
    """`{% set %}`: changes the nearest scope that has the name, else adds it to the innermost."""
    if isinstance(value, Missing):
        raise value.error()
    scopes = run_of(context).scopes
    if len(scopes) == 1:
        scopes.append({})
    target = next((scope for scope in reversed(scopes[1:]) if name in scope), scopes[-1])
    target[name] = value  # type: ignore[index]  # only scopes[0], the caller's variables, may be read-only, and it is left out
    return ""


@pass_context
def print_value(context: Context, value: Any) -> str:
    run = run_of(context)
    if run.typed and not run.nested:
        if isinstance(value, Missing):
            raise value.error()
        run.values.append(value)
        return ""
    if type(value) is str:
        return run.text(value)
    if isinstance(value, Missing):
        raise value.error()
    if isinstance(value, Mapping) or is_list(value):
        return run.text(to_json(value, run.options.max_output))
    return run.text(to_text(value))


@pass_context
def print_text(context: Context, text: str) -> str:
    run = run_of(context)
    if run.typed and not run.nested:
        run.values.append(text)
        run.literal = True
        return ""
    return run.text(text)


class Box:
    """A value that is there, whatever it is worth: always true, for `??` and `???`."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def present(*values: Any) -> Missing | None:
    """The first of these that is missing, if any."""
    return next((value for value in values if isinstance(value, Missing)), None)


def make_range(run: Run, first: Any, last: Any, step: Any = None) -> list[Any]:
    """`a..b` and `range(a, b, step)`: numbers, or letters, both ends included."""
    step = 1 if step is None else step
    if not is_number(step):
        raise ExpressionError(f"The increment of the range function must be a number {to_text(step)}")
    if int(step) == 0:
        raise ExpressionError("The increment of the range function must be different than 0")
    if isinstance(first, str) and isinstance(last, str) and len(first) == len(last) == 1:
        return [chr(code) for code in make_range(run, ord(first), ord(last), step)]
    if not is_number(first) or not is_number(last):
        raise ExpressionError("Arguments of range function must be of type Number or String with a length of 1")
    values = range(int(first), int(last) + (1 if step > 0 else -1), int(step))
    if len(values) > run.options.max_iterations:
        raise run.beyond(f"the range has more than {run.options.max_iterations} values")
    run.charge_nodes(values)
    return list(values)


@pass_context
def literal(context: Context, value: Any) -> Any:
    """A list or map written in the expression; missing where something in it is."""
    missing = present(*(value.values() if isinstance(value, Mapping) else value))
    if missing is not None:
        return missing
    run_of(context).charge_nodes(value)
    return value


@pass_context
def block(context: Context, key: str) -> str:
    """The text of a lifted block, in the scope where it stands."""
    return _buffered(context, key, (), {})


def _buffered(context: Context, key: str, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    run = run_of(context)
    run.enter()
    run.nested += 1
    printed = run.printed
    text = str(context.vars[key](*arguments, **named))
    run.printed = printed
    run.charge(len(text))
    run.nested -= 1
    run.depth -= 1
    return text


@pass_context
def call(context: Context, name: str, place: Place, *arguments: Any, **named: Any) -> Any:
    """A function or macro: macros of the template first, then what the caller gave. What is missing stays so, for `??` to see."""
    run = run_of(context)
    missing = present(*arguments, *named.values())
    if missing is not None:
        return missing
    for value in (*arguments, *named.values()):
        if type(value) is str:
            run.touch(value)
    function: Callable[..., Any] | None = None
    given = arguments
    try:
        if f"macro_{name}" in context.vars:
            return _macro(context, run, f"macro_{name}", arguments, named)
        function = run.functions.get(name)
        if function is None:
            function, given = run.built_in.get(name), (context, *arguments)
            if function is None:
                raise _unknown_function(name, (*run.functions, *run.built_in))
        return limited(run, function(*given, **named))
    except ExpressionError as error:
        locate(error, place)
        raise
    except MISTAKES as error:
        raise misfit(error, place, f"The '{name}' function", function, given, named) from error


def _macro(context: Context, run: Run, key: str, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    outer, run.scopes = run.scopes, [{}, {}]
    try:
        return _buffered(context, key, arguments, named)
    finally:
        run.scopes = outer


def _unknown_function(name: str, known: Iterable[str]) -> ExpressionError:
    if name in WORLD:
        return WorldNeeded(name)
    return ExpressionError(f"Function or Macro [{name}] does not exist{meant(name, {*known, *WORLD})}")
