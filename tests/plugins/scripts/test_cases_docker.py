"""What shell tasks do with images and registries, against a real engine; the ids are those of the acceptance cases."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from tests.plugins.cases import case
from tests.plugins.context import MemoryContext
from tests.plugins.scripts.registry import serving
from tests.plugins.scripts.test_cases_shell import ran
from tests.plugins.scripts.test_docker import IMAGE, commands, small_image

pytestmark = [pytest.mark.docker]
NAME, TAG = "alpine", "3.15.6"


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    """A registry that has `alpine:3.15.6`, and an engine that has it not yet."""
    client = docker.from_env()
    layer = small_image()
    client.api.import_image_from_data(layer, repository="kestra-web-test", tag="small")
    with serving(NAME, TAG, layer) as address:
        yield address
        client.images.remove(f"{address}/{NAME}:{TAG}", force=True)
    client.close()


@case("sh.invalid_image")
def test_an_image_that_is_nowhere_is_told_by_its_name(registry: str, context: MemoryContext) -> None:
    image = f"{registry}/{NAME}:999.15.6"
    told = ran(commands("true", image=image, runner={"pullPolicy": "IF_NOT_PRESENT"}), context)
    assert told.failed is not None
    assert "alpine:999.15.6" in told.failed
    assert "not found" in told.failed


@case("sh.pull_always")
def test_an_image_is_pulled_each_time_where_that_is_asked_for(registry: str, context: MemoryContext) -> None:
    task = commands("cat /etc/hostname", image=f"{registry}/{NAME}:{TAG}", runner={"pullPolicy": "ALWAYS"})
    for _ in range(2):
        assert ran(task, context).failed is None
    assert len([line for line in context.lines() if "Image pulled" in line]) >= 2


@case("sh.credentials_config_json")
def test_credentials_of_a_registry_are_kept_from_the_script(registry: str, context: MemoryContext) -> None:
    credentials = {"registry": "own.registry", "username": "john", "password": "doe-7391"}
    look = ["ls -A", "cat config.json || echo none", "cat /root/.docker/config.json || echo none", "env", "cat /proc/1/cmdline"]
    told = ran(commands(*look, image=IMAGE, runner={"credentials": credentials}), context)
    assert told.failed is None
    assert context.lines("INFO").count("none") == 2
    assert not [line for line in context.lines() if "doe-7391" in line or "john" in line]
