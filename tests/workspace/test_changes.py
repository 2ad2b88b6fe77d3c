"""Status, choosing, discarding, commit, push, pull, clashes, history: against a real remote."""

from __future__ import annotations

import fcntl
import os
import time

import pytest

from namespaces import blobs, files
from namespaces.merging import joined
from namespaces.models import Repository, User
from namespaces.selectors import versions as selectors
from namespaces.services import saving
from namespaces.services.versions import Author
from tests.plugins.git.remotes import Remote, git
from tests.workspace.conftest import FILES, NAMESPACE
from ui.errors import Conflict, Invalid
from workspace import changes, history, merging, repositories, sharing, trees, worktrees
from workspace.repositories import BranchProtected, Moved
from workspace.worktrees import Worktree

pytestmark = pytest.mark.django_db
ORDERS, STORES = "models/orders.sql", "models/stores.sql"
LONG = "".join(f"line {number}\n" for number in range(1, 31))


def of(user: User, branch: str = "") -> Worktree:
    return worktrees.find(user=user, namespace=NAMESPACE, branch=branch)


def edit(worktree: Worktree, path: str, text: str) -> None:
    files.write(worktree.place, path, text.encode())


def text(worktree: Worktree, path: str) -> str:
    return files.read(worktree.place, path).decode()


def committed(worktree: Worktree, edits: dict[str, str], message: str = "change") -> str:
    for path, content in edits.items():
        edit(worktree, path, content)
    changes.choose(worktree, [])
    return changes.commit(worktree, message=message)


def marks(worktree: Worktree) -> dict[str, tuple[str, str]]:
    return {change.path: (change.chosen, change.open) for change in changes.status(worktree).changes}


def test_status_tells_what_is_chosen_and_what_is_not(bound: Remote, ada: User) -> None:
    tree = of(ada)
    assert changes.status(tree).changes == ()
    edit(tree, ORDERS, "select 9\n")
    edit(tree, "models/né w.sql", "select 1\n")
    files.delete(tree.place, STORES)
    assert marks(tree) == {ORDERS: ("", "M"), "models/né w.sql": ("", "U"), STORES: ("", "D")}
    changes.choose(tree, [ORDERS, STORES])
    edit(tree, ORDERS, "select 10\n")
    assert marks(tree) == {ORDERS: ("M", "M"), "models/né w.sql": ("", "U"), STORES: ("D", "")}
    changes.unchoose(tree, [STORES])
    assert marks(tree)[STORES] == ("", "D")
    changes.choose(tree, [])
    files.move(tree.place, "dbt_project.yml", "moved.yml")
    changes.choose(tree, [])
    assert next(change for change in changes.status(tree).changes if change.path == "moved.yml").before == "dbt_project.yml"


def test_a_commit_has_what_is_chosen_in_the_name_of_its_person(bound: Remote, ada: User) -> None:
    tree = of(ada)
    with pytest.raises(changes.NothingChosen):
        changes.commit(tree, message="x")
    edit(tree, ORDERS, "select 9\n")
    edit(tree, STORES, "select 8\n")
    changes.choose(tree, [ORDERS])
    with pytest.raises(Invalid, match="message"):
        changes.commit(tree, message=" \n ")
    made = changes.commit(tree, message="Nine orders", sign_off=True)
    assert history.message(tree, made) == "Nine orders\n\nSigned-off-by: Ada <ada@example.com>"
    assert [(entry.author, entry.email) for entry in history.log(tree)[:1]] == [("Ada", "ada@example.com")]
    assert marks(tree) == {STORES: ("", "M")}
    assert [(found.path, found.letter, found.added, found.removed) for found in history.changed(tree, made)] == [(ORDERS, "M", 1, 1)]
    assert (changes.status(tree).ahead, changes.status(tree).behind) == (1, 0)


def test_an_own_commit_can_be_amended_until_it_is_pushed(bound: Remote, ada: User) -> None:
    tree = of(ada)
    with pytest.raises(Invalid, match="pushed"):
        changes.commit(tree, message="x", amend=True)
    first = committed(tree, {ORDERS: "select 9\n"}, "nine")
    edit(tree, STORES, "select 8\n")
    changes.choose(tree, [STORES])
    second = changes.commit(tree, message="nine and eight", amend=True)
    assert first != second
    assert [entry.subject for entry in history.log(tree)] == ["nine and eight", "change"]
    sharing.push(tree)
    with pytest.raises(Invalid, match="pushed"):
        changes.commit(tree, message="x", amend=True)


