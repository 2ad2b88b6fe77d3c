"""The health check tells which parts answer."""

from __future__ import annotations

import pytest
from django.test import Client

from kestra_web import heartbeat


@pytest.mark.django_db
@pytest.mark.redis
def test_health_is_refused_until_worker_and_scheduler_show_signs_of_life(client: Client) -> None:
    with heartbeat.client() as connection:
        connection.flushdb()
        answer = client.get("/health")
        assert answer.status_code == 503
        assert answer.json() == {"status": "failing", "database": True, "redis": True, "worker": False, "scheduler": False}
        heartbeat.leave(connection, "worker")
        heartbeat.leave(connection, "scheduler")
    assert client.get("/health").json()["status"] == "ok"


def test_health_is_only_read(client: Client) -> None:
    assert client.post("/health").status_code == 405
