"""Roles down the tree, members, people, secrets: what services allow and keep."""

from __future__ import annotations

import base64
import logging

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import AnonymousUser
from pytest_django import Settings

from flows.models import Flow
from kv import services as kv
from namespaces import rights, vault
from namespaces.models import Namespace, Role, Secret, User
from namespaces.selectors import secrets as secret_rows
from namespaces.selectors import tree
from namespaces.selectors.members import members as members_of
from namespaces.services import members, people, secrets
from namespaces.services import tree as trees
from tests import builders
from ui.errors import Conflict, Forbidden, Invalid, KestraError, Missing

pytestmark = pytest.mark.django_db


def test_a_role_holds_in_everything_below_and_nowhere_else() -> None:
    user = builders.person()
    builders.member(user, Role.MEMBER, "company.team")
    builders.member(user, Role.OWNER, "company.team.dbt.deep")
    held = {
        name: rights.role_of(user, name)
        for name in ("company", "company.team", "company.team.dbt", "company.team.dbt.deep.er", "company.teams")
    }
    assert held == {
        "company": None,
        "company.team": Role.MEMBER,
        "company.team.dbt": Role.MEMBER,
        "company.team.dbt.deep.er": Role.OWNER,
        "company.teams": None,
    }
    assert rights.readable(user) == ["company.team"]


def test_administrators_and_the_system_may_everything_and_nobody_nothing() -> None:
    assert rights.role_of(builders.person(is_admin=True), "any") is Role.OWNER
    assert rights.role_of(None, "any") is Role.OWNER
    assert rights.role_of(AnonymousUser(), "any") is None
    assert rights.role_of(builders.person(is_admin=True, is_active=False), "any") is None
    assert rights.readable(builders.person(is_admin=True)) is None
    assert rights.readable(AnonymousUser()) == []


def test_a_stranger_learns_nothing_and_a_reader_is_told() -> None:
    reader = builders.person()
    builders.member(reader, Role.READER)
    rights.require(reader, "company.team", Role.READER)
    with pytest.raises(Forbidden, match="you are a reader; this needs a member"):
        rights.require(reader, "company.team", Role.MEMBER)
    with pytest.raises(Missing):
        rights.require(builders.person(), "company.team", Role.READER)


def test_rows_are_filtered_by_whole_names() -> None:
    user = builders.person()
    builders.member(user, Role.READER, "a.b")
    for name in ("a", "a.b.c", "a.bc", "a_b", "z"):
        builders.namespace(name)
    assert list(rights.filter_readable(Namespace.objects.all(), user, "name").values_list("name", flat=True)) == ["a.b", "a.b.c"]
    assert not rights.filter_readable(Namespace.objects.all(), builders.person(), "name").exists()


def test_the_tree_shows_parents_that_may_not_be_entered() -> None:
    user = builders.person()
    builders.member(user, Role.READER, "company.team")
    builders.namespace("company.other")
    top = tree.tree(user)
    assert [(node.name, node.open) for node in top] == [("company", False)]
    assert [(node.name, node.open) for node in top[0].children] == [("company.team", True)]


def test_the_last_owner_stays() -> None:
    found = builders.people()
    with pytest.raises(Conflict):
        members.remove(user=found["owner"], namespace="company.team", person_id=found["owner"].pk)
    with pytest.raises(Conflict):
        members.add(user=found["owner"], namespace="company.team", email="owner@example.com", role=Role.READER)
    members.add(user=found["owner"], namespace="company.team", email="MEMBER@example.com", role=Role.OWNER)
    members.remove(user=found["owner"], namespace="company.team", person_id=found["owner"].pk)
    assert rights.role_of(found["owner"], "company.team") is None
    with pytest.raises(Invalid):
        members.add(user=None, namespace="company.team", email="nobody@example.com", role=Role.READER)


def test_members_are_listed_with_their_highest_role_and_its_origin() -> None:
    user = builders.person("ana")
    builders.member(user, Role.OWNER, "company")
    builders.member(user, Role.READER, "company.team")
    assert [(row.role, row.origin, row.inherited) for row in members_of("company.team")] == [(Role.OWNER, "company", True)]


def test_owners_make_namespaces_below_theirs_only() -> None:
    found = builders.people()
    assert trees.create(user=found["owner"], name="company.team.new").name == "company.team.new"
    with pytest.raises(Conflict):
        trees.create(user=found["owner"], name="company.team.new")
    for name in ("company.other", "top"):
        with pytest.raises(Forbidden):
            trees.create(user=found["owner"], name=name)
    with pytest.raises(Forbidden):
        trees.create(user=found["member"], name="company.team.other")


