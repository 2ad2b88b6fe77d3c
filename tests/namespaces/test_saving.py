"""A late save is merged or handed back, never written over what someone else saved; what is typed is kept as a draft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from namespaces import blobs, files, merging
from namespaces.models import FileVersion, User
from namespaces.selectors import versions as selectors
from namespaces.services import drafts, saving, versions
from namespaces.services.saving import Conflict, Saved
from namespaces.services.versions import SYSTEM, Author
from tests import builders
from ui.errors import Conflict as TakenError
from ui.errors import Invalid

pytestmark = pytest.mark.django_db
NS = "company.team"
TEXT = "one\ntwo\nthree\nfour\nfive\n"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> Path:
    settings.KESTRA_STORAGE = tmp_path
    return tmp_path


@pytest.fixture
def ada() -> User:
    return builders.person("ada")


def both(text: str, ada: User, *, base_text: str = TEXT, theirs: str = TEXT.replace("two", "2")) -> tuple[str, Any]:
    """A file that someone changed to `theirs` since Ada opened it as `base_text`, and the outcome of Ada's save."""
    files.write(NS, "a.sql", base_text.encode())
    _, base = saving.opened(NS, "a.sql")
    bob = builders.person("bob")
    versions.write(NS, "a.sql", theirs.encode(), author=Author(bob))
    return base, saving.save(NS, "a.sql", text, base, Author(ada))


def test_a_text_is_saved_from_what_it_began_as(ada: User) -> None:
    made = saving.save(NS, "a.sql", "one", saving.NEW, Author(ada))
    assert isinstance(made, Saved)
    again = saving.save(NS, "a.sql", "two", made.blob, Author(ada))
    assert again == Saved(blobs.id_of(b"two"), "two")
    assert files.read(NS, "a.sql") == b"two"
    assert saving.opened(NS, "a.sql") == ("two", again.blob)


def test_changes_of_two_people_are_put_together(ada: User) -> None:
    _, outcome = both(TEXT.replace("five", "5"), ada)
    assert isinstance(outcome, Saved)
    assert outcome.merged
    assert outcome.text == "one\n2\nthree\nfour\n5\n"
    assert outcome.other is not None
    assert str(outcome.other.author) == "Bob"
    assert files.read(NS, "a.sql").decode() == outcome.text
    reasons = [(row.reason, selectors.content(row).decode()) for row in selectors.history(NS, "a.sql")]
    assert reasons == [
        ("merged", outcome.text),
        ("aside", TEXT.replace("five", "5")),
        ("saved", TEXT.replace("two", "2")),
        ("found", TEXT),
    ]


def test_what_contradicts_is_handed_back_with_both_sides(ada: User) -> None:
    mine = TEXT.replace("two", "zwei")
    base, outcome = both(mine, ada)
    assert isinstance(outcome, Conflict)
    assert outcome.conflicts == 1
    assert outcome.theirs == TEXT.replace("two", "2")
    assert outcome.text == "one\n<<<<<<< yours\nzwei\n=======\n2\n>>>>>>> Bob\nthree\nfour\nfive\n"
    assert files.read(NS, "a.sql").decode() == outcome.theirs
    kept = [selectors.content(row).decode() for row in selectors.history(NS, "a.sql")]
    assert mine in kept
    solved = saving.save(NS, "a.sql", TEXT.replace("two", "2 zwei"), outcome.blob, Author(ada))
    assert isinstance(solved, Saved)
    assert not solved.merged
    assert base != solved.blob


def test_line_ends_of_the_file_stay(ada: User) -> None:
    windows = TEXT.replace("\n", "\r\n")
    _, outcome = both(TEXT.replace("five", "5"), ada, base_text=windows, theirs=windows.replace("two", "2"))
    assert files.read(NS, "a.sql") == b"one\r\n2\r\nthree\r\nfour\r\n5\r\n"
    assert isinstance(outcome, Saved)


def test_a_file_that_went_or_became_something_else_is_not_written_over(ada: User) -> None:
    files.write(NS, "a.sql", TEXT.encode())
    _, base = saving.opened(NS, "a.sql")
    versions.delete(NS, "a.sql", author=SYSTEM)
    gone = saving.save(NS, "a.sql", "mine", base, Author(ada))
    assert isinstance(gone, Conflict)
    assert (gone.blob, gone.theirs, gone.text) == (saving.NEW, None, "mine")
    assert not files.exists(NS, "a.sql")
    assert isinstance(saving.save(NS, "a.sql", "mine", gone.blob, Author(ada)), Saved)
    versions.write(NS, "a.sql", b"\x00\xff", author=SYSTEM)
    binary = saving.save(NS, "a.sql", "more", base, Author(ada))
    assert isinstance(binary, Conflict)
    assert binary.theirs is None
    assert files.read(NS, "a.sql") == b"\x00\xff"


def test_two_people_who_make_the_same_file_both_keep_their_text(ada: User) -> None:
    versions.write(NS, "new.sql", b"theirs\n", author=SYSTEM)
    outcome = saving.save(NS, "new.sql", "mine\n", saving.NEW, Author(ada))
    assert isinstance(outcome, Conflict)
    assert "mine\n" in outcome.text
    assert "theirs\n" in outcome.text


