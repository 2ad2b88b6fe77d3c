"""Run one scan with Soda Core 3, telling what happens on standard output, a line of JSON each.

`python -s scan.py PLAN RESULT`. It runs where Soda is, so it knows Python's library and Soda, and nothing of ours.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from typing import Any

MARK = "##soda##"  # before each line that is meant for the task
MOST_ROWS, MOST_COLUMNS, LONGEST_CELL = 100, 60, 500
_CLOCK = re.compile(r"^\[\d\d:\d\d:\d\d\] ")
_NO_SODA = (
    "Soda Core 3 is not here ({}): name the package of the data source in `requirements`, for example soda-core-duckdb, "
    "without a version or with one below 4"
)


def tell(kind: str, **said: Any) -> None:
    """One line for the task."""
    print(MARK + json.dumps({"kind": kind, "at": datetime.now(UTC).isoformat(), **said}, default=str), flush=True)


class Watch:
    """Sees which queries a scan runs and what becomes of its checks, known by their numbers, and keeps the rows that failed.

    Soda runs all queries first and judges all checks at the end. A check whose numbers are all there is judged at once, so that it is
    known while the next query runs, and not a second time.
    """

    def __init__(self, undefined: object) -> None:
        self.checks: list[Any] = []
        self.running: tuple[int, ...] = ()
        self.details: dict[int, dict[str, Any]] = {}
        self._undefined = undefined
        self._judged: set[int] = set()
        self._broken: dict[int, str] = {}
        self._query: Any = None

    def learn(self, check: Any) -> None:
        """A check was read."""
        number, judge = len(self.checks), check.evaluate
        self.checks.append(check)

        def once(metrics: Any, history: Any) -> None:
            if number not in self._judged:
                judge(metrics, history)
                self._judged.add(number)
                self._outcome(number)

        check.evaluate = once
        table = check.partition.table.table_name if check.partition else None
        column = check.column.column_name if check.column else None
        tell("check", number=number, name=check.name, table=table, column=column, definition=check.create_definition())

    def asking(self) -> tuple[int, ...]:
        """The checks that a query is being run for right now."""
        return self.running if self._query is not None and self._query.duration is None else ()

    def begin(self, query: Any) -> None:
        """A query begins, so the one before has ended."""
        self.end()
        self._query = query  # what judges a check may run one, too
        self.running = tuple(number for number, check in enumerate(self.checks) if self._concerns(query, check))
        for number in self.running:
            self.details.setdefault(number, {}).setdefault("sql", []).append(str(query.sql))
        tell("query", numbers=self.running)

    def end(self) -> None:
        """The query that ran has ended: judge what can be judged."""
        if self._query is None:
            return
        if self._query.exception is not None:
            self._broken.update(dict.fromkeys(self.running, str(self._query.exception)))
        tell("measured", numbers=self.running)
        self._query, self.running = None, ()
        for number, check in enumerate(self.checks):
            ready = check.metrics and all(metric.value is not self._undefined for metric in check.metrics.values())
            if ready and number not in self._judged and not check.historic_descriptors:
                with contextlib.suppress(Exception):  # Soda judges it again, and says what is wrong
                    check.evaluate(check.metrics, {})

    def close(self) -> None:
        """The scan is over: tell of the checks that nobody could judge."""
        self.end()
        for number in range(len(self.checks)):
            if number not in self._judged:
                tell("unjudged", number=number, error=self._broken.get(number))

    def keep(self, sample: Any) -> None:
        """Rows that failed, of the query that runs."""
        found = [[_cell(cell) for cell in row[:MOST_COLUMNS]] for row in sample.get_rows()[: MOST_ROWS + 1]]
        columns = [str(column.name) for column in sample.get_schema().columns][:MOST_COLUMNS]
        for number in self.running:
            self.details.setdefault(number, {})["rows"] = {
                "columns": columns,
                "rows": found[:MOST_ROWS],
                "more": max(sample.get_rows_count(), len(found)) > MOST_ROWS,
            }

    def _outcome(self, number: int) -> None:
        check = self.checks[number]
        value = getattr(check, "check_value", None)
        measured = check.get_log_diagnostic_dict() if callable(getattr(check, "get_log_diagnostic_dict", None)) else {}
        outcome = check.outcome.value if check.outcome is not None else None
        tell("outcome", number=number, outcome=outcome, value=value, measured={key: _cell(said) for key, said in (measured or {}).items()})

    def _concerns(self, query: Any, check: Any) -> bool:
        asked = getattr(query, "metrics", None) or [getattr(query, "metric", None)]
        for metric in check.metrics.values():
            formula = getattr(metric, "derived_formula", None)
            for needed in (metric, *(formula.metric_dependencies.values() if formula is not None else ())):
                if query in needed.queries or any(needed is one for one in asked):
                    return True
        return False


def _cell(value: Any) -> str | None:
    return None if value is None else str(value)[:LONGEST_CELL]


class Lines(logging.Handler):
    """Log lines for the task, with the checks that they are about."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        tell("log", level=record.levelname, text=_CLOCK.sub("", record.getMessage()), numbers=self._watch.asking())