def test_one_piece_of_a_file_is_chosen_and_unchosen(bound: Remote, ada: User) -> None:
    tree = of(ada)
    committed(tree, {"long.txt": LONG})
    edit(tree, "long.txt", LONG.replace("line 2\n", "line two\n").replace("line 29\n", "line twenty-nine\n"))
    first, second = changes.hunks(tree, "long.txt")
    changes.choose_hunk(tree, "long.txt", second.id)
    assert [hunk.id for hunk in changes.hunks(tree, "long.txt")] == [first.id]
    with pytest.raises(Conflict):
        changes.choose_hunk(tree, "long.txt", second.id)
    changes.commit(tree, message="the end")
    assert git(bound.clone, "--git-dir", str(tree.git.directory.parent.parent), "show", f"{tree.own}:long.txt").count("two") == 0
    changes.choose_hunk(tree, "long.txt", first.id)
    chosen = changes.hunks(tree, "long.txt", chosen=True)
    changes.choose_hunk(tree, "long.txt", chosen[0].id, back=True)
    assert marks(tree) == {"long.txt": ("", "M")}


def test_what_is_discarded_can_be_brought_back(bound: Remote, ada: User) -> None:
    tree = of(ada)
    edit(tree, ORDERS, "select 9\n")
    edit(tree, STORES, "select 8\n")
    edit(tree, "models/new.sql", "new\n")
    files.delete(tree.place, "dbt_project.yml")
    changes.choose(tree, [ORDERS])
    kept = changes.discard(tree, [ORDERS, "models/new.sql", "dbt_project.yml"])
    assert selectors.content(selectors.history(tree.place, ORDERS)[0]) == b"select 9\n"
    (deletion,) = selectors.trash(tree.place)
    assert (deletion.path, deletion.author) == ("models/new.sql", ada)
    assert (text(tree, ORDERS), files.exists(tree.place, "models/new.sql")) == (FILES[ORDERS], False)
    assert marks(tree) == {STORES: ("", "M")}
    edit(tree, STORES, "select 7\n")
    assert changes.bring_back(tree, kept) == [STORES]
    assert (text(tree, ORDERS), text(tree, "models/new.sql"), text(tree, STORES)) == ("select 9\n", "new\n", "select 7\n")
    assert not files.exists(tree.place, "dbt_project.yml")
    with pytest.raises(Invalid):
        changes.bring_back(tree, "0" * 40)


def test_one_piece_of_a_file_is_discarded_and_brought_back(bound: Remote, ada: User) -> None:
    tree = of(ada)
    committed(tree, {"long.txt": LONG})
    edited = LONG.replace("line 2\n", "line two\nand more\n").replace("line 16\n", "line sixteen\n").replace("line 29\n", "line 29b\n")
    edit(tree, "long.txt", edited)
    edit(tree, ORDERS, "select 9\n")
    first, second, third = changes.hunks(tree, "long.txt")
    changes.choose_hunk(tree, "long.txt", first.id)
    kept = changes.discard_hunk(tree, "long.txt", third.id)
    assert text(tree, "long.txt") == edited.replace("line 29b\n", "line 29\n")
    assert selectors.content(selectors.history(tree.place, "long.txt")[0]) == edited.encode()
    assert [hunk.id for hunk in changes.hunks(tree, "long.txt")] == [second.id]
    assert [hunk.id for hunk in changes.hunks(tree, "long.txt", chosen=True)] == [first.id]
    assert text(tree, ORDERS) == "select 9\n"
    for gone in (third.id, "", "0" * 16):
        with pytest.raises(Conflict):
            changes.discard_hunk(tree, "long.txt", gone)
    assert changes.bring_back(tree, kept) == []
    assert text(tree, "long.txt") == edited
    files.delete(tree.place, STORES)
    (whole,) = changes.hunks(tree, STORES)
    changes.discard_hunk(tree, STORES, whole.id)
    assert text(tree, STORES) == FILES[STORES]