def test_the_last_administrator_stays() -> None:
    admin = builders.person(is_admin=True)
    for change in (
        lambda: people.set_admin(user=admin, person_id=admin.pk, is_admin=False),
        lambda: people.set_active(user=admin, person_id=admin.pk, active=False),
    ):
        with pytest.raises(Conflict):
            change()
    builders.person(is_admin=True)
    people.set_admin(user=admin, person_id=admin.pk, is_admin=False)
    assert not User.objects.get(pk=admin.pk).is_admin


def test_adding_a_person_needs_an_address_of_their_own() -> None:
    builders.person("mara")
    with pytest.raises(Conflict):
        people.add(user=None, email="MARA@example.com")
    with pytest.raises(Invalid):
        people.add(user=None, email="no address")
    with pytest.raises(Forbidden):
        people.add(user=builders.person(), email="x@example.com")


def test_a_secret_is_found_nearest_first_then_in_the_environment(settings: Settings) -> None:
    settings.KESTRA_ENV_SECRETS = {"deploy_key": base64.b64encode(b"from environment").decode() + "\n", "BROKEN": "not base64!"}
    secrets.put(user=None, namespace="company", key="TOKEN", value="of company")
    secrets.put(user=None, namespace="company.team", key="TOKEN", value="of team")
    assert vault.secret("company.team.dbt", "TOKEN") == "of team"
    assert vault.secret("company.other", "TOKEN") == "of company"
    assert vault.secret("company", "deploy_KEY") == "from environment"
    for namespace, key in (("other", "TOKEN"), ("company", "BROKEN"), ("company", "token")):
        with pytest.raises(Missing, match=f"Cannot find secret for key '{key}'."):
            vault.secret(namespace, key)


def test_a_broken_environment_secret_is_logged_without_its_value(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.KESTRA_ENV_SECRETS = {"ODD": "not base64 at all"}
    with caplog.at_level(logging.WARNING):
        assert vault.environment_secrets() == {}
    assert "SECRET_ODD" in caplog.text
    assert "not base64 at all" not in caplog.text


def test_secrets_lie_encrypted_and_survive_a_rotation_of_keys(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.KESTRA_ENCRYPTION_KEYS = [old]
    row = secrets.put(user=None, namespace="company", key="TOKEN", value="plain text")
    assert b"plain text" not in bytes(Secret.objects.get().ciphertext)
    settings.KESTRA_ENCRYPTION_KEYS = [new, old]
    assert vault.secret("company", "TOKEN") == "plain text"
    Secret.objects.update(ciphertext=vault.rotate(row.ciphertext))
    settings.KESTRA_ENCRYPTION_KEYS = [new]
    assert vault.secret("company", "TOKEN") == "plain text"
    settings.KESTRA_ENCRYPTION_KEYS = [old]
    with pytest.raises(KestraError, match="no longer has"):
        vault.secret("company", "TOKEN")
    assert vault.all_values(["company"]) == []


def test_an_encrypted_value_has_kestras_shape_and_comes_back() -> None:
    value = vault.encrypt_value("häßlich")
    assert value["type"] == "io.kestra.datatype:aes_encrypted"
    assert vault.is_encrypted(value)
    assert vault.decrypt_value(value) == "häßlich"


def test_deleting_a_secret_asks_for_its_key_and_says_who_changed_it() -> None:
    owner = builders.people()["owner"]
    secrets.put(user=owner, namespace="company.team", key="TOKEN", value="x")
    assert [(row.key, row.changed_by) for row in secret_rows.secrets_of("company.team")] == [("TOKEN", "Owner")]
    with pytest.raises(Invalid):
        secrets.delete(user=owner, namespace="company.team", key="TOKEN", repeated="token")
    secrets.delete(user=owner, namespace="company.team", key="TOKEN", repeated="TOKEN")
    assert secret_rows.secrets_of("company.team") == []


def test_a_namespace_with_something_in_it_is_not_deleted(settings: Settings, tmp_path: object) -> None:
    settings.KESTRA_STORAGE = tmp_path
    builders.namespace("company")
    secrets.put(user=None, namespace="company.team", key="TOKEN", value="x")
    for name in ("company", "company.team"):
        with pytest.raises(Conflict):
            trees.delete(user=None, name=name)
    secrets.delete(user=None, namespace="company.team", key="TOKEN", repeated="TOKEN")
    kv.set("company.team", "key", 1)
    flow = Flow.objects.create(namespace="company.team", flow_id="f", source="")
    for reason in ("keys", "flows"):
        with pytest.raises(Conflict, match=f"There are {reason} in it"):
            trees.delete(user=None, name="company.team")
        kv.delete("company.team", "key")
    flow.delete()
    trees.delete(user=None, name="company.team")
    assert list(Namespace.objects.values_list("name", flat=True)) == ["company"]
