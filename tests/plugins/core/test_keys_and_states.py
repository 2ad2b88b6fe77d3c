"""The tasks on keys and states."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.catalog import CATALOG, find
from plugins.contract import RunnableTask, TaskFailed
from tests.plugins.context import MemoryContext

CORE = "io.kestra.plugin.core"


def run(context: MemoryContext, type_: str, **given: Any) -> dict[str, Any]:
    """Run a task as it would be written; answers its outputs."""
    full = {"id": "t", "type": f"{CORE}.{type_}", **given}
    assert CATALOG.check(full, "task") == []
    task = find(full["type"]).model_validate(full)
    assert isinstance(task, RunnableTask)
    return dict(task.run(context).outputs or {})


@pytest.mark.parametrize(
    ("value", "more", "kept", "kind"),
    [
        ("{{ [1, 2] }}", {}, [1, 2], None),
        ("{{ {'a': 1} }}", {}, {"a": 1}, None),
        ("{{ 1 == 1 }}", {}, True, None),
        ("n {{ 1 + 1 }}", {}, "n 2", None),
        ("5", {"kvType": "NUMBER"}, "5", "NUMBER"),
        ("{{ 5 }}", {"kvType": "NUMBER"}, 5, None),
        ("2026-11-27", {"kvType": "{{ 'DATE' }}"}, "2026-11-27", "DATE"),
        ({"a": "{{ flow.id }}"}, {}, {"a": "a_flow"}, None),
        (7, {}, 7, None),
    ],
)
def test_a_value_keeps_its_type_and_a_text_gets_the_one_given(
    context: MemoryContext, value: Any, more: dict[str, Any], kept: Any, kind: str | None
) -> None:
    assert run(context, "kv.Set", key="k_{{ flow.id }}", value=value, **more) == {}
    keys = context.namespace().kv
    assert (keys.values["k_a_flow"], keys.kinds["k_a_flow"]) == (kept, kind)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kvType": "{{ 'NOPE' }}"}, "Invalid kvType 'NOPE': expected one of STRING, NUMBER"),
        ({"ttl": "soon"}, "Invalid duration"),
        ({"ttl": "P9999999999D"}, "Invalid duration"),
    ],
)
def test_a_type_or_a_life_that_cannot_be_is_told(context: MemoryContext, given: dict[str, Any], told: str) -> None:
    with pytest.raises(TaskFailed, match=told):
        run(context, "kv.Set", key="k", value="v", **given)
    run(context, "kv.Set", key="k", value="v", ttl="P1M")
    assert context.namespace().kv.lives == {"k": 31 * 86_400.0}


def test_a_value_may_live_for_a_time_and_in_another_namespace(context: MemoryContext) -> None:
    run(context, "kv.Set", key="k", value="v", ttl="PT{{ 1 + 1 }}M", namespace="{{ flow.namespace }}.deeper")
    assert context.namespace("company.team.deeper").kv.lives == {"k": 120.0}
    assert run(context, "kv.Get", key="k") == {"value": None}
    assert run(context, "kv.Get", key="k", namespace="company.team.deeper") == {"value": "v"}


@pytest.mark.parametrize("overwrite", [False, "{{ 1 == 2 }}"])
def test_a_value_is_replaced_unless_that_is_not_wanted(context: MemoryContext, overwrite: Any) -> None:
    run(context, "kv.Set", key="k", value="1")
    run(context, "kv.Set", key="k", value="2")
    with pytest.raises(TaskFailed, match="Key already exists and `overwrite` is set to `false`"):
        run(context, "kv.Set", key="k", value="3", overwrite=overwrite)
    assert run(context, "kv.Get", key="k") == {"value": "2"}


def test_a_missing_key_is_null_or_a_failure(context: MemoryContext) -> None:
    told = "No value found for key 'k' in namespace 'company.team' and `errorOnMissing` is set to true"
    for type_, nothing in (("kv.Get", {"value": None}), ("kv.Delete", {"deleted": False})):
        assert run(context, type_, key="k") == nothing
        with pytest.raises(TaskFailed, match=told):
            run(context, type_, key="k", errorOnMissing=True)
    run(context, "kv.Set", key="k", value="{{ null }}")
    assert run(context, "kv.Get", key="k", errorOnMissing=True) == {"value": None}
    assert run(context, "kv.Delete", key="k", errorOnMissing=True) == {"deleted": True}


def test_keys_are_listed_by_prefix_and_purged_by_pattern(context: MemoryContext) -> None:
    for key in ("a.1", "a.2", "b.1"):
        run(context, "kv.Set", key=key, value=key)
    assert run(context, "kv.GetKeys") == {"keys": ["a.1", "a.2", "b.1"]}
    assert run(context, "kv.GetKeys", prefix="{{ 'a' }}.") == {"keys": ["a.1", "a.2"]}
    assert run(context, "kv.PurgeKV", keyPattern="*.1") == {"size": 0}
    assert run(context, "kv.PurgeKV", keyPattern="*.1", expiredOnly=False, namespaces=["company.team", "other"]) == {"size": 2}
    assert run(context, "kv.GetKeys") == {"keys": ["a.2"]}


# --- states


def test_a_state_is_merged_read_and_forgotten(context: MemoryContext) -> None:
    assert run(context, "state.Get") == {"count": 0, "data": {}}
    assert run(context, "state.Set", data={"a": 1, "b": "{{ flow.id }}"}) == {"count": 2, "key": "a_flow_states_tasks-states_default"}
    assert run(context, "state.Set", data={"b": 2, "c": [1]})["count"] == 3
    assert run(context, "state.Get") == {"count": 3, "data": {"a": 1, "b": 2, "c": [1]}}
    assert run(context, "state.Delete") == {"deleted": True}
    assert run(context, "state.Delete") == {"deleted": False}


def test_data_of_a_state_is_rendered_twice(context: MemoryContext) -> None:
    context.variables["vars"] = {"later": "{{ flow.namespace }}"}
    run(context, "state.Set", data={"x": "{{ vars.later }}"})
    assert run(context, "state.Get")["data"] == {"x": "company.team"}


@pytest.mark.parametrize("type_", ["state.Get", "state.Delete"])
def test_a_missing_state_can_be_a_failure(context: MemoryContext, type_: str) -> None:
    with pytest.raises(TaskFailed, match="There is no state 'other' and `errorOnMissing` is set to true"):
        run(context, type_, name="other", errorOnMissing=True)


def test_states_differ_by_name_flow_and_loop_value(context: MemoryContext) -> None:
    def key(**given: Any) -> str:
        return run(context, "state.Set", data={"a": 1}, **given)["key"]

    plain = key()
    context.variables["taskrun"] = {"value": "s1"}
    one, again, without = key(), key(), key(taskrunValue=False)
    context.variables["taskrun"] = {"value": "s2"}
    two = key()
    assert one == again
    assert len({plain, one, two}) == 3
    assert without == plain
    assert one.startswith(f"{plain}_")
    assert key(name="my own", taskrunValue=False) == "a_flow_states_tasks-states_my-own"
    assert key(namespace=True, taskrunValue=False) == "states_tasks-states_default"
