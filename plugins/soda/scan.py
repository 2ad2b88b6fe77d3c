"""Check data with Soda Core 3: checks in SodaCL, each with a row of its own while the scan runs.

`configuration` names the data source, whose name is `kestra` unless it is the only one; `checks` are those of a `checks.yml`. A check
that fails, or cannot be evaluated, makes the task FAILED; one that warns makes it WARNING where none fails. The pane of a row shows the
SQL that measured, and up to 100 rows that were found wrong. Only failed checks are no reason for another attempt.

Where the scan runs on the worker's own machine, the packages of its data sources are installed once: name them in `requirements` to
choose versions. Soda asks for DuckDB 1.0; a file that a newer one wrote is read with that one.
Passwords in the configuration reach Soda in a file that goes with the task at the latest, and are in no log line or output.

```yaml
id: orders_checked
namespace: company.team
tasks:
  - id: scan
    type: io.kestra.plugin.soda.Scan
    configuration:
      data_source kestra:
        type: postgres
        host: warehouse.example.org
        username: soda
        password: "{{ secret('WAREHOUSE_PASSWORD') }}"
        database: shop
        schema: marts
    checks:
      checks for orderDetail:
        - row_count > 0
        - max(unitPrice):
            warn: when between 1 and 250
            fail: when > 250
      checks for territory:
        - row_count > 0
        - failed rows:
            name: Failed rows query test
            fail condition: regionId = 4
    requirements:
      - soda-core-postgres
```
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import Field

from plugins.contract import Expression, Result, RunContext, ShellCommand, TaskFailed, TaskRunner, Text
from plugins.dbt import _database
from plugins.scripts import _folders, _images, _render
from plugins.scripts._protocol import Reader
from plugins.scripts._script import ExecScript, Place, quoted
from plugins.soda import _driver, _hidden, _packages
from plugins.soda._reader import SodaReader

_SOURCE = "kestra"  # the name of the data source that checks are about
_MOST_NAMED = 5
_LONGEST = 400


class Scan(ExecScript):
    """Check data with Soda."""

    default_image: ClassVar[str] = "sodadata/soda-core"
    outputs_schema: ClassVar[Mapping[str, str]] = {
        **ExecScript.outputs_schema,
        "result": "What Soda found: hasErrors, hasWarnings, hasFailures, checks, metrics, logs and more.",
        "configuration": "The configuration without what is secret in it.",
        "stdOutLineCount": "Lines that the scan wrote on its standard output.",
        "stdErrLineCount": "Lines that it wrote on its standard error.",
    }

    configuration: dict[str, Any] | Expression = Field(
        description="Configuration of Soda: `data_source kestra:` with its type and how to connect; texts may be expressions."
    )
    checks: dict[str, Any] | Expression = Field(description="Checks in SodaCL, by `checks for <dataset>`.")
    variables: dict[str, Any] | Expression | None = Field(None, description="Variables that checks and configuration name as `${name}`.")
    verbose: bool | Expression = Field(False, description="Log what Soda logs for finding errors, the SQL of its queries among it.")
    requirements: list[Text] | Text | None = Field(
        None, description="Packages to install first, for example soda-core-bigquery; those of the data sources where absent."
    )
    failing_rows: bool | Expression = Field(True, description="Show up to 100 of the rows that a check found wrong.")
    wait_for_database: Text = Field("PT10M", description="How long to wait for a DuckDB file that another run writes, ISO 8601.")

    def recipe(self, context: RunContext, place: Place, image: str) -> _images.Meaning:
        """An environment with Soda, whatever the image."""
        found = _packages.recipe(self._wanted(context, place), self._configuration(context, place), place.folder)
        return _images.Meaning("soda", found)

    def setup(self, context: RunContext, place: Place, *, on_machine: bool) -> list[str]:
        """In a container the packages are installed by the container's own pip; DuckDB by itself, since Soda asks for an old one."""
        wanted = [] if on_machine else self._wanted(context, place)
        own = [package for package in wanted if package.startswith("duckdb")]
        install = "python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore -- "
        return [install + quoted(some) for some in ([one for one in wanted if one not in own], own) if some]

    def lines(self, context: RunContext, place: Place) -> list[str]:
        """Write the program and what it is to do; answers the line that runs it."""
        program = place.private / "scan.py"
        program.write_text(Path(_driver.__file__).read_text(encoding="utf-8"), encoding="utf-8")
        self._write_plan(context, place)
        words = quoted([str(program), str(place.private / "plan.json"), str(_result(place))])
        return [f'if [ -n "$VIRTUAL_ENV" ]; then "$VIRTUAL_ENV/bin/python" -s {words}; else python -s {words}; fi']

    def reader(self, context: RunContext, place: Place) -> SodaReader:
        """Reads what the program tells."""
        return SodaReader(context)

    def finish(self, context: RunContext, place: Place, reader: Reader, outputs: dict[str, Any], exit_code: int | None) -> str:
        """Complete the steps and the outputs; TaskFailed where a check failed or could not be evaluated."""
        assert isinstance(reader, SodaReader)
        outputs["configuration"] = _hidden.scrubbed(self._configuration(context, place))
        outputs["stdOutLineCount"], outputs["stdErrLineCount"] = reader.stdout_lines, reader.stderr_lines
        found = _found(place)
        for number, detail in (found.get("details") or {}).items():
            sql = ";\n\n".join(detail.get("sql") or ())
            reader.explain(int(number), {key: value for key, value in (("sql", sql), ("rows", detail.get("rows"))) if value})
        reader.close("KILLED" if context.cancelled() else "FAILED", "Killed" if context.cancelled() else "The scan ended before this did")
        if exit_code != 0:
            return "FAILED"
        if not isinstance(found.get("scan"), dict):
            raise TaskFailed("The scan left no result", outputs=outputs)
        result = outputs["result"] = {key: value for key, value in found["scan"].items() if key != "queries"}
        _publish(context, result)
        if result["hasFailures"] or result["hasErrors"]:
            raise TaskFailed(context.mask(_why(reader)), outputs=outputs, retryable=bool(result["hasErrors"]))
        return "WARNING" if result["hasWarnings"] else "SUCCESS"

    def _conclude(self, context: RunContext, place: Place, reader: Reader, runner: TaskRunner, command: ShellCommand) -> Result:
        """As any script, once the DuckDB files are free that a dbt task may be writing."""
        files = _packages.duckdb_files(self._configuration(context, place))
        with _database.held(context, files, _render.seconds(context, self.wait_for_database) or 0.0):
            return super()._conclude(context, place, reader, runner, command)

    def why(self, reader: Reader) -> str:
        """The last thing that the program said."""
        assert isinstance(reader, SodaReader)
        return reader.context.mask(_short(reader.trouble[-1])) if reader.trouble else ""

    def _wanted(self, context: RunContext, place: Place) -> list[str]:
        return _render.texts(context, self.requirements, place.variables)

    def _configuration(self, context: RunContext, place: Place) -> dict[str, Any]:
        found = _mapping(context, self.configuration, "configuration", place)
        for secret in _hidden.secrets(found):
            context.hide(secret)
        return found

    def _write_plan(self, context: RunContext, place: Place) -> None:
        """What the program is to do, in a file that it removes as soon as it has read it."""
        configuration = self._configuration(context, place)
        names = list(_packages.data_sources(configuration))
        plan = {
            "name": f"{context.flow.namespace}.{context.flow.id}.{context.task_id}",
            "source": names[0] if len(names) == 1 else _SOURCE,
            "configuration": _yaml(configuration),
            "checks": _yaml(_mapping(context, self.checks, "checks", place)),
            "variables": _mapping(context, self.variables, "variables", place),
            "verbose": _render.flag(context, self.verbose),
            "rows": _render.flag(context, self.failing_rows) and "soda_cloud" not in configuration,  # which takes them itself
        }
        path = place.private / "plan.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(plan, default=str), encoding="utf-8")


