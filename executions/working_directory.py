"""Opening and closing the folder that the children of a WorkingDirectory share: files in before, files out after."""

from __future__ import annotations

import shutil
from typing import Any

from engine.document import Task
from executions import working_cache
from executions.context import Context
from plugins.contract import TaskFailed
from plugins.scripts import _files, _render
from plugins.scripts._schema import NamespaceFiles


def open_(context: Context, task: Task) -> None:
    """Make the folder, empty also after an earlier try, and bring namespace files and `inputFiles` in."""
    if context.folder_was_made:
        shutil.rmtree(context.working_dir)
    folder = context.working_dir
    wanted = task.properties.get("namespaceFiles")
    if wanted is not None:
        _files.bring_namespace_files(context, NamespaceFiles.model_validate(wanted), folder)
    _files.write_input_files(context, task.properties.get("inputFiles"), folder, {"workingDir": str(folder)})
    working_cache.restore(context, task)
    context.hand_over()


def close(context: Context, task: Task) -> dict[str, Any] | None:
    """Store what `outputFiles` chooses and remove the folder; answers the outputs."""
    patterns = _render.texts(context, task.properties.get("outputFiles"), {"workingDir": str(context.working_dir)})
    try:
        working_cache.keep(context, task)
        stored = _files.collect(context, context.working_dir, context.working_dir / ".kestra" / "outputs", patterns)
    except OSError as error:
        raise TaskFailed(f"The output files cannot be stored: {error.strerror}") from error
    finally:
        shutil.rmtree(context.working_dir, ignore_errors=True)
    return {"outputFiles": stored} if patterns else None
