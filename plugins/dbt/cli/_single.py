"""The tasks of one dbt command each, which Kestra had before DbtCLI; they run it as DbtCLI does."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from plugins.contract import Expression, RunContext, Text
from plugins.core.http._client import whole
from plugins.dbt.cli.dbt_cli import PROFILES, DbtCLI
from plugins.scripts import _folders, _render
from plugins.scripts._script import Place, quoted

_USUAL = "./bin/dbt"  # where Setup puts it


class SingleCommand(DbtCLI):
    """Base of the tasks that run one command of dbt."""

    deprecated: ClassVar[str] = "Use io.kestra.plugin.dbt.cli.DbtCLI."
    verb: ClassVar[str] = ""

    commands: list[Text] | Text = Field("", description="Not to be given: the task makes its own command.")
    dbt_path: Text = Field(_USUAL, description="The dbt to run; where Setup made none, the one of the image or environment.")
    fail_fast: bool | Expression = Field(False, description="End at the first node that fails.")
    warn_error: bool | Expression = Field(False, description="Warnings of dbt count as errors.")
    debug: bool | Expression = Field(False, description="Show dbt's debug lines.")

    @field_validator("commands")
    @classmethod
    def _made(cls, value: list[str] | str) -> list[str] | str:
        if value:
            raise ValueError("the task makes its own command; use io.kestra.plugin.dbt.cli.DbtCLI to write commands")
        return value

    def project_folder(self, context: RunContext, place: Place) -> str | None:
        """Below the working directory, with or without a slash before it."""
        given = super().project_folder(context, place)
        return given.strip().lstrip("/") or None if given else None

    def composed(self, context: RunContext, place: Place) -> list[str]:
        """The one command."""
        flags = {"--debug": self.debug, "--fail-fast": self.fail_fast, "--warn-error": self.warn_error}
        words = ["--log-format", "json", *(name for name, value in flags.items() if _render.flag(context, value))]
        words += self.verb.split()
        if (place.folder / PROFILES).is_dir():
            words += ["--profiles-dir", PROFILES]
        words += self.options(context, place)
        if folder := self.project_folder(context, place):
            words += ["--project-dir", folder]
        return [f"{self._dbt(context, place)} {quoted([*words, '--log-path', 'logs'])}"]

    def options(self, context: RunContext, place: Place) -> list[str]:
        """What the command is told beside that."""
        return []

    def write_profiles(self, context: RunContext, place: Place) -> None:
        """Into the folder that Setup uses, too."""
        text = context.render(self.profiles, place.variables) if self.profiles else ""
        if text.strip():
            _folders.write(place.folder, f"{PROFILES}/profiles.yml", text.encode()).chmod(0o600)

    def _dbt(self, context: RunContext, place: Place) -> str:
        path = context.render(self.dbt_path, place.variables).strip()
        return "dbt" if path == _USUAL and not (place.folder / "bin" / "dbt").exists() else quoted([path])


class NodeCommand(SingleCommand):
    """Base of those that run nodes."""

    thread: int | Expression | None = Field(None, description="How many threads dbt uses.")
    full_refresh: bool | Expression = Field(False, description="Build incremental models from nothing.")
    target: Text | None = Field(None, description="The target of the profile.")
    selector: Text | None = Field(None, description="A selector of selectors.yml.")
    select: list[Text] | Text | None = Field(None, description="What to run, as dbt selects nodes.")
    exclude: list[Text] | Text | None = Field(None, description="What to leave out.")

    def options(self, context: RunContext, place: Place) -> list[str]:
        """Threads, target and selection."""
        words = []
        if (threads := whole(context, self.thread, "thread")) is not None:
            words += ["--threads", str(threads)]
        if _render.flag(context, self.full_refresh):
            words.append("--full-refresh")
        for name, text in (("--target", self.target), ("--selector", self.selector)):
            if text and (value := context.render(text, place.variables).strip()):
                words += [name, value]
        for name, given in (("--select", self.select), ("--exclude", self.exclude)):
            if found := _render.texts(context, given, place.variables):
                words += [name, *found]
        return words
