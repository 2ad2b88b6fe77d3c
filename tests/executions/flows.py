"""Flows that the tests of this room run, and words to save and start them."""

from __future__ import annotations

from typing import Any

from executions import services, worker
from executions.models import Command, Delivery, Execution, LogLine
from flows import services as flow_services

NAMESPACE = "exec.test"
CORE = "io.kestra.plugin.core"
ENDED = ("SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED")
PROCESS = "taskRunner: {type: io.kestra.plugin.core.runner.Process}"


def save(flow_id: str, body: str) -> str:
    """Save a flow of the test namespace whose YAML goes on with `body`; answers its id."""
    flow_services.create(user=None, source=f"id: {flow_id}\nnamespace: {NAMESPACE}\n{body}")
    return flow_id


def start(flow_id: str, **given: Any) -> Execution:
    """Start it as the system itself."""
    return services.start(user=None, namespace=NAMESPACE, flow_id=flow_id, **given)


def log(task_id: str, message: str = "hello") -> str:
    """A Log task, as one line of YAML."""
    return f'  - {{id: {task_id}, type: {CORE}.log.Log, message: "{message}"}}\n'


def shell(task_id: str, *commands: str, more: str = "") -> str:
    """A shell task that runs as a process."""
    lines = "".join(f"      - {each}\n" for each in commands)
    return f"  - id: {task_id}\n    type: io.kestra.plugin.scripts.shell.Commands\n    {PROCESS}\n{more}    commands:\n{lines}"


def states(execution: Execution) -> dict[str, str]:
    """The state of each task run by its task's id."""
    return dict(execution.task_runs.order_by("position").values_list("task_id", "state"))


def messages(execution: Execution, level: int = 0) -> list[str]:
    """Log messages of at least a level, in order."""
    return list(LogLine.objects.filter(execution=execution, level__gte=level).order_by("number").values_list("message", flat=True))


def work_off(execution: Execution, most: int = 200) -> Execution:
    """Do in this process what workers would do, until nothing waits for one; answers the execution as it is then."""
    for _ in range(most):
        delivery = Delivery.objects.filter(status=Delivery.Status.WAITING).order_by("id").first()
        command = Command.objects.order_by("id").first()
        if delivery is not None:
            worker.work(delivery.id)
        elif command is not None:
            worker.carry_out(command.id)
        else:
            break
    execution.refresh_from_db()
    return execution
