"""What expressions know, with help: the one source of completion, of the reference and of the lists that the API gives.

The help of a filter, function or test is its docstring: a sentence or two, then examples as `{{ … }} → what it prints`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from engine.expressions.data_filters import DATA_FILTERS, RUN_FILTERS
from engine.expressions.date_filters import DATE_FILTERS
from engine.expressions.functions import CONTEXT_FUNCTIONS, PURE_FUNCTIONS
from engine.expressions.questions import TESTS, is_defined
from engine.expressions.text_filters import TEXT_FILTERS, TEXT_RUN_FILTERS
from engine.expressions.world import WORLD, World

Kind = Literal["function", "filter", "test", "operator", "tag", "variable"]
FILTERS: dict[str, Callable[..., Any]] = TEXT_FILTERS | TEXT_RUN_FILTERS | DATA_FILTERS | RUN_FILTERS | DATE_FILTERS
OPERATORS: dict[str, tuple[str, str, str]] = {
    "+": ("Adds numbers, joins text, puts items at the end of a list.", "{{ 1 + 2 }}", "3"),
    "-": ("Subtracts numbers, takes items out of a list.", "{{ 3 - 1 }}", "2"),
    "*": ("Multiplies.", "{{ 3 * 2 }}", "6"),
    "/": ("Divides; whole numbers to a whole number.", "{{ 7 / 2 }} {{ 7.0 / 2 }}", "3 3.5"),
    "%": ("What is left after dividing.", "{{ 7 % 4 }}", "3"),
    "~": ("Joins two values as text.", "{{ 'a' ~ 1 }}", "a1"),
    "==": ("Whether two values are equal; also written `equals`.", "{{ 1 == 1.0 }}", "true"),
    "!=": ("Whether they are not.", "{{ 1 != 2 }}", "true"),
    "<": ("Compares numbers, as `<=`, `>` and `>=` do.", "{{ 1 < 2 }}", "true"),
    "and": ("Whether both are true.", "{{ true and false }}", "false"),
    "or": ("Whether one of them is.", "{{ true or false }}", "true"),
    "not": ("Whether something is not; it binds closer than any other operator.", "{{ not false }}", "true"),
    "is": ("Asks a test, `is not` the contrary.", "{{ 3 is not even }}", "true"),
    "contains": ("Whether a list has an item or all items of a list, a map a key, a text a part.", "{{ [1, 2] contains 2 }}", "true"),
    "isIn": ("The same the other way round.", "{{ 2 isIn [1, 2] }}", "true"),
    "|": ("Sends a value through a filter.", "{{ 'a' | upper }}", "A"),
    "..": ("The numbers or letters from one to another.", "{{ 1..3 }}", "[1,2,3]"),
    "??": ("The first value that is there and not null.", "{{ nowhere.at.all ?? 'none' }}", "none"),
    "???": ("The first value that is there; null is one.", "{{ nowhere ??? 'none' }}", "none"),
    "? :": ("One of two values, by a condition.", "{{ 2 > 1 ? 'yes' : 'no' }}", "yes"),
}
TAGS: dict[str, tuple[str, str, str]] = {
    "if": ("Renders what follows where a condition holds.", "{% if 2 > 1 %}a{% elseif true %}b{% else %}c{% endif %}", "a"),
    "for": (
        "Renders what follows for each item; `loop` has `index` (from 0), `length`, `first`, `last` and `revindex`.",
        "{% for n in [4, 5] %}{{ loop.index }}:{{ n }} {% else %}nothing{% endfor %}",
        "0:4 1:5 ",
    ),
    "set": ("Gives a name to a value.", "{% set n = 2 %}{{ n + 1 }}", "3"),
    "macro": ("Names a piece of template with arguments.", "{% macro hi(name='you') %}Hi {{ name }}{% endmacro %}{{ hi() }}", "Hi you"),
    "block": ("Names a piece of template that `block()` repeats.", "{% block b %}x{% endblock %}{{ block('b') }}", "xx"),
    "filter": ("Sends all that it renders through filters.", "{% filter upper %}abc{% endfilter %}", "ABC"),
    "verbatim": ("Leaves what looks like an expression alone.", "{% verbatim %}{{ a }}{% endverbatim %}", "{{ a }}"),
    "raw": ("The same on one line, even where the text is rendered again.", "{% raw %}{{ a }}{% endraw %}", "{{ a }}"),
}
VARIABLES: dict[str, str] = {
    "flow": "`id`, `namespace`, `revision` of the flow.",
    "execution": "`id`, `startDate`, `originalId`, `state` of the execution.",
    "inputs": "The inputs by id.",
    "outputs": "The outputs of tasks that have ended, by task id: `{{ outputs.load.uri }}`; inside loops by value, outermost first.",
    "vars": "The variables of the flow, not rendered: `{{ render(vars.name) }}` renders one.",
    "task": "`id`, `type` of the task.",
    "taskrun": "`id`, `startDate`, `attemptsCount`, `value` (in a loop), `iteration` of the task run.",
    "parent": "The closest task around this one that has a value or outputs: `{{ parent.taskrun.value }}`.",
    "parents": "All of them, the closest first.",
    "tasks": "The state of each task: `{{ tasks.load.state }}`.",
    "trigger": "What started the execution: `date` of a schedule, `body` of a webhook, `executionId` of a flow…",
    "labels": "The labels of the execution by key; those of the system below `labels.system`.",
    "envs": "The environment variables of the server that begin with `KESTRA_`, without it, in small letters.",
    "globals": "What the installation says to every flow.",
    "namespace": "The variables of the namespace and of those above it.",
    "workerTaskrun": "In a WorkingDirectory: the task run of that task.",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that expressions know."""

    kind: Kind
    name: str
    signature: str
    help: str
    examples: tuple[tuple[str, str], ...] = ()


