"""Flows that nobody should write, sent to the running product: each is answered with a sentence that helps, none with a 500."""

# ruff: noqa: E501 -- a case on one line reads better than one that is wrapped

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flows.test_malformed import GOOD, ODD, PLACES, changed
from tests.stack import Stack

pytestmark = [pytest.mark.redis, pytest.mark.timeout(240)]

FLOWS = "/api/v1/main/flows"
GOOD_TEXT = yaml.safe_dump(GOOD, sort_keys=False)
HEADERS = {"content-type": "application/x-yaml"}
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)
KNOWN = [
    BOMB, "[" * 50_000, "{a: " * 20_000, "- " * 30_000, "a: &a\n  b: *a\n", "<<: *x", "!!python/object/apply:os.system [id]", "id: !!binary aGk=",
    "id: f\nnamespace: company.team\ntasks: &t\n  - *t\n", "---\n---\n---\n", "\ufeff" + GOOD_TEXT, GOOD_TEXT.replace("\n", "\r\n"), GOOD_TEXT * 2,
    "id: " + "x" * 1_000_000, "? [a, b]\n: c\n", "id: 2026-13-45\nnamespace: 0o17\ntasks: 0x1F\n", "{}", "[]", "null", '"', "\t", "%YAML 9.9\n---\na: b",
]  # fmt: skip


def _spoilt(path: tuple[Any, ...], value: Any) -> str:
    return yaml.safe_dump(changed(path, value), sort_keys=False)


def _torn(at: int, piece: str, gone: int) -> str:
    place = at % len(GOOD_TEXT)
    return GOOD_TEXT[:place] + piece + GOOD_TEXT[place + gone :]


SOURCES = st.one_of(
    st.sampled_from(KNOWN).map(str.encode),
    st.builds(_spoilt, st.sampled_from(PLACES), ODD).map(lambda text: text.encode(errors="surrogatepass")),
    st.builds(_torn, st.integers(0, 2000), st.text(max_size=12), st.integers(0, 40)).map(lambda text: text.encode(errors="surrogatepass")),
    st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")),
    st.binary(max_size=200),
)


@pytest.fixture(scope="module")
def client(live_server_stack: Stack) -> Iterator[httpx.Client]:
    with live_server_stack.client() as found:
        found.delete(f"{FLOWS}/company.team/f")
        found.post(FLOWS, content=GOOD_TEXT, headers=HEADERS).raise_for_status()
        yield found
        found.delete(f"{FLOWS}/company.team/f")


def _assert_told(answer: httpx.Response) -> None:
    """A flow, or a sentence about what is wrong that shows nothing of how the server is made."""
    assert answer.status_code < 500, answer.text[:500]
    body = answer.json()
    if answer.status_code >= 400:
        assert len(body["message"]) > 10, body
        assert not any(word in answer.text for word in ("Traceback", 'File "', "django.", "pydantic", "site-packages")), answer.text[:1000]
    else:
        assert body["id"], body


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(source=SOURCES)
def test_a_malformed_flow_is_answered_with_a_sentence(client: httpx.Client, source: bytes) -> None:
    checked = client.post(f"{FLOWS}/validate", content=source, headers=HEADERS)
    assert checked.status_code < 500, checked.text[:500]
    if checked.status_code == 200:
        assert all(one.get("constraints") or one.get("flow") for one in checked.json()), checked.text[:500]
    else:
        assert len(checked.json()["message"]) > 10
    created = client.post(FLOWS, content=source, headers=HEADERS)
    _assert_told(created)
    _assert_told(client.put(f"{FLOWS}/company.team/f", content=source, headers=HEADERS))
    if created.status_code == 200:
        made = created.json()
        assert client.delete(f"{FLOWS}/{made['namespace']}/{made['id']}").status_code == 204


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "a/b; charset=nope", ""]
)
@pytest.mark.parametrize(
    "body", [b"", b"id: x", b'{"source": 1}', b'{"source": "id: x"}', b"\xff\xfe\x00", b"[" * 100_000, b'{"a":' * 50_000]
)
def test_a_malformed_body_is_answered_whatever_it_says_it_is(client: httpx.Client, kind: str, body: bytes) -> None:
    for method, path in (("POST", FLOWS), ("PUT", f"{FLOWS}/company.team/f"), ("POST", f"{FLOWS}/validate"), ("POST", f"{FLOWS}/import")):
        answer = client.request(method, path, content=body, headers={"content-type": kind})
        assert answer.status_code < 500, (method, path, answer.text[:300])
        assert answer.json(), (method, path)
