"""Compiling and running templates: the cache of what was compiled, and the ways to render."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import Template, TemplateError, nodes

from engine.errors import ExpressionError
from engine.expressions import operators
from engine.expressions.faults import MISTAKES, told
from engine.expressions.functions import CONTEXT_FUNCTIONS, PURE_FUNCTIONS
from engine.expressions.inspecting import checked
from engine.expressions.lexer import take_raw
from engine.expressions.operations import ENVIRONMENT
from engine.expressions.options import DEFAULTS, Options
from engine.expressions.run import Run
from engine.expressions.values import is_list, is_number, java_class, to_text

Functions = Mapping[str, Callable[..., Any]]

PURE: Functions = types.MappingProxyType(PURE_FUNCTIONS)
# PURE without what cannot be interrupted: for whoever must not wait, such as the machine.
BOUNDED: Functions = types.MappingProxyType({name: function for name, function in PURE_FUNCTIONS.items() if name != "jq"})
CACHED = 20_000  # characters; longer templates are compiled each time
MARKED = re.compile(r"\x00raw(\d+)\x00")


def _compiled(source: str) -> Template:
    return _compiled_once(source) if len(source) <= CACHED else _compile(source)


@functools.lru_cache(maxsize=1000)
def _compiled_once(source: str) -> Template:
    return _compile(source)


def _compile(source: str) -> Template:
    """The template, ready to run; raises ExpressionError where it cannot be read."""
    try:
        tree = checked(source).tree
    except ExpressionError as error:
        raise told(error, error.message, source) from error
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
    wrong = error if isinstance(error, ExpressionError) else ExpressionError(_misfit(error))
    if not wrong.column:
        step = error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename == "<expression>":
                wrong.line = template.get_corresponding_lineno(step.tb_lineno)
            step = step.tb_next
    return told(wrong, wrong.message, source)


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
