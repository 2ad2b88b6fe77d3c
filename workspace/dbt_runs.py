"""Running dbt from the editor: an execution of a flow that is kept in the namespace for this, with the files of the person's copy."""

from __future__ import annotations

import shlex
from typing import Any

import yaml

from executions import models, services
from flows import services as flow_services
from flows.models import Flow, Revision
from namespaces.models import User
from namespaces.services import connections
from ui.errors import Invalid
from workspace import running, targets
from workspace.project_files import Project
from workspace.worktrees import Worktree

FLOW = "workspace-dbt"
VERBS = ("run", "test", "build", "docs")
REACHES = ("this", "this+", "+this", "changed+")
_TYPE = "io.kestra.plugin.dbt.cli.DbtCLI"


def start(*, user: User, project: Project, worktree: Worktree | None, verb: str, path: str, reach: str) -> models.Execution:
    """Start an execution that runs what a person asked for. Raises `Invalid`, and what starting a flow raises."""
    if verb not in VERBS:
        raise Invalid(f"verb is one of {', '.join(VERBS)}.")
    if reach not in REACHES:
        raise Invalid(f"reach is one of {', '.join(REACHES)}.")
    compared = reach == "changed+" and verb != "docs"
    target = targets.chosen(user, project.place.namespace)
    folder = _seen(project.folder, worktree)
    # dbt looks for profiles.yml where it runs, which is above the folder of the project.
    profiles = ["--profiles-dir", folder] if folder and targets.naming(project, project.at("profiles.yml")) else []
    words = _words(verb, project.inside(path), reach)
    command = shlex.join(["dbt", *words, *(["--target", target] if target else []), *profiles])
    revision = _revision(project, _source(project, folder, compared=compared))
    inputs = {"commands": [*(["dbt deps"] if _needs_packages(project) else []), command]}
    if worktree is not None:
        return running.start(worktree, FLOW, inputs, revision=revision)
    return services.start(user=user, namespace=project.place.namespace, flow_id=FLOW, inputs=inputs, revision=revision)


def _words(verb: str, path: str, reach: str) -> list[str]:
    """What dbt is told to do: the docs are always those of the whole project."""
    if verb == "docs":
        return ["docs", "generate"]
    # The state lies where dbt usually writes: it would replace it by what it is to be compared with.
    changed = ["state:modified+", "--state", "target", "--target-path", "run"]
    selection = changed if reach == "changed+" else [reach.replace("this", f"path:{path}")]
    return [verb, "--select", *selection]


def _needs_packages(project: Project) -> bool:
    names = {project.inside(entry.path) for entry in project.entries}
    return bool(names & {"packages.yml", "dependencies.yml"})


def _seen(folder: str, worktree: Worktree | None) -> str:
    """Where an execution finds the folder of the project: of a repository it sees what stands for the files of the namespace."""
    directory = worktree.repository.directory.strip("/") if worktree is not None else ""
    if not directory:
        return folder
    if folder != directory and not folder.startswith(f"{directory}/"):
        raise Invalid(f"Executions of this namespace see {directory} of the repository, and this project lies outside.")
    return folder[len(directory) :].strip("/")


def _source(project: Project, folder: str, *, compared: bool) -> str:
    """The flow: how it connects depends on what the place and the namespace bring along."""
    task: dict[str, Any] = {
        "id": "dbt",
        "type": _TYPE,
        "taskRunner": {"type": "io.kestra.plugin.core.runner.Process"},
        "namespaceFiles": {"enabled": True},
        "commands": "{{ inputs.commands }}",
    }
    if folder:
        task["projectDir"] = folder
    if compared:
        task["loadState"] = {"onMissingState": "full"}
    profiles = _profiles(project)
    if profiles:
        task["profiles"] = profiles
    flow = {
        "id": FLOW,
        "namespace": project.place.namespace,
        "description": "What people start in the workspace. It is made, and made anew, by the workspace itself.",
        "inputs": [{"id": "commands", "type": "ARRAY", "itemType": "STRING"}],
        "tasks": [task],
    }
    return yaml.safe_dump(flow, sort_keys=False, allow_unicode=True, width=10_000)


def _profiles(project: Project) -> str:
    """What a flow of the namespace brings along, where neither the files nor a connection say how to connect."""
    if targets.brought(project) or connections.find(project.place.namespace, None) is not None:
        return ""
    return next(targets.of_flows(project.place.namespace, targets.profile_of(project)), "")


def _revision(project: Project, source: str) -> int:
    """The revision of the flow that has this source, made where there is none."""
    namespace = project.place.namespace
    known = Revision.objects.filter(flow__namespace=namespace, flow__flow_id=FLOW, flow__deleted=False, deleted=False, source=source)
    number = known.values_list("number", flat=True).first()
    if number is not None:
        return int(number)
    made: Flow = flow_services.put(user=None, source=source)
    return made.revision
