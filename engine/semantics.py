"""What must hold in a flow beyond its shape, in Kestra's words (`FlowValidator` and the validators of single tasks)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import regex
from croniter import CroniterBadCronError, croniter

from engine.document import Flow, Input, Retry, Task
from engine.errors import ExpressionError
from engine.expressions import mistake
from engine.expressions.patterns import java_pattern
from engine.expressions.values import java_text, to_text
from engine.fields import LABEL, MODELS, Fields, Reader
from engine.input_types import READERS, TYPES
from engine.yaml_ import Path

FLOW_ID = "[a-zA-Z0-9][a-zA-Z0-9._-]*"
NAMESPACE = "[a-z0-9][a-z0-9._-]*"
TASK_ID = "[a-zA-Z0-9][a-zA-Z0-9_-]*"
INPUT_ID = "[a-zA-Z0-9][.a-zA-Z0-9_-]*"
COMMON_INPUT = frozenset({"id", "name", "type", "description", "displayName", "required", "defaults", "dependsOn"})
CORE = "io.kestra.plugin.core."
PAUSE = f"{CORE}flow.Pause"
DAG, SWITCH, WORKING_DIRECTORY = f"{CORE}flow.Dag", f"{CORE}flow.Switch", f"{CORE}flow.WorkingDirectory"
EXECUTABLE = frozenset({f"{CORE}flow.Subflow", f"{CORE}flow.ForEachItem"})
SCHEDULE = f"{CORE}trigger.Schedule"
NOT_RENDERED = ("id", "type", "description")
OPEN_LABEL = "system.readOnly"
CRON_NAMES = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})


@dataclass(frozen=True, slots=True)
class SeenTask:
    """A task where it stands, and its kind (`task` or `flowable`)."""

    task: Task
    path: Path
    kind: str


class Names(Protocol):
    """The part of the catalog that is asked here."""

    def task_kind(self, type_: str) -> str | None: ...
    def child_properties(self, type_: str) -> Sequence[str]: ...
    def properties(self, type_: str) -> Sequence[str] | None: ...


def check_flow(flow: Flow, seen: Sequence[SeenTask], reader: Reader, catalog: Names) -> None:
    """Everything that concerns the flow as a whole, then each task in its place."""
    if reader.strict:  # a stored flow may name the same template twice
        _duplicate_tasks(seen, reader)
    check_inputs(flow.inputs, ("inputs",), reader)
    for item in seen:
        _check_task(flow, item, reader, catalog)
        check_expressions(item.task.properties, item.path, reader, (*NOT_RENDERED, *catalog.child_properties(item.task.type)))
    for number, output in enumerate(flow.outputs):
        check_expressions(output.value, ("outputs", number, "value"), reader)


def check_duplicates(ids: Iterable[str], path: Path, message: str, reader: Reader) -> None:
    """One problem for all ids that are given twice, at the second place of the first."""
    names = list(ids)
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        second = [number for number, name in enumerate(names) if name == twice[0]][1]
        reader.fail(message.format(", ".join(twice)), (*path, second, "id"), whole=True)


def _duplicate_tasks(seen: Sequence[SeenTask], reader: Reader) -> None:
    twice = [name for name, count in Counter(item.task.id for item in seen).items() if count > 1 and name]
    if twice:
        where = [item.path for item in seen if item.task.id == twice[0]]
        path = max(where, key=reader.document.order)
        reader.fail(f"Duplicate task id with name [{', '.join(twice)}]", (*path, "id"), whole=True)


def check_inputs(inputs: Sequence[Input], where: Path, reader: Reader) -> None:
    """What must hold for a list of inputs as a whole."""
    check_duplicates([item.id for item in inputs], where, "Duplicate input with name [{}]", reader)
    needs = {item.id: item.depends_on for item in inputs}
    for number, item in enumerate(inputs):
        path: Path = (*where, number, "dependsOn")
        for name in item.depends_on:
            if name not in needs:
                reader.fail(f"Input with id '{item.id}' depends on a non-existent input '{name}'.", path, whole=True)
        circle = _circle(item.id, needs)
        if circle:
            reader.fail(f"Cycle dependency detected for input with id '{item.id}': {java_text(circle)}", path, whole=True)


def _circle(start: str, needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The names reached from `start` by which it is reached again, else nothing."""
    waiting = list(needs.get(start, ()))
    reached: list[str] = []
    while waiting:
        name = waiting.pop()
        if name == start:
            return sorted({start, *reached})
        if name not in reached:
            reached.append(name)
            waiting += needs.get(name, ())
    return []


