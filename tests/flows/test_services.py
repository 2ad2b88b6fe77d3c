"""Saving flows: revisions, refusals, rights."""

# ruff: noqa: E501 -- a case on one line reads better than one that is wrapped

from __future__ import annotations

import pytest

from flows import selectors, services
from flows.models import Flow, Revision
from flows.validation import InvalidFlow, constraints, split_documents, validate
from namespaces.models import Member, Namespace, Role, User
from ui.errors import Forbidden, Missing

pytestmark = pytest.mark.django_db


def source(message: str = "hello", head: str = "", flow_id: str = "f", namespace: str = "company.team") -> str:
    return f"id: {flow_id}\nnamespace: {namespace}\n{head}tasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: {message}\n"


def person(email: str, role: Role | None = None, *, admin: bool = False) -> User:
    user = User.objects.create_user(email, "a long password", is_admin=admin)
    if role is not None:
        namespace, _ = Namespace.objects.get_or_create(name="company")
        Member.objects.create(namespace=namespace, user=user, role=role)
    return user


def numbers(row: Flow) -> list[int]:
    return list(row.revisions.order_by("number").values_list("number", flat=True))


def test_a_new_flow_is_revision_one() -> None:
    author = person("m@example.com", Role.MEMBER)
    row = services.create(user=author, source=source(head="labels: {a: 1}\ndescription: d\n"))
    assert (row.namespace, row.flow_id, row.revision, row.labels, row.description, row.disabled) == ("company.team", "f", 1, {"a": "1"}, "d", False)
    assert row.raw["tasks"][0]["message"] == "hello"
    assert row.revisions.get().created_by == author


def test_an_update_that_changes_nothing_is_no_revision() -> None:
    row = services.create(user=None, source=source())
    assert services.update(user=None, namespace="company.team", flow_id="f", source=source(head="revision: 7\n")).revision == 1
    assert services.update(user=None, namespace="company.team", flow_id="f", source=source("changed")).revision == 2
    assert numbers(row) == [1, 2]


def test_an_id_that_is_taken_is_refused() -> None:
    services.create(user=None, source=source())
    with pytest.raises(InvalidFlow) as caught:
        services.create(user=None, source=source("other"))
    assert caught.value.message == "flow.id: Flow id already exists"


@pytest.mark.parametrize(("text", "message"), [(source(flow_id="g"), "Illegal flow id update"), (source(namespace="company.x"), "Illegal namespace update")])
def test_an_update_keeps_id_and_namespace(text: str, message: str) -> None:
    services.create(user=None, source=source())
    with pytest.raises(InvalidFlow, match=message):
        services.update(user=None, namespace="company.team", flow_id="f", source=text)


def test_an_invalid_flow_is_not_saved() -> None:
    with pytest.raises(InvalidFlow) as caught:
        services.create(user=None, source=source(head="frob: 1\n"))
    assert 'Unrecognized field "frob"' in caught.value.message
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(3, 1)]
    assert not Flow.objects.exists()


def test_deletion_and_restoring_are_revisions_too() -> None:
    row = services.create(user=None, source=source("one"))
    services.update(user=None, namespace="company.team", flow_id="f", source=source("two"))
    services.delete(user=None, namespace="company.team", flow_id="f")
    with pytest.raises(Missing):
        selectors.flow("company.team", "f")
    with pytest.raises(Missing):
        services.delete(user=None, namespace="company.team", flow_id="f")
    assert selectors.parsed("company.team", "f", 2).tasks[0].properties["message"] == "two"
    back = services.restore(user=None, namespace="company.team", flow_id="f", number=1)
    assert (back.revision, back.deleted, numbers(row)) == (4, False, [1, 2, 3, 4])
    assert selectors.parsed("company.team", "f").tasks[0].properties["message"] == "one"


def test_a_flow_created_after_its_deletion_goes_on_counting() -> None:
    services.create(user=None, source=source("one"))
    services.delete(user=None, namespace="company.team", flow_id="f")
    assert services.create(user=None, source=source("new")).revision == 3


def test_disabling_edits_the_source() -> None:
    services.create(user=None, source=source())
    row = services.set_disabled(user=None, namespace="company.team", flow_id="f", disabled=True)
    assert (row.disabled, row.revision) == (True, 2)
    assert row.source.endswith("disabled: true\n")
    row = services.set_disabled(user=None, namespace="company.team", flow_id="f", disabled=False)
    assert (row.disabled, "disabled" in row.source) == (False, False)


