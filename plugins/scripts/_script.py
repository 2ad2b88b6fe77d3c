"""How a script task runs: files in, one shell with all its commands, files and answers out."""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, ClassVar

from plugins.contract import Result, RunContext, RunnerResult, ShellCommand, TaskFailed, TaskRunner
from plugins.core.runner._environment import PATH
from plugins.core.runner.process import TYPE as PROCESS
from plugins.core.runner.process import Process
from plugins.scripts import _environments, _files, _folders, _images, _protocol, _render
from plugins.scripts._schema import ScriptProperties
from plugins.scripts.runner.docker.docker import Docker

_INSTALLS = re.compile(r"\b(pip3?|uv)\b")  # commands that change the environment they run in
_SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh")
Heard = Callable[[str, str], None]
_EXPLAINED = {
    126: "a command was found but may not be executed",
    127: "a command was not found",
    137: "killed by signal 9, most often for want of memory",
    139: "a program crashed (segmentation fault)",
}


class CommandFailed(TaskFailed):
    """The commands ran to their end, and that was an exit code other than 0."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder a task runs in. `private` is below it and removed at the end; `variables` are what its templates see beside the rest.
    `output_dir`, whose files are all kept, is None where the task does without it."""

    folder: Path
    private: Path
    output_dir: Path | None
    patterns: tuple[str, ...]
    variables: Mapping[str, Any]


