"""The text of a flow onto a `Flow`, and every problem with it.

What a type means (its kind, its properties, its other names) comes from a catalog that the caller gives: the engine knows no plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from engine import semantics
from engine.defaults import PluginDefault, apply_defaults
from engine.document import Check, Concurrency, Flow, Input, Listener, Output, Problem, Retry, Sla, Task, Trigger
from engine.expressions.values import to_text
from engine.fields import (
    CHECK,
    CONCURRENCY,
    DEFAULT,
    DEPENDS_ON,
    FLOW,
    INPUT,
    INPUT_OWN,
    LISTENER,
    MODELS,
    OUTPUT,
    RETRY,
    RETRY_OWN,
    SLA,
    SLA_OWN,
    Fields,
    Reader,
)
from engine.input_types import TYPES
from engine.yaml_ import Document, Path, load

UNKNOWN_TYPE = "Invalid type: {}"
YAML_PROBLEM = "Illegal flow yaml: "
WORKER_GROUP = "Worker Group is an Enterprise Edition functionality"


class CatalogPort(Protocol):
    """What the parser asks about types."""

    def task_kind(self, type_: str) -> str | None:
        """`task`, `flowable`, `trigger`, `condition`, `runner`…, or None where there is no such type."""
        ...

    def child_properties(self, type_: str) -> Sequence[str]:
        """The properties of a flowable that hold tasks."""
        ...

    def generated(self, type_: str, given: Mapping[str, Any]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The tasks by branch that a flowable makes of what is written in it."""
        ...

    def properties(self, type_: str) -> Sequence[str] | None:
        """The names of all properties of a type; None where there is no such type."""
        ...

    def canonical(self, type_: str) -> str:
        """The current name of a type that may be given by an old one."""
        ...

    def check(self, mapping: Mapping[str, Any], kind: str) -> Iterable[tuple[str, Path]]:
        """What is wrong with the properties of one task or trigger: message, and path inside it."""
        ...


def parse(
    source: str | Document, *, catalog: CatalogPort, defaults: Sequence[PluginDefault] = (), strict: bool = True
) -> tuple[Flow | None, list[Problem]]:
    """A flow and its problems; never raises for what is written. The flow is None where any problem is an error.

    `defaults` are the plugin defaults of namespace and installation, most important first. `strict=False` is for stored flows: properties
    that nobody knows any more are let through, and only what makes the flow impossible to run is a problem.
    """
    document = load(source) if isinstance(source, str) else source
    flow, problems = read(document, catalog=catalog, defaults=defaults, strict=strict)
    return (None if any(problem.severity == "error" for problem in problems) else flow), problems


def read(
    document: Document, *, catalog: CatalogPort, defaults: Sequence[PluginDefault] = (), strict: bool = True
) -> tuple[Flow | None, list[Problem]]:
    """As `parse`, for a text that is read already; the flow is there as soon as it has an id and a namespace, whatever else is wrong."""
    if document.problems and (strict or document.value is None):
        prefix = "" if document.value is not None else YAML_PROBLEM
        return None, [Problem(prefix + p.message, p.line, p.column, p.path) for p in document.problems]
    if not isinstance(document.value, dict):
        return None, [Problem(f"{YAML_PROBLEM}a flow is a map with `id`, `namespace` and `tasks`", 1, 1)]
    parser = FlowParser(document, catalog, strict)
    flow = parser.flow(apply_defaults(document.value, defaults, catalog.canonical))
    problems = sorted(parser.problems, key=lambda problem: (problem.line or 0, problem.column or 0))
    return (flow if flow.id and flow.namespace else None), problems


