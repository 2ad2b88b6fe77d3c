"""The pages of executions: who sees them, what they show, and that looking never changes anything."""

from __future__ import annotations

import json
import re
import zlib
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from executions.models import Execution, ExecutionLabel, StepDetail, TriggerState
from executions.urls import urlpatterns
from flows.models import Flow
from namespaces.models import User
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db

WRITES = ("kill", "pause", "resume", "restart", "replay", "force_run", "unqueue", "change_status", "set_state", "delete", "evaluate")
READS = ("detail", "gantt", "gantt_insights", "logs_of", "log_window", "log_rail", "log_sources", "topology", "outputs", "metrics")
PEOPLE = ("admin", "owner", "member", "reader")


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people()


@pytest.fixture
def failed() -> Execution:
    """An execution with a dbt task in which a model failed, and log lines."""
    data.flow()
    execution = data.execution("FAILED", error="model bad failed")
    run, _ = data.dbt_build(execution, 2, state="FAILED")
    data.step(run, "model.shop.bad", "FAILED", message='Binder Error: column "x" <b>does not exist</b>\nLINE 4')
    data.step(run, "model.shop.after", "SKIPPED", start=None, end=None, data={"cause": "bad"})
    data.log_lines(execution, [(2, "starting"), (1, "details"), (3, "careful"), (4, "boom <script>alert(1)</script>")], run=run)
    return execution


def signed_in(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def text_of(response: Any) -> str:
    return response.content.decode()


# --- who sees what ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READS)
def test_members_of_the_namespace_see_an_execution_and_nobody_else(name: str, people: dict[str, User], failed: Execution) -> None:
    url = reverse(f"executions:{name}", args=[failed.id])
    assert {person: signed_in(people[person]).get(url).status_code for person in PEOPLE} == dict.fromkeys(PEOPLE, 200)
    assert signed_in(people["stranger"]).get(url).status_code == 404
    nobody = signed_in(None).get(url)
    assert nobody.status_code == 302
    assert "/signin/" in nobody["Location"]


@pytest.mark.parametrize("name", WRITES)
def test_looking_at_a_verb_changes_nothing(name: str, people: dict[str, User], failed: Execution) -> None:
    before = Execution.objects.values().get(id=failed.id)
    assert signed_in(people["owner"]).get(reverse(f"executions:{name}", args=[failed.id])).status_code == 405
    assert Execution.objects.values().get(id=failed.id) == before


@pytest.mark.parametrize("name", [name for name in WRITES if name != "evaluate"])
def test_a_reader_is_told_and_a_stranger_learns_nothing(name: str, people: dict[str, User], failed: Execution) -> None:
    url = reverse(f"executions:{name}", args=[failed.id])
    before = Execution.objects.values().get(id=failed.id)
    assert signed_in(people["reader"]).post(url).status_code == 403
    assert signed_in(people["stranger"]).post(url).status_code == 404
    assert signed_in(None).post(url).status_code == 302
    assert Execution.objects.values().get(id=failed.id) == before


def test_every_address_sends_those_who_are_not_signed_in_to_the_sign_in_page(failed: Execution) -> None:
    known = {"execution_id": failed.id, "namespace": "company.team", "flow_id": "shop", "row_id": "x", "verb": "kill"}
    known |= {"trigger_id": "t", "task_id": "t"}
    for pattern in urlpatterns:
        names = re.findall(r"<\w+:(\w+)>", str(pattern.pattern))
        url = reverse(f"executions:{pattern.name}", kwargs={name: known.get(name, "1") for name in names})
        for response in (signed_in(None).get(url), signed_in(None).post(url)):
            assert response.status_code == 302, url
            assert response["Location"].startswith("/signin/"), url


@pytest.mark.parametrize("path", ["/", "/flows/", "/executions/", "/logs/", "/triggers/"])
def test_lists_show_a_stranger_nothing_of_others(path: str, people: dict[str, User], failed: Execution) -> None:
    row = data.flow("scheduled", source=data.SOURCE)
    row.raw = {"triggers": [{"id": "nightly_secret_name", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "0 6 * * *"}]}
    row.save()
    Execution.objects.update(created=timezone.now())
    seen = text_of(signed_in(people["reader"]).get(path, {"period": "30d"}))
    hidden = text_of(signed_in(people["stranger"]).get(path, {"period": "30d"}))
    for word in ("shop", "nightly_secret_name", "boom"):
        assert word not in hidden
    assert any(word in seen for word in ("shop", "nightly_secret_name", "boom", "No schedule"))


def test_a_reader_sees_no_button_that_changes_something(people: dict[str, User], failed: Execution) -> None:
    url = reverse("executions:detail", args=[failed.id])
    assert reverse("executions:restart", args=[failed.id]) not in text_of(signed_in(people["reader"]).get(url))
    assert reverse("executions:restart", args=[failed.id]) in text_of(signed_in(people["member"]).get(url))


def test_storage_is_for_administrators(people: dict[str, User]) -> None:
    assert signed_in(people["admin"]).get("/storage/").status_code == 200
    assert signed_in(people["owner"]).get("/storage/").status_code == 403


# --- what they show ----------------------------------------------------------------------------------------------------------------


def test_no_page_has_inline_script_or_style(people: dict[str, User], failed: Execution) -> None:
    client = signed_in(people["owner"])
    paths = [
        "/",
        "/flows/",
        "/executions/",
        "/logs/",
        "/triggers/",
        "/flows/company.team/shop/execute/",
        "/flows/company.team/shop/executions/",
    ]
    paths += [
        reverse(f"executions:{name}", args=[failed.id])
        for name in ("detail", "gantt", "logs_of", "topology", "outputs", "metrics", "labels")
    ]
    for path in paths:
        page = text_of(client.get(path))
        assert not re.search(r"\sstyle=", page), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), path
        assert not re.search(r"\son\w+=", page), path


