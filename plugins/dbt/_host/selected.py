"""The nodes that a command is going to run, told before the first of them begins: what never begins is known, too."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

SELECTED = "-selected"  # what the name of the file in which commands note their ways gets for the folder of these lists

_folder = ""


def begin(told: str) -> None:
    """Whether, and where, this command leaves its list: where the task has made the folder for them."""
    global _folder
    _folder = told + SELECTED if told and os.path.isdir(told + SELECTED) else ""


def install() -> None:
    """Have every command that runs nodes leave their list."""
    from dbt.task.runnable import GraphRunnableTask  # noqa: PLC0415 -- the host has loaded it

    plain = GraphRunnableTask.execute_with_hooks

    def execute_with_hooks(self: Any, selected_uids: Any) -> Any:
        if _folder:
            _leave([node.unique_id for node in self._flattened_nodes if not getattr(node, "is_ephemeral_model", False)])
        return plain(self, selected_uids)

    GraphRunnableTask.execute_with_hooks = execute_with_hooks


def _leave(nodes: list[str]) -> None:
    """Write the list under another name first: who finds it finds it whole."""
    path = os.path.join(_folder, f"{time.time_ns():020}")
    try:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"arguments": sys.argv[1:], "nodes": nodes}, file)
        os.rename(path, path + ".json")
    except OSError as error:
        print(f"which nodes this command runs is not noted: {error}", file=sys.stderr)
