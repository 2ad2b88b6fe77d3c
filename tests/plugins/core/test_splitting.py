"""Files cut into pieces."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.core.storage import _splitting
from plugins.core.storage._splitting import Cut, size_of, split


def pieces(tmp_path: Path, text: str, cut: Cut) -> list[str]:
    source = tmp_path / "source.csv"
    source.write_text(text)
    folder = tmp_path / "pieces"
    folder.mkdir()
    return [path.read_text() for path in split(source, folder, cut, ".csv")]


@pytest.mark.parametrize(
    ("cut", "wanted"),
    [
        (Cut(rows=2), ["a\nbb\n", "c\ndd\n", "e\n"]),
        (Cut(rows=1), ["a\n", "bb\n", "c\n", "dd\n", "e\n"]),
        (Cut(rows=9), ["a\nbb\nc\ndd\ne\n"]),
        (Cut(bytes=3), ["a\nbb\n", "c\ndd\n", "e\n"]),
        (Cut(partitions=2), ["a\nc\ne\n", "bb\ndd\n"]),
        (Cut(partitions=9, rows=1), ["a\n", "bb\n", "c\n", "dd\n", "e\n"]),
        (Cut(rows=1, separator="d"), ["a\nbb\nc\nd", "d", "\ned"]),
    ],
)
def test_a_file_is_cut_by_rows_by_size_or_in_turn(tmp_path: Path, cut: Cut, wanted: list[str]) -> None:
    assert pieces(tmp_path, "a\nbb\nc\ndd\ne", cut) == wanted


def test_an_empty_file_has_no_pieces(tmp_path: Path) -> None:
    assert pieces(tmp_path, "", Cut(rows=1)) == []


@pytest.mark.parametrize("cut", [Cut(rows=5000), Cut(partitions=3), Cut(bytes=50_000)])
def test_nothing_is_lost_where_rows_are_written_in_several_goes(tmp_path: Path, cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_splitting, "BUFFER", 1000)
    monkeypatch.setattr(_splitting, "CHUNK", 777)
    found = pieces(tmp_path, "".join(f"{number}\n" for number in range(20_000)), cut)
    assert sorted(int(row) for piece in found for row in piece.splitlines()) == list(range(20_000))


@pytest.mark.parametrize("cut", [Cut(rows=0), Cut(partitions=0), Cut(bytes=0), Cut(), Cut(rows=1, separator="")])
def test_a_cut_that_cuts_nothing_is_refused(tmp_path: Path, cut: Cut) -> None:
    with pytest.raises(ValueError, match=r"must|needed"):
        pieces(tmp_path, "a\n", cut)


def test_sizes_are_counted_by_1024() -> None:
    assert [size_of(text) for text in ("7", "2KB", "10MB", "1GiB", "3 kb")] == [7, 2048, 10 * 1024**2, 1024**3, 3072]
    with pytest.raises(ValueError, match="Expected a size such as 10MB"):
        size_of("ten")
