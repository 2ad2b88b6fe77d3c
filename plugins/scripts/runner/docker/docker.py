"""Run commands in a container of the task's `containerImage`.

The working directory is brought into the container and what the commands left in it is brought back, also after a failure.
Where no container engine can be reached, the commands run as a process in an environment that stands in for the image
(a dbt image becomes a Python environment with that adapter); the run's header and log say so and name what was not
applied. `KESTRA_WEB_DOCKER_FALLBACK=fail` makes that a failure instead.

```yaml
id: in_a_container
namespace: company.team
tasks:
  - id: hello
    type: io.kestra.plugin.scripts.shell.Commands
    containerImage: ubuntu:24.04
    taskRunner:
      type: io.kestra.plugin.scripts.runner.docker.Docker
      pullPolicy: IF_NOT_PRESENT
      cpu:
        cpus: 1
      memory:
        memory: 512MB
    commands:
      - echo "Hello from $(hostname)"
```
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from typing import Any, ClassVar, Final, Literal

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.types import DeviceRequest
from pydantic import Field

from plugins.contract import Expression, RunContext, RunnerResult, Schema, ShellCommand, TaskFailed, TaskRunner, Text
from plugins.core.runner.process import run_as_process
from plugins.scripts import _render
from plugins.scripts.runner.docker import _engine, _files
from plugins.scripts.runner.docker._follower import Follower
from plugins.scripts.runner.docker._sizes import size_in_bytes

TYPE: Final = "io.kestra.plugin.scripts.runner.docker.Docker"
_LABEL_LENGTH = 63


class Credentials(Schema):
    """How to sign in to the registry of an image."""

    registry: Text | None = Field(None, description="Address of the registry.")
    username: Text | None = Field(None, description="User name.")
    password: Text | None = Field(None, description="Password; write it as a secret.")
    registry_token: Text | None = Field(None, description="Registry token.")
    identity_token: Text | None = Field(None, description="Identity token.")
    auth: Text | None = Field(None, description="Base64 of `name:password`.")


class Cpu(Schema):
    """Limit of processor time."""

    cpus: float | Expression = Field(description="Number of processors; decimals are allowed.")


class Memory(Schema):
    """Limits of memory; sizes such as `512MB`."""

    memory: Text | None = Field(None, description="Most memory the container may use.")
    memory_swap: Text | None = Field(None, description="Memory and swap together.")
    memory_swappiness: Text | None = Field(None, description="Readiness to swap, 0 to 100.")
    memory_reservation: Text | None = Field(None, description="Soft limit.")
    kernel_memory: Text | None = Field(None, description="Most kernel memory.")
    oom_kill_disable: bool | Expression | None = Field(None, description="Do not end processes when memory runs out.")


class Device(Schema):
    """A request for devices such as GPUs."""

    driver: Text | None = Field(None, description="Driver, for example nvidia.")
    count: int | Expression | None = Field(None, description="How many; -1 for all.")
    device_ids: list[Text] | None = Field(None, description="Which ones.")
    capabilities: list[list[Text]] | None = Field(None, description="What they must be able to do, for example [[gpu]].")
    options: dict[str, Text] | None = Field(None, description="Options of the driver.")


class Docker(TaskRunner):
    """Runs commands in a container."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.scripts.runner.docker.DockerTaskRunner",)

    type: Literal["io.kestra.plugin.scripts.runner.docker.Docker", "io.kestra.plugin.scripts.runner.docker.DockerTaskRunner"] = Field(
        TYPE, description="The type of the task runner."
    )
    host: Text | None = Field(None, description="Address of the engine; else the server's, else the usual sockets.")
    config: dict[str, Any] | Text | None = Field(None, description="A docker config.json, for the credentials of private registries.")
    credentials: Credentials | None = Field(None, description="How to sign in to the registry of the image.")
    pull_policy: Literal["IF_NOT_PRESENT", "ALWAYS", "NEVER"] | Expression = Field("IF_NOT_PRESENT", description="When to pull the image.")
    user: Text | None = Field(None, description="User in the container.")
    entry_point: list[Text] | Text | None = Field(None, description="Entry point; the image's own is not used unless this is [].")
    extra_hosts: list[Text] | None = Field(None, description="Lines for /etc/hosts, as `name:address`.")
    network_mode: Text | None = Field(None, description="Network of the container, for example bridge, none or host.")
    port_bindings: list[Text] | None = Field(None, description="Ports to open, as `host:container`.")
    shm_size: Text | None = Field(None, description="Size of /dev/shm.")
    privileged: bool | Expression | None = Field(None, description="Refused: it would give the task the machine.")
    volumes: list[Text] | None = Field(
        None, description="Folders to mount, as `host:container[:ro]`, below folders that the server allows."
    )
    cpu: Cpu | None = Field(None, description="Limit of processor time.")
    memory: Memory | None = Field(None, description="Limits of memory.")
    device_requests: list[Device] | None = Field(None, description="Devices such as GPUs.")
    file_handling_strategy: Literal["VOLUME", "MOUNT"] | Expression = Field(
        "VOLUME", description="VOLUME copies the working directory in and out, MOUNT mounts it."
    )
    delete: bool | Expression = Field(True, description="Remove the container at the end.")
    wait: bool | Expression = Field(True, description="Wait for the end of the commands.")
    resume: bool | Expression = Field(True, description="Find the container again after a restart of the worker.")
    kill_grace_period: Text = Field("PT0S", description="Time between the polite and the certain signal when the task is killed.")

    def hosts(self, context: RunContext) -> list[str]:
        """Addresses at which to look for the engine, in order."""
        given = context.render(self.host) if self.host else context.settings.docker_host
        return [given] if given else list(_engine.SOCKETS)

    def falls_back(self, context: RunContext) -> bool:
        """Whether the commands will run as a process: no engine answers and the server allows it."""
        if context.settings.docker_fallback != "process":
            return False
        client = _engine.connect(self.hosts(context))
        if client is not None:
            client.close()
        return client is None

    def tell_fallback(self, context: RunContext, image: str, where: str, *, unknown: bool) -> None:
        """Say in header and log what the commands run in instead of the image, and which properties have no effect there."""
        idle = self.not_applied()
        text = f"Docker runner: no engine reached, ran as a process in {where}" + (f"; not applied: {', '.join(idle)}" if idle else "")
        context.header("runner", text)
        context.header("image", image)
        context.log("WARN" if unknown else "INFO", f"{text} (image {image})")

    def not_applied(self) -> list[str]:
        """Names of the given properties that mean nothing to a process."""
        meaningless = ("cpu", "user", "networkMode", "extraHosts", "portBindings", "shmSize", "privileged", "volumes", "deviceRequests")
        given = {name for name in self.model_fields_set if getattr(self, name)}
        names = {type(self).model_fields[name].alias or name for name in given}
        parts = [name for name in meaningless if name in names]
        if self.memory is not None:
            parts += [
                f"memory.{field.alias or name}"
                for name, field in Memory.model_fields.items()
                if name != "memory" and getattr(self.memory, name)
            ]
        return parts + (["entryPoint"] if any(_entry(self.entry_point)) else [])

    def execute(self, command: ShellCommand, context: RunContext) -> RunnerResult:
        """Run in a container; TaskFailed where that cannot be done, or the commands were stopped or ran out of memory."""
        hosts = self.hosts(context)
        client = _engine.connect(hosts)
        if client is None:
            if context.settings.docker_fallback != "process":
                _engine.refuse(hosts)
            return run_as_process(command, context, memory=self._size(context, self.memory.memory if self.memory else None))
        try:
            return self._run(client, command, context)
        except APIError as error:
            raise TaskFailed(f"The container engine refused: {str(error.explanation or error).strip()}") from error
        except DockerException as error:
            raise TaskFailed(f"The container engine failed: {error}") from error
        finally:
            client.close()

    def _run(self, client: docker.DockerClient, command: ShellCommand, context: RunContext) -> RunnerResult:
        image = command.container_image or "ubuntu"
        container = self._find(client, context)
        found = container is not None
        if container is None:
            auth = _engine.login(image, self._credentials(context), _engine.docker_config(self._config(context)))
            _engine.have_image(client, image, context.render(self.pull_policy).upper(), auth, context)
            container = client.containers.create(image, **self._options(command, context))
            context.log("DEBUG", f"Container created [{container.short_id}]")
        else:
            context.log("INFO", f"Found the container again [{container.short_id}]")
        context.left_behind(container=container.id)
        context.header("runner", f"Docker, image {image}")
        volume = context.render(self.file_handling_strategy).upper() == "VOLUME"
        try:
            if not found and volume:
                with _files.packed(command.cwd) as archive:
                    container.put_archive("/", archive)
            return self._follow(container, command, context, found=found, volume=volume)
        finally:
            if _render.flag(context, self.delete) and _render.flag(context, self.wait):
                with suppress(APIError, NotFound):
                    container.remove(force=True, v=True)

    def _follow(self, container: Any, command: ShellCommand, context: RunContext, *, found: bool, volume: bool) -> RunnerResult:
        if not _render.flag(context, self.wait):
            container.start()
            return RunnerResult(0, {"containerId": container.id})
        grace = _render.seconds(context, self.kill_grace_period) or 0.0
        cursor = command.cwd.parent / f".{context.task_run_id}-{context.attempt}.told"
        follower = Follower(container, command, context, grace, cursor, found=found)
        try:
            code = follower.run((lambda: None) if found else container.start)
        finally:
            cursor.unlink(missing_ok=True)
            cursor.with_suffix(".fresh").unlink(missing_ok=True)
            if volume:
                self._bring_back(container, command, context)
        self._explain(container, follower, command, context)
        return RunnerResult(code, {"containerId": container.id})

    def _bring_back(self, container: Any, command: ShellCommand, context: RunContext) -> None:
        try:
            chunks, _ = container.get_archive(str(command.cwd))
            _files.unpack(chunks, command.cwd)
        except (APIError, NotFound) as error:
            context.log("WARN", f"The files of the container cannot be brought back: {error}")

    def _explain(self, container: Any, follower: Follower, command: ShellCommand, context: RunContext) -> None:
        if follower.reason == "cancelled":
            raise TaskFailed("The task was killed", state="KILLED", retryable=False)
        if follower.reason == "timeout":
            raise TaskFailed(f"The task took longer than its timeout of {command.timeout:g} seconds and was stopped")
        container.reload()
        if container.attrs.get("State", {}).get("OOMKilled"):
            limit = context.render(self.memory.memory) if self.memory and self.memory.memory else "the machine"
            raise TaskFailed(f"Killed by the memory limit of {limit}: raise `memory` of the task runner or let the task do less at a time")

    def _find(self, client: docker.DockerClient, context: RunContext) -> Any | None:
        """The container that an earlier worker started for this attempt."""
        if not context.resumed or not _render.flag(context, self.resume):
            return None
        labels = [f"{name}={value}" for name, value in labels_of(context).items()]
        found = client.containers.list(all=True, filters={"label": labels})
        return found[0] if found else None

    def _options(self, command: ShellCommand, context: RunContext) -> dict[str, Any]:
        """The arguments of docker's create call."""
        if _render.flag(context, self.privileged):
            raise TaskFailed("`privileged` is refused: it would give the task the whole machine", retryable=False)
        options: dict[str, Any] = {
            "command": list(command.argv),
            "entrypoint": _entry(self.entry_point),
            "environment": dict(command.env),
            "working_dir": str(command.cwd),
            "labels": labels_of(context),
            "name": container_name(context),
            "user": context.render(self.user) if self.user else None,
            "network_mode": _network(context.render(self.network_mode)) if self.network_mode else None,
            "extra_hosts": dict(context.render(line).split(":", 1) for line in self.extra_hosts or []) or None,
            "ports": _ports([context.render(line) for line in self.port_bindings or []]) or None,
            "shm_size": self._size(context, self.shm_size),
            "volumes": self._binds(command, context) or None,
            "device_requests": [_device(context, device) for device in self.device_requests or []] or None,
            **self._limits(context),
        }
        return {name: value for name, value in options.items() if value is not None}

    def _limits(self, context: RunContext) -> dict[str, Any]:
        limits: dict[str, Any] = {}
        if self.cpu is not None:
            limits["nano_cpus"] = int(float(context.render(str(self.cpu.cpus))) * 1_000_000_000)
        if self.memory is not None:
            memory = self.memory
            limits |= {
                "mem_limit": self._size(context, memory.memory),
                "memswap_limit": self._size(context, memory.memory_swap),
                "mem_reservation": self._size(context, memory.memory_reservation),
                "mem_swappiness": int(context.render(memory.memory_swappiness)) if memory.memory_swappiness else None,
                "oom_kill_disable": None if memory.oom_kill_disable is None else _render.flag(context, memory.oom_kill_disable),
            }
        return limits

    def _size(self, context: RunContext, text: str | None) -> int | None:
        if text is None:
            return None
        try:
            return size_in_bytes(context.render(text))
        except ValueError as error:
            raise TaskFailed(str(error), retryable=False) from error

    def _binds(self, command: ShellCommand, context: RunContext) -> list[str]:
        """Mounts: what the server always mounts, what the task asks for as far as it is allowed, the working directory for MOUNT."""
        allowed = [entry.partition(":")[0] for entry in context.settings.volumes]
        binds = [entry for entry in context.settings.volumes if ":" in entry]
        for line in self.volumes or []:
            source, colon, target = context.render(line).partition(":")
            real = os.path.realpath(source)
            if not source.startswith("/") or not colon or not any(_below(real, os.path.realpath(folder)) for folder in allowed):
                where = ", ".join(allowed) or "none; the server's setting KESTRA_WEB_DOCKER_VOLUMES names them"
                raise TaskFailed(f"The volume '{source}' is not allowed. Allowed folders: {where}", retryable=False)
            binds.append(f"{real}:{target}")
        if context.render(self.file_handling_strategy).upper() == "MOUNT":
            binds.append(f"{command.cwd}:{command.cwd}")
        return binds

    def _credentials(self, context: RunContext) -> dict[str, str] | None:
        if self.credentials is None:
            return None
        given = self.credentials.model_dump(by_alias=True, exclude_none=True)
        return {name: context.render(value) for name, value in given.items()}

    def _config(self, context: RunContext) -> Any:
        return None if self.config is None else context.render_any(self.config)


