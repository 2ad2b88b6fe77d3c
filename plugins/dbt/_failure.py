"""Why the commands of a dbt task failed, in one sentence: the node that failed first, or what dbt said before any node ran."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from plugins.contract import StepReport
from plugins.dbt._events import uncoloured

_LONGEST = 400
_HINTS = (
    (
        re.compile(r"Could not find adapter type ['\"]?(\w+)"),
        r"the environment lacks that adapter; `containerImage: ghcr.io/kestra-io/dbt-\1` has it",
    ),
    (re.compile(r"No space left on device"), "the disk on which the task works is full"),
    (re.compile(r"Could not find profile named"), "give `profiles`, or a profiles.yml in the project, of the name in dbt_project.yml"),
)


def why(reports: Iterable[StepReport], trouble: Sequence[str]) -> str:
    """The sentence; empty where nothing is known. `trouble` is what dbt said of no node in particular."""
    ended = [report for report in reports if report.kind not in ("command", "batch")]
    failed = [report for report in ended if report.state == "FAILED"]
    if not failed:
        return _hinted(" ".join(_without_frame(trouble[0]).split())) if trouble else ""
    first = failed[0]
    skipped = sum(report.state == "SKIPPED" and not report.data.get("badge") for report in ended)
    rest = ", ".join([*([f"{len(failed) - 1} more failed"] if len(failed) > 1 else []), *([f"{skipped} skipped"] if skipped else [])])
    message = " ".join(uncoloured(first.message or "").split())
    said = f"{first.label or first.name} failed" + (f": {message}" if message else "")
    return _hinted(said) + (f" ({rest})" if rest else "")


def _without_frame(text: str) -> str:
    return text.removeprefix("Encountered an error:").removeprefix("Error:").strip()


def _hinted(text: str) -> str:
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    hint = next((found.expand(told) for pattern, told in _HINTS if (found := pattern.search(text))), "")
    return f"{short} ({hint})" if hint else short
