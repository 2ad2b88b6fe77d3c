"""Cut a stored file into batches and run another flow for each of them.

Three tasks are made for it: `<id>_split` cuts the file, `<id>_items` starts one execution for each batch and waits for them (at most 200
are open at a time), `<id>_merge` joins what the other flow declares as outputs into one file of Ion lines. `inputs` may name
`taskrun.items`, the URI of the batch, and `taskrun.iteration`, its number from 1.

With `transmitFailed` (the default) the task fails, is killed or warns as the worst of the executions did. The output `iterations` of
`<id>_items` counts them by state. A file without rows starts nothing and succeeds.

When this execution is restarted, those executions that failed are restarted from where they failed and those that ended well are left
alone; with `restartBehavior: NEW_EXECUTION` all are started anew.

```yaml
id: every_batch
namespace: company.team
inputs:
  - id: orders
    type: FILE
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEachItem
    items: "{{ inputs.orders }}"
    batch:
      rows: 100
    namespace: company.team
    flowId: load_orders
    inputs:
      file: "{{ taskrun.items }}"
  - id: after
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.each_items.numberOfBatches }} batches, outputs in {{ outputs.each_merge.subflowOutputs ?? 'no file' }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine.steering import sequential
from plugins.contract import (
    Answer,
    Ask,
    CallEach,
    Expression,
    FlowableTask,
    Result,
    RunContext,
    RunnableTask,
    Schema,
    Situation,
    TaskFailed,
    Text,
)
from plugins.core.flow._group import Steering
from plugins.core.storage import _splitting

SPLIT, ITEMS, MERGE = "_split", "_items", "_merge"
TYPE = "io.kestra.plugin.core.flow.ForEachItem"
PASSED_ON = (
    "namespace", "flowId", "revision", "inputs", "labels", "wait", "transmitFailed", "inheritLabels", "scheduleDate", "restartBehavior",
)  # fmt: skip


class Batch(Schema):
    """How the file is cut: the first of `bytes`, `partitions` and `rows` that is given counts."""

    bytes: Text | None = Field(None, description="Begin a new batch once this size is reached, as `10MB`.")
    partitions: int | Expression | None = Field(None, description="Cut into so many batches, rows in turn.")
    rows: int | Expression | None = Field(None, description="Rows of a batch; 1 where nothing is given.")
    separator: str = Field("\n", description="What ends a row.")


class ForEachItem(Steering):
    """Run another flow for each batch of a file."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.ForEachItem",)
    child_properties: ClassVar[tuple[str, ...]] = ("errors", "finally")

    items: Text = Field(description="URI of the file, as `{{ outputs.query.uri }}`.")
    batch: Batch = Field(default_factory=lambda: Batch.model_validate({}), description="How the file is cut into batches.")
    namespace: Text = Field(description="Namespace of the other flow.")
    flow_id: Text = Field(description="Id of the other flow.")
    revision: int | None = Field(None, ge=1, description="Its revision; the last where absent.")
    inputs: dict[str, Any] | None = Field(None, description="Inputs of each execution; may name `taskrun.items` and `taskrun.iteration`.")
    labels: dict[str, Any] | list[dict[str, Any]] | None = Field(None, description="Labels of each execution.")
    wait: bool = Field(True, description="Wait for the end of all executions.")
    transmit_failed: bool = Field(True, description="Fail, warn or be killed as the worst of them was.")
    inherit_labels: bool = Field(False, description="Give them the labels of this execution too.")
    schedule_date: Text | None = Field(None, description="Start them at this date.")
    restart_behavior: Literal["RETRY_FAILED", "NEW_EXECUTION"] = Field(
        "RETRY_FAILED", description="When this execution is restarted, restart those that failed, or start all anew."
    )

    @classmethod
    def generated(cls, given: Mapping[str, Any]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The three tasks that do the work."""
        id_ = given.get("id")
        split = {"id": f"{id_}{SPLIT}", "type": f"{TYPE}$ForEachItemSplit", "items": given.get("items"), "batch": given.get("batch") or {}}
        items = {"id": f"{id_}{ITEMS}", "type": f"{TYPE}$ForEachItemExecutable", "split": f"{id_}{SPLIT}"}
        items |= {name: given[name] for name in PASSED_ON if given.get(name) is not None}
        merge = {"id": f"{id_}{MERGE}", "type": f"{TYPE}$ForEachItemMergeOutputs", "items": f"{id_}{ITEMS}"}
        return {"tasks": (split, items, merge)}

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """The next of the three."""
        return sequential(situation.task.branches.get("tasks", ()), situation.children)


class ForEachItemSplit(RunnableTask):
    """Cuts the file; the output is a file with the URI of each batch in a line."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"splits": "A file with the URI of each batch in a line."}

    items: Text
    batch: Batch = Field(default_factory=lambda: Batch.model_validate({}))

    def run(self, context: RunContext) -> Result:
        """Store every batch as soon as it is cut."""
        uri = context.render(self.items)
        source, suffix = context.storage.open(uri), PurePosixPath(uri).suffix
        folder = context.working_dir / ".batches"
        folder.mkdir(exist_ok=True)
        listing = context.working_dir / "splits.txt"
        try:
            with listing.open("w", encoding="utf-8") as file:
                for number, piece in enumerate(_splitting.split(source, folder, self._cut(context), suffix), start=1):
                    file.write(context.storage.put(piece, f"{number}{suffix}") + "\n")
                    piece.unlink()
        except ValueError as error:
            raise TaskFailed(str(error), retryable=False) from error
        return Result({"splits": context.storage.put(listing, "splits.txt")})

    def _cut(self, context: RunContext) -> _splitting.Cut:
        size = None if self.batch.bytes is None else _splitting.size_of(context.render(self.batch.bytes))
        partitions, rows = _whole(context, self.batch.partitions), _whole(context, self.batch.rows)
        return _splitting.Cut(size, partitions, rows if rows is not None else 1, self.batch.separator)


def _whole(context: RunContext, given: int | str | None) -> int | None:
    if given is None or isinstance(given, int):
        return given
    return int(context.render(given))


class ForEachItemExecutable(FlowableTask):
    """Starts an execution for each batch and waits for them."""

    waits: ClassVar[bool] = True
    child_properties: ClassVar[tuple[str, ...]] = ()
    outputs_schema: ClassVar[Mapping[str, str]] = {
        "numberOfBatches": "How many executions there are.",
        "iterations": "Number of executions by state.",
        "subflowOutputsBaseUri": "Where the outputs of each execution are kept.",
    }

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """One call for all batches, once the file that lists them is known."""
        given = situation.task.properties
        if "splits" not in situation.answers:
            return Ask("splits", f"{{{{ currentEachOutput(outputs['{given['split']}']).splits }}}}")
        again = given.get("restartBehavior", "RETRY_FAILED") == "RETRY_FAILED"
        return CallEach(str(situation.answers["splits"]), given.get("wait", True), given.get("transmitFailed", True), again)


class ForEachItemMergeOutputs(RunnableTask):
    """Joins the outputs of the executions into one file, a line each, in the order of the batches."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"subflowOutputs": "A file with the outputs of each execution in an Ion line."}

    items: str

    def run(self, context: RunContext) -> Result:
        """The joined file; nothing where no execution had outputs."""
        base = context.render(f"{{{{ currentEachOutput(outputs['{self.items}']).subflowOutputsBaseUri ?? '' }}}}")
        kept = sorted(context.storage.list(base), key=lambda uri: int(uri.split("/")[-2])) if base else []
        if not kept:
            return Result()
        joined = context.working_dir / "outputs.ion"
        with joined.open("wb") as file:
            for uri in kept:
                file.write(context.storage.open(uri).read_bytes())
        return Result({"subflowOutputs": context.storage.put(joined, "outputs.ion")})
