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

# What is so the next time, too: the project is wrong, or the call of dbt. A table or column that is missing may be there by then.
_WRITTEN = re.compile(
    r"Compilation Error|Parsing Error|Could not find profile|Could not find adapter|No such option|No such command|Invalid value for|"
    r"Parser Error|syntax error|is not valid under any of the given schemas",
    re.IGNORECASE,
)
# What passes, whatever else is said.
_PASSING = re.compile(
    r"connect|time(d )?\s?-?out|\block(s|ed)?\b|deadlock|serializ|temporar|try again|rate limit|quota|too many|reset by peer|"
    r"unavailable|No space left|(?<!\d)(429|50[234])(?!\d)",
    re.IGNORECASE,
)


def lasting(reports: Iterable[StepReport], trouble: Sequence[str]) -> str:
    """Why another attempt would find the same; empty where it might not. Lost connections, locks and the like pass, and so may all
    that is not known."""
    failed = [report for report in reports if report.state == "FAILED" and report.kind not in ("command", "batch")]
    if failed and all(map(_found_by_test, failed)):
        return "only tests failed"
    said = [uncoloured(report.message or "") for report in failed if not _found_by_test(report)] or list(trouble[:1])
    if said and all(_WRITTEN.search(text) and not _PASSING.search(text) for text in said):
        return "what is written is wrong"
    return ""


def _found_by_test(report: StepReport) -> bool:
    """Whether a test did its work and found something, rather than breaking."""
    return report.kind in ("test", "unit_test") and report.data.get("status") == "fail"


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