def test_the_overview_names_the_cause_first(people: dict[str, User], failed: Execution) -> None:
    page = text_of(signed_in(people["reader"]).get(reverse("executions:detail", args=[failed.id])))
    assert "bad failed, 1\u00a0step after it skipped" in page
    assert "Binder Error: column &quot;x&quot; &lt;b&gt;does not exist" in page
    assert f"{reverse('executions:logs_of', args=[failed.id])}#L4" in page


def test_the_gantt_has_a_row_for_every_task_run_and_step(people: dict[str, User], failed: Execution) -> None:
    page = text_of(signed_in(people["reader"]).get(reverse("executions:gantt", args=[failed.id])))
    assert page.count('class="gantt-row"') == failed.task_runs.count() + failed.steps.count()
    assert 'id="gantt"' in page


def test_htmx_is_answered_with_the_fragment_alone(people: dict[str, User], failed: Execution) -> None:
    url = reverse("executions:gantt", args=[failed.id])
    fragment = text_of(signed_in(people["reader"]).get(url, headers={"HX-Request": "true"}))
    assert "<html" not in fragment
    assert fragment.lstrip().startswith('<section class="gantt"')


def test_a_chosen_row_shows_its_facts_and_lines(people: dict[str, User], failed: Execution) -> None:
    step = failed.steps.get(name="model.shop.bad")
    pane = text_of(signed_in(people["reader"]).get(reverse("executions:gantt_row", args=[failed.id, step.id])))
    assert "Binder Error" in pane
    assert "No log line names this step" in pane
    run_pane = text_of(signed_in(people["reader"]).get(reverse("executions:gantt_row", args=[failed.id, step.task_run_id])))
    assert "boom &lt;script&gt;" in run_pane


def test_the_pane_of_a_step_shows_sql_place_of_the_error_and_failing_rows(people: dict[str, User], failed: Execution) -> None:
    step = failed.steps.get(name="model.shop.bad")
    detail = {
        "sql": "select\n  <nope>\nfrom a",
        "sql_line": 2,
        "error_at": {"path": "models/bad.sql", "line": 7, "text": "  <nope>"},
        "timing": {"compile": 0.02, "execute": 1.5},
        "adapter": {"query_id": "01b-2", "rows_affected": 3},
        "rows": {"columns": ["id", "n"], "rows": [["<b>7</b>", None]] * 100, "more": True},
    }
    StepDetail.objects.create(step=step, packed=zlib.compress(json.dumps(detail).encode()))
    pane = text_of(signed_in(people["reader"]).get(reverse("executions:gantt_row", args=[failed.id, step.id])))
    assert "models/bad.sql:7" in pane
    assert '<li data-state="FAILED" aria-label="The line of the error"><span class="number">2</span><span>  &lt;nope&gt;</span>' in pane
    assert pane.count("&lt;b&gt;7&lt;/b&gt;") == 100
    assert "there are more" in pane
    assert "<dt>Query id</dt>" in pane
    assert "<dt>Rows affected</dt>" not in pane
    assert "<dt>Execute</dt>" in pane


