"""What these tests share: artifacts in the storage of an execution, taken in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from catalog import graph, intake
from catalog.models import Intake, Project
from executions import storage
from executions.models import TaskRun
from tests.executions.page_data import execution, task_run

TakeIn = Callable[..., Project]


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Graphs are kept by the id of their project, and what a test rolls back gives its ids to the next one."""
    graph.forget()


@pytest.fixture
def left(db: None) -> TakeIn:
    """A function that has a task run leave these files and takes them in; answers the project that was touched last."""

    def leave(*files: Path, namespace: str = "company.team", run: TaskRun | None = None) -> Project:
        run = run or task_run(execution(namespace=namespace), "dbt")
        uris = {}
        for file in files:
            uris[file.name] = storage.task_uri(run.execution, "dbt", run.id, file.name)
            storage.write(uris[file.name], file.read_bytes())
        row = Intake.objects.create(namespace=namespace, execution_id=run.execution_id, task_run_id=run.id, files=uris)
        intake.take_in(row.id)
        assert not Intake.objects.filter(id=row.id).exists()
        return Project.objects.latest("updated")

    return leave