def test_push_and_pull_between_two_people(bound: Remote, ada: User, bob: User) -> None:
    hers, his = of(ada), of(bob)
    committed(hers, {ORDERS: "select 9\n"})
    assert sharing.push(hers).commit == bound.head("main")
    edit(his, STORES, "select 8\n")
    committed_one = committed(his, {"models/bob.sql": "select 3\n"}, "bob's")
    edit(his, "dbt_project.yml", "name: open\n")
    with pytest.raises(Moved):
        sharing.push(his)
    found = merging.pull(his)
    assert found.commit
    assert found.commit != committed_one
    assert (text(his, ORDERS), text(his, "dbt_project.yml")) == ("select 9\n", "name: open\n")
    assert marks(his) == {"dbt_project.yml": ("", "M")}
    sharing.push(his)
    assert merging.pull(hers).commit == bound.head("main")
    assert text(hers, "models/bob.sql") == "select 3\n"
    assert marks(hers) == {}


def test_a_rebase_puts_own_commits_on_top(bound: Remote, ada: User) -> None:
    tree = of(ada)
    committed(tree, {ORDERS: "select 9\n"}, "mine")
    bound.commit({STORES: "select 5\n"}, message="theirs")
    merging.pull(tree, how="rebase")
    assert [entry.subject for entry in history.log(tree)] == ["mine", "theirs", "change"]
    assert (text(tree, ORDERS), text(tree, STORES)) == ("select 9\n", "select 5\n")
    assert changes.status(tree).changes == ()


def test_clashes_are_decided_by_the_person_and_nothing_changes_before(bound: Remote, ada: User) -> None:
    tree = of(ada)
    before = committed(tree, {ORDERS: "select 'ada'\n", STORES: "select 'ada'\n", "gone.sql": "x\n"}, "mine")
    bound.commit({ORDERS: "select 'colleague'\n", STORES: "select 'colleague'\n"})
    edit(tree, "dbt_project.yml", "name: open\n")
    found = merging.pull(tree)
    assert [clash.path for clash in found.clashes] == [ORDERS, STORES]
    assert (tree.head(), text(tree, ORDERS)) == (before, "select 'ada'\n")
    with pytest.raises(merging.StillClashing):
        merging.finish(tree)
    with pytest.raises(Conflict, match="open"):
        merging.pull(tree)
    merging.resolve(tree, ORDERS, content=b"select 'both'\n")
    assert [clash.path for clash in merging.outcome(tree).clashes] == [STORES]
    assert merging.answered(tree) == [ORDERS]
    merging.resolve(tree, STORES, side="theirs")
    merging.finish(tree)
    assert (text(tree, ORDERS), text(tree, STORES), text(tree, "gone.sql")) == ("select 'both'\n", "select 'colleague'\n", "x\n")
    assert marks(tree) == {"dbt_project.yml": ("", "M")}
    assert len(history.log(tree)[0].parents) == 2
    sharing.push(tree)


def test_a_merge_is_cancelled_without_a_trace_in_the_files(bound: Remote, ada: User) -> None:
    tree = of(ada)
    head = committed(tree, {ORDERS: "select 'ada'\n"})
    bound.commit({ORDERS: "select 'colleague'\n"})
    merging.pull(tree)
    merging.cancel(tree)
    assert (tree.head(), marks(tree), merging.current(tree)) == (head, {}, None)
    with pytest.raises(merging.NothingOpen):
        merging.finish(tree)


def test_a_file_that_one_side_deleted_is_kept_or_goes(bound: Remote, ada: User) -> None:
    tree = of(ada)
    committed(tree, {ORDERS: "select 'ada'\n"})
    bound.commit({ORDERS: None})
    clash = merging.pull(tree).clashes[0]
    assert (clash.path, clash.theirs) == (ORDERS, None)
    merging.resolve(tree, ORDERS, side="theirs")
    merging.finish(tree)
    assert not files.exists(tree.place, ORDERS)