def _mapping(context: RunContext, value: dict[str, Any] | str | None, name: str, place: Place) -> dict[str, Any]:
    """A map, rendered; or an expression that gives one, as a value or as text in YAML."""
    found = context.render_typed(value, place.variables) if isinstance(value, str) else context.render_any(value or {}, place.variables)
    if isinstance(found, str):
        try:
            found = yaml.safe_load(found) or {}
        except yaml.YAMLError as error:
            raise TaskFailed(f"`{name}` must be a map, or an expression that gives one", retryable=False) from error
    if not isinstance(found, Mapping):
        raise TaskFailed(f"`{name}` must be a map, or an expression that gives one", retryable=False)
    return dict(found)


def _yaml(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(json.loads(json.dumps(value, default=str)), sort_keys=False, allow_unicode=True, width=10_000)


def _result(place: Place) -> Path:
    return place.private / "result.json"


def _found(place: Place) -> dict[str, Any]:
    """What the program found; nothing where it did not come so far."""
    try:
        found = json.loads(_folders.read_inside(place.folder, _result(place)) or b"{}", parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _publish(context: RunContext, result: Mapping[str, Any]) -> None:
    """Every number that was measured, as a metric of its dataset and column."""
    tables = {str(identity): check for check in result.get("checks") or () for identity in check.get("metrics") or ()}
    for metric in result.get("metrics") or ():
        value = metric.get("value")
        if isinstance(value, int | float) and not isinstance(value, bool):
            check = tables.get(str(metric.get("identity")), {})
            tags = {name: str(check[name]) for name in ("table", "column") if check.get(name)}
            context.metric(str(metric["metricName"]), value, tags=tags)


def _why(reader: SodaReader) -> str:
    """Which checks failed; else what Soda called an error."""
    failed = reader.failed()
    if not failed:
        return "Soda could not scan" + (f": {_short(reader.trouble[0])}" if reader.trouble else "")
    more = f", and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
    return _short(f"{len(failed)} check{'s' if len(failed) > 1 else ''} failed: {', '.join(failed[:_MOST_NAMED])}") + more


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