def test_a_base_that_nobody_knows_never_loses_their_side(ada: User) -> None:
    for base in ("f" * 40, "../../x", "HEAD"):
        versions.write(NS, "a.sql", b"theirs\n", author=SYSTEM)
        assert isinstance(saving.save(NS, "a.sql", "mine\n", base, Author(ada)), Conflict)
        assert files.read(NS, "a.sql") == b"theirs\n"


@pytest.mark.parametrize("text", ["\x00", "\ud800"])
def test_what_no_text_can_hold_is_refused(ada: User, text: str) -> None:
    with pytest.raises(Invalid):
        saving.save(NS, "a.sql", text, saving.NEW, Author(ada))
    with pytest.raises(Invalid):
        drafts.keep(NS, "a.sql", ada, base="", text=text)


def test_a_folder_is_not_saved_over(ada: User) -> None:
    versions.write(NS, "folder/a", b"x", author=SYSTEM)
    with pytest.raises(TakenError):
        saving.save(NS, "folder", "text", saving.NEW, Author(ada))
    assert not FileVersion.objects.filter(path="folder").exists()


def test_a_draft_is_found_again_until_it_is_saved(ada: User) -> None:
    files.write(NS, "a.sql", b"one")
    _, base = saving.opened(NS, "a.sql")
    drafts.keep(NS, "/a.sql", ada, base=base, text="typed")
    drafts.keep(NS, "a.sql", ada, base=base, text="typed more")
    found = drafts.find(NS, "a.sql", ada)
    assert found is not None
    assert (found.base, found.text) == (base, "typed more")
    assert drafts.find(NS, "a.sql", builders.person("bob")) is None
    assert drafts.find(files.Place(NS, ("_work", "1", "dev")), "a.sql", ada) is None
    saving.save(NS, "a.sql", "typed more", base, Author(ada))
    assert drafts.find(NS, "a.sql", ada) is None


def test_a_draft_stays_where_a_save_is_handed_back_and_goes_where_nothing_is_left_of_it(ada: User) -> None:
    base, _ = both("mine", ada, theirs="theirs")
    drafts.keep(NS, "a.sql", ada, base=base, text="mine")
    saving.save(NS, "a.sql", "mine", base, Author(ada))
    assert drafts.of_person(NS, ada)[0].text == "mine"
    assert drafts.keep(NS, "a.sql", ada, base=base, text=TEXT) is None
    assert drafts.of_person(NS, ada) == []


def test_what_is_handed_back_is_a_draft_with_all_three_texts(ada: User) -> None:
    base, outcome = both("mine", ada, theirs="theirs")
    assert isinstance(outcome, Conflict)
    assert (outcome.before, outcome.mine, outcome.theirs) == (TEXT, "mine", "theirs")
    kept = drafts.find(NS, "a.sql", ada)
    assert kept is not None
    assert (kept.base, kept.text) == (base, "mine")


def test_who_saves_a_file_that_was_moved_is_told_where_it_is(ada: User) -> None:
    files.write(NS, "a.sql", TEXT.encode())
    _, base = saving.opened(NS, "a.sql")
    versions.move(NS, "a.sql", "models/b.sql", author=Author(builders.person("bob")))
    outcome = saving.save(NS, "a.sql", "mine", base, Author(ada))
    assert isinstance(outcome, Conflict)
    assert outcome.moved_to == "models/b.sql"
    assert outcome.message.startswith("Bob moved this file to models/b.sql meanwhile.")


def test_texts_that_take_too_long_to_compare_are_a_conflict(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "PATIENCE", 0)
    _, outcome = both(TEXT.replace("five", "5"), ada)
    assert isinstance(outcome, Conflict)
    assert outcome.text.splitlines()[:2] == ["<<<<<<< yours", "one"]
    assert outcome.text.splitlines()[-2:] == ["five", ">>>>>>> Bob"]


def test_drafts_go_with_a_file_that_is_moved(ada: User) -> None:
    versions.write_all(NS, [("m/a", b"1"), ("m/b", b"2")], author=SYSTEM)
    for path in ("m/a", "m/b", "n/b"):
        drafts.keep(NS, path, ada, base="", text=path)
    versions.move(NS, "m", "n", author=SYSTEM)
    assert sorted((row.path, row.text) for row in drafts.of_person(NS, ada)) == [("m/b", "m/b"), ("n/a", "m/a"), ("n/b", "n/b")]


def test_a_difference_is_told_line_by_line() -> None:
    many = "".join(f"{number}\n" for number in range(1, 31))
    found = merging.differences(many, many.replace("\n2\n", "\n-- two\n").replace("30\n", "30\n++ more"))
    assert [(line.kind, line.text) for line in found if line.kind in ("added", "removed", "gap")] == [
        ("removed", "2"), ("added", "-- two"), ("gap", ""), ("added", "++ more"),
    ]  # fmt: skip
    assert [(line.before, line.after) for line in found][:3] == [(1, 1), (2, None), (None, 2)]
    assert merging.differences("", "a\n") == [merging.Line("added", "a", None, 1)]
    assert merging.differences(TEXT, TEXT) == []