def test_disabling_a_flow_that_was_written_as_json_keeps_it_readable() -> None:
    text = '{"id": "f", "namespace": "company.team", "disabled": true, "tasks": [{"id": "a", "type": "io.kestra.plugin.core.log.Log", "message": "m"}]}'
    assert services.create(user=None, source=text).disabled
    row = services.set_disabled(user=None, namespace="company.team", flow_id="f", disabled=False)
    assert (row.disabled, list(row.raw)) == (False, ["id", "namespace", "tasks"])
    assert services.set_disabled(user=None, namespace="company.team", flow_id="f", disabled=True).disabled


def test_a_reader_may_not_save_and_a_stranger_finds_nothing() -> None:
    services.create(user=None, source=source())
    reader, stranger = person("r@example.com", Role.READER), person("s@example.com")
    for user, error in ((reader, Forbidden), (stranger, Missing)):
        with pytest.raises(error):
            services.create(user=user, source=source(flow_id="g"))
        with pytest.raises(error):
            services.update(user=user, namespace="company.team", flow_id="f", source=source("x"))
        with pytest.raises(error):
            services.delete(user=user, namespace="company.team", flow_id="f")
        with pytest.raises(error):
            services.restore(user=user, namespace="company.team", flow_id="f", number=1)
        with pytest.raises(error):
            services.set_disabled(user=user, namespace="company.team", flow_id="f", disabled=True)
    assert Revision.objects.count() == 1
    assert [row.flow_id for row in selectors.search(reader)] == ["f"]
    assert not selectors.search(stranger)


def test_search_looks_at_words_namespace_and_labels() -> None:
    services.create(user=None, source=source(flow_id="nightly", head="labels: {team: data}\n"))
    services.create(user=None, source=source(flow_id="hourly", namespace="company.other"))
    services.create(user=None, source=source(flow_id="else", namespace="companyx"))

    def found(**wanted: object) -> list[str]:
        return [row.flow_id for row in selectors.search(None, **wanted)]  # type: ignore[arg-type]  # the arguments differ by case

    assert found() == ["hourly", "nightly", "else"]
    assert found(q="NIGHT") == ["nightly"]
    assert found(namespace="company") == ["hourly", "nightly"]
    assert found(labels={"team": "data"}) == ["nightly"]
    assert found(labels={"team": "other"}) == []


def test_plugin_defaults_of_namespaces_apply_to_stored_flows() -> None:
    services.create(user=None, source=source())
    assert "level" not in selectors.parsed("company.team", "f").tasks[0].properties
    Namespace.objects.update_or_create(name="company", defaults={"plugin_defaults": [{"type": "io.kestra.plugin.core.log", "values": {"level": "WARN"}}]})
    assert selectors.parsed("company.team", "f").tasks[0].properties["level"] == "WARN"
    own = [{"type": "io.kestra.plugin.core.log.Log", "values": {"level": "ERROR"}}]
    assert Namespace.objects.filter(name="company.team").update(plugin_defaults=own) == 1  # made with its first flow
    assert selectors.parsed("company.team", "f").tasks[0].properties["level"] == "ERROR"


def test_types_that_kestra_advises_against_are_told() -> None:
    old = "  - id: a\n    type: io.kestra.core.tasks.debugs.Echo\n    format: m\n"
    each = "  - {id: b, type: io.kestra.plugin.core.flow.Sequential, tasks: [{id: c, type: io.kestra.plugin.core.state.Get}]}\n"
    found = validate(source() + old + each)
    assert found.valid
    assert found.deprecations == ["tasks[1]", "tasks[2].tasks[0]"]
    assert found.infos == ["io.kestra.core.tasks.debugs.Echo is replaced by io.kestra.plugin.core.debug.Echo"]
    assert [(problem.line, problem.severity) for problem in found.problems if "state.Get is deprecated" in problem.message] == [(10, "info")]


def test_the_constraints_read_as_kestras_do() -> None:
    twice = validate(source() + "  - id: log\n    type: io.kestra.core.tasks.log.Log\n    message: m\n")
    assert twice.constraints() == ": Invalid Flow: Duplicate task id with name [log]\n"
    assert twice.flow is not None
    assert not twice.valid
    assert twice.deprecations == ["tasks[1]"]
    assert twice.infos == ["io.kestra.core.tasks.log.Log is replaced by io.kestra.plugin.core.log.Log"]
    unknown = validate(source().replace("log.Log", "log.Nope"))
    assert unknown.constraints() == "Invalid type: io.kestra.plugin.core.log.Nope"
    broken = validate("id: x\n  namespace: [\n").constraints()
    assert broken is not None
    assert broken.startswith("Illegal flow yaml: mapping values are not allowed here\n in 'reader', line 2, column 12:")
    assert validate(source()).constraints() is None
    assert constraints([]) is None


def test_documents_are_split_at_their_marks() -> None:
    assert split_documents("a: 1\n---\nb: |\n  x --- y\n--- # c\n\n") == ["a: 1\n", "b: |\n  x --- y\n"]
    assert split_documents("") == [""]
