"""What a namespace runs: deployed commits, promotion to another namespace, and snapshots of a copy."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from executions import services as execution_services
from executions.models import Execution
from flows import services as flow_services
from flows.models import Flow
from namespaces import files
from namespaces.models import Deployment, Role, User
from namespaces.services import versions
from namespaces.services.versions import Author
from tests import builders
from tests.executions.flows import PROCESS, work_off
from tests.executions.flows import messages as lines
from tests.plugins.git.remotes import Remote
from tests.workspace.conftest import FILES, NAMESPACE
from ui.errors import Conflict, Invalid, KestraError, Missing
from workspace import deploying, repositories, running, worktrees

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]
ORDERS, STORES = "models/orders.sql", "models/stores.sql"
PROD = "company.prod"
LOG = "io.kestra.plugin.core.log.Log"


def flow(name: str = "show", message: str = "{{ read('models/orders.sql') }}", namespace: str = NAMESPACE) -> str:
    return f'id: {name}\nnamespace: {namespace}\ntasks:\n  - {{id: say, type: {LOG}, message: "{message}"}}\n'


def messages(execution: Execution) -> list[str]:
    return [line.strip() for line in lines(execution)]


def deployed(user: User, ref: str = "main", **more: str) -> Deployment:
    repositories.fetch(user=user, namespace=NAMESPACE)
    return deploying.deploy(user=user, origin=NAMESPACE, ref=ref, **more)


def test_a_commit_becomes_the_files_and_flows_of_its_namespace(bound: Remote, ada: User) -> None:
    commit = bound.commit({"_flows/show.yml": flow(namespace="some.where"), "_flows/readme.md": "no flow"})
    made = deployed(ada)
    assert (made.commit, made.branch, made.subject) == (commit, "main", "change")
    assert files.glob(NAMESPACE) == sorted(FILES)
    assert Flow.objects.get(namespace=NAMESPACE, flow_id="show").source == flow()
    bound.commit({ORDERS: "select 2\n", STORES: None, "_flows/show.yml": None, "_flows/other.yml": flow("other")})
    plan = deploying.plan(user=ada, origin=NAMESPACE, ref="main")
    assert plan.files == []
    repositories.fetch(user=ada, namespace=NAMESPACE)
    plan = deploying.plan(user=ada, origin=NAMESPACE, ref="main")
    assert [(file.path, file.letter) for file in plan.files] == [(ORDERS, "M"), (STORES, "D")]
    assert [(one.id, one.letter) for one in plan.flows] == [("other", "A"), ("show", "D")]
    deployed(ada)
    assert files.read(NAMESPACE, ORDERS) == b"select 2\n"
    assert not files.exists(NAMESPACE, STORES)
    assert list(Flow.objects.filter(deleted=False).values_list("flow_id", flat=True)) == ["other"]


def test_only_what_a_deployment_brought_is_deleted(bound: Remote, ada: User) -> None:
    versions.write(NAMESPACE, "own.csv", b"1", author=Author(ada))
    deployed(ada)
    versions.write(NAMESPACE, STORES, b"edited here", author=Author(ada))
    bound.commit({STORES: None, "dbt_project.yml": None})
    repositories.fetch(user=ada, namespace=NAMESPACE)
    assert deploying.plan(user=ada, origin=NAMESPACE, ref="main").kept == [STORES]
    deployed(ada)
    assert files.glob(NAMESPACE) == [ORDERS, STORES, "own.csv"]
    assert files.read(NAMESPACE, STORES) == b"edited here"


def test_a_flow_that_is_not_valid_stops_all_of_it(bound: Remote, ada: User) -> None:
    bound.commit({"_flows/show.yml": "id: show\ntasks: []\n", "_flows/odd.yml": "tasks: x\n", "new.sql": "select 1\n"})
    with pytest.raises(Invalid, match="show"):
        deployed(ada)
    assert files.glob(NAMESPACE) == []
    assert not Deployment.objects.exists()


def test_what_was_never_pushed_is_not_deployed_and_a_branch_that_moved_is_looked_at_again(bound: Remote, ada: User) -> None:
    from workspace import changes  # noqa: PLC0415 -- only here

    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    files.write(tree.place, ORDERS, b"select 9\n")
    changes.choose(tree, [])
    made = changes.commit(tree, message="mine")
    with pytest.raises(Invalid, match="push"):
        deploying.deploy(user=ada, origin=NAMESPACE, ref=made)
    before = bound.head("main")
    bound.commit({ORDERS: "select 2\n"})
    repositories.fetch(user=ada, namespace=NAMESPACE)
    with pytest.raises(Conflict, match="moved"):
        deploying.deploy(user=ada, origin=NAMESPACE, ref="main", commit=before)
    for wrong in ("-x", "../x", "no-such", "HEAD", "a\nb", "refs/heads/main"):
        with pytest.raises(KestraError):
            deploying.plan(user=ada, origin=NAMESPACE, ref=wrong)


def test_a_part_of_a_repository_is_deployed_to_another_namespace(bound: Remote, owner: User, ada: User) -> None:
    bound.commit({"shop/models/a.sql": "select 1\n", "shop/_flows/show.yml": flow(message="hi"), "shop/aux.sql": "x"})
    repositories.bind(user=owner, namespace=NAMESPACE, url=bound.url, directory="shop")
    with pytest.raises(Missing):
        deployed(ada, namespace=PROD)
    builders.member(ada, Role.MEMBER, PROD)
    plan = deploying.plan(user=ada, origin=NAMESPACE, ref="main", namespace=PROD)
    assert plan.left_out == ["aux.sql"]
    deployed(ada, namespace=PROD)
    assert files.glob(PROD) == ["models/a.sql"]
    assert Flow.objects.get(flow_id="show").source == flow(message="hi", namespace=PROD)
    assert files.glob(NAMESPACE) == []


def test_executions_tell_the_commit_and_whether_somebody_changed_files_since(bound: Remote, ada: User) -> None:
    bound.commit({"_flows/show.yml": flow()})
    commit = deployed(ada).commit
    first = start(ada)
    assert first.notes["source"] == {"commit": commit, "branch": "main", "changed": False}
    assert messages(first) == ["select 1 as id"]
    versions.write(NAMESPACE, ORDERS, b"select 'here'\n", author=Author(ada))
    second = start(ada)
    assert (second.notes["source"]["changed"], messages(second)) == (True, ["select 'here'"])
    client = Client()
    client.force_login(ada)
    page = client.get(f"/executions/{second.id}/").content.decode()
    assert f"{commit[:7]} of main, with uncommitted changes" in page


def start(user: User, **more: Any) -> Execution:
    return work_off(execution_services.start(user=user, namespace=NAMESPACE, flow_id="show", **more))


def test_a_run_from_a_copy_sees_its_files_as_they_were_then(bound: Remote, ada: User) -> None:
    flow_services.create(user=ada, source=flow())
    versions.write(NAMESPACE, ORDERS, b"deployed\n", author=Author(ada))
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    files.write(tree.place, ORDERS, b"mine\n")
    execution = running.start(tree, "show")
    files.write(tree.place, ORDERS, b"later\n")
    execution = work_off(execution)
    source = execution.notes["source"]
    assert messages(execution) == ["mine"]
    assert (source["commit"], source["branch"], source["changed"]) == (tree.head(), "main", True)
    assert messages(start(ada)) == ["deployed"]
    again = work_off(execution_services.replay(user=ada, execution_id=execution.id))
    assert messages(again) == ["mine"]
    client = Client()
    client.force_login(ada)
    answer = client.post(f"/workspace/{NAMESPACE}/git/run/?branch=main", {"flow": "show"})
    assert answer.status_code == 302
    assert messages(work_off(Execution.objects.latest("created"))) == ["later"]


def test_a_task_brings_the_files_of_the_copy_into_its_folder(bound: Remote, ada: User) -> None:
    wanted = f"{PROCESS}, namespaceFiles: {{enabled: true}}, commands: [cat {ORDERS}]"
    task = f"  - {{id: say, type: io.kestra.plugin.scripts.shell.Commands, {wanted}}}"
    flow_services.create(user=ada, source=f"id: show\nnamespace: {NAMESPACE}\ntasks:\n{task}\n")
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    files.write(tree.place, ORDERS, b"mine\n")
    execution = work_off(running.start(tree, "show"))
    assert (execution.state, "mine" in messages(execution)) == ("SUCCESS", True)
    assert not files.exists(NAMESPACE, ORDERS)


def test_what_is_restarted_after_another_deployment_tells_that_one(bound: Remote, ada: User) -> None:
    fails = "  - {id: fail, type: io.kestra.plugin.core.execution.Fail}\n"
    bound.commit({"_flows/show.yml": flow() + fails})
    first = deployed(ada).commit
    execution = start(ada)
    assert (execution.state, execution.notes["source"]["commit"]) == ("FAILED", first)
    bound.commit({ORDERS: "select 2\n"})
    second = deployed(ada).commit
    again = work_off(execution_services.restart(user=ada, execution_id=execution.id))
    assert again.notes["source"]["commit"] == second
    copy = execution_services.restart(user=ada, execution_id=execution.id, revision=1)
    assert copy.notes["source"]["commit"] == second
    work_off(copy)


def test_an_execution_that_it_calls_sees_the_same_files(bound: Remote, ada: User) -> None:
    flow_services.create(user=ada, source=flow())
    body = f"tasks:\n  - {{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: {NAMESPACE}, flowId: show}}\n"
    flow_services.create(user=ada, source=f"id: outer\nnamespace: {NAMESPACE}\n{body}")
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    files.write(tree.place, ORDERS, b"mine\n")
    work_off(running.start(tree, "outer"))
    assert messages(Execution.objects.get(flow_id="show")) == ["mine"]


def test_deploying_on_the_page_shows_the_difference_first(bound: Remote, ada: User) -> None:
    bound.commit({"_flows/show.yml": flow()})
    deployed(ada)
    bound.commit({ORDERS: "select 2\n"})
    repositories.fetch(user=ada, namespace=NAMESPACE)
    client = Client()
    client.force_login(ada)
    url = f"/workspace/{NAMESPACE}/git/deploy/"
    page = client.get(url).content.decode()
    assert "select 1 as id" in page
    assert "select 2" in page
    answer = client.post(url, {"ref": "main", "to": NAMESPACE, "commit": bound.head("main")})
    assert answer.status_code == 302
    assert files.read(NAMESPACE, ORDERS) == b"select 2\n"
    assert "Nothing would change" in client.get(url).content.decode()
    assert client.post(url, {"ref": "main", "to": "someone.else"}).status_code == 404
    assert client.get(url, {"ref": "-x"}).status_code == 422
