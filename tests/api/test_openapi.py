"""What the OpenAPI document says is true: invented requests are answered as it tells, and nothing breaks the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, assume, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from api import openapi
from api.docs import ROOT
from api.urls import api
from executions.models import Execution
from kv import services as kv
from namespaces.models import User
from namespaces.services import tokens

DOCUMENT = openapi.described(api, ROOT)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
KNOWN = {  # what is there, so that half of the requests get further than "there is no such thing"
    "namespace": "company.team", "flow_id": "shop", "task_id": "greet", "trigger_id": "nightly", "key": "answer",
    "cls": "io.kestra.plugin.core.log.Log", "name": "flow", "metric": "rows",
}  # fmt: skip


def made(*modes: GenerationMode) -> Any:
    """Requests for every operation, of the shape that the document tells or of another. Streams are followed in journeys."""
    config = SchemathesisConfig()
    config.projects.default.generation.update(modes=list(modes))
    config.projects.default.phases.coverage.enabled = GenerationMode.NEGATIVE in modes
    found = schemathesis.openapi.from_dict(DOCUMENT, config=config)
    found.app = get_wsgi_application()
    return found.exclude(path_regex="/follow")


sensible, hostile = made(GenerationMode.POSITIVE), made(GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def settings_for(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


WORDS = {part for path in DOCUMENT["paths"] for part in path.removeprefix(ROOT).split("/") if not part.startswith("{")}


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests see the test's own transaction: the connection is not closed when one begins or ends."""
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def token(people: dict[str, User], shop: Execution, one_connection: None) -> str:
    """The owner's, in a house with a flow, an execution and a key."""
    kv.set("company.team", "answer", 42)
    return tokens.create(user=people["owner"], name="test")[1]


def meant(case: Any, execution: Execution) -> None:
    """Put what is there into every other request; none waits for the end of an execution, since no worker is here.

    An address with a word of another operation in the place of a name is that other operation.
    """
    (case.query or {}).pop("wait", None)
    assume(not WORDS & set(map(str, (case.path_parameters or {}).values())))
    known = KNOWN | {"execution_id": execution.id}
    chosen = sum(len(str(value)) for value in (case.path_parameters or {}).values()) % 2
    if chosen and case.path_parameters:
        case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})


def hold(case: Any, token: str, execution: Execution) -> None:
    meant(case, execution)
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)


@sensible.parametrize()
@settings_for(8)
def test_an_operation_keeps_its_word(case: Any, token: str, shop: Execution) -> None:
    hold(case, token, shop)


@pytest.mark.long
@pytest.mark.timeout(600)
@hostile.parametrize()
@settings_for(200)
def test_an_operation_keeps_its_word_for_long(case: Any, token: str, shop: Execution) -> None:
    hold(case, token, shop)


def test_every_entry_of_the_document_is_of_an_operation() -> None:
    told = {f"{method.upper()} {path.removeprefix(ROOT)}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    for table in (openapi.ANSWERS, openapi.PLAIN, openapi.BODIES):
        assert set(table) - told == set()


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(set(ids)) == len(ids)
