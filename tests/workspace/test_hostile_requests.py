"""Whatever is sent to a workspace, the answer is no 500, and no file outside of it changes."""

# ruff: noqa: E501 -- lists to be read at a glance

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from namespaces import files
from namespaces.models import User
from tests.plugins.git.remotes import Remote
from tests.workspace.conftest import FILES, NAMESPACE
from workspace import questions, repositories
from workspace.models import Question

pytestmark = pytest.mark.django_db
BASE = f"/workspace/{NAMESPACE}/"
# What no branch, address, path, commit, tag or model may be called, or may be called and is harmless.
ODD = [
    "", " ", ".", "..", "../x", "../../../../etc/passwd", "/etc/passwd", "//x", "-x", "--help", "--upload-pack=touch x", "-c core.pager=x",
    ".git", ".git/config", ".GIT/hooks/x", "git~1/x", ".git\u200c/x", "\uff0egit/x", "a/.git/x", ".gitmodules", "a\nb", "a\rb", "a\tb", "a\x00b",
    "\x1b[31m", "\x7f", "\ud800", "\udfff", "\u202egnp.sql", "\u2066x", "\ufeffx", "\u200bx", "e\u0301.sql", "\u00e9.sql", "x" * 255, "x" * 256,
    "x" * 100_000, "a/" * 40 + "x", "a/" * 10_000 + "x", "CON", "aux.sql", "a:b", "a.", "a ", " a", "*", "?", "[a]", ":(top)x", ":!x", ":/x", "@",
    "@{-1}", "HEAD", "HEAD~1", "FETCH_HEAD", "refs/heads/main", "refs/../../x", "main:models", "main^{tree}", "main..dev", "+main", "^main",
    "a..b", "a.lock", "a/.b", "/main", "main/", "u/1/main", "origin/main", "0" * 40, "f" * 40, "deadbeef", "$(touch x)", "`touch x`", "; touch x",
    "| touch x", "&& touch x", "' or 1=1 --", "<script>alert(1)</script>", "{{ 7 * 7 }}", "{% raw %}", "${7*7}", "%2e%2e%2fx", "%00", "\\..\\x",
    "C:\\x", "\\\\host\\x", "file:///etc/passwd", "ext::sh -c touch% x", "fd::17", "ssh://-oProxyCommand=x/y", "-oProxyCommand=x@h:y",
    "https://[::1", "http://a:b@c/d", "javascript:alert(1)", "dbt_packages/x", "models", "models/orders.sql/x", "null", "True", "1e999",
]  # fmt: skip
OTHERS: list[Any] = [None, True, 0, -1, 1e308, [], ["a"], {}, {"a": 1}, [[[[]]]]]
JSON = [
    "draft/", "draft/drop/", "save/", "dbt/compile/", "dbt/problems/", "dbt/preview/", "format/", "lint/", "generate/staging/",
    "generate/sources/", "generate/schema/", "generate/model/", "generate/nothing/", "dbt/references/", "dbt/rename/", "dbt/run/", "dbt/target/",
]  # fmt: skip
FORMS = [
    "create/", "rename/", "delete/", "restore/", "upload/", "history/restore/", "git/stage/", "git/unstage/", "git/stage-hunk/", "git/discard/",
    "git/branches/create/", "git/branches/merge/", "git/clash/resolve/", "git/clash/reopen/", "git/run/", "git/deploy/", "git/push/", "git/bind/",
]  # fmt: skip
PAGES = [
    "", "paths/", "marks/", "text/", "drafts/", "history/", "history/download/", "download/", "trash/", "search/names/", "search/contents/",
    "dbt/knowledge/", "git/", "git/log/", "git/difference/", "git/blame/", "git/clash/", "git/deploy/", "git/branches/", "git/panel/",
]  # fmt: skip
NAMES = ("path", "text", "base", "selection", "target", "name", "to", "source", "table", "schema", "verb", "reach", "kind", "hunk", "ref")
NAMES += ("other", "start", "branch", "new_branch", "message", "side", "key", "url", "directory", "q", "only", "token", "version", "commit")


@pytest.fixture
def page(bound: Remote, owner: User, monkeypatch: pytest.MonkeyPatch) -> Client:
    for path, content in FILES.items():
        files.write(NAMESPACE, path, content.encode())
    monkeypatch.setattr(questions, "waited", lambda question, _: question)  # no worker is there
    client = Client(headers={"Accept": "application/json"}, raise_request_exception=False)
    client.force_login(owner)
    return client


def outside(folder: Path) -> set[str]:
    """Every file that does not belong to what the server keeps of the namespace."""
    kept = folder / "storage"
    return {str(path) for path in folder.rglob("*") if kept not in path.parents and "remote.git" not in path.parts}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_text_breaks_a_page_or_leaves(page: Client, tmp_path: Path) -> None:
    before, wrong = outside(tmp_path), []
    for odd in ODD:
        plain = odd.encode(errors="replace").decode()
        for branch in ("", "main"):
            at = f"?{urlencode({'branch': branch})}" if branch else ""
            answers = [(end, page.post(f"{BASE}{end}{at}", dict.fromkeys(NAMES, odd), content_type="application/json")) for end in JSON]
            answers += [(end, page.post(f"{BASE}{end}{at}", dict.fromkeys(NAMES, plain))) for end in FORMS]
            asked = urlencode({**dict.fromkeys(NAMES, plain), "branch": branch})
            answers += [(end, page.get(f"{BASE}{end}?{asked}")) for end in PAGES]
            wrong += [(end, branch, odd[:40]) for end, answer in answers if answer.status_code >= 500]
        answers = [(end, page.get(f"{BASE}{end}?{urlencode({'branch': plain})}")) for end in ("", "text/", "git/")]
        wrong += [(end, "branch", odd[:40]) for end, answer in answers if answer.status_code >= 500]
    assert wrong == []
    assert outside(tmp_path) == before
    assert repositories.find(NAMESPACE).url.startswith("file://"), "no odd address was bound"


@pytest.mark.long
@pytest.mark.parametrize("end", JSON)
def test_no_value_breaks_an_answer(page: Client, end: str) -> None:
    right = {"path": "models/orders.sql", "text": "select 1", "base": "", "limit": 5, "name": "orders", "verb": "run", "reach": "this"}
    for name in {*right, *NAMES, "apply"}:
        for odd in OTHERS:
            answer = page.post(f"{BASE}{end}", {**right, name: odd}, content_type="application/json")
            assert answer.status_code < 500, (name, odd)
    for body in (b"", b"[]", b"\xff", b"{", b'{"path": 1e999}', b"[" * 100_000, b'{"path": NaN}', b'{"a": "\\ud800"}'):
        assert page.post(f"{BASE}{end}", body, content_type="application/json").status_code < 500, body[:20]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_a_question_that_no_database_can_hold_is_refused(page: Client, text: str) -> None:
    for more in ({"text": text}, {"text": "select 1", "selection": text}):
        answer = page.post(f"{BASE}dbt/preview/", {"path": "models/orders.sql", **more}, content_type="application/json")
        assert answer.status_code == 422, more
    assert not Question.objects.exists()