def scan(plan: dict[str, Any], own_settings: str) -> dict[str, Any]:
    """Run it; answers what Soda found, with the details by the number of the check."""
    from soda.common.config_helper import ConfigHelper  # noqa: PLC0415 -- where there is no Soda, `main` says so

    ConfigHelper.get_instance(own_settings)  # before anything else asks: Soda would report its use elsewhere
    from soda.common.undefined_instance import undefined  # noqa: PLC0415 -- as above
    from soda.execution.data_source import DataSource  # noqa: PLC0415 -- as above
    from soda.sampler.default_sampler import DefaultSampler  # noqa: PLC0415 -- as above
    from soda.scan import Scan  # noqa: PLC0415 -- as above

    watch = Watch(undefined)
    logging.basicConfig(level=logging.WARNING, handlers=[Lines(watch)], force=True)
    logging.getLogger("soda").setLevel(logging.DEBUG if plan["verbose"] else logging.INFO)
    roll_back = DataSource.query_failed

    class Checks(list[Any]):
        def append(self, check: Any) -> None:
            super().append(check)
            watch.learn(check)

    class Queries(list[Any]):
        def append(self, query: Any) -> None:
            super().append(query)
            watch.begin(query)

    class Sampler(DefaultSampler):  # type: ignore[misc]  # Soda has no types
        def store_sample(self, context: Any) -> Any:
            watch.keep(context.sample)
            return super().store_sample(context)

    def query_failed(self: Any, error: BaseException) -> None:
        with contextlib.suppress(Exception):  # DuckDB has nothing to roll back then, and the other queries are still to run
            roll_back(self, error)

    DataSource.query_failed = query_failed
    found = Scan()
    found._checks, found._queries = Checks(), Queries()
    if plan["rows"]:
        found.sampler = Sampler()
    found.set_scan_definition_name(plan["name"])
    found.set_data_source_name(plan["source"])
    found.set_verbose(plan["verbose"])
    found.add_configuration_yaml_str(plan["configuration"], "configuration.yml")
    found.add_variables(plan["variables"])
    found.add_sodacl_yaml_str(plan["checks"], "checks")
    found.execute()
    watch.close()
    return {"scan": found.build_scan_results(), "details": watch.details}


def main() -> None:
    """The program."""
    path, result = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    os.unlink(path)  # it may hold passwords
    settings = f"{path}.soda.yml"
    with open(settings, "w", encoding="utf-8") as file:
        file.write("send_anonymous_usage_stats: false\n")
    try:
        found = scan(plan, settings)
    except ImportError as error:
        sys.exit(_NO_SODA.format(error))
    with open(result, "w", encoding="utf-8") as file:
        json.dump(found, file, default=str)


if __name__ == "__main__":
    main()
