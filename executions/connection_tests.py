"""Trying to connect: a worker runs `dbt debug` with a connection, and what it says stands on the connection's page."""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta

from django.utils import timezone

from engine.document import Flow, Task
from engine.execution import Execution, TaskRun
from engine.states import State
from executions import claims, dispatch, logbook, world
from executions.aside import AsideContext
from executions.context import Sink
from executions.dispatch import Outgoing
from executions.logbook import Line
from namespaces.models import Connection
from plugins.contract import TaskFailed
from plugins.core.runner.process import TYPE as PROCESS
from plugins.dbt.cli.dbt_cli import DbtCLI

LONGEST = timedelta(minutes=10)  # after it a test that has not ended is one that was lost
_PROJECT = "name: connection\nversion: '1.0'\nconfig-version: 2\nprofile: connection\nmodel-paths: []\n"
_LINES = 400
logger = logging.getLogger(__name__)


def ask(connection: Connection) -> None:
    """Have a worker try it."""
    Connection.objects.filter(pk=connection.pk).update(test=Connection.Test.RUNNING, tested=timezone.now(), test_log="")
    dispatch.send([Outgoing("test_connection", connection.pk)])


def state(connection: Connection) -> str:
    """How the test stands; one that no worker ended in time has failed."""
    late = connection.tested is None or timezone.now() - connection.tested > LONGEST
    return Connection.Test.FAILED if connection.test == Connection.Test.RUNNING and late else connection.test


def reason(log: str) -> str:
    """Why a test failed, out of what it said: what the database answered, else its last words."""
    _, found, after = log.partition("returned the following error:")
    lines = [line.strip().removeprefix(">") for line in after.partition("Check your database credentials")[0].splitlines()]
    told = " ".join(line for line in lines if line) if found else ""
    return told or (log.strip().splitlines() or ["no worker took it in time: is one running?"])[-1]


def run(connection_id: int) -> None:
    """Try a connection once, and note how it went.

    This is the outermost place of a test, and so the only one that catches every Exception: a bug is told on the page.
    """
    claims.start_beating()
    row = Connection.objects.filter(pk=connection_id, test=Connection.Test.RUNNING).first()
    if row is None:
        return
    context = _TestContext(row)
    outcome = Connection.Test.FAILED
    try:
        _task(row).run(context)
        outcome = Connection.Test.OK
    except TaskFailed as failure:
        context.log("ERROR", failure.message)
    except Exception as error:
        logger.exception("The test of the connection %s of %s failed unexpectedly", row.name, row.namespace)
        context.log("ERROR", type(error).__name__)
    finally:
        shutil.rmtree(context.working_dir.parent, ignore_errors=True)
        same = Connection.objects.filter(pk=row.pk, test=Connection.Test.RUNNING, changed=row.changed)
        same.update(test=outcome, tested=timezone.now(), test_log=context.said())


def _task(row: Connection) -> DbtCLI:
    return DbtCLI.model_validate(
        {
            "id": "test",
            "type": "io.kestra.plugin.dbt.cli.DbtCLI",
            "connection": row.name,
            "containerImage": f"ghcr.io/kestra-io/dbt-{row.adapter}",
            "taskRunner": {"type": PROCESS},
            "inputFiles": {"dbt_project.yml": _PROJECT},
            "commands": ["dbt debug --connection"],
            "timeout": "PT5M",
            "logFormat": "TEXT",
            "parseRunResults": False,
        }
    )


class _TestContext(AsideContext):
    """A context of its own for one test: what it says goes onto the page, and there is no execution."""

    def __init__(self, row: Connection) -> None:
        self._row, self._lines = row, list[str]()
        began = State.new(timezone.now())
        execution = Execution(world.new_id(), row.namespace, "connection", 1, began)
        task = Task("test", "io.kestra.plugin.dbt.cli.DbtCLI")
        flow = Flow("connection", row.namespace, (task,))
        super().__init__(flow, execution, {}, TaskRun(execution.id, "test", began), task, 0, sink=Sink(self._say))

    def said(self) -> str:
        """What was said so far; the last lines where it was much."""
        return "\n".join(self._lines[-_LINES:])

    def _say(self, line: Line) -> None:
        if line.level < logbook.NUMBERS["INFO"]:
            return
        self._lines.append(line.message)
        Connection.objects.filter(pk=self._row.pk, changed=self._row.changed).update(test_log=self.said())