class ExecScript(ScriptProperties):
    """Base of every task that runs commands in a shell; a subclass says which commands."""

    outputs_schema: ClassVar[Mapping[str, str]] = {
        "exitCode": "Exit code of the commands; 0 is success.",
        "outputFiles": "URIs of the output files by name.",
        "vars": 'Values that the script gave with lines like `::{"outputs": {"name": 1}}::`.',
        "taskRunner": "What the task runner says about the run, where it says anything.",
    }
    interrupt_first: ClassVar[bool] = False

    def lines(self, context: RunContext, place: Place) -> list[str]:
        """The commands, rendered; called when all files are in place."""
        raise TypeError(f"{type(self).__name__} does not define lines()")

    def prepare(self, context: RunContext, place: Place) -> dict[str, str]:
        """Last preparations in the folder; answers environment variables to add."""
        return {}

    def reader(self, context: RunContext, place: Place) -> _protocol.Reader:
        """What takes the lines that the commands write."""
        return _protocol.Reader(context)

    def recipe(self, context: RunContext, place: Place, image: str) -> _images.Meaning:
        """What stands in for the image where the commands run on this machine."""
        return _images.meaning(image)

    def environment(self, context: RunContext, recipe: _images.Recipe, place: Place) -> Path:
        """The folder of the environment that the recipe describes."""
        return _environments.ensure(context, recipe)

    def finish(self, context: RunContext, place: Place, reader: _protocol.Reader, outputs: dict[str, Any], exit_code: int | None) -> str:
        """Add to the outputs; answers the state of a task that did not fail. Called after a failure too (exit code None: stopped)."""
        return "SUCCESS"

    def why(self, reader: _protocol.Reader) -> str:
        """Why the commands failed, as far as their lines tell; asked after `finish`."""
        return ""

    def run(self, context: RunContext) -> Result:
        """Run the commands to their end. TaskFailed, with outputs, where the exit code is not 0 or the task was stopped."""
        return self.run_heard(context, None)

    def run_heard(self, context: RunContext, hear: Heard | None) -> Result:
        """The same, with someone who hears every line, whatever it is, as `hear(stream, text)`."""
        with self.opened(context) as (place, runner, shell):
            self.rehearse(context, place, lambda commands, on_line: runner.execute(shell(commands, on_line), context))
            reader = self.reader(context, place)
            command = shell(self.lines(context, place), reader.line if hear is None else _both(reader.line, hear))
            return self._conclude(context, place, reader, runner, replace(command, replay=reader.replay))

    @contextmanager
    def opened(self, context: RunContext) -> Iterator[tuple[Place, TaskRunner, Callable[[list[str], Heard], ShellCommand]]]:
        """The place with all its files, the runner, and a function that makes the commands that it runs there."""
        with open_place(self, context) as place:
            _files.bring_namespace_files(context, self.namespace_files, place.folder)
            _files.write_input_files(context, self.input_files, place.folder, place.variables)
            image = self.image(context)
            env = {**self.prepare(context, place), **_render.mapping(context, self.env, "env", place.variables)}
            env |= {"WORKING_DIR": str(place.folder), **({"OUTPUT_DIR": str(place.output_dir)} if place.output_dir else {})}
            runner = self.chosen_runner()
            machine = self.machine(context, runner, place, image)

            def shell(commands: list[str], on_line: Heard) -> ShellCommand:
                return ShellCommand(
                    argv=self.argv(context, place, commands, on_machine=machine is not None),
                    cwd=place.folder,
                    env={**(machine or {}), **env},
                    on_line=on_line,
                    container_image=image,
                    timeout=_render.seconds(context, self.timeout),
                    interrupt_first=self.interrupt_first,
                    output_dir=place.output_dir,
                )

            yield place, runner, shell

    def rehearse(self, context: RunContext, place: Place, run: Callable[[list[str], Heard], RunnerResult]) -> None:
        """What comes before the commands and is none of theirs; `run` runs other commands in the same place."""

    def image(self, context: RunContext) -> str:
        """The container image to use."""
        given = self.container_image or (self.docker or {}).get("image")
        return context.render(given).strip() if given else self.default_image

    def chosen_runner(self) -> TaskRunner:
        """The task runner, the deprecated properties considered."""
        if self.task_runner is not None:
            return self.task_runner
        if self.runner == "PROCESS":
            return Process(type=PROCESS)
        known = {field.alias or name for name, field in Docker.model_fields.items()}
        return Docker.model_validate({key: value for key, value in (self.docker or {}).items() if key in known and key != "type"})

    def machine(self, context: RunContext, runner: TaskRunner, place: Place, image: str) -> dict[str, str] | None:
        """Variables of the environment that stands in for the image; None where a real container will run it."""
        if isinstance(runner, Docker) and not runner.falls_back(context):
            return None
        meaning = self.recipe(context, place, image)
        if meaning.impossible:
            raise TaskFailed(f"The image '{image}' cannot be replaced: {meaning.impossible}", retryable=False)
        if meaning.program and shutil.which(meaning.program, path=PATH) is None:
            raise TaskFailed(f"The image '{image}' cannot be replaced: there is no '{meaning.program}' on this machine")
        folder = None if meaning.recipe is None else self.environment(context, meaning.recipe, place)
        self._tell(context, runner, meaning, image, folder)
        if folder is None:
            return {}
        if _INSTALLS.search(str(self.before_commands) + str(getattr(self, "commands", "")) + str(getattr(self, "script", ""))):
            folder = _environments.overlay(folder, place.private / "environment")
        return _environments.variables(folder)

    def _tell(self, context: RunContext, runner: TaskRunner, meaning: _images.Meaning, image: str, folder: Path | None) -> None:
        where = meaning.text
        if folder is not None and meaning.recipe is not None:
            wanted = [_bare(package) for package in (*meaning.recipe.requirements, *meaning.recipe.over)]
            found = _environments.versions(folder, *wanted)
            parts = [f"{name} {found[name]}" for name in wanted if name in found]
            where = f"environment {meaning.text} ({', '.join([*parts, f'Python {_environments.python_of(folder)}'])})"
        if isinstance(runner, Docker):
            runner.tell_fallback(context, image, where, unknown=meaning.unknown)
        elif folder is not None:
            context.header("runner", f"Process, {where}")

    def argv(self, context: RunContext, place: Place, commands: list[str], *, on_machine: bool) -> list[str]:
        """Interpreter and one text with all commands, joined by line ends."""
        before = [*self.setup(context, place, on_machine=on_machine), *_render.texts(context, self.before_commands, place.variables)]
        stop = ["set -e"] if _render.flag(context, self.fail_fast) else []
        lines = [*stop, *commands]
        if before:
            lines = [f"echo '{_protocol.DEBUG_MARK}'", *stop, *before, f"echo '{_protocol.INFO_MARK}'", *commands]
        text = _files.localised(context, "\n".join(lines), place.private)
        interpreter = _render.texts(context, self.interpreter, place.variables)
        if context.in_sight(text.encode(errors="replace")) and _is_shell(interpreter):
            text = _apart(text, place.private)
        return [*interpreter, text]

    def setup(self, context: RunContext, place: Place, *, on_machine: bool) -> list[str]:
        """Commands of our own that come before the author's beforeCommands."""
        return []

    def _conclude(self, context: RunContext, place: Place, reader: _protocol.Reader, runner: TaskRunner, command: ShellCommand) -> Result:
        try:
            answer = runner.execute(command, context)
        except TaskFailed as failed:
            outputs = self._outputs(context, place, reader, None)
            self.finish(context, place, reader, outputs, None)
            raise TaskFailed(failed.message, outputs=outputs, retryable=failed.retryable, state=failed.state) from failed
        outputs = self._outputs(context, place, reader, answer)
        state = self.finish(context, place, reader, outputs, answer.exit_code)
        if answer.exit_code != 0:
            why = self.why(reader) or _EXPLAINED.get(answer.exit_code)
            raise CommandFailed(f"Command failed with exit code {answer.exit_code}" + (f": {why}" if why else ""), outputs=outputs)
        return Result(outputs, state)

    def _outputs(self, context: RunContext, place: Place, reader: _protocol.Reader, answer: RunnerResult | None) -> dict[str, Any]:
        outputs: dict[str, Any] = {"exitCode": 1 if answer is None else answer.exit_code, "vars": reader.vars}
        outputs["outputFiles"] = _files.collect(context, place.folder, place.output_dir, place.patterns)
        if answer is not None and answer.details:
            outputs["taskRunner"] = dict(answer.details)
        return outputs


