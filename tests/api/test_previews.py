"""The beginning of a file, by what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.previews import preview
from ui.errors import Invalid


def shown(folder: Path, name: str, content: bytes, rows: int = 2) -> dict[str, Any]:
    path = folder / "stored"
    path.write_bytes(content)
    return preview(path, name, rows=rows, encoding="UTF-8")


@pytest.mark.parametrize(
    ("name", "content", "kind", "told", "truncated"),
    [
        ("a.csv", b"a,b\n1,2\n3,4\n5,6\n", "LIST", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}], True),
        ("a.ion", b'{id:1,day:2026-01-02,price:1.50}\n{id:2,name:"x"}\n', "LIST",
         [{"id": 1, "day": "2026-01-02", "price": 1.5}, {"id": 2, "name": "x"}], False),
        ("a.jsonl", b'{"a": [1]}\nbroken {\n', "LIST", [{"a": [1]}, "broken {"], False),
        ("a.txt", b"one\ntwo\nthree\n", "TEXT", "one\ntwo\n", True),
        ("a.md", b"# one\n", "MARKDOWN", "# one\n", False),
        ("a.png", b"\x89PNG", "IMAGE", "iVBORw==", False),
        ("noending", b"\xff\xfe", "TEXT", "\ufffd\ufffd", False),
    ],
)  # fmt: skip
def test_a_file_is_shown_by_its_kind(name: str, content: bytes, kind: str, told: Any, truncated: bool, tmp_path: Path) -> None:
    found = shown(tmp_path, name, content)
    assert (found["type"], found["content"], found["truncated"], found["maxLine"]) == (kind, told, truncated, 2)


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    found = shown(tmp_path, "a.jsonl", b"x" * 3_000_000, rows=1)
    assert (len(found["content"][0]), found["truncated"]) == (1_000_000, True)


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(Invalid, match="no such encoding"):
        preview(tmp_path / "a", "a.txt", rows=1, encoding="nope")
