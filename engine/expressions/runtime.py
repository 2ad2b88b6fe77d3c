"""What a template does while it runs: names, operators, loops, printing, and the limits on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from engine.errors import ExpressionError, WorldNeeded
from engine.expressions.options import Options
from engine.expressions.values import Missing, is_list, to_json, to_text

WORLD = frozenset({"kv", "secret", "read", "now", "uuid", "id", "randomInt", "errorLogs", "fileURI", "fileSize"})
LARGE = 256
CALL = 25  # steps that a macro costs
NOTHING = object()


class Run:
    """The state of one rendering: variables by scope, what has been used up, what has been printed."""

    __slots__ = (
        "built_in", "caller", "depth", "functions", "iterations", "literal", "nested", "nodes", "options", "printed", "scopes", "steps",
        "typed", "values", "variables", "work",
    )

    def __init__(
        self, variables: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]], options: Options, typed: bool = False
    ) -> None:
        self.variables = variables
        self.functions = functions
        self.options = options
        self.typed = typed
        self.built_in: Mapping[str, Callable[..., Any]] = {}
        self.scopes: list[dict[str, Any] | Mapping[str, Any]] = [variables]
        self.values: list[Any] = []
        self.literal = False
        self.printed = self.work = self.nodes = self.iterations = self.steps = self.depth = self.nested = 0
        self.caller: Callable[[str, bool], str] | None = None

    def charge(self, amount: int) -> None:
        """Counts characters and items made on the way."""
        self.work += amount
        if self.work > self.options.max_work:
            raise ExpressionError(f"the expression makes more than {self.options.max_work} characters on its way")

    def charge_nodes(self, value: Any) -> None:
        """Counts every value inside a new list or map, so that nesting one in itself again and again is refused."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            self.nodes += 1
            if self.nodes > self.options.max_nodes:
                raise ExpressionError(f"the expression makes lists and maps of more than {self.options.max_nodes} values")
            if isinstance(item, Mapping):
                waiting.extend(item.values())
            elif is_list(item):
                waiting.extend(item)

    def text(self, text: str) -> str:
        """Counts what is printed."""
        self.step()
        self.printed += len(text)
        if self.printed > self.options.max_output:
            raise ExpressionError(f"the expression prints more than {self.options.max_output} characters")
        return text

    def step(self, cost: int = 1) -> None:
        """Counts an operation, and for how many simple ones it stands."""
        self.steps += cost
        if self.steps > self.options.max_steps:
            raise ExpressionError(f"the expression takes more than {self.options.max_steps} steps")

    def enter(self) -> None:
        self.step(CALL)
        self.depth += 1
        if self.depth > self.options.max_depth:
            raise ExpressionError(f"macros call each other more than {self.options.max_depth} deep")


def run_of(context: Context) -> Run:
    """The state that belongs to a context."""
    run: Run = context.parent["$run"]
    return run


@pass_context
def load(context: Context, name: str, line: int) -> Any:
    run = run_of(context)
    run.step()
    for scope in reversed(run.scopes):
        if name in scope:
            return scope[name]
    return Missing(name, name, {str(key): None for scope in run.scopes for key in scope}, line)


def get(value: Any, key: Any, path: str, line: int) -> Any:
    """`value.key` and `value[key]`, written `path`: entries of maps, items of lists; Missing where there is none."""
    if isinstance(value, Mapping):
        if isinstance(key, Missing):
            return key
        if key in value:
            return value[key]
        wanted = _other_key(value, key)
        return value[wanted] if wanted is not NOTHING else Missing(to_text(key), path, value, line)
    if isinstance(value, Missing):
        return value
    if isinstance(key, Missing):
        return key
    if isinstance(value, (list, tuple)):
        return _item(value, key, path, line)
    if isinstance(value, LoopState):
        return value.get(key)
    return Missing(to_text(key), f"{path}` because what stands before it is null: `{to_text(key)}" if value is None else path, (), line)