def _is_shell(interpreter: Sequence[str]) -> bool:
    """Whether the text after it is read by a POSIX shell."""
    return bool(interpreter) and PurePath(interpreter[0]).name in _SHELLS and re.fullmatch(r"-\w*c", interpreter[-1]) is not None


def _apart(text: str, private: Path) -> str:
    """What has a shell read these commands from a file: in its arguments every process of the machine could read the secrets in them."""
    file = _folders.write(private, f"commands-{secrets.token_hex(8)}", text.encode(errors="replace"))
    return f". {shlex.quote(str(file))}"


def _both(first: Heard, second: Heard) -> Heard:
    def line(stream: str, text: str) -> None:
        first(stream, text)
        second(stream, text)

    return line


def _bare(requirement: str) -> str:
    """The package that a requirement names."""
    for sign in "[<>=!~; ":
        requirement = requirement.partition(sign)[0]
    return requirement


@contextmanager
def open_place(task: ScriptProperties, context: RunContext) -> Iterator[Place]:
    """Make the private and the output folder of a task below its working directory; both go away at the end."""
    folder = context.working_dir
    private = folder / _folders.PRIVATE / f"{context.task_run_id}-{context.attempt}"
    output_dir = private / "outputs" if _render.flag(context, task.output_directory) else None
    for part in (folder / _folders.PRIVATE, private):
        if part.is_symlink():
            part.unlink()
    (output_dir or private).mkdir(parents=True, exist_ok=True)
    variables: dict[str, Any] = {"workingDir": str(folder), **({"outputDir": str(output_dir)} if output_dir else {})}
    patterns = tuple(_render.texts(context, task.output_files, variables))
    variables["outputFiles"] = _files.named_outputs(patterns, folder)
    try:
        yield Place(folder, private, output_dir, patterns, variables)
    finally:
        shutil.rmtree(private, ignore_errors=True)
        if not any((folder / _folders.PRIVATE).glob("*")):
            shutil.rmtree(folder / _folders.PRIVATE, ignore_errors=True)


def quoted(items: Sequence[str]) -> str:
    """Words for a POSIX shell."""
    return " ".join("'" + item.replace("'", "'\\''") + "'" for item in items)
