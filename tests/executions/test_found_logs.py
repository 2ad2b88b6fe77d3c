"""The search in all log lines: pages after a line, bars by level, an execution, and nobody else's lines."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from executions import found_logs
from executions.found_logs import Cursor
from executions.models import LogLine
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db


def _client(name: str = "reader") -> Client:
    client = Client()
    client.force_login(builders.people()[name])
    return client


def _lines(count: int) -> None:
    """So many INFO lines of one execution, two of them at each moment, every tenth an ERROR."""
    own, now = data.execution(), timezone.now()
    LogLine.objects.bulk_create(
        LogLine(
            execution=own,
            number=number,
            level=4 if number % 10 == 0 else 2,
            message=f"line {number}",
            timestamp=now - timedelta(seconds=number // 2),
        )
        for number in range(1, count + 1)
    )


def test_pages_hold_every_line_once() -> None:
    _lines(450)
    client, seen, address = _client(), [], "/logs/?level=INFO"
    while address:
        page = client.get(address).content.decode()
        seen += re.findall(r">line (\d+)<", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = "/logs/" + following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == 450
    assert len(set(seen)) == 450


def test_a_wrong_cursor_is_the_beginning() -> None:
    _lines(5)
    client = _client()
    for wrong in ("x", "2026-01-01T00:00:00~1", "2026-99-01T00:00:00Z~1", "~", "2026-01-01T00:00:00Z~-4"):
        assert Cursor.of(wrong) is None
        assert "line 5" in client.get("/logs/", {"before": wrong}).content.decode()


def test_bars_count_the_lines_by_level() -> None:
    _lines(100)
    now = timezone.now()
    made = found_logs.chart(LogLine.objects.order_by("-timestamp"), now - timedelta(hours=1), now)
    assert (made.total, made.cut) == (100, False)
    assert {part.level for bar in made.bars for part in bar.parts} == {"INFO", "ERROR"}


def test_bars_of_more_lines_than_are_counted_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found_logs, "COUNTED", 30)
    _lines(100)
    now = timezone.now()
    made = found_logs.chart(LogLine.objects.order_by("-timestamp"), now - timedelta(hours=1), now)
    assert (made.total, made.cut) == (30, True)
    assert made.start > now - timedelta(seconds=60)


def test_lines_of_one_execution_and_of_nobody_else() -> None:
    _lines(5)
    data.log_lines(data.execution(), [(2, "another")])
    LogLine.objects.update(timestamp=timezone.now())
    first = LogLine.objects.get(message="line 1").execution_id
    people = builders.people()
    client = Client()
    client.force_login(people["reader"])
    page = client.get("/logs/", {"execution": first}).content.decode()
    assert "line 1" in page
    assert "another" not in page
    client.force_login(people["stranger"])
    assert "line 1" not in client.get("/logs/").content.decode()
