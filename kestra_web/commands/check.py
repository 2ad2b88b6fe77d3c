"""`kestra-web check`: whether the settings fit together and what they name answers."""

from __future__ import annotations

import argparse

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.db.utils import Error as DatabaseError

from executions import storage
from kestra_web import environment, heartbeat, redis_
from kestra_web.commands import Refused
from ui.errors import KestraError


def run(options: argparse.Namespace) -> int:
    """Print one line for each thing that is in order; raises `Refused` at the first that is not."""
    call_command("check", verbosity=0)
    print(f"settings   in order, data folder {settings.KESTRA_HOME}")
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise Refused(f"DATABASE_URL: the database does not answer ({str(error).splitlines()[0]})") from error
    print(f"database   {connection.vendor} answers")
    print(f"redis      {_redis()}")
    try:
        print(f"storage    {storage.check()}")
    except (KestraError, ImproperlyConfigured) as error:
        raise Refused(f"KESTRA_WEB_STORAGE: {error}") from error
    return 0


def _redis() -> str:
    if not environment.current().redis_url:
        try:
            return f"private, {redis_.find_program()}"
        except redis_.NoRedis as error:
            raise Refused(str(error)) from error
    try:
        with heartbeat.client() as client:
            client.ping()
    except redis.RedisError as error:
        raise Refused(f"REDIS_URL: Redis does not answer ({error})") from error
    return "answers"
