"""What is added to a dbt command line, and what is read from it."""

from __future__ import annotations

import pytest

from plugins.dbt._command import compose, invocations


@pytest.mark.parametrize(
    ("command", "project_dir", "log_format", "sent"),
    [
        ("dbt build --select zipcode", None, "JSON", "dbt build --select zipcode --log-format json --log-path logs"),
        ("dbt build", None, "TEXT", "dbt build --log-format text --log-path logs"),
        ("dbt build", None, "DEBUG", "dbt build --log-format debug --log-path logs"),
        ("dbt build", None, "NONE", "dbt build --log-path logs"),
        ("dbt build", "unit", "JSON", "dbt build --project-dir unit --log-format json --log-path logs"),
        ("dbt build --project-dir unit", "unit", "JSON", "dbt build --project-dir unit --log-format json --log-path logs"),
        ("dbt build --log-format text --log-path x", None, "JSON", "dbt build --log-format text --log-path x"),
        ("mkdir -p models", "unit", "JSON", "mkdir -p models"),
        (" dbt run", None, "JSON", " dbt run"),
        ("time dbt run", None, "JSON", "time dbt run"),
        ("cd x && dbt build", None, "JSON", "cd x && dbt build"),
        ("dbt build && echo ok", None, "JSON", "dbt build && echo ok --log-format json --log-path logs"),
        (
            "dbt build --project-dir dbt --profiles-dir dbt --no-partial-parse --target prod",
            "dbt",
            "JSON",
            "dbt build --project-dir dbt --profiles-dir dbt --no-partial-parse --target prod --log-format json --log-path logs",
        ),
    ],
)
def test_flags_come_at_the_end_and_never_twice(command: str, project_dir: str | None, log_format: str, sent: str) -> None:
    assert compose(command, project_dir, log_format) == sent


def test_calls_of_dbt_are_found_with_their_folders() -> None:
    found = invocations(
        [
            "dbt deps",
            "cd core && DBT_X=1 dbt build --target-path ./dev --state ./target",
            "dbt docs generate --project-dir marts --target-path=out",
            "echo dbt",
            "dbt --quiet run # dbt test",
            "dbt source freshness || true",
        ]
    )
    assert [(call.verb, call.project_dir, call.target_path, call.deferred) for call in found] == [
        ("deps", ".", None, False),
        ("build", "core", "./dev", True),
        ("docs generate", "marts", "out", False),
        ("run", ".", None, False),
        ("source freshness", ".", None, False),
    ]