def _check_task(flow: Flow, item: SeenTask, reader: Reader, catalog: Names) -> None:
    task, path = item.task, item.path
    own = task.properties
    if task.timeout is not None and "{" not in task.timeout:
        Fields(reader, own, path).duration("timeout")
    if task.type in EXECUTABLE and (own.get("namespace"), own.get("flowId")) == (flow.namespace, flow.id):
        reader.fail(f"Recursive call to flow [{flow.namespace}.{flow.id}]", path, whole=True)
    if task.type == SWITCH and not any(tasks for name, tasks in task.branches.items() if name == "defaults" or name.startswith("cases.")):
        reader.fail(f"{task.id}: No task defined, neither cases or default have any tasks", path)
    if task.type == WORKING_DIRECTORY:
        children = task.branches.get("tasks", ())
        if not own.get("tasks"):
            reader.fail(f"{task.id}: The 'tasks' property cannot be empty", path)
        if any(catalog.task_kind(child.type) != "task" or child.type in EXECUTABLE for child in children):
            reader.fail(f"{task.id}: Only runnable tasks are allowed as children of a WorkingDirectory task", path)
    if task.type == DAG:
        _check_dag(task, path, reader)


def _check_dag(task: Task, path: Path, reader: Reader) -> None:
    needs: dict[str, list[str]] = {}
    entries = task.properties.get("tasks")
    for entry in entries if isinstance(entries, list) else []:
        inner = entry.get("task") if isinstance(entry, Mapping) else None
        if isinstance(inner, Mapping):
            depends = entry.get("dependsOn")
            needs[to_text(inner.get("id"))] = [to_text(name) for name in depends] if isinstance(depends, list) else []
    unknown = sorted({name for names in needs.values() for name in names} - set(needs))
    if unknown:
        reader.fail(f"{task.id}: Not existing task id in dependency: {', '.join(unknown)}", path)
    circle = sorted(name for name in needs if name in _circle_of(name, needs))
    if circle:
        reader.fail(f"{task.id}: Cyclic dependency detected: {', '.join(circle)}", path)


def _circle_of(name: str, needs: Mapping[str, Sequence[str]]) -> list[str]:
    return [name] if _circle(name, needs) else []


def check_expressions(value: Any, path: Path, reader: Reader, leave: Sequence[str] = ()) -> None:
    """A warning for each text that cannot be rendered; `leave` names properties of the outermost map that are not looked at."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name not in leave:
                check_expressions(item, (*path, str(name)), reader)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            check_expressions(item, (*path, number), reader)
    elif isinstance(value, str):
        wrong = mistake(value)
        if wrong is not None:
            reader.warn_inside(f"This expression cannot be rendered: {wrong.message}", path, value, wrong.line, wrong.column)


# --- inputs, labels, retries, defaults -----------------------------------------------------------------------------------------


def check_input(item: Input, path: Path, reader: Reader) -> None:
    """What must hold for one declared input."""
    own = item.properties
    if item.type not in TYPES:
        reader.fail(f"Invalid type: {item.type}", (*path, "type"))
        return
    if item.type == "FILE" and item.defaults is not None:
        reader.fail("no `defaults` can be set for inputs of type 'FILE'", (*path, "defaults"))
    if item.type == "ARRAY" and own.get("itemType") is None:
        reader.fail("must not be null", (*path, "itemType"))
    if item.type in ("ARRAY", "MULTISELECT") and own.get("itemType") == "ARRAY":
        reader.fail("`itemType` cannot be `ARRAY`", (*path, "itemType"))
    if own.get("itemType") is not None and own["itemType"] not in TYPES:
        reader.fail(f"`{to_text(own['itemType'])}` is not a type of input", (*path, "itemType"))
    if item.type == "MULTISELECT" and own.get("values") is not None and own.get("options") is not None:
        reader.fail("you can't define both `values` and `options`", path)
    if item.type in ("SELECT", "ENUM", "MULTISELECT"):
        _check_values(item, path, reader)
    for name in ("min", "max", "after", "before"):
        _check_limit(item, name, path, reader)
    if own.get("validator") is not None:
        _check_pattern(own["validator"], (*path, "validator"), reader)
    if item.display_name is not None and len(item.display_name) > 64:
        reader.fail("size must be between 0 and 64", (*path, "displayName"))


def _check_limit(item: Input, name: str, path: Path, reader: Reader) -> None:
    limit, read = item.properties.get(name), READERS.get(item.type)
    if limit is None or read is None:
        return
    try:
        read(limit)
    except ValueError as error:
        reader.fail(str(error).partition("\n")[0], (*path, name))


def _check_values(item: Input, path: Path, reader: Reader) -> None:
    values = item.properties.get("values", item.properties.get("options"))
    if values is None and item.properties.get("expression") is None:
        reader.fail("must not be null", (*path, "values"))
    elif values is not None and not isinstance(values, list):
        reader.fail("a list is needed here", (*path, "values"))


def _check_pattern(pattern: Any, path: Path, reader: Reader) -> None:
    try:
        java_pattern(to_text(pattern))
    except (ExpressionError, regex.error):
        reader.fail(f"invalid pattern [{to_text(pattern)}]", path)


def labels(raw: Any, path: Path, reader: Reader) -> tuple[tuple[str, str], ...]:
    """Labels from a map or a list of `{key, value}`; the system's own are refused."""
    pairs: list[tuple[str, str]] = []
    if isinstance(raw, Mapping):
        entries = [(key, value, (*path, str(key))) for key, value in raw.items()]
    else:
        entries = [
            (item.get("key"), item.get("value"), where) if isinstance(item, Mapping) else (None, None, where)
            for item, where in reader.items(raw, path)
        ]
    for item, where in reader.items(raw, path) if isinstance(raw, list) else ():
        if isinstance(item, Mapping):
            reader.fields(item, where, LABEL, f"{MODELS}Label")
    for key, value, where in entries:
        if key is None or value is None or isinstance(value, Mapping | list):
            reader.fail("a label needs a `key` and a `value` that is a text, a number or a boolean", where)
            continue
        name, text = to_text(key), to_text(value)
        if name.startswith("system.") and name != OPEN_LABEL:
            reader.fail(f"System labels can only be set by Kestra itself, offending label: {name}={text}", where, whole=True)
        pairs.append((name, text))
    return tuple(pairs)