def test_a_rebase_asks_at_each_commit(bound: Remote, ada: User) -> None:
    tree = of(ada)
    committed(tree, {ORDERS: "select 'ada 1'\n"}, "one")
    committed(tree, {ORDERS: "select 'ada 2'\n"}, "two")
    bound.commit({ORDERS: "select 'colleague'\n"}, message="theirs")
    found = merging.pull(tree, how="rebase")
    assert found.step.endswith("one")
    found = merging.resolve(tree, ORDERS, content=b"select 'both 1'\n")
    assert found.step.endswith("two")
    merging.resolve(tree, ORDERS, content=b"select 'both 2'\n")
    merging.finish(tree)
    assert [entry.subject for entry in history.log(tree)] == ["two", "one", "theirs", "change"]
    assert text(tree, ORDERS) == "select 'both 2'\n"


def test_what_is_not_committed_and_meets_what_comes_in_stays_as_it_is(bound: Remote, ada: User) -> None:
    tree = of(ada)
    edit(tree, ORDERS, "select 'open'\n")
    bound.commit({ORDERS: "select 'colleague'\n", STORES: "select 5\n"})
    with pytest.raises(trees.Overlapping, match=ORDERS):
        merging.pull(tree)
    assert (text(tree, ORDERS), text(tree, STORES)) == ("select 'open'\n", FILES[STORES])


def test_open_changes_of_other_lines_are_put_together_with_what_comes_in(bound: Remote, ada: User) -> None:
    bound.commit({"long.txt": LONG})
    tree = of(ada)
    merging.pull(tree)
    edit(tree, "long.txt", LONG.replace("line 29\n", "line of ada\n"))
    bound.commit({"long.txt": LONG.replace("line 2\n", "line of colleague\n")})
    merging.pull(tree)
    assert "line of ada" in text(tree, "long.txt")
    assert "line of colleague" in text(tree, "long.txt")
    assert marks(tree) == {"long.txt": ("", "M")}


def test_an_ignored_file_in_the_way_stays(bound: Remote, ada: User) -> None:
    bound.commit({".gitignore": "target/\n"})
    tree = of(ada)
    merging.pull(tree)
    edit(tree, "target/x.txt", "mine\n")
    git(bound.clone, "pull", "-q", "origin", "main")
    (bound.clone / "target").mkdir()
    (bound.clone / "target" / "x.txt").write_text("theirs\n")
    git(bound.clone, "add", "-f", "target/x.txt")
    bound_head = git(bound.clone, "commit", "-qm", "forced") or git(bound.clone, "push", "-q", "origin", "HEAD:main")
    assert not bound_head
    merging.pull(tree)
    assert text(tree, "target/x.txt") == "mine\n"
    assert marks(tree) == {"target/x.txt": ("", "M")}


def test_a_commit_is_taken_back(bound: Remote, ada: User) -> None:
    tree = of(ada)
    made = committed(tree, {ORDERS: "select 9\n"}, "nine")
    committed(tree, {STORES: "select 8\n"}, "eight")
    merging.revert(tree, made)
    assert (text(tree, ORDERS), text(tree, STORES)) == (FILES[ORDERS], "select 8\n")
    assert history.log(tree)[0].subject == 'Revert "nine"'


