"""Templates: saved like flows, put into flows when these are loaded."""

from __future__ import annotations

import pytest

from executions import services as executions
from flows import selectors, services, templates
from flows.models import Template
from flows.validation import InvalidFlow
from tests.builders import member, people, person
from tests.executions.flows import states, work_off
from ui.errors import Forbidden, Missing

pytestmark = pytest.mark.django_db
CORE = "io.kestra.plugin.core"
SOURCE = f"""
id: greeting
namespace: company.team
tasks:
  - {{id: hello, type: {CORE}.debug.Return, format: "hello {{{{ parent.outputs.args.name }}}}"}}
errors:
  - {{id: sorry, type: {CORE}.log.Log, message: sorry}}
"""
FLOW = """
id: user
namespace: company.team
tasks:
  - {id: from, type: io.kestra.core.tasks.flows.Template, namespace: company.team, templateId: greeting, args: {name: "{{ flow.id }}"}}
"""


def run(source: str = FLOW) -> dict[str, str]:
    row = services.put(user=None, source=source)
    execution = work_off(executions.start(user=None, namespace=row.namespace, flow_id=row.flow_id))
    run.execution = execution  # type: ignore[attr-defined] -- for the asserts below
    return states(execution)


def test_the_tasks_of_a_template_stand_where_it_is_named() -> None:
    templates.create(user=None, source=SOURCE)
    assert run() == {"from": "SUCCESS", "hello": "SUCCESS"}
    outputs = {each.task_id: each.outputs for each in run.execution.task_runs.all()}  # type: ignore[attr-defined] -- set by run()
    assert outputs == {"from": {"args": {"name": "user"}}, "hello": {"value": "hello user"}}


def test_a_changed_template_counts_at_once() -> None:
    templates.create(user=None, source=SOURCE)
    assert "hello" in run()
    changed = SOURCE.replace("hello,", "bye,").replace(f"{CORE}.debug.Return", f"{CORE}.execution.Fail").replace("format", "errorMessage")
    templates.update(user=None, namespace="company.team", template_id="greeting", source=changed)
    assert run() == {"from": "FAILED", "bye": "FAILED", "sorry": "SUCCESS"}


def test_a_template_that_is_not_there_fails_the_task() -> None:
    assert run() == {"from": "FAILED"}
    assert run.execution.error == "Task from failed: Can't find flow template 'company.team.greeting'"  # type: ignore[attr-defined] -- set by run()


def test_a_template_that_names_itself_ends_somewhere() -> None:
    templates.create(user=None, source=SOURCE.partition("tasks:")[0] + FLOW.partition("namespace: company.team\n")[2])
    assert selectors.parsed("company.team", services.create(user=None, source=FLOW).flow_id).tasks


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (SOURCE + "variables: {a: 1}\n", "Unrecognized field"),
        (SOURCE.replace("type:", "kind:"), "Invalid type: null"),
        ("id: x\nnamespace: company.team\n", "must not be empty"),
    ],
)
def test_what_is_no_template_is_refused(source: str, message: str) -> None:
    with pytest.raises(InvalidFlow, match=message):
        templates.create(user=None, source=source)


def test_an_id_is_taken_once_and_kept() -> None:
    templates.create(user=None, source=SOURCE)
    with pytest.raises(InvalidFlow, match="Template id already exists"):
        templates.create(user=None, source=SOURCE)
    with pytest.raises(InvalidFlow, match="Illegal template id update"):
        templates.update(user=None, namespace="company.team", template_id="greeting", source=SOURCE.replace("greeting", "other"))


def test_members_write_readers_read_strangers_see_nothing() -> None:
    who = people()
    templates.create(user=who["member"], source=SOURCE)
    assert [row.template_id for row in templates.search(who["reader"], "greet", "company")] == ["greeting"]
    assert not templates.search(who["stranger"])
    with pytest.raises(Forbidden):
        templates.update(user=who["reader"], namespace="company.team", template_id="greeting", source=SOURCE)
    for act in (templates.delete, lambda **names: templates.template(names["user"], names["namespace"], names["template_id"])):
        with pytest.raises(Missing):
            act(user=who["stranger"], namespace="company.team", template_id="greeting")
    templates.delete(user=who["owner"], namespace="company.team", template_id="greeting")
    assert not Template.objects.exists()


def test_a_flow_may_name_only_templates_that_its_author_may_read() -> None:
    templates.create(user=None, source=SOURCE)
    author = person("author")
    member(author, name="other")
    with pytest.raises(Missing):
        services.create(user=author, source=FLOW.replace("id: user\nnamespace: company.team", "id: user\nnamespace: other"))
