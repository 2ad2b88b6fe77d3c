"""A namespace that is bound to a real repository, and people with rights in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from namespaces.models import Role, User
from tests import builders
from tests.plugins.git.remotes import Remote
from workspace import repositories

NAMESPACE = "company.team"
FILES = {"dbt_project.yml": "name: shop\n", "models/orders.sql": "select 1 as id\n", "models/stores.sql": "select 2 as id\n"}


@pytest.fixture
def remote(tmp_path: Path, settings: Settings) -> Remote:
    """A remote with a dbt project on its branch main, which a colleague pushes to from elsewhere."""
    settings.KESTRA_STORAGE, settings.KESTRA_HOME = tmp_path / "storage", tmp_path
    settings.KESTRA_GIT_FOLDERS = [tmp_path]
    made = Remote(tmp_path)
    made.commit(FILES)
    return made


@pytest.fixture
def owner(db: None) -> User:
    person = builders.person("owner")
    builders.member(person, Role.OWNER, NAMESPACE)
    return person


@pytest.fixture
def ada(db: None) -> User:
    person = builders.person("ada")
    builders.member(person, Role.MEMBER, NAMESPACE)
    return person


@pytest.fixture
def bob(db: None) -> User:
    person = builders.person("bob")
    builders.member(person, Role.MEMBER, NAMESPACE)
    return person


@pytest.fixture
def bound(remote: Remote, owner: User) -> Remote:
    """The remote, when the namespace is bound to it."""
    repositories.bind(user=owner, namespace=NAMESPACE, url=remote.url)
    return remote
