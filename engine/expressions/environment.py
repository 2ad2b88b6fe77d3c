"""Compiling and running templates: the sandboxed environment, its cache, and the ways to render."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import Template, TemplateError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from engine.errors import ExpressionError
from engine.expressions import operators, runtime
from engine.expressions.data_filters import DATA_FILTERS, RUN_FILTERS, is_empty
from engine.expressions.date_filters import DATE_FILTERS
from engine.expressions.functions import CONTEXT_FUNCTIONS, PURE_FUNCTIONS, parse_json
from engine.expressions.lexer import take_raw
from engine.expressions.options import DEFAULTS, Options
from engine.expressions.parser import Used
from engine.expressions.runtime import MISTAKES, Box, Run, limited, locate, misfit, run_of
from engine.expressions.statements import Parsed, parse
from engine.expressions.text_filters import TEXT_FILTERS, TEXT_RUN_FILTERS
from engine.expressions.values import Double, Long, Missing, MissingValue, Place, equal, is_list, is_number, java_class, meant, to_text
from engine.expressions.world import WORLD

Functions = Mapping[str, Callable[..., Any]]

PURE: Functions = types.MappingProxyType(PURE_FUNCTIONS)
# PURE without what cannot be interrupted: for whoever must not wait, such as the machine.
BOUNDED: Functions = types.MappingProxyType({name: function for name, function in PURE_FUNCTIONS.items() if name != "jq"})
BULKY = frozenset({str, list, tuple, dict})
CACHED = 20_000  # characters; longer templates are compiled each time
MARKED = re.compile(r"\x00raw(\d+)\x00")


def _filter(name: str, apply: Callable[..., Any], takes_run: bool = False) -> Callable[..., Any]:
    """A filter that lets what is missing through, so that `??` may still answer it, and whose input and result are counted."""

    @pass_context
    def guarded(context: Context, value: Any, place: Place, *arguments: Any, **named: Any) -> Any:
        if type(value) is Missing:
            return value
        for argument in (*arguments, *named.values()):
            if type(argument) is Missing:
                return argument
        run = run_of(context)
        if type(value) is str or type(value) is list:
            run.charge(len(value) // 4)
        given = (run, value, *arguments) if takes_run else (value, *arguments)
        try:
            return limited(run, apply(*given, **named))
        except ExpressionError as error:
            locate(error, place)
            raise
        except MISTAKES as error:
            raise misfit(error, place, f"The '{name}' filter", apply, given, named) from error

    return guarded


@pass_context
def _default(context: Context, value: Any, place: Place, default: Any = None) -> Any:
    return default if isinstance(value, Missing) or is_empty(value) else value


def _operator(apply: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    @pass_context
    def guarded(context: Context, left: Any, place: Place, right: Any) -> Any:
        if type(left) is Missing:
            return left
        if type(right) is Missing:
            return right
        run = run_of(context)
        if type(left) in BULKY:
            run.touch(left)
        if type(right) in BULKY:
            run.touch(right)
        try:
            return limited(run, apply(left, right))
        except ExpressionError as error:
            locate(error, place)
            raise
        except MISTAKES as error:
            raise misfit(error, place, "This operator", None, (), {}) from error

    return guarded


@pass_context
def _range(context: Context, first: Any, place: Place, last: Any) -> Any:
    for value in (first, last):
        if type(value) is Missing:
            return value
    try:
        return runtime.make_range(run_of(context), first, last)
    except ExpressionError as error:
        locate(error, place)
        raise
    except MISTAKES as error:
        raise misfit(error, place, "`..`", None, (), {}) from error


def _test(name: str, ask: Callable[..., bool]) -> Callable[..., Any]:
    def guarded(value: Any, place: Place, *arguments: Any, **named: Any) -> Any:
        for argument in (value, *arguments, *named.values()):
            if type(argument) is Missing:
                return argument
        try:
            return ask(value, *arguments, **named)
        except ExpressionError as error:
            locate(error, place)
            raise
        except MISTAKES as error:
            raise misfit(error, place, f"The '{name}' test", ask, (value, *arguments), named) from error

    return guarded


def _one(apply: Callable[[Any], Any]) -> Callable[..., Any]:
    """An operation on one value; what is missing goes through where `apply` does not use it."""

    def guarded(value: Any, place: Place) -> Any:
        try:
            return apply(value)
        except ExpressionError as error:
            locate(error, place)
            raise
        except MISTAKES as error:
            raise misfit(error, place, "This operator", None, (), {}) from error

    return guarded


@functools.lru_cache(maxsize=2048)
def _number(text: str) -> Double | Long:
    return Double(text) if "." in text else Long(text)


def _whole(value: Any) -> int:
    if not is_number(value):
        raise ExpressionError(f"only numbers are even or odd, found {java_class(value)}")
    return int(value)


def is_even(value: Any) -> bool:
    """Whether a number is even.

    {{ 4 is even }} → true
    """
    return _whole(value) % 2 == 0


def is_odd(value: Any) -> bool:
    """Whether a number is odd.

    {{ 4 is odd }} → false
    """
    return _whole(value) % 2 != 0


def is_null(value: Any) -> bool:
    """There, but null.

    {{ null is null }} → true
    """
    return value is None


def is_iterable(value: Any) -> bool:
    """A list.

    {{ [1] is iterable }} → true
    """
    return is_list(value)


def is_map(value: Any) -> bool:
    """A map.

    {{ {'a': 1} is map }} → true
    """
    return isinstance(value, Mapping)


def is_json(value: Any) -> bool:
    """A text that can be read as JSON.

    {{ '{"a": 1}' is json }} → true
    """
    try:
        parse_json(value)
    except ExpressionError:
        return False
    return True


def is_equal(value: Any, to: Any) -> bool:
    """Equal, as `==` compares.

    {{ 1 is equalTo(1.0) }} → true
    """
    return equal(value, to)


def is_defined(value: Any) -> bool:
    """There, and not null, however deep.

    {{ nowhere.at.all is defined }} → false
    """
    return not isinstance(value, Missing) and value is not None


TESTS: dict[str, Callable[..., Any]] = {
    "null": is_null,
    "empty": is_empty,
    "even": is_even,
    "odd": is_odd,
    "iterable": is_iterable,
    "map": is_map,
    "json": is_json,
    "equalTo": is_equal,
}


def _negated(value: Any) -> Any:
    return value if isinstance(value, Missing) else not operators.as_bool(value)


def _signed(sign: int) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, Missing) else operators.multiply(sign, value)


OPERATORS: dict[str, Callable[..., Any]] = {
    "$load": runtime.load, "$get": runtime.get, "$set": runtime.set_name, "$for": runtime.for_each, "$looped": runtime.looped,
    "$call": runtime.call, "$block": runtime.block, "$print": runtime.print_value, "$text": runtime.print_text,
    "$if": _one(operators.as_condition), "$bool": _one(operators.as_bool), "$not": _one(_negated),
    "$literal": runtime.literal, "$number": _number,
    "$not_null": lambda value: None if value is None or isinstance(value, Missing) else Box(value),
    "$not_missing": lambda value: None if isinstance(value, Missing) else Box(value),
    "$box": Box,
    "$unbox": lambda box: box.value,
    "$plus": _one(_signed(1)), "$minus": _one(_signed(-1)),
    "$range": _range,
    "$eq": _operator(equal), "$ne": _operator(lambda left, right: not equal(left, right)),
    "$add": _operator(operators.add), "$sub": _operator(operators.subtract), "$mul": _operator(operators.multiply),
    "$div": _operator(operators.divide), "$mod": _operator(operators.modulus), "$concat": _operator(operators.concatenate),
    "$contains": _operator(operators.contains), "$in": _operator(operators.is_in),
    "$gt": _operator(operators.compare("GREATER_THAN", lambda left, right: left > right)),
    "$ge": _operator(operators.compare("GREATER_THAN_EQUALS", lambda left, right: left >= right)),
    "$lt": _operator(operators.compare("LESS_THAN", lambda left, right: left < right)),
    "$le": _operator(operators.compare("LESS_THAN_EQUALS", lambda left, right: left <= right)),
}


def _make_environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(autoescape=False, optimized=False, cache_size=0)
    environment.globals.clear()
    environment.tests.clear()
    environment.filters.clear()
    environment.filters.update(OPERATORS)
    for name, apply in (TEXT_FILTERS | DATA_FILTERS).items():
        environment.filters[f"filter:{name}"] = _filter(name, apply)
    for name, apply in (RUN_FILTERS | TEXT_RUN_FILTERS | DATE_FILTERS).items():
        environment.filters[f"filter:{name}"] = _filter(name, apply, takes_run=True)
    environment.filters["filter:default"] = _default
    for name, apply in TESTS.items():
        environment.filters[f"test:{name}"] = _test(name, apply)
    environment.filters["test:defined"] = lambda value, place: is_defined(value)
    return environment


ENVIRONMENT = _make_environment()
KNOWN = {
    kind: frozenset(name.partition(":")[2] for name in ENVIRONMENT.filters if name.startswith(f"{kind}:")) for kind in ("filter", "test")
}


def _parsed(source: str) -> Parsed:
    """The template read, and sure to name only filters and tests that exist."""
    parsed = parse(source)
    for used in parsed.used:
        if used.kind != "function" and used.name not in KNOWN[used.kind]:
            message = f"{used.kind.capitalize()} [{used.name}] does not exist{meant(used.name, KNOWN[used.kind])}"
            raise ExpressionError(message, template=source, line=used.line, column=used.column)
    return parsed


def _compiled(source: str) -> Template:
    return _compiled_once(source) if len(source) <= CACHED else _compile(source)


@functools.lru_cache(maxsize=2048)
def _compiled_once(source: str) -> Template:
    return _compile(source)


def _compile(source: str) -> Template:
    """The template, ready to run; raises ExpressionError where it cannot be read."""
    try:
        tree = _parsed(source).tree
    except ExpressionError as error:
        raise _told(error, error.message, source) from error
    tree.set_environment(ENVIRONMENT)
    for node in _every(tree):
        node.lineno = node.lineno or 1
    try:
        code = ENVIRONMENT.compile(tree, name="expression", filename="<expression>")
    except (RecursionError, SyntaxError, MemoryError, TemplateError) as error:
        raise ExpressionError("the expression is nested too deep", template=source) from error
    return Template.from_code(ENVIRONMENT, code, {}, None)


def _every(tree: nodes.Node) -> Iterator[nodes.Node]:
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.iter_child_nodes())


def _described(error: BaseException, source: str, template: Template) -> ExpressionError:
    """The error as a person reads it: what is wrong, in which expression, where in it."""
    told = error if isinstance(error, ExpressionError) else ExpressionError(_misfit(error))
    if not told.column:
        step = error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename == "<expression>":
                told.line = template.get_corresponding_lineno(step.tb_lineno)
            step = step.tb_next
    return _told(told, told.message, source)


def _told(error: ExpressionError, message: str, source: str) -> ExpressionError:
    """The same error with its place in its message, in Kestra's words as far as it has any."""
    shown, column = _shown(source, error.line), f"column {error.column}" if error.column else ""
    if isinstance(error, MissingValue):
        where = f"at line {error.line}{', ' if column else ''}{column}"
        message = f"Unable to find `{error.name}` used in the expression `{shown}` {where}: {message}"
    else:
        message = f"{message} ({shown}:{error.line}){' at ' if column else ''}{column}"
    error.args, error.message, error.template = (message,), message, source
    return error


