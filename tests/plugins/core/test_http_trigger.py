"""An HTTP trigger asks once and fires where its condition is true of the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.document import Trigger
from plugins.catalog import CATALOG
from plugins.contract import PollingTrigger, TaskFailed
from tests.plugins.context import MemoryContext
from tests.plugins.core.test_http import serving

TYPE = "io.kestra.plugin.core.http.Trigger"
Make = Callable[..., MemoryContext]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of ours."""
    with serving() as address:
        yield address


def look(context: MemoryContext, **given: Any) -> Any:
    """Evaluate a trigger as it would be written."""
    made = CATALOG.trigger(Trigger("ask", TYPE, properties={"id": "ask", "type": TYPE, **given}))
    assert isinstance(made, PollingTrigger)
    return made.evaluate(context)


def test_an_answer_below_400_fires(make_context: Make, server: str) -> None:
    found = look(make_context(), uri=f"{server}/latin")
    assert (found["code"], found["body"], found["uri"]) == (200, "café", f"{server}/latin")
    assert found["headers"]["Content-Type"] == ["text/plain; charset=ISO-8859-1"]


@pytest.mark.parametrize(
    ("path", "condition", "fires"),
    [
        ("teapot", None, False),
        ("teapot", "{{ response.statusCode == 418 }}", True),
        ("teapot", "{{ response.body contains 'stout' }}", True),
        ("echo", "{{ fromJson(response.body).method == 'GET' }}", True),
        ("echo", "{{ response.headers['X-Seen'] | first == 'no' }}", False),
        ("echo", "", False),
        ("echo", "0", False),
    ],
)
def test_the_condition_sees_status_body_and_headers(path: str, condition: str | None, fires: bool, make_context: Make, server: str) -> None:
    given = {} if condition is None else {"responseCondition": condition}
    assert (look(make_context(), uri=f"{server}/{path}", **given) is not None) is fires


def test_no_answer_is_an_error(make_context: Make) -> None:
    with pytest.raises(TaskFailed, match=r"GET http://127\.0\.0\.1:9/ failed"):
        look(make_context(), uri="http://127.0.0.1:9/")


def test_its_interval_must_be_a_duration() -> None:
    told = CATALOG.check({"id": "a", "type": TYPE, "uri": "http://x", "interval": "soon"}, "trigger")
    assert [path for _, path in told] == [("interval",)]
    assert CATALOG.canonical("io.kestra.plugin.fs.http.Trigger") == TYPE