def labels_of(context: RunContext) -> dict[str, str]:
    """Labels by which a container is found again; cut at 63 characters."""
    values = {
        "namespace": context.flow.namespace,
        "flow-id": context.flow.id,
        "task-id": context.task_id,
        "execution-id": context.execution_id,
        "taskrun-id": context.task_run_id,
        "taskrun-attempt": str(context.attempt),
    }
    return {f"kestra.io/{name}": value[:_LABEL_LENGTH] for name, value in values.items()}


def container_name(context: RunContext) -> str:
    """A name that says where the container comes from: namespace, flow and task, with five characters that make it unique."""
    stem = f"{context.flow.namespace}-{context.flow.id}-{context.task_id}".lower()
    return f"{re.sub(r'[^a-z0-9-]+', '-', stem)[:57].strip('-')}-{secrets.token_hex(3)[:5]}"


def _network(mode: str) -> str:
    """The network to join; never that of another container, which belongs to another task."""
    if mode.startswith("container:"):
        raise TaskFailed("`networkMode` may not name another container: its network belongs to another task", retryable=False)
    return mode


def _entry(given: list[str] | str | None) -> list[str]:
    """The entry point for docker: one empty text takes the image's away, an empty list keeps it."""
    return [""] if given is None else ([given] if isinstance(given, str) else list(given))


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _ports(lines: list[str]) -> dict[str, str]:
    return {container: host for host, _, container in (line.rpartition(":") for line in lines)}


def _device(context: RunContext, device: Device) -> DeviceRequest:
    return DeviceRequest(
        driver=context.render(device.driver) if device.driver else "",
        count=int(context.render(str(device.count))) if device.count is not None else 0,
        device_ids=[context.render(item) for item in device.device_ids or []],
        capabilities=[[context.render(item) for item in row] for row in device.capabilities or []],
        options={name: context.render(value) for name, value in (device.options or {}).items()},
    )