def _shown(source: str, line: int) -> str:
    """The line of a template that an error is about."""
    lines = source.splitlines() or [""]
    text = source.strip() if len(lines) == 1 else lines[min(max(line, 1), len(lines)) - 1].strip()
    return text if len(text) <= 200 else text[:200] + "…"


def _misfit(error: BaseException) -> str:
    return "the expression is nested too deep" if isinstance(error, RecursionError) else str(error) or type(error).__name__


def _once(source: str, run: Run) -> str:
    """One pass over a template inside a rendering."""
    if len(source) > run.options.max_template:
        raise ExpressionError(f"the expression is longer than {run.options.max_template} characters")
    template = _compiled(source)
    context = ENVIRONMENT.context_class(ENVIRONMENT, {**run.variables, "$run": run}, "expression", template.blocks)
    try:
        return "".join(template.root_render_func(context))
    except ExpressionError as error:
        if error.template:
            raise
        raise _described(error, source, template) from error.__cause__
    except MISTAKES as error:
        raise _described(error, source, template) from error


def _again(source: str, outer: Run, until_stable: bool) -> str:
    """Renders text once or until it no longer changes, with the variables and within the limits of `outer`."""
    kept: list[str] = []
    for _ in range(outer.options.max_passes):
        if "{" not in source:
            break
        marked, taken = take_raw(source, functools.partial(_mark, len(kept)))
        kept += taken
        before, source = source, _inner(marked, outer)
        if not until_stable or source == before:
            break
    else:
        raise ExpressionError("Too many rendering attempts")
    return MARKED.sub(lambda found: kept[int(found[1])] if int(found[1]) < len(kept) else "", source) if kept else source