def test_whoever_saves_while_a_pull_runs_waits_and_meets_what_came_in(
    bound: Remote, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound.commit({"long.txt": LONG})
    tree = of(ada)
    merging.pull(tree)
    _, base = saving.opened(tree.place, "long.txt")
    bound.commit({"long.txt": LONG.replace("line 2\n", "line of colleague\n")})
    begin, seen = trees._begin, []

    def begun(*arguments: object) -> object:
        with files.folder_at(NAMESPACE, (), base=(blobs.BLOBS,)) as folder:
            descriptor = os.open(blobs.LOCK, os.O_RDWR, dir_fd=folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            seen.append("a save would wait")
        finally:
            os.close(descriptor)
        return begin(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(trees, "_begin", begun)
    merging.pull(tree)
    assert seen == ["a save would wait"]
    saved = saving.save(tree.place, "long.txt", LONG.replace("line 29\n", "line of ada\n"), base, Author(ada))
    assert isinstance(saved, saving.Saved)
    assert saved.merged
    assert "line of colleague" in text(tree, "long.txt")
    assert "line of ada" in text(tree, "long.txt")


def test_nobody_pushes_to_a_protected_branch(bound: Remote, ada: User) -> None:
    Repository.objects.update(protected=["main", "release/*"])
    tree = of(ada)
    committed(tree, {ORDERS: "select 9\n"})
    head = bound.head("main")
    for new in ("", "main", "release/2"):
        with pytest.raises(BranchProtected):
            sharing.push(tree, new_branch=new)
    pushed = sharing.push(tree, new_branch="feature/nine")
    assert (bound.head("main"), bound.head("feature/nine")) == (head, pushed.commit)
    committed(tree, {ORDERS: "select 10\n"})
    with pytest.raises(Conflict, match="already there"):
        sharing.push(tree, new_branch="feature/nine")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b/compare/main...fix/x?expand=1"),
        ("git@github.com:a/b.git", "https://github.com/a/b/compare/main...fix/x?expand=1"),
        (
            "https://gitlab.example.org/g/s/b.git",
            "https://gitlab.example.org/g/s/b/-/merge_requests/new?merge_request%5Bsource_branch%5D=fix%2Fx&merge_request%5Btarget_branch%5D=main",
        ),
        ("git@bitbucket.org:a/b.git", "https://bitbucket.org/a/b/pull-requests/new?source=fix%2Fx&dest=main"),
        ("https://git.example.org/a/b", "https://git.example.org/a/b/compare/main...fix/x"),
        ("file:///srv/x.git", ""),
    ],
)
def test_where_a_pull_request_is_opened(url: str, address: str) -> None:
    assert sharing.request_url(url, "fix/x", "main") == address


def test_log_blame_and_files_as_they_were(bound: Remote, ada: User) -> None:
    tree = of(ada)
    made = committed(tree, {"long.txt": LONG}, "thirty lines")
    edit(tree, "long.txt", LONG.replace("line 3\n", "line three\n"))
    lines = history.blame(tree, "long.txt")
    assert [(line.text, line.author, line.commit) for line in lines[1:3]] == [("line 2", "Ada", made), ("line three", "Not committed", "")]
    assert history.file_at(tree, made[:10], "long.txt").decode() == LONG
    assert history.before_and_after(tree, made, "long.txt") == (None, LONG.encode())
    assert [entry.subject for entry in history.log(tree, path=ORDERS)] == ["change"]
    for wrong in ("HEAD", "main", "--all", "-x", "zz", "a" * 40):
        with pytest.raises(history.NoSuchCommit):
            history.file_at(tree, wrong, "long.txt")


def test_the_graph_joins_what_a_merge_joined(bound: Remote, ada: User) -> None:
    tree = of(ada)
    committed(tree, {ORDERS: "select 9\n"}, "mine")
    bound.commit({STORES: "select 5\n"}, message="theirs")
    merging.pull(tree)
    entries = history.log(tree)
    assert (entries[0].lane, entries[0].incoming, entries[0].outgoing) == (0, [], [0, 1])
    assert {entry.lane for entry in entries[1:3]} == {0, 1}
    assert (entries[3].lane, sorted(entries[3].incoming), entries[3].outgoing) == (0, [0, 1], [])
    assert "main" in entries[0].names
    assert "origin/main" in next(entry for entry in entries if entry.subject == "theirs").names


def test_a_change_that_a_crash_interrupted_is_finished(bound: Remote, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = of(ada)
    bound.commit({ORDERS: "select 5\n", STORES: "select 6\n", "models/new.sql": "new\n"})
    with monkeypatch.context() as patch:
        done: list[str] = []

        def crash(*arguments: object, **named: object) -> object:
            if done:
                raise KeyboardInterrupt
            done.append("one")
            return write(*arguments, **named)  # type: ignore[arg-type]

        write = files.write
        patch.setattr(files, "write", crash)
        with pytest.raises(KeyboardInterrupt):
            merging.pull(tree)
    (tree.admin / "index.lock").touch()
    assert changes.status(tree).changes == ()
    assert (text(tree, ORDERS), text(tree, STORES), text(tree, "models/new.sql")) == ("select 5\n", "select 6\n", "new\n")


def test_the_status_of_five_thousand_files_is_quick(bound: Remote, ada: User) -> None:
    bound.commit({f"models/m{number % 50}/model_{number}.sql": f"select {number}\n" for number in range(5000)})
    tree = of(ada)
    merging.pull(tree)
    edit(tree, "models/m1/model_1.sql", "select 'x'\n")
    changes.status(tree)
    spent = []
    for _ in range(5):
        begun = time.perf_counter()
        assert len(changes.status(tree).changes) == 1
        spent.append(time.perf_counter() - begun)
    print(f"status of 5,000 files: {min(spent) * 1000:.0f} ms")
    assert min(spent) < 1


def test_a_remote_that_is_away_is_told(bound: Remote, ada: User) -> None:
    tree = of(ada)
    Repository.objects.update(url=f"{bound.url}-gone")
    with pytest.raises(repositories.RemoteFailed, match="not found"):
        merging.pull(tree)


def test_a_text_that_clashes_is_decided_part_by_part(bound: Remote, ada: User) -> None:
    bound.commit({"long.txt": LONG + "=======\n"})
    tree = of(ada)
    merging.pull(tree)
    committed(tree, {"long.txt": LONG.replace("line 3\n", "ada 3\n").replace("line 20\n", "ada 20\n") + "=======\n"})
    theirs = LONG.replace("line 3\n", "colleague 3\n").replace("line 10\n", "colleague 10\n").replace("line 20\n", "")
    bound.commit({"long.txt": theirs + "=======\n"})
    found = merging.pull(tree)
    parts = merging.segments(tree, found, found.clashes[0])
    assert [(part.ours, part.theirs) for part in parts if part.same is None] == [("ada 3\n", "colleague 3\n"), ("ada 20\n", "")]
    with pytest.raises(Conflict):
        joined(parts, ["only one"])
    merging.resolve(tree, "long.txt", content=joined(parts, ["both 3\r\nand more", ""]).encode())
    merging.finish(tree)
    expected = LONG.replace("line 3\n", "both 3\nand more\n").replace("line 10\n", "colleague 10\n").replace("line 20\n", "")
    assert text(tree, "long.txt") == expected + "=======\n"


def test_what_is_no_text_or_gone_clashes_as_a_whole(bound: Remote, ada: User) -> None:
    tree = of(ada)
    files.write(tree.place, "a.bin", b"\x00ada")
    files.delete(tree.place, ORDERS)
    changes.choose(tree, [])
    changes.commit(tree, message="mine")
    bound.commit({"a.bin": "\x00colleague", ORDERS: "select 9\n"})
    found = merging.pull(tree)
    assert {clash.path: merging.segments(tree, found, clash) for clash in found.clashes} == {"a.bin": [], ORDERS: []}


def test_the_difference_of_a_file_is_told_side_by_side(bound: Remote, ada: User) -> None:
    tree = of(ada)
    committed(tree, {"long.txt": LONG})
    edit(tree, "long.txt", LONG.replace("line 2\n", "line two\nand a half\n").removesuffix("line 30\n"))
    first, last = changes.difference(tree, "long.txt").open
    told = [(row.left.number, row.left.text, row.right.number, row.right.text, row.left.kind, row.right.kind) for row in first.rows]
    assert told[:4] == [
        (1, "line 1", 1, "line 1", "same", "same"),
        (2, "line 2", 2, "line two", "removed", "added"),
        (None, "", 3, "and a half", "none", "added"),
        (3, "line 3", 4, "line 3", "same", "same"),
    ]
    assert (last.rows[-1].left.text, last.rows[-1].right.kind) == ("line 30", "none")
    assert changes.counts(tree) == {"long.txt": (2, 2)}
    edit(tree, "new.sql", "select 1\nselect 2")
    found = changes.difference(tree, "new.sql")
    assert (found.is_new, [row.right.text for row in found.open[0].rows]) == (True, ["select 1", "select 2"])
    files.write(tree.place, "new.bin", b"\x00")
    assert changes.difference(tree, "new.bin").open == []
    files.delete(tree.place, ORDERS)
    assert [row.left.text for row in changes.difference(tree, ORDERS).open[0].rows] == ["select 1 as id"]


def test_a_message_begins_with_the_template_of_the_repository(bound: Remote, ada: User) -> None:
    tree = of(ada)
    assert changes.template(tree) == ""
    made = committed(tree, {".gitmessage": "# say why\nTicket: \n"}, "template")
    assert changes.template(tree) == "Ticket:"
    edit(tree, ORDERS, "select 9\n")
    changes.choose(tree, [])
    assert changes.commit(tree, message=" ", amend=True) != made
    assert history.log(tree)[0].subject == "template"
