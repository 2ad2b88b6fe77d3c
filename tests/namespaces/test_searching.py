"""Files are found by a part of their path, typed as it comes, and by what they hold."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytest_django import Settings

from namespaces import files, searching
from namespaces.files import Place
from namespaces.searching import Line
from ui.errors import Invalid

NS = "company.team"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> Path:
    settings.KESTRA_STORAGE = tmp_path
    return tmp_path


def put(*paths: str, text: str = "") -> None:
    for path in paths:
        files.write(NS, path, text.encode())


def named(query: str) -> list[str]:
    return [one.path for one in searching.by_name(NS, query)]


def held(query: str, **options: bool | list[str]) -> list[tuple[str, int]]:
    found = searching.in_contents(NS, query, **options)  # type: ignore[arg-type]
    return [(one.path, line.number) for one in found.files for line in one.lines]


def test_the_likeliest_comes_first() -> None:
    put("models/staging/stg_orders.sql", "models/orders/raw.sql", "models/orders.sql", "models/reorders.sql", "o/r/d/ers.sql", "README.md")
    assert named("orders") == [
        "models/orders.sql", "models/staging/stg_orders.sql", "models/reorders.sql", "models/orders/raw.sql", "o/r/d/ers.sql",
    ]  # fmt: skip
    assert named("stgord") == ["models/staging/stg_orders.sql"]
    assert named("Read ME") == ["README.md"]
    assert named("xyz") == []
    assert len(named("")) == 6


def test_the_characters_that_were_typed_are_told() -> None:
    put("models/stg_orders.sql")
    (found,) = searching.by_name(NS, "stgord")
    assert "".join(found.path[at] for at in found.at) == "stgord"
    assert found.at == (7, 8, 9, 11, 12, 13)


@pytest.mark.parametrize("query", ["a" * 5000, "[", "(((", ".*", "\\", "é", "\ud800", "^$" * 80])
def test_what_is_typed_is_no_pattern(query: str) -> None:
    put("plain.sql", *(f"{'a' * 40}{number}" for number in range(50)))
    began = time.perf_counter()
    assert searching.by_name(NS, query) == []
    assert time.perf_counter() - began < 5


def test_lines_are_told_with_where_the_match_is() -> None:
    put("models/a.sql", text="-- about\r\nselect Größe, Customer_Id from x\r\n")
    (found,) = searching.in_contents(NS, "customer_id").files
    assert found.path == "models/a.sql"
    assert found.lines == (Line(2, 15, "select Größe, Customer_Id from x", 14, 25),)


def test_a_text_is_no_expression_and_options_narrow() -> None:
    put("a.sql", text="a.c\nabc\nABC\nabcd\n")
    put("models/b.yml", text="abc\n")
    assert held("a.c") == [("a.sql", 1)]
    assert held("a.c", regex=True) == [("a.sql", 1), ("a.sql", 2), ("a.sql", 3), ("a.sql", 4), ("models/b.yml", 1)]
    assert held("abc", case=True, words=True) == [("a.sql", 2), ("models/b.yml", 1)]
    assert held("abc", case=True, only=["*.yml"]) == [("models/b.yml", 1)]
    assert held("abc", case=True, only=["models/*", "x/**"]) == [("models/b.yml", 1)]
    assert held("-e") == []


def test_neither_links_nor_contents_that_are_no_text_are_looked_into(storage: Path) -> None:
    put("a.sql", text="secret")
    (storage / "outside").mkdir()
    (storage / "outside/b.sql").write_text("secret")
    folder = storage / "company/team/_files"
    (folder / "linked").symlink_to(storage / "outside")
    (folder / "linked.sql").symlink_to(storage / "outside/b.sql")
    files.write(NS, "c.bin", b"\x00secret")
    files.write(NS, "ignored.sql", b"secret")
    files.write(NS, ".gitignore", b"ignored.sql\n")
    assert held("secret") == [("a.sql", 1), ("ignored.sql", 1)]
    assert named("linked") == []


def test_another_copy_is_looked_into_by_itself() -> None:
    work = Place(NS, ("_work", "1", "main"))
    files.write(work, "models/a.sql", b"here")
    put("b.sql", text="here")
    assert [one.path for one in searching.in_contents(work, "here").files] == ["models/a.sql"]
    assert [one.path for one in searching.by_name(work, "sql")] == ["models/a.sql"]
    assert searching.in_contents("company.empty", "here").files == ()


def test_too_much_is_cut_and_said() -> None:
    for number in range(30):
        put(f"{number}.sql", text="match " + "x" * 1000 + "\n" + "match\n" * 60)
    found = searching.in_contents(NS, "match")
    assert found.more
    assert sum(len(one.lines) for one in found.files) == searching.MOST_LINES
    assert len(found.files[0].lines[0].text) == searching.SHOWN


@pytest.mark.parametrize("query", ["", "a\nb", "a\x00b", "\ud800", "x" * 201])
def test_what_cannot_be_looked_for_is_refused(query: str) -> None:
    with pytest.raises(Invalid):
        searching.in_contents(NS, query)


@pytest.mark.parametrize("query", ["(", "[[:x:]]", "\\"])
def test_an_expression_that_is_none_is_refused_with_the_reason(query: str) -> None:
    put("a.sql", text="x")
    with pytest.raises(Invalid, match=r"This cannot be looked for: .+"):
        searching.in_contents(NS, query, regex=True)


@pytest.mark.parametrize("pattern", ["../x", "a/../../x", "/", " ", "x\x00"])
def test_a_pattern_that_leaves_the_folder_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid):
        searching.in_contents(NS, "x", only=[pattern])


@pytest.mark.parametrize("pattern", [":(top)a*", "--help", "[", "/etc/*", "//etc/*"])
def test_a_pattern_is_nothing_else_to_git(pattern: str) -> None:
    put("a.sql", text="x")
    assert searching.in_contents(NS, "x", only=[pattern]).files == ()


def test_an_expression_that_takes_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "PATIENCE", 0.5)
    put("a.txt", text="a" * 200_000)
    began = time.perf_counter()
    found = searching.in_contents(NS, r"(a*)*(a*)*(a*)*\1\2\3b", regex=True)
    assert time.perf_counter() - began < 10
    assert found.files == ()
