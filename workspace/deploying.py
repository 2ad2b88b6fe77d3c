"""Deploying: a commit becomes the files and flows of its namespace, or of another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.db.models import Max

from flows import services as flow_services
from flows.models import Flow
from flows.validation import constraints, validate
from namespaces import files, rights
from namespaces.files import FILES
from namespaces.models import Deployment, FileVersion, Role, User
from namespaces.paths import FLOWS, UnsafePath, clean_file
from namespaces.services import versions
from namespaces.services.tree import ensure
from namespaces.services.versions import Author
from plugins.git._flows import ENDINGS, id_of, in_namespace, without_revision
from ui.errors import Conflict, Invalid
from workspace import repositories
from workspace.git import Git
from workspace.worktrees import commit_of

_LINK, _MODULE = "120000", "160000"


@dataclass(frozen=True, slots=True)
class File:
    """A file that a deployment changes: A, M or D, and the ids of what it holds before and after (empty: it is not there)."""

    path: str
    letter: str
    before: str
    after: str
    is_edited: bool = False  # somebody changed it in the namespace since the last deployment


@dataclass(frozen=True, slots=True)
class DeployedFlow:
    """A flow that a deployment changes: A, M or D, its sources, and what is wrong with the new one."""

    id: str
    letter: str
    before: str
    after: str
    problem: str = ""


@dataclass(slots=True)
class Plan:
    """What a deployment would do."""

    namespace: str
    origin: str
    ref: str
    commit: str
    subject: str
    files: list[File] = field(default_factory=list)
    flows: list[DeployedFlow] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # the commit has them no more, but somebody changed them here
    left_out: list[str] = field(default_factory=list)  # links, submodules, and names that no file may have
    blobs: dict[str, str] = field(default_factory=dict)
    flow_ids: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[DeployedFlow]:
        return [flow for flow in self.flows if flow.problem]


def plan(*, user: User, origin: str, ref: str, namespace: str = "") -> Plan:
    """What deploying a branch, tag or commit of the repository of `origin` would change. Raises `NoSuchBranch`, `Invalid`, `Missing`."""
    target = namespace or origin
    rights.require(user, origin, Role.MEMBER)
    rights.require(user, target, Role.MEMBER)
    row = repositories.find(origin)
    store = repositories.store(origin)
    commit = commit_of(store, ref or row.default_branch)
    if not store.text("for-each-ref", "--count=1", f"--contains={commit}", "refs/remotes/origin", "refs/tags"):
        raise Invalid(f"{commit[:7]} was never pushed: push it first, so that everybody has what runs here.")
    subject = store.text("show", "-s", "--format=%s", commit)[:200]
    found = Plan(target, origin, ref or row.default_branch, commit, subject)
    before = Deployment.objects.filter(namespace=target).order_by("-id").first()
    _files(found, store, row.directory, before.files if before else {})
    _flows(found, store, row.directory, before.flows if before else [])
    return found


def deploy(*, user: User, origin: str, ref: str, namespace: str = "", commit: str = "") -> Deployment:
    """Deploy; with `commit` only while `ref` is that one. Nothing changes where a flow is not valid; what files and flows were before
    stays in their history."""
    found = plan(user=user, origin=origin, ref=ref, namespace=namespace)
    if commit and commit != found.commit:
        raise Conflict(f"{ref} has moved on to {found.commit[:7]}: look at what it changes again.")
    if found.problems:
        told = "; ".join(f"{flow.id}: {flow.problem}" for flow in found.problems[:5])
        raise Invalid(f"Not deployed, since not every flow is valid. {told}")
    store, author = repositories.store(origin), Author(user)
    ensure(found.namespace)
    changed = [file for file in found.files if file.after]
    contents = zip([file.path for file in changed], store.contents([file.after for file in changed]), strict=True)
    versions.write_all(found.namespace, contents, author=author, reason=FileVersion.Reason.SYNCED)
    versions.delete_all(found.namespace, [file.path for file in found.files if not file.after], author=author)
    for flow in found.flows:
        if flow.after:
            flow_services.put(user=user, source=flow.after)
        else:
            flow_services.delete(user=user, namespace=found.namespace, flow_id=flow.id)
    last = FileVersion.objects.filter(namespace=found.namespace, place=FILES).aggregate(last=Max("id"))["last"] or 0
    is_branch = found.ref in repositories.branches(origin)
    return Deployment.objects.create(
        namespace=found.namespace, origin=origin, branch=found.ref if is_branch else "", commit=found.commit, subject=found.subject,
        files=found.blobs, flows=found.flow_ids, version=last, author=user,
    )  # fmt: skip


def before_of(found: Plan, file: File) -> bytes:
    """What the namespace holds in the place of a file."""
    return files.read(found.namespace, file.path) if file.before else b""


def after_of(found: Plan, file: File) -> bytes:
    """What it would hold."""
    return repositories.store(found.origin).content(file.after) if file.after else b""


def _files(found: Plan, store: Git, directory: str, deployed: Mapping[str, str]) -> None:
    here = {path: blob for path, blob in files.blobs(found.namespace).items() if blob}
    for path, mode, blob in _entries(store, found.commit, directory):
        if path.startswith(f"{FLOWS}/"):
            continue
        if mode in (_LINK, _MODULE) or not _is_name(path):
            found.left_out.append(path)
            continue
        found.blobs[path] = blob
        before = here.get(path, "")
        if before != blob:
            found.files.append(File(path, "M" if before else "A", before, blob, bool(before) and before != deployed.get(path)))
    for path in sorted(deployed.keys() - found.blobs.keys()):
        if here.get(path) == deployed[path]:
            found.files.append(File(path, "D", deployed[path], ""))
        elif path in here:
            found.kept.append(path)
    found.files.sort(key=lambda file: file.path)


def _flows(found: Plan, store: Git, directory: str, deployed: list[str]) -> None:
    here = dict(Flow.objects.filter(namespace=found.namespace, deleted=False).values_list("flow_id", "source"))
    for path, mode, blob in _entries(store, found.commit, f"{directory}/{FLOWS}" if directory else FLOWS):
        if "/" in path or not path.endswith(ENDINGS) or mode in (_LINK, _MODULE):
            continue
        source = in_namespace(store.content(blob).decode(errors="replace"), found.namespace)
        name = id_of(source)
        found.flow_ids.append(name)
        if name not in here or without_revision(here[name]) != without_revision(source):
            problem = constraints(validate(source).problems) or ("" if name else "it has no id")
            found.flows.append(DeployedFlow(name or path, "M" if name in here else "A", here.get(name, ""), source, problem))
    for name in sorted(set(deployed) - set(found.flow_ids)):
        if name in here:
            found.flows.append(DeployedFlow(name, "D", here[name], ""))


def _entries(store: Git, commit: str, directory: str) -> Iterator[tuple[str, str, str]]:
    """Path, mode and id of everything below a folder of a commit."""
    inside = ["--", f"{directory}/"] if directory else []
    for entry in store.run("ls-tree", "-r", "-z", commit, *inside).decode(errors="replace").split("\0")[:-1]:
        about, _, path = entry.partition("\t")
        mode, _, blob = about.split(" ")
        yield path.removeprefix(f"{directory}/") if directory else path, mode, blob


def _is_name(path: str) -> bool:
    try:
        return "/".join(clean_file(path)) == path
    except UnsafePath:
        return False