def _mark(before: int, number: int) -> str:
    return f"\x00raw{before + number}\x00"


def _inner(source: str, outer: Run) -> str:
    run = Run(outer.variables, outer.functions, outer.options)
    run.built_in, run.caller, run.depth = outer.built_in, outer.caller, outer.depth + 1
    run.work, run.nodes, run.iterations, run.steps = outer.work, outer.nodes, outer.iterations, outer.steps
    run.started, run.watched = outer.started, outer.watched
    if run.depth > run.options.max_depth:
        raise ExpressionError("Too many rendering attempts")
    text = _once(source, run)
    outer.work, outer.nodes, outer.iterations, outer.steps = run.work, run.nodes, run.iterations, run.steps
    outer.charge(len(text))
    return text


def _new_run(variables: Mapping[str, Any], functions: Functions, options: Options, typed: bool = False) -> Run:
    run = Run(variables, functions, options, typed)
    run.built_in = CONTEXT_FUNCTIONS
    if not options.recursive:
        run.caller = functools.partial(_call_render, run)
    return run


def _call_render(run: Run, source: str, until_stable: bool) -> str:
    return _again(source, run, until_stable)


def render(template: str, variables: Mapping[str, Any], *, functions: Functions = PURE, options: Options = DEFAULTS) -> str:
    """Text of a template with variables (spec: Kestra's Pebble, strict variables, no escaping).

    `functions` gives the callables by name: the pure ones, and from the caller those of the world (`kv`, `now`…).
    Raises ExpressionError; WorldNeeded when a function of the world is called and not given.
    """
    if "{" not in template:
        return template
    run = _new_run(variables, functions, options)
    return _again(template, run, until_stable=True) if options.recursive else _once(template, run)


