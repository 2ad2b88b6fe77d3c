"""The demo's CSV files are what its script writes."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "demo"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeds")
    runpy.run_path(str(DEMO / "generate_seeds.py"))["write"](folder)
    return folder


def csv_files(folder: Path) -> dict[str, bytes]:
    found = (path for project in ("project", "projects") for path in (folder / project).rglob("seeds/*.csv"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_the_committed_files_are_the_scripts_output_to_the_byte(written: Path) -> None:
    committed = csv_files(DEMO)
    assert committed.keys() == csv_files(written).keys()
    assert [name for name, content in csv_files(written).items() if committed[name] != content] == []


def test_there_are_thousands_of_rows_and_not_more_than_dbt_loads_quickly() -> None:
    rows = sum(content.count(b"\n") - 1 for content in csv_files(DEMO).values())
    assert 4_000 < rows < 8_000


def test_every_order_belongs_to_a_customer_who_had_an_account_before_it() -> None:
    def table(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((DEMO / "project" / "seeds" / f"{name}.csv").read_text().splitlines()))

    since = {row["customer_id"]: row["created_at"] for row in table("raw_customers")}
    assert [row["order_id"] for row in table("raw_orders") if row["ordered_at"] < since[row["customer_id"]]] == []


def test_payments_are_reported_twice_here_and_there() -> None:
    lines = (DEMO / "project" / "seeds" / "raw_payments.csv").read_text().splitlines()
    assert 5 < len(lines) - len(set(lines)) < 60
