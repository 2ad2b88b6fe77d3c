"""What a new execution begins with: an id, checked inputs, stored files, labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO, Any

from django.utils import timezone

from engine import context
from engine.document import Check, Flow, Input
from engine.errors import ExpressionError, InputError
from engine.execution import Execution, TaskRun
from engine.expressions import render, render_typed
from engine.inputs import Resolved, nested, resolve_inputs, validate_inputs
from engine.states import State
from executions import executor, ports, sources, storage, world
from executions.masks import Masks
from executions.sight import Sight
from namespaces import vault
from namespaces.rights import Person
from ui.errors import Conflict, Invalid

CORRELATION = "system.correlationId"
SYSTEM = "system."
Labels = Iterable[tuple[str, str]]
Functions = Mapping[str, Callable[..., Any]]


class FlowDisabled(Conflict):
    """Cannot execute a disabled flow"""


class InvalidInput(Invalid):
    """A value given for an input is refused; `input_id` says which."""

    def __init__(self, input_id: str, message: str) -> None:
        super().__init__(message)
        self.input_id = input_id


class CheckFailed(Invalid):
    """A check of the flow does not let the execution begin"""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file given for an input: its name and its content, read once."""

    name: str
    content: IO[bytes] | bytes


def new(
    flow: Flow,
    *,
    inputs: Mapping[str, Any],
    labels: Labels,
    trigger: Mapping[str, Any] | None = None,
    schedule_date: datetime | None = None,
    id: str = "",
    starter: Person = None,
    masks: Masks | None = None,
    source: Mapping[str, Any] | None = None,
) -> Execution:
    """A new execution of a flow with checked inputs; uploads are stored, what `masks` hide is encrypted. Raises FlowDisabled, InvalidInput,
    CheckFailed. One that a check lets begin only to fail says so in its notes.

    `starter` is on whose behalf expressions look into other namespaces, None for the system; `source` says which files it sees
    (`sources`), where those are not what is deployed.
    """
    if flow.disabled:
        raise FlowDisabled
    now = timezone.now()
    execution_id = id or world.new_id()
    execution = Execution(
        id=execution_id,
        namespace=flow.namespace,
        flow_id=flow.id,
        flow_revision=flow.revision,
        state=State.new(now),
        labels=tuple(labels),
        trigger=trigger,
        original_id=execution_id,
        original_created=now,
        schedule_date=schedule_date,
        notes=dict(sources.deployed(flow.namespace) if source is None else source),
    )
    met = Masks()
    try:
        values = resolve_inputs(flow.inputs, inputs, **_answers(flow, execution, _store(execution), _functions(execution, starter, met)))
    except InputError as error:
        raise InvalidInput(error.input_id, error.message) from error
    execution = replace(execution, inputs=values)
    failed = failing(flow, execution, starter)
    blocked = [each.message for each in failed if each.behavior == "BLOCK_EXECUTION"]
    if blocked:
        raise CheckFailed(" ".join(blocked))
    refused = " ".join(each.message for each in failed if each.behavior == "FAIL_EXECUTION")
    kept = met.encrypted(masks.encrypted(values) if masks else values)
    return replace(execution, inputs=kept, notes={**execution.notes, "refused": refused} if refused else execution.notes)


def failing(flow: Flow, execution: Execution, starter: Person) -> list[Check]:
    """The checks of a flow that do not hold for an execution with these inputs, or cannot be told."""
    if not flow.checks:
        return []
    masks = Masks()
    sight = Sight(flow, execution, {}, masks)
    functions = world.functions(execution, masks, ports.People(execution, starter).may_read)

    def holds(each: Check) -> bool:
        try:
            return bool(sight.rendered(render, each.condition, functions) == "true")
        except ExpressionError:
            return False

    return [each for each in flow.checks if not holds(each)]