def test_a_row_of_another_execution_is_not_there(people: dict[str, User], failed: Execution) -> None:
    other = data.execution()
    run = data.task_run(other, "elsewhere")
    assert signed_in(people["reader"]).get(reverse("executions:gantt_row", args=[failed.id, run.id])).status_code == 404


def test_header_notes_say_how_it_ran(people: dict[str, User]) -> None:
    data.flow()
    execution = data.execution(header={"runner": "Docker: no engine reached, ran as a process", "rights": "runs with the server's rights"})
    page = text_of(signed_in(people["reader"]).get(reverse("executions:gantt", args=[execution.id])))
    assert "no engine reached, ran as a process" in page
    assert "runs with the server&#x27;s rights" in page


def test_secret_inputs_are_not_shown(people: dict[str, User]) -> None:
    data.flow()
    execution = data.execution(inputs={"token": {"type": "io.kestra.datatype:aes_encrypted", "value": "ciphertext-xyz"}, "target": "prod"})
    page = text_of(signed_in(people["owner"]).get(reverse("executions:detail", args=[execution.id])))
    assert "ciphertext-xyz" not in page
    assert "prod" in page


def test_an_execution_of_a_deleted_flow_is_still_shown(people: dict[str, User], failed: Execution) -> None:
    Flow.objects.all().delete()
    for name in ("detail", "gantt", "logs_of", "topology", "outputs", "metrics"):
        assert signed_in(people["reader"]).get(reverse(f"executions:{name}", args=[failed.id])).status_code == 200, name


# --- log lines ---------------------------------------------------------------------------------------------------------------------


def test_log_lines_are_escaped_and_linked(people: dict[str, User], failed: Execution) -> None:
    page = text_of(signed_in(people["reader"]).get(reverse("executions:logs_of", args=[failed.id])))
    assert "<script>alert(1)" not in page
    assert 'id="L4" data-level="ERROR" data-state="ERROR"><a class="log-number" href="#L4">4</a>' in page


def test_what_was_searched_is_marked(people: dict[str, User], failed: Execution) -> None:
    page = text_of(signed_in(people["reader"]).get(reverse("executions:log_window", args=[failed.id]), {"q": "BOOM"}))
    assert "<mark>boom</mark> &lt;script&gt;" in page


def test_the_next_line_of_a_level_is_found_by_the_server(people: dict[str, User], failed: Execution) -> None:
    url = reverse("executions:log_find", args=[failed.id])
    client = signed_in(people["reader"])
    assert client.get(url, {"jump": "WARN", "from": "0"}).json() == {"number": 3, "index": 1, "total": 1}
    assert client.get(url, {"q": "start", "from": "2"}).json() == {"number": 1, "index": 1, "total": 1}
    assert client.get(url, {"jump": "TRACE", "from": "2"}).json() == {"number": None, "index": 0, "total": 0}
    assert client.get(url, {"from": "x"}).status_code == 422


def test_lines_are_downloaded_as_they_are_filtered(people: dict[str, User], failed: Execution) -> None:
    response = signed_in(people["reader"]).get(reverse("executions:log_download", args=[failed.id]), {"level": "WARN"})
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert [line.split()[1] for line in lines] == ["WARN", "ERROR"]
    assert response["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "query", [{"level": "x"}, {"line": "99999999999999999999"}, {"offset": "-1"}, {"after": "abc"}, {"run": "\0"}, {"q": "%_'\"\\"}]
)
def test_nonsense_in_the_query_is_no_error(query: dict[str, str], people: dict[str, User], failed: Execution) -> None:
    for name in ("logs_of", "log_window", "log_rail", "log_sources"):
        assert signed_in(people["reader"]).get(reverse(f"executions:{name}", args=[failed.id]), query).status_code in (200, 400, 422), name


