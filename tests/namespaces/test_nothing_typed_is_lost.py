"""Whatever three people type, keep and save in the same files, in whatever order: every line that anyone saved can be read again."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import Settings

from namespaces import blobs, files
from namespaces.models import Draft, FileVersion, User
from namespaces.selectors import versions as selectors
from namespaces.services import drafts, saving, versions
from namespaces.services.saving import Conflict, Saved
from namespaces.services.versions import SYSTEM, Author
from tests import builders
from ui.errors import KestraError

NS = "company.team"
TEXT = "".join(f"line {number}\n" for number in range(9))
WHO, PATHS, WHERE = st.integers(0, 2), st.sampled_from(["a.sql", "m/b.sql"]), st.integers(0, 8)
STEPS = st.one_of(
    st.tuples(st.just("open"), WHO, PATHS),
    st.tuples(st.just("type"), WHO, PATHS, WHERE),
    st.tuples(st.just("type"), WHO, PATHS, WHERE),
    st.tuples(st.just("save"), WHO, PATHS),
    st.tuples(st.just("save"), WHO, PATHS),
    st.tuples(st.just("leave"), WHO, PATHS),
    st.tuples(st.just("move"), PATHS, PATHS),
    st.tuples(st.just("delete"), PATHS),
    st.tuples(st.just("outside"), PATHS, WHERE),
)


class Desks(TestCase):
    """Three people at their desks."""

    @given(st.lists(STEPS, max_size=30))
    @hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    def test_every_line_that_was_saved_or_kept_can_be_read_again(self, steps: list[tuple[Any, ...]]) -> None:
        folder = tempfile.mkdtemp()
        try:
            with self.settings(KESTRA_STORAGE=folder):
                self.check(steps)
        finally:
            shutil.rmtree(folder)

    def check(self, steps: list[tuple[Any, ...]]) -> None:
        self.people = [builders.person(f"person{number}-{id(steps)}") for number in range(3)]
        self.desks: dict[tuple[int, str], tuple[str, str]] = {}  # (who, path): base and text
        self.lines: set[str] = set()
        self.number = 0
        files.write(NS, "a.sql", TEXT.encode())
        for verb, *arguments in steps:
            try:
                getattr(self, verb)(*arguments)
            except KestraError:
                continue
        for number, deletion in enumerate(selectors.trash(NS)):  # what came there since makes room for it
            if files.exists(NS, deletion.path):
                versions.move(NS, deletion.path, f"aside/{number}", author=SYSTEM)
            versions.undelete(deletion, author=SYSTEM)
        paths = set(FileVersion.objects.values_list("path", flat=True))
        reachable = "".join(selectors.content(row).decode() for path in paths for row in selectors.history(NS, path))
        reachable += "".join(Draft.objects.values_list("text", flat=True))
        assert [line for line in sorted(self.lines) if line not in reachable] == []

    def open(self, who: int, path: str) -> None:
        """Go on with what was typed, or begin with what is there."""
        if (who, path) in self.desks:
            return
        if draft := drafts.find(NS, path, self.people[who]):
            self.desks[who, path] = (draft.base, draft.text)
        else:
            text, base = saving.opened(NS, path) if files.exists(NS, path) else ("", saving.NEW)
            self.desks[who, path] = (base, text or "")

    def type(self, who: int, path: str, where: int) -> None:
        """A new line, kept as a draft at once."""
        self.open(who, path)
        base, text = self.desks[who, path]
        self.number += 1
        lines = text.splitlines(keepends=True)
        lines.insert(where, f"line of {who}: {self.number};\n")
        self.desks[who, path] = (base, "".join(lines))
        drafts.keep(NS, path, self.people[who], base=base, text="".join(lines))
        self.lines.add(f"line of {who}: {self.number};")

    def save(self, who: int, path: str) -> None:
        self.open(who, path)
        base, text = self.desks[who, path]
        outcome = saving.save(NS, path, text, base, Author(self.people[who]))
        self.desks[who, path] = (outcome.blob, outcome.text)  # both sides of a conflict stay between marks
        if isinstance(outcome, Saved):
            assert files.read(NS, path).decode() == outcome.text
        before = blobs.read(NS, base).decode() if base else ""
        assert [line for line in text.splitlines() if line not in before and line not in outcome.text] == []

    def leave(self, who: int, path: str) -> None:
        """Close the browser."""
        self.desks.pop((who, path), None)

    def move(self, path: str, target: str) -> None:
        versions.move(NS, path, target, author=SYSTEM)

    def delete(self, path: str) -> None:
        versions.delete(NS, path, author=SYSTEM)

    def outside(self, path: str, where: int) -> None:
        """A task writes there."""
        lines = TEXT.splitlines(keepends=True)
        lines[where] = "line of a task\n"
        versions.write(NS, path, "".join(lines).encode(), author=SYSTEM)


@pytest.mark.django_db(transaction=True)
def test_saves_of_many_at_the_same_time_are_all_merged_or_handed_back(settings: Settings, tmp_path: Path) -> None:
    settings.KESTRA_STORAGE = tmp_path
    files.write(NS, "a.sql", TEXT.encode())
    _, base = saving.opened(NS, "a.sql")
    people: list[User] = [builders.person() for _ in range(8)]
    outcomes: list[Saved | Conflict] = []
    ready = threading.Barrier(len(people))

    def work(number: int) -> None:
        mine = TEXT.replace(f"line {number}\n", f"line {number} of {number}\n")
        ready.wait()
        outcomes.append(saving.save(NS, "a.sql", mine, base, Author(people[number])))
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(people))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == len(people)
    kept = "".join(selectors.content(row).decode() for row in selectors.history(NS, "a.sql"))
    assert all(f"line {number} of {number}\n" in kept for number in range(len(people)))
    saved = [outcome for outcome in outcomes if isinstance(outcome, Saved)]
    assert saved
    assert files.read(NS, "a.sql").decode().count(" of ") == len(saved)
