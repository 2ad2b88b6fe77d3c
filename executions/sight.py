"""What the templates of an execution see: its variables, of the task runs only those that a template names, folded ones among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.context import variables
from engine.document import Flow, Task
from engine.errors import ExpressionError
from engine.execution import Execution, TaskRun
from engine.folding import folds
from engine.needs import ALL, NOTHING, Needs, covers, joined, needs_of
from executions import executor, models, store, world
from executions.masks import Masks


class Sight:
    """The variables for the templates of one execution, or of one of its task runs.

    They are in clear: what is encrypted in the store is masked from then on. `runs` are the task runs at hand, by id and in the order of
    creation.
    """

    def __init__(
        self,
        flow: Flow,
        execution: Execution,
        runs: Mapping[str, TaskRun],
        masks: Masks,
        task_run: TaskRun | None = None,
        task: Task | None = None,
    ) -> None:
        self._flow, self._execution, self._runs, self._masks = flow, execution, runs, masks
        self._task_run, self._task = task_run, task
        self._needs: Needs = NOTHING
        self._known: dict[str, Any] | None = None

    def of(self, template: Any) -> dict[str, Any]:
        """Everything that a text, or a structure of texts, may name."""
        needs = needs_of(template)
        if self._known is None or not covers(self._needs, needs):
            self._needs = joined(self._needs, needs)
            self._known = world.decrypted(self._made(), self._masks)
        return self._known

    def everything(self) -> dict[str, Any]:
        """All of it, for whoever does not know what will be named."""
        if self._needs is not ALL:
            self._needs, self._known = ALL, None
        return self.of("")

    def rendered(
        self, how: Callable[..., Any], template: Any, functions: Mapping[str, Callable[..., Any]], extra: Mapping[str, Any] | None = None
    ) -> Any:
        """`how(template, variables)`, with `extra` variables; raises ExpressionError."""
        options = world.options()
        try:
            return how(template, {**self.of(template), **extra} if extra else self.of(template), functions=functions, options=options)
        except ExpressionError:
            if self._needs is ALL or needs_of(template) == NOTHING:
                raise
        everything = self.everything()  # so that the message can tell what there is instead
        return how(template, {**everything, **(extra or {})}, functions=functions, options=options)

    def _made(self) -> dict[str, Any]:
        runs = self._runs
        if self._needs != NOTHING and any(map(folds, runs.values())):
            runs = with_folded(self._execution.id, runs, self._needs)
        known = executor.world(self._execution.namespace)
        return variables(self._flow, self._execution, self._task_run, world=known, task=self._task, runs=runs, needs=self._needs)


def with_folded(execution_id: str, runs: Mapping[str, TaskRun], needs: Needs) -> dict[str, TaskRun]:
    """The task runs at hand and those in the store that `needs` names, with what stands above these, in the order of creation."""
    rows = models.TaskRun.objects.filter(execution_id=execution_id, folded=True)
    found = _by_id(rows if needs is ALL else rows.filter(task_id__in=needs))
    while missing := {run.parent_id for run in found.values() if run.parent_id} - found.keys() - runs.keys():
        above = _by_id(rows.filter(id__in=missing))
        if not above:
            break
        found |= above
    return dict(sorted({**found, **runs}.items(), key=lambda item: item[1].position))


def _by_id(rows: Iterable[models.TaskRun]) -> dict[str, TaskRun]:
    return {row.id: store.task_run_of(row) for row in rows}
