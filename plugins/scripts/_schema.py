"""The properties that every script task has, as its author writes them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from plugins.contract import Expression, RunnableTask, Schema, Text
from plugins.core.runner.process import Process
from plugins.scripts._cloud import CloudRunner
from plugins.scripts.runner.docker.docker import Docker


class NamespaceFiles(Schema):
    """Which files of a namespace are brought into the working directory."""

    enabled: bool | Expression = Field(True, description="Whether to bring them at all.")
    include: list[Text] | Text | None = Field(None, description="Patterns of the files to bring; all where absent.")
    exclude: list[Text] | Text | None = Field(None, description="Patterns of the files to leave out.")
    namespaces: list[Text] | Text = Field(
        default_factory=lambda: ["{{ flow.namespace }}"], description="Namespaces to take files from; a later one wins."
    )
    if_exists: Literal["OVERWRITE", "FAIL", "WARN", "IGNORE"] | Expression = Field(
        "OVERWRITE", description="What to do where a file is there already."
    )
    folder_per_namespace: bool | Expression = Field(False, description="Put the files of each namespace into a folder of its name.")


def _kind(value: Any) -> str:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if not isinstance(name, str):
        return "docker"
    if ".ee." in name:
        return "cloud"
    return "process" if "process" in name.lower() else "docker"


Runner = Annotated[
    Annotated[Process, Tag("process")] | Annotated[Docker, Tag("docker")] | Annotated[CloudRunner, Tag("cloud")], Discriminator(_kind)
]


class ScriptFields(Schema):
    """What everything that runs a script may say about where and with what it runs."""

    task_runner: Runner | None = Field(None, description="Where the commands run; the Docker task runner where absent.")
    container_image: Text | None = Field(None, description="Container image of the commands.")
    before_commands: list[Text] | Text | None = Field(None, description="Commands that prepare, run before the others in the same shell.")
    env: dict[str, Any] | Expression | None = Field(None, description="Environment variables of the commands.")
    interpreter: list[Text] | Text = Field(default_factory=lambda: ["/bin/sh", "-c"], description="What interprets the commands.")
    fail_fast: bool | Expression = Field(True, description="Stop at the first command that fails.")
    namespace_files: NamespaceFiles | None = Field(None, description="Namespace files to bring into the working directory.")
    input_files: dict[str, Any] | Text | None = Field(
        None, description="Files to write into the working directory: content or a URI by name, or an expression that gives such a map."
    )
    output_files: list[Text] | Text | None = Field(None, description="Names or patterns of the files to keep as outputs.")
    warning_on_std_err: bool | Expression | None = Field(
        None, description="Deprecated; has no effect.", json_schema_extra={"deprecated": True}
    )
    output_directory: bool | Expression = Field(
        True, description="Deprecated; `false` leaves `{{ outputDir }}` and OUTPUT_DIR away.", json_schema_extra={"deprecated": True}
    )
    target_os: Literal["LINUX", "WINDOWS", "AUTO"] | Expression = Field(
        "AUTO", alias="targetOS", description="System the commands are for."
    )
    runner: Literal["PROCESS", "DOCKER"] | None = Field(
        None, description="Deprecated: use taskRunner.", json_schema_extra={"deprecated": True}
    )
    docker: dict[str, Any] | None = Field(
        None, description="Deprecated: use taskRunner and containerImage.", json_schema_extra={"deprecated": True}
    )


class ScriptProperties(ScriptFields, RunnableTask):
    """A task that runs a script."""

    default_image: ClassVar[str] = "ubuntu"