def _other_key(value: Mapping[Any, Any], key: Any) -> Any:
    """A key that is a number in the map and text in the expression, or the other way round."""
    if isinstance(key, str) and key.lstrip("-").isdigit():
        return int(key) if int(key) in value else NOTHING
    text = to_text(key)
    return text if not isinstance(key, str) and text in value else NOTHING


def _item(value: list[Any] | tuple[Any, ...], key: Any, path: str, line: int) -> Any:
    name = to_text(key)
    try:
        index = int(name)
    except ValueError:
        return Missing(name, path, (), line)
    return value[index] if 0 <= index < len(value) else Missing(name, path, (), line)


class LoopState:
    """`loop` inside a `for`."""

    __slots__ = ("index", "length")

    def __init__(self, length: int) -> None:
        self.index = 0
        self.length = length

    def get(self, key: Any) -> Any:
        values = {
            "index": self.index, "length": self.length, "first": self.index == 0, "last": self.index == self.length - 1,
            "revindex": self.length - self.index - 1,
        }
        return values[key] if key in values else Missing(str(key), f"loop.{key}", values)


@pass_context
def for_each(context: Context, value: Any, name: str) -> Iterator[int]:
    """The rounds of a `for`: each one binds `name` and `loop`, then lets the body run."""
    run = run_of(context)
    if isinstance(value, Missing):
        raise value.error()
    if value is None:
        return
    if isinstance(value, Mapping):
        items: list[Any] = [{"key": key, "value": item} for key, item in value.items()]
    elif is_list(value):
        items = list(value)
    else:
        raise ExpressionError(f"Not an iterable object. Value = [{to_text(value)}]")
    loop = LoopState(len(items))
    scope: dict[str, Any] = {"loop": loop}
    run.scopes.append(scope)
    for number, item in enumerate(items):
        run.iterations += 1
        if run.iterations > run.options.max_iterations:
            raise ExpressionError(f"the loops go round more than {run.options.max_iterations} times")
        loop.index = number
        scope[name] = item
        yield number
    run.scopes.pop()


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


@pass_context
def make_range(context: Context, first: Any, last: Any, step: Any = 1) -> list[Any]:
    """`a..b` and `range(a, b, step)`: whole numbers, or letters, both ends included."""
    run = run_of(context)
    if isinstance(first, str) and isinstance(last, str) and len(first) == len(last) == 1:
        return [chr(code) for code in make_range(context, ord(first), ord(last), step)]
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in (first, last, step)) or step == 0:
        raise ExpressionError("a range goes between two whole numbers or two letters")
    values = range(first, last + (1 if step > 0 else -1), step)
    if len(values) > run.options.max_iterations:
        raise ExpressionError(f"the range has more than {run.options.max_iterations} values")
    run.charge_nodes(values)
    return list(values)


@pass_context
def literal(context: Context, value: Any) -> Any:
    """A list or map written in the expression."""
    missing = present(*(value.values() if isinstance(value, Mapping) else value))
    if missing:
        raise missing.error()
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
def call(context: Context, name: str, *arguments: Any, **named: Any) -> Any:
    """A function or macro: macros of the template first, then what the caller gave."""
    run = run_of(context)
    if f"macro_{name}" in context.vars:
        missing = present(*arguments, *named.values())
        if missing:
            raise missing.error()
        outer, run.scopes = run.scopes, [{}, {}]
        text = _buffered(context, f"macro_{name}", arguments, named)
        run.scopes = outer
        return text
    function = run.built_in.get(name) if name not in run.functions else None
    if function is None:
        function = run.functions.get(name)
        if function is None:
            raise _unknown_function(name)
        missing = present(*arguments, *named.values())
        if missing:
            raise missing.error()
        return limited(run, function(*arguments, **named))
    return limited(run, function(context, *arguments, **named))


def _unknown_function(name: str) -> ExpressionError:
    return WorldNeeded(name) if name in WORLD else ExpressionError(f"Function or Macro [{name}] does not exist")


def limited(run: Run, value: Any) -> Any:
    """The value, one step and its size counted."""
    run.step()
    if isinstance(value, str):
        if len(value) > LARGE:
            run.charge(len(value))
    elif is_list(value) and len(value) > LARGE:
        run.charge(len(value) * 8)
    return value
