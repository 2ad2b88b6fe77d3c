"""A worker that takes no messages any more ends, and one that has its hands full does not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import redis

from kestra_web import watch

CHILD = """
import os, time, django
os.environ["DJANGO_SETTINGS_MODULE"] = "kestra_web.settings"
django.setup()
from kestra_web import watch
watch.PATIENCE_SECONDS = 1.0
watch.begin(["neglected"])
time.sleep(30)
"""


def test_when_patience_is_over() -> None:
    patience, longest = watch.Patience(), watch.PATIENCE_SECONDS
    stuck = {"waiting": 3, "working": 0, "received": 7}
    assert not patience.over(**stuck, now=0.0)
    assert not patience.over(**stuck, now=longest)
    assert patience.over(**stuck, now=longest + 1)


@pytest.mark.parametrize("sign", [{"waiting": 0}, {"working": 1}, {"received": 8}], ids=str)
def test_a_sign_of_life_begins_it_anew(sign: dict[str, int]) -> None:
    patience, longest = watch.Patience(), watch.PATIENCE_SECONDS
    stuck = {"waiting": 3, "working": 0, "received": 7}
    assert not patience.over(**stuck, now=0.0)
    assert not patience.over(**{**stuck, **sign}, now=longest)
    assert not patience.over(**stuck, now=longest + 1)
    assert not patience.over(**stuck, now=2 * longest)


@pytest.mark.redis
def test_it_ends_the_process_and_tells_what_its_threads_did(redis_url: str) -> None:
    with redis.from_url(redis_url) as connection:
        connection.rpush("neglected", "a message")
        try:
            environment = {**os.environ, "REDIS_URL": redis_url}
            ended = subprocess.run([sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, timeout=60, check=False)
        finally:
            connection.delete("neglected")
    assert ended.returncode == watch.STATUS
    assert "1 messages wait" in ended.stderr
    assert "Thread 0x" in ended.stderr
