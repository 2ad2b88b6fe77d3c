"""The rooms of the house know only the rooms below them, and nothing that their work does not need."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "engine": set(),
    "plugins": {"engine"},
    "ui": {"engine"},
    "namespaces": {"ui", "engine"},
    "kv": {"namespaces", "ui", "engine"},
    "flows": {"namespaces", "plugins", "ui", "engine"},
    "executions": {"flows", "kv", "namespaces", "plugins", "ui", "engine"},
    "catalog": {"executions", "flows", "kv", "namespaces", "plugins", "ui", "engine"},
    "workspace": {"catalog", "executions", "flows", "kv", "namespaces", "plugins", "ui", "engine"},
    "api": {"workspace", "catalog", "executions", "flows", "kv", "namespaces", "plugins", "ui", "engine"},
    "kestra_web": {"api", "workspace", "catalog", "executions", "flows", "kv", "namespaces", "plugins", "ui", "engine"},
}
FRAMEWORKS = {"django", "channels", "celery", "redis"}
FORBIDDEN = {
    "engine": FRAMEWORKS | {"git", "docker", "subprocess", "socket", "time", "random", "requests", "httpx"},
    "plugins": FRAMEWORKS,
}


def files(room: str) -> list[Path]:
    """The Python files of a room, without its migrations."""
    return [path for path in sorted((ROOT / room).rglob("*.py")) if "migrations" not in path.parts]


@functools.cache
def parsed(path: Path) -> ast.Module:
    """A file as a tree. CPython 3.11 can trip over a thread that another test left parsing: then it is asked once more."""
    try:
        return ast.parse(path.read_text())
    except (SystemError, RecursionError):
        return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(top-level name, line) of every absolute import of a file, wherever it stands."""
    return imports_in(parsed(path))


def imports_in(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(top-level name, line) of every absolute import below a node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node.lineno


def found(room: str, unwanted: set[str]) -> list[str]:
    """`file:line imports name` for each import of an unwanted name."""
    return [f"{path.relative_to(ROOT)}:{line} imports {name}" for path in files(room) for name, line in imports(path) if name in unwanted]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    assert files(room), f"{room}/ is gone: this test looks at nothing"
    assert found(room, set(MAY_IMPORT) - MAY_IMPORT[room] - {room}) == []


@pytest.mark.parametrize("room", FORBIDDEN)
def test_what_a_flow_means_and_a_task_does_knows_no_framework(room: str) -> None:
    assert found(room, FORBIDDEN[room]) == []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_no_import_of_ours_hides_in_a_function_to_dodge_a_cycle(room: str) -> None:
    hidden = []
    for path in files(room):
        nodes = ast.walk(parsed(path))
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        ours = [(name, line) for function in functions for name, line in imports_in(function) if name in MAY_IMPORT]
        hidden += [f"{path.relative_to(ROOT)}:{line} imports {name}" for name, line in ours]
    assert hidden == []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_says_what_lives_in_it(room: str) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text()))
    assert docstring
    assert "import" in docstring.lower(), "it says what it may import"


def test_sql_is_parsed_in_a_program_of_its_own() -> None:
    readers = [path for room in MAY_IMPORT for path in files(room) if "sqlglot" in {name for name, _ in imports(path)}]
    assert readers == [ROOT / "catalog" / "sql_child.py"]


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