# --- the list ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"a", "b", "c"}),
        ({"state": "FAILED"}, {"b"}),
        ({"state": ["FAILED", "RUNNING"]}, {"b", "c"}),
        ({"namespace": "company.team.sub"}, {"c"}),
        ({"namespace": "company"}, {"a", "b", "c"}),
        ({"namespace": "comp"}, set()),
        ({"flow": "other"}, {"b"}),
        ({"q": "no space"}, {"b"}),
        ({"q": "a0"}, {"a"}),
        ({"label": "env:prod"}, {"a"}),
        ({"label": "env"}, {"a"}),
        ({"period": "1h"}, {"c"}),
        ({"period": "nonsense"}, {"a", "b", "c"}),
        ({"start": "2026-11-22T05:00:00+00:00", "end": "2026-11-22T07:00:00+00:00"}, {"a", "b"}),
        ({"page": "7"}, set()),
    ],
)
def test_the_list_is_filtered_by_its_address(query: dict[str, Any], found: set[str], people: dict[str, User]) -> None:
    first = data.execution(id="a0", labels=[["env", "prod"]])
    ExecutionLabel.objects.create(execution=first, key="env", value="prod")
    data.execution("FAILED", id="b0", flow_id="other", error="no space left on device")
    data.execution("RUNNING", id="c0", namespace="company.team.sub", created=timezone.now())
    page = text_of(signed_in(people["reader"]).get("/executions/", query))
    assert {match[0] for match in re.findall(r'id="execution-(\w0)"', page)} == found


def test_what_happened_is_a_column(people: dict[str, User], failed: Execution) -> None:
    paused = data.execution("PAUSED")
    data.task_run(paused, "approve_marts", "PAUSED")
    page = text_of(signed_in(people["reader"]).get("/executions/"))
    assert "model bad failed" in page
    assert "waits at task approve_marts" in page


def test_an_empty_list_names_the_filter_that_hides_everything(people: dict[str, User], failed: Execution) -> None:
    page = text_of(signed_in(people["reader"]).get("/executions/", {"flow": "unheard_of"}))
    assert "There is none of flow unheard_of." in page


def test_rows_are_asked_for_again_by_id(people: dict[str, User], failed: Execution) -> None:
    client = signed_in(people["reader"])
    assert f'id="execution-{failed.id}"' in text_of(client.get("/executions/rows/", {"id": failed.id}))
    assert f'id="execution-{failed.id}"' not in text_of(client.get("/executions/rows/", {"id": failed.id, "state": "RUNNING"}))
    assert f'id="execution-{failed.id}"' not in text_of(signed_in(people["stranger"]).get("/executions/rows/", {"id": failed.id}))


# --- flows, home, triggers -----------------------------------------------------------------------------------------------------------


def test_flows_are_found_by_their_source(people: dict[str, User]) -> None:
    data.flow("one")
    data.flow("two", source="id: {flow_id}\nnamespace: {namespace}\ntasks: []\n# needle\n")
    page = text_of(signed_in(people["reader"]).get("/flows/", {"q": "needle"}))
    assert ">two</a>" in page
    assert ">one</a>" not in page


def test_a_flow_shows_how_it_fared(people: dict[str, User]) -> None:
    data.flow()
    for took in (4, 6, 8):
        data.execution(took=took)
    data.execution("FAILED", created=data.at(100))
    page = text_of(signed_in(people["reader"]).get("/flows/"))
    assert 'aria-label="3 success, 1 failed of the last 4"' in page
    assert "6.0\u00a0s" in page


def test_execute_is_offered_to_members_only(people: dict[str, User]) -> None:
    data.flow()
    url = reverse("executions:execute", args=["company.team", "shop"])
    assert url in text_of(signed_in(people["member"]).get("/flows/"))
    assert url not in text_of(signed_in(people["reader"]).get("/flows/"))


def test_home_says_whether_a_failure_still_matters(people: dict[str, User]) -> None:
    data.flow()
    now = timezone.now()
    data.execution("FAILED", created=now - timedelta(minutes=50), error="first")
    data.execution("FAILED", created=now - timedelta(minutes=40), error="second")
    page = text_of(signed_in(people["reader"]).get("/"))
    assert "fails for the 2nd time in a row" in page
    data.execution("SUCCESS", created=now - timedelta(minutes=30))
    assert "succeeded since" in text_of(signed_in(people["reader"]).get("/"))


def test_home_counts_bars_by_state(people: dict[str, User]) -> None:
    data.flow()
    now = timezone.now()
    for state in ("SUCCESS", "SUCCESS", "FAILED"):
        data.execution(state, created=now - timedelta(minutes=10))
    page = text_of(signed_in(people["reader"]).get("/", {"period": "1h"}))
    assert "2 success, 1 failed" in page
    assert "66.7\u00a0%" in page


