"""Every method of the triggers module of Kestra's Python client, unmodified."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import kestrapy
import pytest
from kestrapy.exceptions import ApiException
from kestrapy.models.api_trigger_and_state import ApiTriggerAndState
from kestrapy.models.api_trigger_state import ApiTriggerState
from kestrapy.models.delete_triggers_by_query_request import DeleteTriggersByQueryRequest
from kestrapy.models.query_filter import QueryFilter
from kestrapy.models.trigger_controller_api_create_backfill_request import TriggerControllerApiCreateBackfillRequest
from kestrapy.models.trigger_controller_api_disable_trigger_request import TriggerControllerApiDisableTriggerRequest
from kestrapy.models.trigger_controller_api_trigger_id import TriggerControllerApiTriggerId
from kestrapy.models.trigger_controller_set_disabled_request import TriggerControllerSetDisabledRequest
from kestrapy.query import eq, where

from tests.stack import Stack, wait_until

TENANT, NAMESPACE, CORE = "main", "journeys.triggers", "io.kestra.plugin.core"
FIELD = kestrapy.QueryFilterField
SOURCE = f"""id: timed
namespace: {NAMESPACE}
tasks:
  - {{id: say, type: {CORE}.log.Log, message: hi}}
triggers:
  - {{id: nightly, type: {CORE}.trigger.Schedule, cron: "0 3 * * *"}}
"""
NAMES = {"namespace": NAMESPACE, "flow_id": "timed", "trigger_id": "nightly"}
NAMED = TriggerControllerApiTriggerId(**NAMES)
MINE = where(eq(FIELD.NAMESPACE, NAMESPACE))

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def api(live_server_stack: Stack) -> Any:
    stack = live_server_stack
    client = kestrapy.KestraClient(host=stack.url, username=stack.user, password=stack.password)
    client.flows.create_flow(TENANT, SOURCE)
    wait_until(lambda: client.triggers.search_triggers(TENANT, filters=MINE)["total"], 10, "the scheduler saw the trigger")
    return client.triggers


def state(api: Any) -> ApiTriggerState:
    """What is remembered, read by the client's own model."""
    found = ApiTriggerAndState.from_dict(api.search_triggers(TENANT, page=1, size=5, sort=["triggerId:asc"], filters=MINE)["results"][0])
    assert found is not None
    assert found.trigger is not None
    assert found.trigger.id == "nightly"
    assert found.state is not None
    return found.state


def test_it_is_searched_and_exported(api: Any) -> None:
    found = state(api)
    assert (found.namespace, found.flow_id, found.trigger_id, found.kind, found.disabled, found.locked) == (
        NAMESPACE, "timed", "nightly", "SCHEDULE", False, False,
    )  # fmt: skip
    assert found.next_evaluation_date is not None
    assert found.next_evaluation_date > datetime.now(UTC)
    assert api.search_triggers_for_flow(TENANT, NAMESPACE, "timed", q="night")["total"] == 1
    assert api.search_triggers(TENANT, filters=MINE, date_filter="NEXT_EXECUTION_DATE")["total"] == 1
    assert f"{NAMESPACE},timed,nightly" in api.export_triggers(TENANT, filters=MINE)


def test_it_is_switched(api: Any) -> None:
    off = TriggerControllerApiDisableTriggerRequest(**NAMES, disabled=True)
    assert api.disable_trigger_by_id(TENANT, off)["disabled"] is True
    on = TriggerControllerSetDisabledRequest(triggers=[NAMED], disabled=False, recover_missed_schedules=False)
    assert api.disabled_triggers_by_ids(TENANT, on) == {"count": 1}
    assert state(api).disabled is False
    assert api.disabled_triggers_by_query(TENANT, disabled=True, filters=MINE) == {"count": 1}
    assert api.disabled_triggers_by_query(TENANT, disabled=False, filters=MINE) == {"count": 1}


def test_it_is_unlocked_restarted_and_forgotten(api: Any) -> None:
    with pytest.raises(ApiException) as told:
        api.unlock_trigger(TENANT, NAMESPACE, "timed", "nightly")
    assert told.value.status == 409
    assert api.unlock_triggers_by_ids(TENANT, [NAMED]) == {"count": 0}
    assert api.unlock_triggers_by_query(TENANT, filters=MINE) == {"count": 0}
    assert api.restart_trigger(TENANT, NAMESPACE, "timed", "nightly")["triggerId"] == "nightly"
    api.delete_trigger(TENANT, NAMESPACE, "timed", "nightly")
    assert api.delete_triggers_by_ids(TENANT, [NAMED]) == {"count": 1}
    filters = [QueryFilter(field=FIELD.NAMESPACE, operation="EQUALS", value=NAMESPACE)]
    assert api.delete_triggers_by_query(TENANT, DeleteTriggersByQueryRequest(filters=filters)) == {"count": 1}
    wait_until(lambda: state(api).next_evaluation_date, 10, "it has a next date again")


def test_it_is_backfilled(api: Any) -> None:
    start = datetime.now(UTC) - timedelta(days=300)
    asked: dict[str, Any] = {"start": start, "labels": [{"key": "why", "value": "again"}]}
    begun = api.create_backfill(TENANT, TriggerControllerApiCreateBackfillRequest.from_dict({**_named(), "backfill": asked}))
    assert begun["backfill"]["labels"] == [{"key": "why", "value": "again"}]
    assert api.pause_backfill(TENANT, NAMED)["backfill"]["paused"] is True
    found = state(api).backfill
    assert found is not None
    assert (found.paused, found.start.date()) == (True, start.date())
    assert api.unpause_backfill(TENANT, NAMED)["backfill"]["paused"] is False
    calls: tuple[Callable[..., Any], ...] = (api.pause_backfill_by_ids, api.unpause_backfill_by_ids)
    assert [call(TENANT, [NAMED]) for call in calls] == [{"count": 1}] * 2
    queries: tuple[Callable[..., Any], ...] = (api.pause_backfill_by_query, api.unpause_backfill_by_query, api.delete_backfill_by_query)
    assert [call(TENANT, filters=MINE) for call in queries] == [{"count": 1}] * 3
    api.create_backfill(TENANT, TriggerControllerApiCreateBackfillRequest.from_dict({**_named(), "backfill": asked}))
    assert api.delete_backfill_by_ids(TENANT, [NAMED]) == {"count": 1}
    api.create_backfill(TENANT, TriggerControllerApiCreateBackfillRequest.from_dict({**_named(), "backfill": asked}))
    assert "backfill" not in api.delete_backfill(TENANT, NAMED)


def _named() -> dict[str, str]:
    return {"namespace": NAMESPACE, "flowId": "timed", "triggerId": "nightly"}
