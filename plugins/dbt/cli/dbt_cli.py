"""Run dbt commands, every model and test in a row of its own while it runs.

Lines that start with `dbt` get `--project-dir`, `--log-format json` and `--log-path logs` where they lack them, so that
dbt's events can be read as they come: a row appears when a node starts and changes when it ends. The artifacts of dbt
(`manifest.json`, `run_results.json`, `sources.json`, `catalog.json`) are kept as output files wherever the project writes them, also
after a failure. The pane of a row shows its log, the compiled SQL with the line of an error, what the adapter tells, and rows that a
test found.
A task that is killed interrupts dbt first, so that running queries are cancelled and finished nodes keep their results.

Where the commands run on the worker's own machine, a process that has dbt loaded already runs them (`warm`): it remembers what was
parsed, so that a command parses what has changed since, and is in all else the same as dbt from a shell. The header of the
task run says which way its commands took, and why.

Commands may compare with a state (`state:modified+`, `--defer`): `loadManifest` and `storeManifest` keep one manifest in the key-value
store; `loadState` takes that of the last full build of the same project, target and branch, which every `dbt build` without a
selection leaves behind when it succeeds.

DuckDB lets one process write a file: a task whose profile names a file that another task writes waits for it, says for whom, and fails
after `waitForDatabase`.

`profiles` is written to `profiles.yml` in the working directory and wins over a file of that name. Where there is neither, the file is made
of a connection of the namespace: the one that `connection` names, or the default.

```yaml
id: dbt_duckdb
namespace: company.team.dbt
tasks:
  - id: dbt
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - id: clone_repository
        type: io.kestra.plugin.git.Clone
        url: https://github.com/kestra-io/dbt-example
        branch: main
      - id: dbt_build
        type: io.kestra.plugin.dbt.cli.DbtCLI
        taskRunner:
          type: io.kestra.plugin.scripts.runner.docker.Docker
        containerImage: ghcr.io/kestra-io/dbt-duckdb:latest
        commands:
          - dbt deps
          - dbt build
        profiles: |
          my_dbt_project:
            outputs:
              dev:
                type: duckdb
                path: ":memory:"
            target: dev
```
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from plugins.contract import Expression, Narrowed, Result, RunContext, RunnerResult, ShellCommand, TaskFailed, TaskRunner, Text
from plugins.core.runner._hand_over import identity_of
from plugins.dbt import (
    _artifacts,
    _command,
    _connections,
    _database,
    _details,
    _failure,
    _hosts,
    _listing,
    _logins,
    _manifests,
    _narrowing,
    _notes,
    _packages,
    _state,
)
from plugins.dbt._alerts import Alerts, AlertWebhook
from plugins.dbt._artifacts import Artifact
from plugins.dbt._host.client import EVERYTHING, HIDDEN, TOLD
from plugins.dbt._manifests import Compared, LoadedManifest, ManifestKey, PromotedState
from plugins.dbt._reader import DbtReader
from plugins.dbt._selection import Selections
from plugins.dbt._steps import Steps
from plugins.scripts import _folders, _images, _render
from plugins.scripts._protocol import Reader
from plugins.scripts._script import CommandFailed, ExecScript, Heard, Place
from plugins.scripts.runner.docker.docker import Docker

PROFILES = ".profile"  # the folder in which Setup and the tasks after it keep profiles.yml
_ADAPTER = re.compile(r"^\s*type:\s*[\"']?(\w+)", re.MULTILINE)


class DbtCLI(ExecScript):
    """Run dbt commands."""

    default_image: ClassVar[str] = "ghcr.io/kestra-io/dbt"
    interrupt_first: ClassVar[bool] = True
    outputs_schema: ClassVar[Mapping[str, str]] = {
        **ExecScript.outputs_schema,
        "runSummary": "Counts over models, seeds and snapshots: total, success, error, warn, skipped, elapsedTime, slowest.",
        "testSummary": "Counts over tests: total, pass, fail, warn, error, skipped.",
        "warnings": "Names of what dbt warned about.",
        "packages": "Versions of the packages that the project is locked to, by name.",
    }

    commands: list[Text] | Text = Field(description="Commands to run, in order, in one shell.")
    profiles: Text | None = Field(None, description="The whole text of profiles.yml; expressions are rendered.")
    connection: Text | None = Field(
        None, description="Connection of the namespace that profiles.yml is made of; its default one where neither task nor project say."
    )
    project_dir: Text | None = Field(None, description="Folder of the dbt project, relative to the working directory.")
    parse_run_results: bool | Expression = Field(True, description="Show a row for every node and keep run_results.json.")
    store_manifest: ManifestKey | None = Field(None, description="Where to keep the manifest after a successful run.")
    load_manifest: LoadedManifest | None = Field(None, description="Manifest to put into the target folder first, for `--state`.")
    load_state: PromotedState | None = Field(
        None, description="Put the manifest of the last full build of this project, target and branch there instead; `{}` is enough."
    )
    log_format: Literal["JSON", "TEXT", "DEBUG", "NONE"] | Expression = Field("JSON", description="Format of dbt's log lines.")
    engine: Literal["CORE", "FUSION"] | Expression = Field("CORE", description="Which dbt to use where no image is given.")
    alert_webhook: AlertWebhook | None = Field(None, description="Address that is told of warnings and errors while dbt runs.")
    warm: Literal["auto", "never"] | Expression = Field(
        "auto", description="Whether a process that has dbt loaded already may run the commands: `auto` or `never`."
    )
    warnings: Literal["kestra", "tests-only", "never"] | Expression = Field(
        "kestra", description="Which warnings of dbt make the task WARNING: all of them (`kestra`), those of tests (`tests-only`), `never`."
    )
    failing_rows: bool | Expression = Field(
        True, description="Fetch up to 100 rows that a failing test found, for its step."
    )
    wait_for_database: Text = Field(
        "PT10M", description="How long to wait for a DuckDB file that another run writes, ISO 8601; DuckDB lets one process at a time."
    )
    require_plan: Literal["never", "always", "approved"] | Expression = Field(
        "never",
        description="Whether what a person starts must come of a plan to build anything (`always`), one that somebody else approved "
        "(`approved`); what a trigger starts need not.",
    )
    kotlp: Any = Field(None, description="OpenTelemetry wrapper; accepted, has no effect.")

    @model_validator(mode="after")
    def _one_profile(self) -> Self:
        if self.profiles and self.connection:
            raise ValueError("`profiles` and `connection` both say how to connect: leave one of them out")
        return self

    def project_folder(self, context: RunContext, place: Place) -> str | None:
        """The folder of the project as dbt is told of it."""
        return context.render(self.project_dir, place.variables) if self.project_dir else None

    def image(self, context: RunContext) -> str:
        """The container image: as given, else by the engine."""
        if self.container_image is None and not (self.docker or {}).get("image") and self._engine(context) == "FUSION":
            return "ghcr.io/kestra-io/dbt-fusion"
        return super().image(context)

    def prepare(self, context: RunContext, place: Place) -> dict[str, str]:
        """Write the profiles and the loaded manifest, after namespace and input files so that they win."""
        if self.store_manifest is not None:  # say early that the namespace is closed to this flow
            context.namespace(context.render(self.store_manifest.namespace)).kv  # noqa: B018 - reaching the port is the check
        self._judge_plan(context, place)
        context.log("INFO", f"dbt project working directory: {self._project(context, place)}")
        self.write_profiles(context, place)
        env = _render.mapping(context, self.env, "env", place.variables)
        for text in self._profile_texts(context, place):
            for secret in _logins.hidden(text, env):
                context.hide(secret)
        commands = _render.texts(context, self.commands, place.variables)
        compared = self._compared(context, place)
        if compared.wanted:
            compared.bring(_state.identity(place.folder, compared.project, _command.invocations(commands), env))
            compared.judge(commands)
        return {"PYTHONUNBUFFERED": "true", "PIP_ROOT_USER_ACTION": "ignore", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}

    def _judge_plan(self, context: RunContext, place: Place) -> None:
        """TaskFailed where the task builds only what was planned, and this execution was not."""
        wanted = context.render(self.require_plan).strip().lower()
        enough = {"always": ("planned", "approved"), "approved": ("approved",)}.get(wanted)
        if enough is None or context.planned in enough or context.variables.get("trigger"):
            return
        calls = _command.invocations(_render.texts(context, self.commands, place.variables))
        verb = next((call.verb for call in calls if call.verb in _connections.BUILDS), "")
        if verb:
            by = " that somebody else has approved" if wanted == "approved" else ""
            raise TaskFailed(
                f"`dbt {verb}` runs here only from a plan{by} (`requirePlan`): press *Plan* beside *Execute*, and run it there",
                retryable=False,
            )

    def lines(self, context: RunContext, place: Place) -> list[str]:
        """The commands that are run: the author's, or those that take fewer nodes."""
        narrowed = _listing.narrowed_lines(place)
        return narrowed if narrowed is not None else self.composed(context, place)

    def composed(self, context: RunContext, place: Place) -> list[str]:
        """The author's commands with what Kestra adds to them."""
        folder = self.project_folder(context, place)
        given = _render.texts(context, self.commands, place.variables)
        if self._engine(context) == "FUSION" and any("partial-parse" in line for line in given):
            context.log(
                "WARN",
                "The '--partial-parse' and '--no-partial-parse' flags are not supported by the FUSION engine "
                "and will be silently ignored by dbt.",
            )
        if self._compared(context, place).builds_all:
            given = [_command.without_state(line) for line in given]
        log_format = context.render(self.log_format).upper()
        return [_command.compose(line, folder, log_format) for line in given]

    def _conclude(self, context: RunContext, place: Place, reader: Reader, runner: TaskRunner, command: ShellCommand) -> Result:
        """As any script, once the DuckDB file is free that the commands write; a failure that would only come again is not tried again."""
        assert isinstance(reader, DbtReader)
        env = _render.mapping(context, self.env, "env", place.variables)
        calls = _command.invocations(self.lines(context, place))
        project = self._project(context, place)
        paths = _database.files(place.folder, project, calls, env, _state.identity(place.folder, project, calls, env))
        try:
            with _database.held(context, paths, _render.seconds(context, self.wait_for_database) or 0.0):
                return super()._conclude(context, place, reader, runner, command)
        except CommandFailed as failed:
            lasting = _failure.lasting(reader.steps.reports.values() if reader.steps is not None else (), reader.trouble)
            if not lasting:
                raise
            if self.retry is not None:
                context.log("INFO", f"Is not tried again: {lasting}, and another attempt would find the same")
            raise CommandFailed(failed.message, outputs=failed.outputs, retryable=False) from failed

    def rehearse(self, context: RunContext, place: Place, run: Callable[[list[str], Heard], RunnerResult]) -> None:
        """Where a person left nodes out, ask dbt which ones the commands take, and make commands that take the rest."""
        narrowed = context.narrowed
        if narrowed is None:
            return
        if narrowed.without and _narrowing.forgets(self._profiles(context, place)):
            context.log("WARN", "The database of this task goes with its folder, so what succeeded before is built again, too")
            return
        listed = _listing.listed(self.lines(context, place), narrowed, place, run)
        for line in listed.unknown:
            if any(call.runs_nodes for call in _command.invocations([line])):
                context.log("WARN", f"This command is run as it is written: only plain calls of dbt can take fewer nodes: {line}")
        count = sum(map(len, listed.chosen.values()))
        why = " ".join(narrowed.nodes)
        if narrowed.without:
            why = f"those that did not succeed before; {len(narrowed.without)} are left out"
        elif narrowed.dropped or context.planned:
            why = "as planned" + (f"; {len(narrowed.dropped)} are left out" if narrowed.dropped else "")
        context.header("selection", f"{count} node{'' if count == 1 else 's'}: {why}")
        context.log("INFO", f"Takes {count} node{'' if count == 1 else 's'}: {why}")
        listed.keep()

    def plan(self, context: RunContext) -> dict[str, Any]:
        """What the task would do: which nodes, why each, and on how many threads. Runs none of them."""
        with self.opened(context) as (place, runner, shell):
            state = self._compared(context, place)
            before = _artifacts.read(place.folder, state.file) if state.wanted else None
            lines = self.lines(context, place)

            def run(commands: list[str], on_line: Heard) -> RunnerResult:
                return runner.execute(shell(commands, on_line), context)

            listed = _listing.listed(lines, Narrowed(), place, run)
            return {
                "commands": lines,
                "requires": context.render(self.require_plan).strip().lower(),
                "unknown": [line for line in listed.unknown if "dbt deps" not in line],
                "threads": _listing.threads(lines, self._profiles(context, place)),
                **listed.plan(state.project, _state.digest(before.parsed) if before is not None else None),
            }

    def recipe(self, context: RunContext, place: Place, image: str) -> _images.Meaning:
        """The environment that stands in for the image, with the adapters that the profiles at hand name."""
        return _images.meaning(image, _ADAPTER.findall(self._profiles(context, place)))

    def _profiles(self, context: RunContext, place: Place) -> str:
        """The text of every profiles.yml that dbt may read here."""
        return "\n".join(self._profile_texts(context, place))

    def _profile_texts(self, context: RunContext, place: Place) -> list[str]:
        calls = _command.invocations(_render.texts(context, self.commands, place.variables))
        given = [place.folder / call.profiles_dir for call in calls if call.profiles_dir]
        folders = dict.fromkeys((*given, place.folder / PROFILES, place.folder, self._project(context, place)))
        texts = [_folders.read_inside(place.folder, folder / "profiles.yml") or b"" for folder in folders]
        return [text.decode(errors="replace") for text in texts]

    def machine(self, context: RunContext, runner: TaskRunner, place: Place, image: str) -> dict[str, str] | None:
        """Before the environment's own programs the one that hands commands to a process that has dbt loaded."""
        found = super().machine(context, runner, place, image)
        if not found:
            return found
        cold = self._cold(context, runner, place, found)
        if cold:
            context.header("dbt", f"a process of its own: {cold}")
            return self._with_notes(context, place, found)
        try:
            settings, environment = context.settings, Path(found["VIRTUAL_ENV"])
            at = (environment, context.flow.namespace, identity_of(settings))
            host = _hosts.at(*at, memory=settings.dbt_warm_memory, caches=settings.home / "dbt")
        except OSError as error:
            context.log("WARN", f"The process that keeps dbt loaded could not be started: {error}")
            return found
        self._want_notes(context, place)
        return {**found, "PATH": f"{host.programs}:{found['PATH']}", TOLD: str(_notes.told(place)), HIDDEN: self._hidden(context, place)}

    def _hidden(self, context: RunContext, place: Place) -> str:
        """The variables of the commands with secrets in them, which no process that has dbt loaded keeps on disk."""
        env = _render.mapping(context, self.env, "env", place.variables)
        names = [name for name, value in env.items() if context.in_sight(value.encode(errors="replace"))]
        lines = "\n".join(_render.texts(context, self.commands, place.variables))
        return ",".join([*names, *([EVERYTHING] if context.in_sight(lines.encode(errors="replace")) else [])])

    def setup(self, context: RunContext, place: Place, *, on_machine: bool) -> list[str]:
        """In a container, before the image's own programs a `dbt` that leaves notes."""
        if on_machine or not self._want_notes(context, place):
            return []
        return [f"export PATH={shlex.quote(str(_notes.contained(place)))}:$PATH"]

    def _want_notes(self, context: RunContext, place: Place) -> bool:
        """Have dbt note what its lines do not say, as far as the task wants to know; answers whether it does."""
        wanted = _render.flag(context, self.parse_run_results)
        if wanted:
            _notes.wanted(place, failing_rows=_render.flag(context, self.failing_rows))
        return wanted

    def _with_notes(self, context: RunContext, place: Place, found: dict[str, str]) -> dict[str, str]:
        """Before the environment's own programs a `dbt` that leaves such notes, where that environment has dbt."""
        environment = Path(found["VIRTUAL_ENV"])
        if not (environment / "bin" / "dbt").exists() or not self._want_notes(context, place):
            return found
        return {**found, "PATH": f"{_notes.plain(place, environment)}:{found['PATH']}"}

    def _cold(self, context: RunContext, runner: TaskRunner, place: Place, found: Mapping[str, str]) -> str:
        """Why dbt is to be started anew; empty where it need not."""
        if not context.settings.dbt_warm:
            return "`KESTRA_WEB_DBT_WARM` is `never`"
        if context.render(self.warm).lower() == "never":
            return "`warm` is `never`"
        if isinstance(runner, Docker) and runner.memory is not None:
            return "the task runner limits its memory"
        if Path(found["VIRTUAL_ENV"]).is_relative_to(place.private):
            return "the commands install packages"
        return _hosts.cannot(Path(found["VIRTUAL_ENV"]))

    def reader(self, context: RunContext, place: Place) -> DbtReader:
        """Reads dbt's events."""
        lines = self.lines(context, place)
        calls = _command.invocations(lines)
        env = _render.mapping(context, self.env, "env", place.variables)
        targets = _artifacts.target_folders(place.folder, calls, self._project(context, place), env)
        artifacts = _artifacts.Artifacts(place.folder, targets, time.time() - 1.0, _notes.left(place))
        alerts = Alerts.of(self.alert_webhook, context, json_format=context.render(self.log_format).upper() == "JSON")
        rows = _render.flag(context, self.parse_run_results)
        several = sum(call.runs_nodes for call in calls) > 1
        steps = Steps(context, [f"dbt {call.verb}".rstrip() for call in calls] if several else [], artifacts.depends_on)
        written = _command.invocations(self.composed(context, place))  # also where what succeeded before is left out
        partial = context.narrowed is not None and bool(context.narrowed.nodes or context.narrowed.dropped)
        compared = partial or any(call.deferred and call.target_path for call in written)
        full = _state.is_full(written) and not partial
        identity = _state.identity(place.folder, self._project(context, place), written, env)
        return DbtReader(
            context, steps if rows else None, artifacts, alerts, keeps_state=compared, builds=identity if full else None,
            selections=Selections(context, _notes.selected(place), place.folder, lines) if rows else None,
        )  # fmt: skip

    def finish(self, context: RunContext, place: Place, reader: Reader, outputs: dict[str, Any], exit_code: int | None) -> str:
        """Complete the steps from the artifacts, keep these, sum up; WARNING where dbt warned."""
        assert isinstance(reader, DbtReader)
        self._tell_ways(context, place)
        reader.take_selections()
        reader.artifacts.keep()
        now = datetime.now(UTC)
        if reader.steps is not None:
            self._complete(context, reader, outputs, exit_code, now)
            calls = _command.invocations(self.lines(context, place))
            _details.explain(reader.steps, reader.artifacts, self._project(context, place), _notes.rows(place), calls)
        self._keep(context, reader, outputs, exit_code)
        if packages := _packages.locked(place.folder, self._project(context, place)):
            outputs["packages"] = packages
        reader.alerts.close()
        names = list(reader.warnings)
        if names:
            said = f"{len(names)} warning{'s' if len(names) > 1 else ''}: {', '.join(names[:20])}{', …' if len(names) > 20 else ''}"
            context.header("warnings", said)
            context.log("INFO", said)
            outputs["warnings"] = names
        return "WARNING" if self._counts(context, reader) else "SUCCESS"

    def why(self, reader: Reader) -> str:
        """The node that failed first, or what dbt said."""
        assert isinstance(reader, DbtReader)
        return reader.context.mask(_failure.why(reader.steps.reports.values() if reader.steps is not None else (), reader.trouble))

    def _counts(self, context: RunContext, reader: DbtReader) -> bool:
        """Whether what dbt warned about makes the task WARNING."""
        policy = context.render(self.warnings).lower()
        if policy == "tests-only":
            steps = reader.steps.reports.values() if reader.steps is not None else ()
            told = any(report.state == "WARNING" and report.kind in ("test", "unit_test") for report in steps)
            return told or _artifacts.tests_warned(reader.artifacts.runs())
        return policy != "never" and bool(reader.warnings)

    def _tell_ways(self, context: RunContext, place: Place) -> None:
        """Which way each command took."""
        ways = _notes.told(place).read_text().splitlines() if _notes.told(place).exists() else []
        plain = dict.fromkeys(way.partition(": ")[2] for way in ways if way != "warm")
        if ways:
            context.header("dbt", f"a process of its own: {', '.join(plain)}" if plain else "already loaded (warm)")

    def _complete(self, context: RunContext, reader: DbtReader, outputs: dict[str, Any], exit_code: int | None, now: datetime) -> None:
        steps = reader.steps
        if steps is None:
            return
        _artifacts.complete(steps, reader.artifacts, context)
        for report in steps.reports.values():
            if report.state == "WARNING" and report.kind not in ("command", "batch"):
                reader.warnings.setdefault(report.label or report.name, None)
        killed = context.cancelled()
        steps.close("KILLED" if killed else "FAILED", "Killed" if killed else "dbt ended before this did", now)
        steps.end_section(now, failed=exit_code not in (0, None))
        runs = reader.artifacts.runs()
        if runs:
            outputs |= _artifacts.summaries(runs)

    def _keep(self, context: RunContext, reader: DbtReader, outputs: dict[str, Any], exit_code: int | None) -> None:
        files = outputs.setdefault("outputFiles", {})
        manifest = _told(context, reader.artifacts.last(_artifacts.MANIFEST))
        if manifest is None:
            context.log("DEBUG", "dbt wrote no manifest.json")
        else:
            files[_artifacts.MANIFEST] = context.storage.put(manifest.content, _artifacts.MANIFEST)
        for name in (_artifacts.RUN_RESULTS, _artifacts.SOURCES, _artifacts.CATALOG):
            found = _told(context, reader.artifacts.last(name))
            if found is not None and (name != _artifacts.RUN_RESULTS or reader.steps is not None):
                files[name] = context.storage.put(found.content, name)
        if self.store_manifest is not None:
            _manifests.store(context, self.store_manifest, manifest, succeeded=exit_code == 0, partial=reader.keeps_state)
        if reader.builds is not None and exit_code == 0 and manifest is not None and manifest.parsed:
            _manifests.promote(context, reader.builds, manifest, self.store_manifest)

    def write_profiles(self, context: RunContext, place: Place) -> None:
        """Put the profiles where dbt looks for them."""
        text = context.render(self.profiles, place.variables) if self.profiles else ""
        if not text.strip():
            text = self._connected(context, place)
        if not text:
            return
        if (place.folder / "profiles.yml").exists():
            context.log("INFO", "A 'profiles.yml' file already exists in the task working directory; it will be overridden.")
        _folders.write(place.folder, "profiles.yml", text.encode()).chmod(0o600)

    def _connected(self, context: RunContext, place: Place) -> str:
        """The profiles that a connection of the namespace gives: the one that the task names, or the default where nothing else is."""
        project = self._project(context, place)
        calls = _command.invocations(self.lines(context, place))
        named = context.render(self.connection).strip() if self.connection else None
        brought = any((folder / "profiles.yml").exists() for folder in (place.folder, project))
        if named is None and (brought or any(call.profiles_dir for call in calls) or "DBT_PROFILES_DIR" in str(self.env)):
            return ""
        return _connections.profiles(context, named, project, calls)

    def _compared(self, context: RunContext, place: Place) -> Compared:
        """What the commands compare with."""
        return Compared(context, place.folder, self._project(context, place), self.load_manifest, self.load_state)

    def _project(self, context: RunContext, place: Place) -> Path:
        name = (self.project_folder(context, place) or "").strip().rstrip("/")
        if name in ("", "."):
            return place.folder
        try:
            return _folders.inside(place.folder, name.removeprefix("./"))
        except TaskFailed as failed:
            raise TaskFailed(f"`projectDir` must be a folder below the working directory, not '{name}'", retryable=False) from failed

    def _engine(self, context: RunContext) -> str:
        return context.render(self.engine).upper()


def _told(context: RunContext, artifact: Artifact | None) -> Artifact | None:
    """An artifact as others may read it."""
    return artifact and _artifacts.without_secrets(artifact, context)
