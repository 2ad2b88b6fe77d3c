"""Flows as files of a repository: a namespace is a folder, those below it are its folders, a flow is a file of YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plugins.contract import FlowSource, FlowsPort, RunContext, TaskFailed
from plugins.git._trees import Blob, Trees, blob_id

ENDINGS = (".yml", ".yaml")
_NAMESPACE = re.compile(r"^namespace:[^\n]*$", re.MULTILINE)
_REVISION = re.compile(r"^revision:[^\n]*\n?", re.MULTILINE)
_DRAFT = re.compile(r"^draft:\s*true\s*(#.*)?$", re.MULTILINE)
_ID = re.compile(r"^id:\s*[\"']?([A-Za-z0-9][A-Za-z0-9_-]*)", re.MULTILINE)


def in_namespace(source: str, namespace: str) -> str:
    """The source with this namespace."""
    line = f"namespace: {namespace}"
    return _NAMESPACE.sub(line, source, count=1) if _NAMESPACE.search(source) else f"{line}\n{source}"


def without_revision(source: str) -> str:
    """The source as it is written to Git: the server counts revisions."""
    return _REVISION.sub("", source)


def is_same(old: FlowSource | None, source: str) -> bool:
    """Whether a flow is kept with this source already."""
    return old is not None and without_revision(old.source) == without_revision(source)


def is_draft(source: str) -> bool:
    """Whether it is not to be published yet."""
    return _DRAFT.search(source) is not None


def id_of(source: str) -> str:
    """The id that a source gives its flow, even where it is not valid; empty where there is none."""
    found = _ID.search(source)
    return found[1] if found else ""


def path_of(flow: FlowSource, namespace: str, ending: str = ".yml") -> str:
    """Where a flow lies in the folder of a namespace that it stands in or below."""
    below = flow.namespace[len(namespace) :].strip(".").replace(".", "/")
    return f"{below}/{flow.id}{ending}" if below else f"{flow.id}{ending}"


@dataclass(frozen=True, slots=True)
class Found:
    """A flow of a repository: its path in the folder, the id of its content there, the namespace it has here, and its source in it."""

    path: str
    sha: str
    namespace: str
    source: str

    @property
    def id(self) -> str:
        return id_of(self.source)

    @property
    def place(self) -> tuple[str, str]:
        return self.namespace, self.id


def found_in(trees: Trees, blobs: Mapping[str, Blob], namespace: str, *, below: bool) -> list[Found]:
    """The flows of a folder, by path; a `.kestraignore` at its top leaves some out."""
    paths = [path for path in sorted(blobs) if path.endswith(ENDINGS) and (below or "/" not in path)]
    ignored = trees.left_out(paths, blobs)
    paths = [path for path in paths if path not in ignored]
    flows = []
    for path, content in zip(paths, trees.contents([blobs[path].sha for path in paths]), strict=True):
        inside = ".".join([namespace, *path.split("/")[:-1]])
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise TaskFailed(f"{path} is no flow: it is not written in UTF-8", retryable=False) from error
        flows.append(Found(path, blobs[path].sha, inside, in_namespace(text, inside)))
    return flows


def valid_of(context: RunContext, port: FlowsPort, found: Iterable[Found], *, ignore_invalid: bool) -> list[Found]:
    """The flows that can be kept. TaskFailed, naming all that cannot, before anything is changed; with `ignore_invalid` they are told."""
    good: list[Found] = []
    wrong: list[str] = []
    for flow in found:
        if problem := port.check(flow.source):
            wrong.append(f"{flow.id or 'the flow'} ({flow.path}): {problem}")
        else:
            good.append(flow)
    if wrong and not ignore_invalid:
        raise TaskFailed(
            f"{len(wrong)} of {len(wrong) + len(good)} flows are not valid, so nothing was synced. {'; '.join(wrong)}", retryable=False
        )
    for text in wrong:
        context.log("WARN", f"Left out, since it is not valid: {text}")
    return list({flow.place: flow for flow in good}.values())


def texts(flows: Iterable[FlowSource], namespace: str, target: str, ending: str = ".yml") -> dict[str, bytes]:
    """What flows look like in Git, by their path in the folder of `namespace`; drafts stay here. `target` stands for `namespace`."""
    found = {}
    for flow in flows:
        if not is_draft(flow.source):
            source = without_revision(flow.source)
            if target != namespace:
                source = in_namespace(source, target + flow.namespace[len(namespace) :])
            found[path_of(flow, namespace, ending)] = source.encode()
    return found


def ids(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Git's ids of contents."""
    return {path: blob_id(content) for path, content in contents.items()}