def filters() -> list[str]:
    """The filters, in alphabetical order."""
    return sorted(FILTERS)


def functions() -> list[str]:
    """The functions, in alphabetical order; those that need the world are among them."""
    return sorted(PURE_FUNCTIONS.keys() - {"jq"} | CONTEXT_FUNCTIONS.keys() | WORLD)


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Everything, by kind and name."""
    found: list[Entry] = [Entry("variable", name, name, help) for name, help in VARIABLES.items()]
    found += [Entry("operator", name, name, help, ((example, result),)) for name, (help, example, result) in OPERATORS.items()]
    found += [Entry("tag", name, name, help, ((example, result),)) for name, (help, example, result) in TAGS.items()]
    found += [_documented("filter", name, FILTERS[name], skip=2 if name in RUNNING else 1) for name in filters()]
    found += [_documented("function", name, _function(name), skip=name in WORLD or name in CONTEXT_FUNCTIONS) for name in functions()]
    found += [_documented("test", name, ask, skip=1) for name, ask in sorted({**TESTS, "defined": is_defined}.items())]
    return tuple(found)


RUNNING = TEXT_RUN_FILTERS.keys() | RUN_FILTERS.keys() | DATE_FILTERS.keys()


def _function(name: str) -> Callable[..., Any]:
    if name in WORLD:
        found: Callable[..., Any] = getattr(World, name)
        return found
    return CONTEXT_FUNCTIONS[name] if name in CONTEXT_FUNCTIONS else PURE_FUNCTIONS[name]


def _documented(kind: Kind, name: str, apply: Callable[..., Any], skip: int) -> Entry:
    lines = inspect.cleandoc(apply.__doc__ or "").splitlines()
    first = next((number for number, line in enumerate(lines) if _is_example(line)), len(lines))
    examples = [tuple(line.split(" → ", 1)) for line in lines[first:] if _is_example(line)]
    parameters = list(inspect.signature(apply).parameters.values())[skip:]
    written = f"{name}({', '.join(map(_parameter, parameters))})" if parameters or kind == "function" else name
    return Entry(kind, name, written, "\n".join(lines[:first]).strip(), tuple((example, result) for example, result in examples))


def _is_example(line: str) -> bool:
    return line.startswith("{") and " → " in line


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return f"{parameter.name}…"
    if parameter.default is inspect.Parameter.empty:
        return parameter.name
    words = {None: "null", True: "true", False: "false"}
    default = parameter.default
    return f"{parameter.name}={words[default] if default is None or isinstance(default, bool) else repr(default)}"


def of_kind(kind: Kind) -> Iterable[Entry]:
    """The entries of one kind."""
    return (entry for entry in entries() if entry.kind == kind)
