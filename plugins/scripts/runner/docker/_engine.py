"""The container engine: reaching it, and having an image there."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import docker
from docker.errors import APIError, DockerException, ImageNotFound

from plugins.contract import RunContext, TaskFailed

SOCKETS = ("unix:///var/run/docker.sock", "unix:///dind/docker.sock")
_CONNECT_TIMEOUT = 5
_TRIES = 5
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 120.0  # seconds between tries to pull, as Kestra waits


def connect(hosts: Sequence[str]) -> docker.DockerClient | None:
    """A client of the first engine that answers; None where none does."""
    for host in hosts:
        try:
            client = docker.DockerClient(base_url=host, version="auto", timeout=_CONNECT_TIMEOUT)
            client.ping()
        except (DockerException, OSError, ValueError):
            continue
        client.api.timeout = None  # type: ignore[assignment]  # requests takes it as "as long as it takes"; the stubs do not know
        return client
    return None


def refuse(hosts: Sequence[str]) -> NoReturn:
    """Say that no engine was found, and where it was looked for."""
    raise TaskFailed(
        f"No container engine can be reached (tried {', '.join(hosts)}). Start Docker, give its address with `host` of the task runner "
        "or DOCKER_HOST of the server, or set KESTRA_WEB_DOCKER_FALLBACK=process to run as a process instead."
    )


def registry_of(image: str) -> str:
    """The registry that an image comes from: `ghcr.io/a/b:1` -> `ghcr.io`, `ubuntu` -> `docker.io`."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def login(image: str, credentials: Mapping[str, str] | None, config: Mapping[str, Any] | None) -> dict[str, str] | None:
    """What to show the registry of this image: the given credentials, or those that a docker config.json holds for it."""
    if credentials:
        return _login(credentials)
    registry = registry_of(image)
    for name, entry in ((config or {}).get("auths") or {}).items():
        host = str(name).removeprefix("https://").removeprefix("http://").partition("/")[0]
        if isinstance(entry, Mapping) and (host == registry or (registry == "docker.io" and host.endswith("docker.io"))):
            return _login({key: str(value) for key, value in entry.items()})
    return None


def _login(given: Mapping[str, str]) -> dict[str, str]:
    names = {"identityToken": "identitytoken", "registryToken": "registrytoken", "registry": "serveraddress"}
    found = {names.get(key, key): value for key, value in given.items() if value}
    if "auth" in found:
        try:
            username, _, password = base64.b64decode(found.pop("auth")).decode().partition(":")
        except ValueError as error:
            raise TaskFailed("`auth` of the registry's credentials must be Base64 of `name:password`", retryable=False) from error
        found |= {"username": username, "password": password}
    return found


def docker_config(text: str | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A docker config.json given as text or as a map."""
    if text is None or isinstance(text, Mapping):
        return text
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise TaskFailed("`config` must be the text of a docker config.json", retryable=False) from error


def have_image(client: docker.DockerClient, image: str, policy: str, auth: Mapping[str, str] | None, context: RunContext) -> None:
    """Pull the image as the policy says. TaskFailed where it cannot be had."""
    if policy == "NEVER" or (policy == "IF_NOT_PRESENT" and _present(client, image)):
        if policy == "NEVER" and not _present(client, image):
            raise TaskFailed(f"The image '{image}' was not found on the engine, and `pullPolicy: NEVER` forbids to pull it")
        return
    wait = _FIRST_WAIT
    for attempt in range(1, _TRIES + 1):
        try:
            _pull(client, image, auth)
            context.log("DEBUG", f"Image pulled [{image}]")
            return
        except ImageNotFound as error:
            raise TaskFailed(f"The image '{image}' was not found in its registry: {_why(error)}") from error
        except APIError as error:
            text = _why(error)
            if "not found" in text or "manifest unknown" in text:
                raise TaskFailed(f"The image '{image}' was not found in its registry: {text}") from error
            if attempt == _TRIES or "denied" in text or "unauthorized" in text:
                raise TaskFailed(f"The image '{image}' cannot be pulled: {text}") from error
            context.log("WARN", f"The image '{image}' cannot be pulled: {text}; next try in {wait:g} s")
        _sleep(wait, context)
        wait = min(wait * 2, _LONGEST_WAIT)


def _pull(client: docker.DockerClient, image: str, auth: Mapping[str, str] | None) -> None:
    name, digest, tag = image, "", None
    if "@" not in image:
        head, colon, last = image.rpartition(":")
        name, tag = (head, last) if colon and "/" not in last else (image, "latest")
    client.images.pull(name + digest, tag=tag, auth_config=dict(auth) if auth else None)


def _present(client: docker.DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def _why(error: APIError) -> str:
    return str(error.explanation or error).strip()


def _sleep(seconds: float, context: RunContext) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if context.cancelled():
            raise TaskFailed("The task was killed while its image was pulled", state="KILLED", retryable=False)
        time.sleep(0.2)