class FlowParser:
    """Reads one document."""

    def __init__(self, document: Document, catalog: CatalogPort, strict: bool) -> None:
        self.document = document
        self.catalog = catalog
        self.reader = Reader(document, strict)
        self.seen: list[semantics.SeenTask] = []

    @property
    def problems(self) -> list[Problem]:
        return self.reader.problems

    def flow(self, raw: dict[str, Any]) -> Flow:
        fields = self.reader.fields(raw, (), FLOW, "io.kestra.core.models.flows.Flow")
        id_, namespace = fields.identifier("id", semantics.FLOW_ID, 100), fields.identifier("namespace", semantics.NAMESPACE, 150)
        if not raw.get("tasks"):
            self.reader.fail("must not be empty", ("tasks",))
        flow = Flow(
            id=id_,
            namespace=namespace,
            tasks=self._tasks(raw.get("tasks"), ("tasks",)),
            revision=fields.integer("revision", 1, least=1) or 1,
            description=fields.text("description"),
            disabled=fields.boolean("disabled"),
            labels=self._labels(raw.get("labels"), ("labels",)),
            inputs=self.inputs(raw.get("inputs"), ("inputs",)),
            variables=fields.mapping("variables"),
            errors=self._tasks(raw.get("errors"), ("errors",)),
            finally_=self._tasks(raw.get("finally"), ("finally",)),
            after_execution=self._tasks(raw.get("afterExecution"), ("afterExecution",)),
            listeners=self._listeners(raw.get("listeners")),
            triggers=self._triggers(raw.get("triggers")),
            outputs=self._outputs(raw.get("outputs")),
            concurrency=self._concurrency(fields),
            retry=self._retry(raw.get("retry"), ("retry",)),
            sla=self._sla(raw.get("sla")),
            checks=self._checks(raw.get("checks")),
            raw=self.document.value,
        )
        self._defaults(raw)
        if raw.get("workerGroup") is not None:
            self.reader.fail(WORKER_GROUP, ("workerGroup",))
        semantics.check_flow(flow, self.seen, self.reader, self.catalog)
        return flow

    # --- tasks ---------------------------------------------------------------------------------------------------------------

    def _tasks(self, raw: Any, path: Path, below: Path = ()) -> tuple[Task, ...]:
        """The tasks of a list; `below` leads from an entry to its task (a Dag keeps it in `task`)."""
        tasks = (self._task(item, where) for item, where in self.reader.items(raw, path, below))
        return tuple(task for task in tasks if task is not None)

    def _task(self, raw: Any, path: Path) -> Task | None:
        type_, kind = self._type(raw, path)
        if kind is None:
            return None
        if kind not in ("task", "flowable"):
            self.reader.fail(f"{type_} is a {kind}, not a task", (*path, "type"))
            return None
        self._check(raw, path, kind)
        canonical = self.catalog.canonical(type_)
        fields = Fields(self.reader, raw, path)
        task = Task(
            id=fields.identifier("id", semantics.TASK_ID, 256),
            type=canonical,
            properties=raw,
            branches=self._branches(raw, path, canonical) if kind == "flowable" else {},
            disabled=fields.boolean("disabled"),
            run_if=fields.text("runIf"),
            timeout=fields.text("timeout"),
            allow_failure=fields.boolean("allowFailure"),
            allow_warning=fields.boolean("allowWarning"),
            retry=self._retry(raw.get("retry"), (*path, "retry")),
            log_level=fields.text("logLevel"),
            log_to_file=fields.boolean("logToFile"),
        )
        if canonical == semantics.PAUSE:
            asked = self.inputs(raw.get("onResume"), (*path, "onResume"))
            semantics.check_inputs(asked, (*path, "onResume"), self.reader)
        self.seen.append(semantics.SeenTask(task, path, kind))
        return task

    def _branches(self, raw: Mapping[str, Any], path: Path, type_: str) -> dict[str, tuple[Task, ...]]:
        branches: dict[str, tuple[Task, ...]] = {}
        for name in self.catalog.child_properties(type_):
            value = raw.get(name)
            if isinstance(value, Mapping) and any(isinstance(value.get(key), str) for key in ("id", "type")):  # one task, not a list
                only = self._task(value, (*path, name))
                branches[name] = (only,) if only is not None else ()
            elif isinstance(value, Mapping):
                for key, tasks in value.items():
                    branches[f"{name}.{key}"] = self._tasks(tasks, (*path, name, str(key)))
            elif value:
                below = ("task",) if type_ == semantics.DAG and name == "tasks" else ()
                branches[name] = self._tasks(value, (*path, name), below)
        for name, made in self.catalog.generated(type_, raw).items():
            branches[name] = tuple(Task(each["id"], each["type"], each) for each in made)
        return branches

    def _type(self, raw: Any, path: Path) -> tuple[str, str | None]:
        """The type of a map and its kind; None with a problem told where it has none."""
        if not isinstance(raw, Mapping):
            self.reader.fail("a map with `id` and `type` is needed here", path)
            return "", None
        type_ = raw.get("type")
        if not isinstance(type_, str):
            self.reader.fail(f"{UNKNOWN_TYPE.format('null' if type_ is None else to_text(type_))}: missing type id property 'type'", path)
            return "", None
        kind = self.catalog.task_kind(type_)
        if kind is None:
            self.reader.fail(UNKNOWN_TYPE.format(type_), (*path, "type"))
            return type_, None
        canonical = self.catalog.canonical(type_)
        if canonical != type_:
            self.reader.say(f"{type_} is replaced by {canonical}", (*path, "type"), "info")
        return type_, kind

    def _check(self, raw: Mapping[str, Any], path: Path, kind: str) -> None:
        if self.reader.strict:
            for message, below in self.catalog.check(raw, kind):
                self.reader.fail(message, (*path, *below))
            if raw.get("workerGroup") is not None:
                self.reader.fail(WORKER_GROUP, (*path, "workerGroup"))

    def _triggers(self, raw: Any) -> tuple[Trigger, ...]:
        triggers: list[Trigger] = []
        for item, path in self.reader.items(raw, ("triggers",)):
            type_, kind = self._type(item, path)
            if kind is None:
                continue
            if kind != "trigger":
                self.reader.fail(f"{type_} is a {kind}, not a trigger", (*path, "type"))
                continue
            self._check(item, path, kind)
            semantics.check_cron(item, path, self.reader)
            fields = Fields(self.reader, item, path)
            id_ = fields.identifier("id", semantics.TASK_ID, 256)
            triggers.append(Trigger(id_, self.catalog.canonical(type_), fields.boolean("disabled"), item))
        semantics.check_duplicates([trigger.id for trigger in triggers], ("triggers",), "Duplicate trigger id with name [{}]", self.reader)
        return tuple(triggers)

    def _listeners(self, raw: Any) -> tuple[Listener, ...]:
        return tuple(made for item, path in self.reader.items(raw, ("listeners",)) if (made := self._listener(item, path)) is not None)

    def _listener(self, raw: Any, path: Path) -> Listener | None:
        if not isinstance(raw, Mapping):
            self.reader.fail("a map with `tasks` is needed here", path)
            return None
        fields = self.reader.fields(raw, path, LISTENER, f"{MODELS}listeners.Listener")
        if not raw.get("tasks"):
            self.reader.fail("must not be empty", (*path, "tasks"))
        conditions = [self._condition(item, where) for item, where in self.reader.items(raw.get("conditions"), (*path, "conditions"))]
        tasks = self._tasks(raw.get("tasks"), (*path, "tasks"))
        return Listener(tasks, tuple(each for each in conditions if each is not None), fields.text("description"))

    def _condition(self, raw: Any, path: Path) -> Mapping[str, Any] | None:
        type_, kind = self._type(raw, path)
        if kind is not None and kind != "condition":
            self.reader.fail(f"{type_} is a {kind}, not a condition", (*path, "type"))
        if kind != "condition":
            return None
        self._check(raw, path, kind)
        condition: Mapping[str, Any] = raw
        return condition

    # --- the rest ------------------------------------------------------------------------------------------------------------

    def inputs(self, raw: Any, path: Path) -> tuple[Input, ...]:
        """Declared inputs of a flow, or of a Pause's `onResume`."""
        return tuple(made for item, where in self.reader.items(raw, path) if (made := self._input(item, where)) is not None)

    def _input(self, raw: Any, path: Path) -> Input | None:
        if not isinstance(raw, Mapping):
            self.reader.fail("a map with `id` and `type` is needed here", path)
            return None
        if not isinstance(raw.get("type"), str):
            self.reader.fail(f"{UNKNOWN_TYPE.format('null')}: missing type id property 'type' (for POJO property 'inputs')", path)
            return None
        if "id" not in raw and "name" in raw:
            raw = {**raw, "id": raw["name"]}
        known = (*INPUT, *INPUT_OWN.get(raw["type"], ()))
        fields = self.reader.fields(raw, path, known, f"{MODELS}flows.input.{raw['type'].capitalize()}Input")
        needs = self.reader.fields(fields.mapping("dependsOn"), (*path, "dependsOn"), DEPENDS_ON, f"{MODELS}flows.DependsOn").raw
        made = Input(
            id=fields.identifier("id", semantics.INPUT_ID, 100),
            type=raw["type"],
            required=fields.boolean("required", default=True),
            defaults=raw.get("defaults"),
            display_name=fields.text("displayName"),
            description=fields.text("description"),
            depends_on=tuple(to_text(name) for name in self.reader.values(needs.get("inputs"), (*path, "dependsOn", "inputs"))),
            condition=None if needs.get("condition") is None else to_text(needs["condition"]),
            properties={key: value for key, value in raw.items() if key not in semantics.COMMON_INPUT},
        )
        semantics.check_input(made, path, self.reader)
        return made

    def _outputs(self, raw: Any) -> tuple[Output, ...]:
        outputs: list[Output] = []
        for item, path in self.reader.items(raw, ("outputs",)):
            if not isinstance(item, Mapping):
                self.reader.fail("a map with `id`, `type` and `value` is needed here", path)
                continue
            fields = self.reader.fields(item, path, OUTPUT, f"{MODELS}flows.Output")
            for name in ("type", "value"):
                if item.get(name) is None:
                    self.reader.fail("must not be null", (*path, name))
            if item.get("type") is not None and item["type"] not in TYPES:
                self.reader.fail(f"Invalid type: {to_text(item['type'])}", (*path, "type"))
            id_ = fields.identifier("id", semantics.INPUT_ID, 100)
            outputs.append(Output(id_, str(item.get("type")), item.get("value"), fields.text("description"), fields.text("displayName")))
        semantics.check_duplicates([output.id for output in outputs], ("outputs",), "Duplicate output with name [{}]", self.reader)
        return tuple(outputs)

    def _labels(self, raw: Any, path: Path) -> tuple[tuple[str, str], ...]:
        return semantics.labels(raw, path, self.reader)

    def _concurrency(self, flow: Fields) -> Concurrency | None:
        raw = flow.mapping("concurrency")
        if not raw:
            return None
        fields = self.reader.fields(raw, ("concurrency",), CONCURRENCY, f"{MODELS}flows.Concurrency")
        limit = fields.integer("limit", None, least=1)
        if raw.get("limit") is None:
            self.reader.fail("must not be null", ("concurrency", "limit"))
        behavior: Any = fields.choice("behavior", ("QUEUE", "CANCEL", "FAIL"), "QUEUE")
        return Concurrency(limit or 1, behavior)

    def _sla(self, raw: Any) -> tuple[Sla, ...]:
        made: list[Sla] = []
        for item, path in self.reader.items(raw, ("sla",)):
            if not isinstance(item, Mapping):
                self.reader.fail("a map with `id`, `type` and `behavior` is needed here", path)
                continue
            names = (*SLA, *SLA_OWN.get(to_text(item.get("type")), ()))
            fields = self.reader.fields(item, path, names, f"{MODELS}flows.sla.SLA")
            kind: Any = fields.choice("type", ("MAX_DURATION", "EXECUTION_ASSERTION"), None)
            if not item.get("id"):
                self.reader.fail("must not be empty", (*path, "id"))
            behavior: Any = fields.choice("behavior", ("FAIL", "CANCEL", "NONE"), None)
            duration, assertion = fields.duration("duration"), fields.text("assert")
            if kind == "MAX_DURATION" and duration is None:
                self.reader.fail("must not be null", (*path, "duration"))
            if kind == "EXECUTION_ASSERTION" and assertion is None:
                self.reader.fail("must not be empty", (*path, "assert"))
            labels = self._labels(item.get("labels"), (*path, "labels"))
            made.append(Sla(fields.text("id") or "", kind, behavior, duration, assertion, labels))
        return tuple(made)

    def _checks(self, raw: Any) -> tuple[Check, ...]:
        made: list[Check] = []
        for item, path in self.reader.items(raw, ("checks",)):
            if not isinstance(item, Mapping):
                self.reader.fail("a map with `condition` and `message` is needed here", path)
                continue
            fields = self.reader.fields(item, path, CHECK, f"{MODELS}flows.check.Check")
            told = {name: fields.text(name) for name in ("condition", "message")}
            for name in (name for name, text in told.items() if not text):
                self.reader.fail("must not be empty", (*path, name))
            style: Any = fields.choice("style", ("ERROR", "SUCCESS", "WARNING", "INFO"), "INFO")
            behavior: Any = fields.choice("behavior", ("BLOCK_EXECUTION", "FAIL_EXECUTION", "CREATE_EXECUTION"), "BLOCK_EXECUTION")
            semantics.check_expressions(told["condition"], (*path, "condition"), self.reader)
            made.append(Check(told["condition"] or "", told["message"] or "", style, behavior))
        return tuple(made)

    def _retry(self, raw: Any, path: Path) -> Retry | None:
        if raw is None:
            return None
        if not isinstance(raw, Mapping):
            self.reader.fail("a map with `type`, `interval` and `maxAttempt` is needed here", path)
            return None
        kind = to_text(raw.get("type"))
        known = (*RETRY, *RETRY_OWN.get(kind, ("interval", "minInterval", "maxInterval", "delayFactor")))
        return semantics.retry(self.reader.fields(raw, path, known, f"{MODELS}tasks.retrys.{kind.capitalize()}"))

    def _defaults(self, raw: Mapping[str, Any]) -> None:
        for name in ("pluginDefaults", "taskDefaults"):
            for item, path in self.reader.items(raw.get(name), (name,)):
                if isinstance(item, Mapping):
                    self.reader.fields(item, path, DEFAULT, f"{MODELS}flows.PluginDefault")
                semantics.check_default(item, path, self.reader, self.catalog)
