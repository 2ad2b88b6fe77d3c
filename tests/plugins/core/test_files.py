"""The tasks on stored files and on files of a namespace."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from engine.expressions.ion import from_ion
from plugins.contract import TaskFailed
from plugins.core.storage import _splitting
from tests.plugins.context import MemoryContext
from tests.plugins.core.test_keys_and_states import run


def stored(context: MemoryContext, text: str, name: str = "rows.txt") -> str:
    """A stored file with this text."""
    return context.storage.put(text.encode(), name)


def text_of(context: MemoryContext, uri: str) -> str:
    return context.storage.open(uri).read_bytes().decode()


# --- one file from several, several from one


@pytest.mark.parametrize("shape", ["list", "expressions", "json", "typed", "map"])
def test_files_are_put_one_after_another(context: MemoryContext, shape: str) -> None:
    one, two = stored(context, "a"), stored(context, "b")
    context.variables["outputs"] = {"one": one, "all": [one, two], "map": {"x": one, "y": two}}
    files: Any = {
        "list": [one, two],
        "expressions": ["{{ outputs.one }}", two],
        "json": json.dumps([one, two]),
        "typed": "{{ outputs.all }}",
        "map": "{{ outputs.map }}",
    }[shape]
    uri = run(context, "storage.Concat", files=files, separator="-{{ flow.id }}-", extension=".csv")["uri"]
    assert text_of(context, uri) == "a-a_flow-b-a_flow-"
    assert uri.endswith(".csv")
    assert text_of(context, run(context, "storage.Concat", files=files)["uri"]) == "ab"


@pytest.mark.parametrize("files", ["none", "{{ 5 }}", ["kestra:///9/none"]])
def test_what_is_no_list_of_files_is_told(context: MemoryContext, files: Any) -> None:
    with pytest.raises(TaskFailed, match=r"must be a list or a map|There is no file"):
        run(context, "storage.Concat", files=files)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"rows": 2}, ["1\n2\n", "3\n"]),
        ({"rows": "{{ 1 + 1 }}"}, ["1\n2\n", "3\n"]),
        ({"partitions": 2}, ["1\n3\n", "2\n"]),
        ({"bytes": "4B"}, ["1\n2\n", "3\n"]),
        ({"bytes": "1KB", "rows": 1}, ["1\n2\n3\n"]),
        ({"rows": 1, "separator": "2\n"}, ["1\n2\n", "3\n2\n"]),
    ],
)
def test_a_file_is_cut(context: MemoryContext, given: dict[str, Any], wanted: list[str]) -> None:
    uris = run(context, "storage.Split", **{"from": stored(context, "1\n2\n3\n", "a.csv"), **given})["uris"]
    assert [text_of(context, uri) for uri in uris] == wanted
    assert all(uri.endswith(".csv") for uri in uris)


@pytest.mark.parametrize(
    ("given", "told"), [({}, "is needed"), ({"rows": 0}, "1 or more"), ({"rows": "{{ 'x' }}"}, "whole number"), ({"bytes": "much"}, "10MB")]
)
def test_a_cut_that_cuts_nothing_is_told(context: MemoryContext, given: dict[str, Any], told: str) -> None:
    with pytest.raises(TaskFailed, match=told):
        run(context, "storage.Split", **{"from": stored(context, "1\n"), **given})


@pytest.mark.parametrize(
    ("text", "given", "wanted"),
    [
        ("1\n2\n3\n", {}, "3\n2\n1\n"),
        ("1\n2\n3", {}, "3\n2\n1\n"),
        ("", {}, ""),
        ("\n\na\n", {}, "a\n\n\n"),
        ("a--b--c", {"separator": "--"}, "c--b--a--"),
        ("é\nü", {"charset": "utf-8"}, "ü\né\n"),
    ],
)
def test_a_file_is_turned_round(context: MemoryContext, text: str, given: dict[str, Any], wanted: str) -> None:
    assert text_of(context, run(context, "storage.Reverse", **{"from": stored(context, text), **given})["uri"]) == wanted


def test_a_file_is_turned_round_block_by_block(context: MemoryContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_splitting, "BUFFER", 100)
    monkeypatch.setattr(_splitting, "CHUNK", 37)
    rows = [f"row {number}" for number in range(1000)]
    uri = run(context, "storage.Reverse", **{"from": stored(context, "\n".join(rows))})["uri"]
    assert text_of(context, uri).splitlines() == rows[::-1]


def test_a_charset_that_is_none_is_told(context: MemoryContext) -> None:
    with pytest.raises(TaskFailed, match="charset"):
        run(context, "storage.Reverse", **{"from": stored(context, "a"), "charset": "klingon"})


# --- rows

ROWS = '{id: 1, s: "a", n: 5}\n{id: 2, s: "b", n: 0}\n\n{"id": 1, "s": "c", "n": null}\n'


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"filterCondition": "{{ s == 'a' }}"}, ["a"]),
        ({"filterCondition": "{{ id == 1 }}"}, ["a", "c"]),
        ({"filterCondition": "{{ id == 1 }}", "filterType": "EXCLUDE"}, ["b"]),
        ({"filterCondition": " {{ item.s == 'a' }}\n"}, ["a"]),
        ({"filterCondition": "{{ n }}", "errorOrNullBehavior": "INCLUDE"}, ["a", "c"]),
        ({"filterCondition": "{{ n }}", "errorOrNullBehavior": "EXCLUDE"}, ["a"]),
        ({"filterCondition": "{{ n }}", "errorOrNullBehavior": "INCLUDE", "filterType": "EXCLUDE"}, ["b", "c"]),
        ({"filterCondition": "{{ nothing.at.all }}", "errorOrNullBehavior": "INCLUDE"}, ["a", "b", "c"]),
        ({"filterCondition": "{{ nothing.at.all }}", "errorOrNullBehavior": "EXCLUDE"}, []),
        ({"filterCondition": "{{ flow.id == 'a_flow' }}"}, ["a", "b", "c"]),
    ],
)
def test_rows_are_filtered(context: MemoryContext, given: dict[str, Any], kept: list[str]) -> None:
    outputs = run(context, "storage.FilterItems", **{"from": stored(context, ROWS), **given})
    rows = text_of(context, outputs["uri"]).splitlines()
    assert [from_ion(row)["s"] for row in rows] == kept
    assert (outputs["processedItemsTotal"], outputs["droppedItemsTotal"]) == (3, 3 - len(kept))
    assert set(rows) <= set(ROWS.splitlines())


@pytest.mark.parametrize("condition", ["{{ n }}", "{{ nothing.at.all }}"])
def test_a_row_that_cannot_be_judged_fails_the_filter(context: MemoryContext, condition: str) -> None:
    with pytest.raises(TaskFailed, match="for a row"):
        run(context, "storage.FilterItems", **{"from": stored(context, ROWS), "filterCondition": condition})


def test_a_line_that_is_no_row_is_told(context: MemoryContext) -> None:
    for broken in ("{id: 1}\n{id: ", "{id: 1}\n]"):
        with pytest.raises(TaskFailed, match="Line 2 of the file is no row"):
            run(context, "storage.FilterItems", **{"from": stored(context, broken), "filterCondition": "{{ true }}"})


@pytest.mark.parametrize(
    ("expr", "kept"), [("{{ id }}", ["b", "c"]), ("{{ s }}", ["a", "b", "c"]), ("same", ["c"]), ("{{ n ?? '' }}", ["a", "b", "c"])]
)
def test_the_last_row_of_each_key_is_kept(context: MemoryContext, expr: str, kept: list[str]) -> None:
    outputs = run(context, "storage.DeduplicateItems", **{"from": stored(context, ROWS), "expr": expr})
    assert [from_ion(row)["s"] for row in text_of(context, outputs["uri"]).splitlines()] == kept
    assert outputs["numKeys"] == len(kept)
    assert (outputs["processedItemsTotal"], outputs["droppedItemsTotal"]) == (3, 3 - len(kept))


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        ("storage.Split", {"rows": 50_000}),
        ("storage.Reverse", {}),
        ("storage.Concat", {}),
        ("storage.DeduplicateItems", {"expr": "{{ id }}"}),
        ("storage.FilterItems", {"filterCondition": "{{ id > 5 }}"}),
    ],
)
def test_memory_does_not_grow_with_the_file(
    context: MemoryContext, monkeypatch: pytest.MonkeyPatch, type_: str, given: dict[str, Any]
) -> None:
    """Twelve megabytes (for rows that are rendered, less) pass through two: buffers are made small so that a small file tells."""
    monkeypatch.setattr(_splitting, "BUFFER", 200_000)
    monkeypatch.setattr(_splitting, "CHUNK", 100_000)
    rendered = "Items" in type_
    count, width = (6000, 1000) if rendered else (120_000, 90)
    source = context.working_dir / "big"
    with source.open("w") as file:
        for number in range(count):
            file.write(f'{{"id": {number}, "filling": "{"x" * width}"}}\n')
    uri = context.storage.put(source, "big.jsonl")
    source.unlink()
    run(context, type_, **_over(type_, stored(context, '{"id": 1}\n'), given))  # what is loaded once is loaded now
    tracemalloc.start()
    run(context, type_, **_over(type_, uri, given))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def _over(type_: str, uri: str, given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "files": [uri]} if type_.endswith("Concat") else {**given, "from": uri}


# --- single files


def test_a_file_is_written_measured_and_deleted(context: MemoryContext) -> None:
    uri = run(context, "storage.Write", content="é {{ flow.id }}", extension="txt")["uri"]
    assert uri.endswith(".txt")
    assert text_of(context, uri) == "é a_flow"
    context.variables["outputs"] = {"uri": uri}
    assert run(context, "storage.Size", uri="{{ outputs.uri }}") == {"size": 9}
    assert run(context, "storage.Delete", uri=uri) == {"uri": uri, "deleted": True}
    assert run(context, "storage.Delete", uri=uri) == {"uri": uri, "deleted": False}
    with pytest.raises(TaskFailed, match="Unable to find file"):
        run(context, "storage.Delete", uri=uri, errorOnMissing=True)


def test_every_file_of_the_execution_goes(context: MemoryContext) -> None:
    uris = [stored(context, "a"), stored(context, "b")]
    assert run(context, "storage.PurgeCurrentExecutionFiles") == {"uris": uris}
    assert context.storage.list("kestra:///") == []


def test_files_are_written_into_the_working_directory_and_kept(context: MemoryContext) -> None:
    other = stored(context, "stored")
    inputs = {"out/{{ flow.id }}.txt": "{{ flow.namespace }}", "copy.txt": other, "n": 5}
    assert run(context, "storage.LocalFiles", inputs=inputs) == {"uris": {}}
    uris = run(context, "storage.LocalFiles", outputs=["out/*", "copy.txt"])["uris"]
    assert {name: text_of(context, uri) for name, uri in uris.items()} == {"out/a_flow.txt": "company.team", "copy.txt": "stored"}
    assert (context.working_dir / "n").read_text() == "5"
    assert run(context, "storage.LocalFiles", inputs=json.dumps({"j.txt": "json"}), outputs=["j.txt"])["uris"].keys() == {"j.txt"}


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../b"])
def test_no_file_is_written_outside_the_working_directory(context: MemoryContext, name: str) -> None:
    with pytest.raises(TaskFailed, match="Invalid file name"):
        run(context, "storage.LocalFiles", inputs={name: "x"})


# --- namespace files


def test_files_are_uploaded_by_pattern_and_by_name(context: MemoryContext) -> None:
    for name in ("a.sql", "models/b.sql", "c.txt"):
        (context.working_dir / name).parent.mkdir(exist_ok=True)
        (context.working_dir / name).write_text(name)
    assert run(context, "namespace.UploadFiles", files=["**.sql"]) == {"files": ["a.sql", "models/b.sql"]}
    assert run(context, "namespace.UploadFiles", files="c.txt", destination="/deep/er/") == {"files": ["deep/er/c.txt"]}
    uri = stored(context, "stored")
    context.variables["outputs"] = {"files": {"x.txt": uri, "/y.txt": uri, "none": None}}
    for given in ("{{ outputs.files }}", json.dumps({"x.txt": uri, "/y.txt": uri})):
        written = run(context, "namespace.UploadFiles", filesMap=given, namespace="other", destination="{{ flow.id }}")
        assert written == {"files": ["a_flow/x.txt", "a_flow/y.txt"]}
    assert context.namespace("other").files.contents == {"a_flow/x.txt": b"stored", "a_flow/y.txt": b"stored"}
    assert set(context.namespace().files.contents) == {"a.sql", "models/b.sql", "deep/er/c.txt"}


def test_what_is_there_already_is_replaced_kept_or_told(context: MemoryContext) -> None:
    uri = stored(context, "new")
    files = context.namespace().files
    files.contents["a.txt"] = b"old"
    assert run(context, "namespace.UploadFiles", filesMap={"a.txt": uri}, conflict="SKIP") == {"files": []}
    with pytest.raises(TaskFailed, match="already there"):
        run(context, "namespace.UploadFiles", filesMap={"a.txt": uri}, conflict="ERROR")
    assert files.contents["a.txt"] == b"old"
    run(context, "namespace.UploadFiles", filesMap={"a.txt": uri})
    assert files.contents["a.txt"] == b"new"


def test_an_upload_of_nothing_is_told(context: MemoryContext) -> None:
    with pytest.raises(TaskFailed, match="At least one of `files` and `filesMap`"):
        run(context, "namespace.UploadFiles")


def test_files_of_a_namespace_are_downloaded_and_deleted(context: MemoryContext) -> None:
    files = context.namespace("other").files
    files.contents = {"a.csv": b"1", "data/b.csv": b"2", "c.txt": b"3"}
    found = run(context, "namespace.DownloadFiles", namespace="other", files=["**.csv"])["files"]
    assert {path: text_of(context, uri) for path, uri in found.items()} == {"/a.csv": "1", "/data/b.csv": "2"}
    found = run(context, "namespace.DownloadFiles", namespace="{{ 'other' }}", files="c.txt", destination="in/")["files"]
    assert found["/c.txt"].endswith("/in/c.txt")
    assert run(context, "namespace.DeleteFiles", namespace="other", files=["data/**"]) == {"files": ["data/b.csv"]}
    assert [metric.value for metric in context.metrics if metric.name == "deleted"] == [1]
    assert set(files.contents) == {"a.csv", "c.txt"}


def test_nothing_is_left_in_the_working_directory(context: MemoryContext) -> None:
    run(context, "storage.Concat", files=[stored(context, "a")])
    context.namespace().files.contents = {"a.csv": b"1"}
    run(context, "namespace.DownloadFiles", namespace="company.team", files="**")
    assert [path for path in Path(context.working_dir).rglob("*") if path.is_file()] == []
