"""The manifests that a dbt task compares with, and those that it leaves: in the key-value store, or as the state of its project."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from plugins.contract import Expression, RunContext, Schema, TaskFailed, Text
from plugins.dbt import _command, _state
from plugins.dbt._artifacts import MANIFEST, Artifact
from plugins.scripts import _folders

OnMissing = Literal["full", "fail"] | Expression | None
_ON_MISSING = Field(
    None,
    description="Where there is no state yet: `full` builds everything, `fail` fails before dbt starts; unset, dbt decides.",
)


class ManifestKey(Schema):
    """A manifest in the key-value store of a namespace."""

    key: Text = Field(description="Key of the manifest.")
    namespace: Text = Field(description="Namespace of the key.")


class LoadedManifest(ManifestKey):
    """A manifest in the key-value store to compare with."""

    on_missing_state: OnMissing = _ON_MISSING


class PromotedState(Schema):
    """The state of this project, target and branch: the manifest of its last full build that succeeded."""

    namespace: Text | None = Field(None, description="Namespace whose flow built it; that of this flow unless given.")
    target: Text | None = Field(None, description="Target that it was built for; that of the commands unless given.")
    branch: Text | None = Field(None, description="Branch that it was built from; that of the project's repository unless given.")
    on_missing_state: OnMissing = _ON_MISSING


# --- before dbt -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compared:
    """What a task compares with, which lies in the target folder of its `project` below the working directory `folder`."""

    context: RunContext
    folder: Path
    project: Path
    manifest: LoadedManifest | None
    state: PromotedState | None

    @property
    def wanted(self) -> bool:
        """Whether the task asks for anything."""
        return self.manifest is not None or self.state is not None

    @property
    def file(self) -> Path:
        """Where the manifest lies once it is brought, or where the author's files have one."""
        return self.project / "target" / MANIFEST

    @property
    def on_missing(self) -> str:
        """What to do where there is none: `full`, `fail`, or nothing in particular."""
        given = next((state.on_missing_state for state in (self.state, self.manifest) if state is not None), None)
        return self.context.render(given).strip().lower() if given else ""

    @property
    def builds_all(self) -> bool:
        """Whether everything is built because there is nothing to compare with."""
        return self.on_missing == "full" and not self.file.exists()

    def bring(self, own: _state.Identity) -> None:
        """Put it there; `own` is what the commands work on."""
        if self.manifest is not None:
            self._bring_manifest(self.manifest)
        if self.state is not None:
            self._bring_state(self.state, own)

    def judge(self, commands: Sequence[str]) -> None:
        """Say what the commands come to where what they compare with is missing; TaskFailed where they are not to run then."""
        if not self.wanted or self.file.exists() or not _command.needs_state(commands):
            return
        if self.on_missing == "fail":
            raise TaskFailed(
                "There is no state to compare with yet: build the whole project once (`onMissingState` is `fail`)", retryable=False
            )
        if self.on_missing == "full":
            self.context.log("INFO", "There is no state to compare with yet, so everything is built (`onMissingState` is `full`)")
            self.context.header("state", "none yet: everything is built")
        else:
            self.context.log(
                "WARN",
                "The commands compare with a state and there is none yet. Build the whole project once, or set `onMissingState: full` "
                "to have that done where it is missing.",
            )

    def _bring_manifest(self, wanted: LoadedManifest) -> None:
        context = self.context
        value = context.namespace(context.render(wanted.namespace)).kv.get(context.render(wanted.key))
        if value is None or (isinstance(value, str) and not value.strip()):
            context.log("WARN", "Property `loadManifest` has been used but no manifest has been found in the KV Store.")
            return
        self._write((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode())

    def _bring_state(self, wanted: PromotedState, own: _state.Identity) -> None:
        context = self.context
        target = context.render(wanted.target) if wanted.target else own.target
        branch = context.render(wanted.branch) if wanted.branch else own.branch
        namespace = context.render(wanted.namespace) if wanted.namespace else None
        content = context.namespace(namespace).states.get(own.project, target, branch)
        where = f"the project '{own.project}', target '{target}' and " + (f"branch '{branch}'" if branch else "no branch")
        if content is None:
            context.log("WARN", f"There is no state of {where} yet: no full build of it has succeeded.")
        else:
            self._write(content)
            context.log("INFO", f"Compares with the state of {where}")

    def _write(self, content: bytes) -> None:
        _folders.write(self.folder, self.file.relative_to(self.folder).as_posix(), content)


# --- after it ---------------------------------------------------------------------------------------------------------------------


def store(context: RunContext, place: ManifestKey, manifest: Artifact | None, *, succeeded: bool, partial: bool) -> None:
    """Keep the manifest, unless the run failed (the next one would leave the broken models out) or compared with a state."""
    key = context.render(place.key)
    if not succeeded:
        context.log("WARN", f"The manifest was not stored under '{key}': the run did not succeed")
    elif manifest is None or not manifest.parsed:
        context.log("WARN", f"The manifest was not stored under '{key}': dbt wrote none that can be read")
    elif partial:
        context.log("INFO", f"The manifest under '{key}' stays as it is: the run was a part, or compared with it from another folder")
    else:
        context.namespace(context.render(place.namespace)).kv.set(key, manifest.parsed)
        context.log("INFO", f"Stored the manifest under '{key}'")


def promote(context: RunContext, identity: _state.Identity, manifest: Artifact, stored: ManifestKey | None) -> None:
    """Make the manifest of a full build that succeeded the state of its project, target and branch."""
    context.namespace().states.promote(
        identity.project,
        identity.target,
        identity.branch,
        manifest.content,
        digest=_state.digest(manifest.parsed),
        version=str(manifest.metadata.get("dbt_version") or ""),
        stored=(context.render(stored.namespace), context.render(stored.key)) if stored is not None else None,
    )
    where = f" on {identity.branch}" if identity.branch else ""
    context.log("INFO", f"This is the state of {identity.project}{where} in target {identity.target} from now on")
