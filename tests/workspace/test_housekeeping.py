"""What is rid of in the store of a repository, and what is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from namespaces import files
from namespaces.models import User
from namespaces.services import forgetting
from tests.plugins.git.remotes import Remote
from tests.workspace.conftest import NAMESPACE
from workspace import changes, housekeeping, repositories, worktrees
from workspace.git import KEPT

pytestmark = pytest.mark.django_db
ORDERS = "models/orders.sql"


def test_kept_states_go_when_they_are_too_old_and_all_else_stays(bound: Remote, ada: User, settings: Settings) -> None:
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "retain_versions": 86_400}
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    files.write(tree.place, ORDERS, b"committed\n")
    changes.choose(tree, [])
    changes.commit(tree, message="mine")
    files.write(tree.place, ORDERS, b"discarded\n")
    kept = changes.discard(tree, [ORDERS])
    files.write(tree.place, ORDERS, b"chosen\n")
    changes.choose(tree, [])
    chosen = tree.git.text("ls-files", "-s", "--", ORDERS).split()[1]
    now = timezone.now()
    forgetting.forget(now)  # the room has said that it is asked too
    assert tree.git.text("for-each-ref", KEPT)
    assert not housekeeping.tidy(NAMESPACE, now + timedelta(hours=1))
    assert housekeeping.tidy(NAMESPACE, now + timedelta(days=2))
    assert not tree.git.text("for-each-ref", KEPT)
    assert tree.git.content(chosen) == b"chosen\n"
    assert tree.git.tree_of(kept), "what is young is there still"
    assert [change.path for change in changes.status(tree).changes] == [ORDERS]
    assert not (repositories.folder_of(NAMESPACE) / "gc.log").exists()


def test_a_namespace_without_a_repository_is_left_alone(db: None) -> None:
    assert not housekeeping.tidy("company.nothing", timezone.now())
