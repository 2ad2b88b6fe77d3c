"""The lineage of columns in a project that dbt built: CTEs, joins, unions, windows, `select *`, ephemeral and incremental models."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from catalog import columns, joining, tracing
from catalog.models import Project, Trace
from namespaces.models import User
from tests.builders import people
from tests.catalog.conftest import TakeIn
from tests.demo.conftest import dbt  # noqa: F401 -- a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.dbt, pytest.mark.timeout(180)]
PROJECT = Path(__file__).parent / "project"


def run(program: Path, folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "DBT_PROFILES_DIR": ".", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    done = subprocess.run([program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def built(dbt: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811 -- the fixture
    """The project after a build, with the target folder of `dbt build` in `built/` and of `dbt docs generate` in `described/`."""
    folder = tmp_path_factory.mktemp("lines") / "project"
    shutil.copytree(PROJECT, folder)
    run(dbt, folder, "build", "--target-path", "built")
    run(dbt, folder, "docs", "generate", "--target-path", "described")
    return folder


@pytest.fixture
def project(left: TakeIn, built: Path) -> Project:
    found = left(built / "built/manifest.json", built / "built/run_results.json")
    tracing.trace(found.pk)
    return found


def way(project: Project, node: str, column: str) -> columns.Way:
    reader = User.objects.filter(name="Reader").first() or people()["reader"]
    met = joining.joined(reader, project, project.version)
    return columns.way(met, next(name for name in met.graph.members if name.endswith(f".{node}")), column)


def told(way: columns.Way) -> tuple[set[str], set[str]]:
    """Upstream and downstream as `node.column`."""
    return ({_short(step.source) for step in way.upstream}, {_short(step.target) for step in way.downstream})


def _short(place: columns.Place) -> str:
    return f"{place[0].rpartition('.')[2]}.{place[1]}"


def test_everything_was_parsed(project: Project) -> None:
    assert list(Trace.objects.exclude(wrong="").values_list("unique_id", "wrong")) == []
    names = {row.unique_id.rpartition(".")[2]: row.names for row in Trace.objects.all()}
    assert names["stg_orders"] == ["order_id", "customer_id", "amount", "ordered_at", "status"]
    assert names["paid_orders"] == ["order_id", "customer_id", "amount", "ordered_at"], "an ephemeral model"
    assert names["movements"] == ["order_id", "amount", "moved_at", "kind"]
    assert names["fct_customers"] == ["customer_id", "name", "total", "moves", "latest_status", "as_of"]
    assert names["stg_customers"] is None, "`select *` of a source that nobody has described"
    assert names["customers_snapshot"] == [*names["fct_customers"], *tracing.OF_SNAPSHOTS]


def test_a_column_is_followed_up_to_its_seeds_and_down_to_the_last_model(project: Project) -> None:
    above, below = told(way(project, "movements", "amount"))
    assert above == {"paid_orders.amount", "raw_refunds.cents", "stg_orders.amount", "raw_orders.amount_cents"}
    assert below == {"fct_customers.total", "daily.amount", "customers_snapshot.total"}


def test_each_step_tells_its_expression(project: Project) -> None:
    steps = {(_short(step.source), _short(step.target)): step for step in way(project, "fct_customers", "total").upstream}
    assert steps["movements.amount", "fct_customers.total"].via == ("COALESCE(t.total, 0)", "SUM(m.amount)")
    assert steps["raw_orders.amount_cents", "stg_orders.amount"].via == ("amount_cents / 100.0",)
    assert steps["stg_orders.amount", "paid_orders.amount"].how == "as it is"
    (renamed,) = way(project, "stg_orders", "order_id").upstream
    assert (renamed.how, renamed.via) == ("renamed from id", ())


def test_windows_and_subqueries_are_followed(project: Project) -> None:
    assert {_short(step.source) for step in way(project, "fct_customers", "latest_status").upstream} == {
        "stg_orders.status",
        "stg_orders.customer_id",
        "stg_orders.ordered_at",
        "raw_orders.status",
        "raw_orders.customer",
        "raw_orders.ordered_at",
    }
    assert "movements.moved_at" in told(way(project, "fct_customers", "as_of"))[0]
    assert way(project, "fct_customers", "moves").made_of_nothing == ("COUNT(*)",)
    assert way(project, "movements", "kind").made_of_nothing == ("'order'", "'refund'")


def test_what_star_brings_is_followed_without_knowing_its_name(project: Project) -> None:
    above, below = told(way(project, "stg_customers", "full_name"))
    assert above == {"customers.full_name"}
    assert below == {"fct_customers.name", "customers_snapshot.name"}
    assert told(way(project, "customers", "email"))[1] == {"stg_customers.email"}


def test_what_cannot_be_known_is_said(project: Project) -> None:
    unknown = way(project, "fct_customers", "total").unknown
    assert unknown == {("exposure.lines.board", ""): "Which columns it reads is not told"}
    nothing = way(project, "fct_customers", "no_such_column")
    assert list(nothing.unknown.values()) == ["Its SQL names no such column", "Which columns it reads is not told"]


def test_what_the_warehouse_tells_is_used(project: Project, left: TakeIn, built: Path) -> None:
    left(*(built / "described" / name for name in ("manifest.json", "catalog.json", "run_results.json")))
    tracing.trace(project.pk)
    assert Trace.objects.get(unique_id="model.lines.stg_customers").names == ["id", "full_name", "email"]


def test_only_what_differs_is_traced_anew(project: Project, left: TakeIn, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(tracing.Reader, "ask", lambda _, __, sql, *rest: asked.append(sql) or {"wrong": "no answer"})
    left(built / "built/manifest.json", built / "built/run_results.json")
    tracing.trace(project.pk)
    assert asked == []
    Trace.objects.filter(unique_id="model.lines.daily").update(key="other")
    tracing.want(project)
    tracing.trace(project.pk)
    assert len(asked) == 1
    assert "sum(amount)" in asked[0]