def render_typed(template: str, variables: Mapping[str, Any], *, functions: Functions = PURE, options: Options = DEFAULTS) -> Any:
    """As `render`, but a lone `{{ }}` keeps its type; several numbers are added, text is joined."""
    if "{" not in template:
        return template
    run = _new_run(variables, functions, options, typed=True)
    _once(template, run)
    if not run.values:
        return None
    if len(run.values) == 1:
        return run.values[0]
    return "".join(map(to_text, run.values)) if run.literal else functools.reduce(_combined, run.values)


def _combined(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if is_number(left) and is_number(right) and java_class(left) == java_class(right):
        return operators.wrap(left + right)
    added = "java.lang.Character" if isinstance(right, str) and len(right) == 1 else java_class(right)
    raise ExpressionError(f"Tried to add {added} to {java_class(left)}")


def render_any(value: Any, variables: Mapping[str, Any], *, functions: Functions = PURE, options: Options = DEFAULTS) -> Any:
    """Every text inside a map or list rendered, keys too (the first of two that become the same wins); the rest keeps its type."""
    if isinstance(value, str):
        return render(value, variables, functions=functions, options=options)
    if isinstance(value, Mapping):
        rendered: dict[Any, Any] = {}
        for key, item in value.items():
            name = render(key, variables, functions=functions, options=options) if isinstance(key, str) else key
            if name not in rendered:
                rendered[name] = render_any(item, variables, functions=functions, options=options)
        return rendered
    if is_list(value):
        return [render_any(item, variables, functions=functions, options=options) for item in value]
    return value


@functools.lru_cache(maxsize=4096)
def needs_world(template: str) -> frozenset[str]:
    """The functions of the world that a template names; nothing when it cannot be read (rendering it will say why).

    `jq` counts as one: a program of it may run for ever, so that only a caller who can end it should run it.
    """
    if "{" not in template:
        return frozenset()
    try:
        used = parse(template).used
    except ExpressionError:
        return frozenset()
    return frozenset(name for name in map(_world_name, used) if name)


def _world_name(used: Used) -> str | None:
    if used.kind == "function":
        return used.name if used.name in WORLD else None
    return "jq" if used.name == "jq" else None


@functools.lru_cache(maxsize=4096)
def mistake(template: str) -> ExpressionError | None:
    """What can be told of a template without rendering it: its grammar, and filters, tests and functions that do not exist."""
    if "{" not in template:
        return None
    try:
        parsed = _parsed(template)
    except ExpressionError as error:
        return error
    known = parsed.macros | PURE_FUNCTIONS.keys() | CONTEXT_FUNCTIONS.keys() | WORLD
    for used in parsed.used:
        if used.kind == "function" and used.name not in known:
            message = f"Function or Macro [{used.name}] does not exist{meant(used.name, known)}"
            return ExpressionError(message, template=template, line=used.line, column=used.column)
    return None