def retry(fields: Fields) -> Retry:
    """A retry policy; both spellings of the number of attempts are read."""
    kind: Any = fields.choice("type", ("constant", "exponential", "random"), None)
    behavior: Any = fields.choice("behavior", ("RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"), "RETRY_FAILED_TASK")
    attempts = fields.integer("maxAttempt", None, least=1) or fields.integer("maxAttempts", None, least=1)
    made = Retry(
        type=kind,
        interval=fields.duration("interval"),
        max_interval=fields.duration("maxInterval"),
        delay_factor=fields.number("delayFactor", 2.0),
        min_interval=fields.duration("minInterval"),
        max_duration=fields.duration("maxDuration"),
        max_attempts=attempts,
        warning_on_retry=fields.boolean("warningOnRetry"),
        behavior=behavior,
    )
    needed = {"constant": ("interval",), "exponential": ("interval", "maxInterval"), "random": ("minInterval", "maxInterval")}[made.type]
    for name in needed:
        if fields.raw.get(name) is None:
            fields.reader.fail("must not be null", (*fields.path, name))
    return made


def check_default(raw: Any, path: Path, reader: Reader, catalog: Names) -> None:
    """One entry of `pluginDefaults`; the properties of a type named in full must exist."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("type"), str):
        reader.fail("Invalid Plugin Default: No 'type' provided", path)
        return
    values = raw.get("values")
    if not isinstance(values, Mapping):
        reader.fail("Invalid Plugin Default: No 'values' provided", path)
        return
    for key, value in values.items():
        if value is None:
            reader.fail(f"Invalid Plugin Default: No value provided for key '{key}'", (*path, "values", str(key)))
    known = catalog.properties(raw["type"])
    for key in values if known is not None else ():
        if str(key) not in (known or ()):
            message = f"Invalid Plugin Default: No property '{key}' exists in plugin '{raw['type']}'"
            reader.fail(message, (*path, "values", str(key)))


def check_cron(raw: Mapping[str, Any], path: Path, reader: Reader) -> None:
    """The `cron` of a schedule: five fields, six with `withSeconds`, or one of the names such as `@daily`."""
    cron = raw.get("cron")
    if cron is None or not str(raw.get("type", "")).endswith("Schedule"):
        return
    text = " ".join(to_text(cron).split())
    wanted = 6 if raw.get("withSeconds") is True else 5
    try:
        if text in CRON_NAMES:
            return
        if text.startswith("@") or len(text.split()) != wanted:
            raise ValueError(f"Cron expression contains {len(text.split())} parts but we expect one of [{wanted}]")
        croniter.expand(text, second_at_beginning=True)
    except (CroniterBadCronError, ValueError, KeyError) as error:
        reader.fail(f"invalid cron expression '{text}': {error}", (*path, "cron"))