def test_a_trigger_is_switched_off_by_members(people: dict[str, User]) -> None:
    row = data.flow()
    row.raw = {"triggers": [{"id": "nightly", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "0 6 * * *"}]}
    row.save()
    url = reverse("executions:set_trigger", args=["company.team", "shop", "nightly"])
    assert signed_in(people["reader"]).post(url, {"disabled": "true"}).status_code == 403
    assert signed_in(people["stranger"]).post(url, {"disabled": "true"}).status_code == 404
    assert signed_in(people["member"]).get(url).status_code == 405
    assert signed_in(people["member"]).post(url, {"disabled": "true"}).status_code == 302
    assert TriggerState.objects.get().disabled


def test_the_palette_finds_flows_and_executions(people: dict[str, User], failed: Execution) -> None:
    found = json.loads(signed_in(people["reader"]).get("/jump/", {"q": "sho"}).content)["results"]
    assert found[0]["url"] == reverse("flows:detail", args=["company.team", "shop"])
    by_id = json.loads(signed_in(people["reader"]).get("/jump/", {"q": f"#{failed.id}"}).content)["results"]
    assert reverse("executions:detail", args=[failed.id]) in [item["url"] for item in by_id]
    assert json.loads(signed_in(people["stranger"]).get("/jump/", {"q": failed.id}).content) == {"results": []}


def test_kestras_address_of_an_execution_leads_to_ours(people: dict[str, User], failed: Execution) -> None:
    response = signed_in(people["reader"]).get(f"/ui/executions/company.team/shop/{failed.id}")
    assert response["Location"] == reverse("executions:detail", args=[failed.id])


# --- how the time was spent ------------------------------------------------------------------------------------------------------


@pytest.fixture
def layered() -> Execution:
    """A run of four models on two threads, after three runs that took half as long."""
    data.flow()
    for number, factor in enumerate((1, 1, 1, 2)):
        execution = data.execution("SUCCESS", created=data.at(number))
        run, _ = data.dbt_build(execution, 0)
        for name, start, end, thread, *parents in (
            ("a", 0, 2, 1),
            ("b", 0, 1, 2),
            ("c", 2, 6, 1, "model.shop.a"),
            ("d", 1, 2, 2, "model.shop.b"),
        ):
            told = {"thread": f"Thread-{thread} (worker)", "depends_on": parents, "duration": factor * (end - start)}
            data.step(run, f"model.shop.{name}", "SUCCESS", kind="model", start=factor * start, end=factor * end, data=told)
    return execution


def test_the_critical_path_and_slow_steps_are_told_beside_the_last_runs(people: dict[str, User], layered: Execution) -> None:
    text = text_of(signed_in(people["reader"]).get(reverse("executions:gantt_insights", args=[layered.id])))
    ids = {step.name: step.id for step in layered.steps.all()}
    assert f'data-path="{ids["model.shop.a"]} {ids["model.shop.c"]}"' in text
    assert "in 2 steps" in text
    assert "2 threads, idle" in text
    assert "Median of 3 runs" in text
    assert '<td class="num" data-state="WARNING">2.0 ×</td>' in text
    assert "left," not in text  # it is over


def test_a_running_execution_tells_what_is_left(people: dict[str, User], layered: Execution) -> None:
    running = data.execution("RUNNING", created=data.at(10))
    run, _ = data.dbt_build(running, 0, state="RUNNING")
    data.step(run, "model.shop.a", "RUNNING", kind="model", start=0, end=None)
    text = text_of(signed_in(people["reader"]).get(reverse("executions:gantt_insights", args=[running.id])))
    assert "by the last 4 runs" in text
    assert "<progress" in text


@pytest.mark.parametrize(("view", "lanes"), [("threads", ["Thread-1", "Thread-2"]), ("layers", ["Layer 1", "Layer 2"])])
def test_rows_may_be_threads_or_layers(people: dict[str, User], layered: Execution, view: str, lanes: list[str]) -> None:
    text = text_of(signed_in(people["reader"]).get(reverse("executions:gantt", args=[layered.id]), {"by": view}))
    assert re.findall(r'class="cut" href="\?row=lane-\d+" tabindex="-1">([^<]+)<', text) == lanes
    assert len(re.findall(r'data-step="', text)) == 4
    assert f'data-by="{view}"' in text
    assert "dbt_build" not in text.partition('id="gantt-body"')[2]


def test_a_view_that_there_is_not_is_the_tree(people: dict[str, User], layered: Execution) -> None:
    text = text_of(signed_in(people["reader"]).get(reverse("executions:gantt", args=[layered.id]), {"by": "<x>"}))
    assert "data-by" not in text
    assert "dbt_build" in text