def looked_at(flow: Flow, resolved: Sequence[Resolved], starter: Person) -> list[Check]:
    """The checks that do not hold for inputs that were only looked at."""
    values = nested({each.input.id: each.value for each in resolved if each.enabled})
    execution = Execution(world.new_id(), flow.namespace, flow.id, flow.revision, State.new(timezone.now()), inputs=values)
    return failing(flow, execution, starter)


def check(flow: Flow, inputs: Mapping[str, Any], starter: Person) -> list[Resolved]:
    """Every input with its value or what is wrong with it, to be looked at: nothing is stored, and secrets read as their mask."""
    execution = Execution(world.new_id(), flow.namespace, flow.id, flow.revision, State.new(timezone.now()))
    functions = world.shown_functions(execution, ports.People(execution, starter).may_read)
    return validate_inputs(flow.inputs, inputs, **_answers(flow, execution, _pretend(execution), functions))


def checked(
    flow: Flow, execution: Execution, declared: Sequence[Input], inputs: Mapping[str, Any], run: TaskRun | None
) -> dict[str, Any]:
    """Values for other inputs of an execution that exists: those of the `onResume` of a task run, which keeps the uploads.

    Raises InvalidInput.
    """
    met = Masks()
    try:
        values = resolve_inputs(declared, inputs, **_answers(flow, execution, _store(execution, run), _functions(execution, None, met)))
    except InputError as error:
        raise InvalidInput(error.input_id, error.message) from error
    kept: dict[str, Any] = met.encrypted(values)
    return kept


def _functions(execution: Execution, starter: Person, met: Masks) -> Functions:
    """What expressions of inputs may call; secrets that they meet are added to `met`."""
    return world.functions(execution, met, ports.People(execution, starter).may_read)


def _answers(flow: Flow, execution: Execution, store_file: Callable[[Input, Any], str], functions: Functions) -> dict[str, Any]:
    def rendered(template: str, known: Mapping[str, Any]) -> Any:
        return render_typed(template, known, functions=functions, options=world.options())

    known = context.variables(replace(flow, inputs=()), execution, world=executor.world(flow.namespace))
    return {"render": rendered, "store_file": store_file, "encrypt": vault.encrypt_value, "variables": known}


def _store(execution: Execution, run: TaskRun | None = None) -> Callable[[Input, Any], str]:
    def put(declared: Input, value: Any) -> str:
        uri, content = _place(execution, declared, value, run)
        if not storage.write(uri, content):
            storage.delete(uri)
            raise ValueError(f"Can't upload file: {declared.id}")
        return uri

    return put


def _pretend(execution: Execution) -> Callable[[Input, Any], str]:
    return lambda declared, value: _place(execution, declared, value)[0]


def _place(execution: Execution, declared: Input, value: Any, run: TaskRun | None = None) -> tuple[str, IO[bytes] | bytes]:
    if not isinstance(value, Upload):
        raise ValueError("Expected `FILE`: upload a file or give a `kestra:///` URI")
    name = value.name.replace("\\", "/").rpartition("/")[2]
    if name in ("", declared.id):  # clients of Kestra give the input's id as the name of the file
        name = f"{declared.id}{declared.properties.get('extension', '.upl')}"
    if run is None:
        return storage.input_uri(execution, declared.id, name), value.content
    return storage.task_uri(execution, run.task_id, run.id, f"onResume/{declared.id}/{name}"), value.content


def labels_of(flow: Flow, given: Labels, *, correlation: str = "") -> list[tuple[str, str]]:
    """The flow's labels and those that were given; `system.` ones are Kestra's, but for the correlation id. Raises Invalid."""
    asked = [(str(key).strip(), str(value)) for key, value in given]
    for key, value in asked:
        if key.startswith(SYSTEM) and key != CORRELATION:
            raise Invalid(f"System labels can only be set by Kestra itself, offending label: {key}={value}.")
    own = [(key, value) for key, value in flow.labels if not key.startswith(SYSTEM)]
    known = [*own, *((key, value) for key, value in asked if key)]
    if correlation and not any(key == CORRELATION for key, _ in known):
        known.append((CORRELATION, correlation))
    return known
