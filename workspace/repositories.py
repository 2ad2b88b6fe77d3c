"""Which repository a namespace is bound to: the binding, the shared store of its objects, and what goes to and comes from the remote."""

from __future__ import annotations

import fnmatch
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from executions.masks import Masks
from namespaces import rights, vault
from namespaces.merging import WIDE
from namespaces.models import Repository, Role, User
from namespaces.paths import clean
from namespaces.rights import Person
from namespaces.services.tree import ensure
from plugins.contract import TaskFailed
from plugins.git._repository import Access, RefMissing, checked, environment, failure, safe_name, safety
from ui.errors import Conflict, Forbidden, Invalid, Missing
from workspace.git import Git, ended, folder_of, locked

LONGEST_BRANCH = 200
_MOVED = re.compile(r"non-fast-forward|fetch first|cannot lock ref|stale info|reference already exists|incorrect old value", re.IGNORECASE)
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
# The bytes of a file are those of its blob.
_ATTRIBUTES = f"* -text !eol -filter -ident !working-tree-encoding conflict-marker-size={WIDE}\n"
_EXCLUDED = ".kestra-web-upload-*\n"


class NotBound(Missing):
    """This namespace is not bound to a Git repository."""


class RemoteFailed(Invalid):
    """The remote could not be reached, or refused."""


class Moved(Conflict):
    """Others pushed to this branch meanwhile: pull first, then push again."""


class BranchProtected(Forbidden):
    """This branch is protected: push to a new branch and open a pull request."""


def find(namespace: str) -> Repository:
    """The repository of a namespace. Raises `NotBound`."""
    row = Repository.objects.filter(namespace=namespace).first()
    if row is None:
        raise NotBound
    return row


def branch_name(name: str) -> str:
    """The name of a branch that cannot be taken for anything else. Raises `Invalid`."""
    name = name.strip()
    wrong = len(name) > LONGEST_BRANCH or any(part.startswith(".") or part.endswith(".lock") for part in name.split("/"))
    try:
        safe_name("branch", name)
    except TaskFailed as error:
        raise Invalid(_about_branches(name)) from error
    if wrong or name == "HEAD" or name.startswith(("refs/", "+")) or re.search(r"[\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", name):
        raise Invalid(_about_branches(name))
    return name


def _about_branches(name: str) -> str:
    return (
        f"'{name[:80]}' is no name for a branch: letters, digits, - _ . and / between them, at most {LONGEST_BRANCH} characters, "
        "not beginning with - or ending with .lock."
    )


def bind(
    *,
    user: Person,
    namespace: str,
    url: str,
    default_branch: str = "",
    directory: str = "",
    username: str = "",
    password_secret: str = "",
    key_secret: str = "",
    passphrase_secret: str = "",
    protected: Sequence[str] = (),
) -> Repository:
    """Bind a namespace to a repository, after it was reached. Secrets are given by their keys. Raises `Invalid`, `RemoteFailed`.

    People's worktrees stay when the address changes: their commits and changes are still there.
    """
    rights.require(user, namespace, Role.OWNER)
    row = Repository.objects.filter(namespace=namespace).first() or Repository(namespace=namespace)
    row.url, row.directory = _address(url), "/".join(clean(directory))
    row.username, row.password_secret = username.strip(), password_secret.strip()
    row.key_secret, row.passphrase_secret = key_secret.strip(), passphrase_secret.strip()
    row.protected = [pattern for pattern in (text.strip() for text in protected) if pattern]
    row.changed, row.changed_by = timezone.now(), user if isinstance(user, User) else None
    if default_branch.strip():
        row.default_branch = branch_name(default_branch)
    elif found := _head(row):
        row.default_branch = branch_name(found)
    ensure(namespace)
    with locked(_lock(namespace)):
        store(namespace)
        _fetch(row)
    row.fetched = timezone.now()
    row.save()
    return row


def unbind(*, user: Person, namespace: str) -> None:
    """Let a namespace stand alone again. Objects and worktrees stay on disk, so that binding it again finds all as it was."""
    rights.require(user, namespace, Role.OWNER)
    if not Repository.objects.filter(namespace=namespace).delete()[0]:
        raise NotBound


def fetch(*, user: Person, namespace: str) -> Repository:
    """Bring what the remote has to the store; nobody's worktree changes."""
    rights.require(user, namespace, Role.MEMBER)
    row = find(namespace)
    with locked(_lock(namespace)):
        _fetch(row)
    row.fetched = timezone.now()
    Repository.objects.filter(pk=row.pk).update(fetched=row.fetched)
    return row


def push_commit(row: Repository, commit: str, branch: str, *, new: bool = False) -> None:
    """Put a commit on a branch of the remote; with `new` only where there is no such branch. Raises `Moved`, `RemoteFailed`."""
    _push(row, commit, f"refs/heads/{branch_name(branch)}", new=new)
    store(row.namespace).run("update-ref", f"refs/remotes/origin/{branch}", commit)


def push_tag(row: Repository, tag: str) -> None:
    """Put a tag of the store into the remote, where there is none of its name. Raises `Conflict`, `RemoteFailed`."""
    _push(row, f"refs/tags/{tag}", f"refs/tags/{tag}", new=True)


def _push(row: Repository, source: str, target: str, *, new: bool) -> None:
    # An empty expected value means: the branch must not be there yet.
    lease = [f"--force-with-lease={target}:"] if new else []
    try:
        remote(row, "push", "--no-verify", "--no-follow-tags", *lease, "--", row.url, f"{source}:{target}")
    except RemoteFailed as error:
        said = getattr(error.__cause__, "said", ())
        if any(_MOVED.search(line) for line in said):
            name = target.split("/", 2)[2]
            raise (Conflict(f"{name} is already there: choose another name.") if new else Moved()) from error
        remarks = [line.removeprefix("remote:").strip() for line in said if line.startswith("remote:")]
        reasons = [*filter(None, remarks), *(line.strip() for line in said if "rejected]" in line)]
        raise RemoteFailed(f"{error.message}{': ' + ' '.join(reasons)[:1000] if reasons else ''}") from error


def branches(namespace: str) -> list[str]:
    """The branches of the remote as they were when it was last fetched, by name."""
    listed = store(namespace).text("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin")
    return [name for name in listed.split("\n") if name and name != "HEAD"]


def is_protected(row: Repository, branch: str) -> bool:
    """Whether nobody may push to this branch from here."""
    return any(fnmatch.fnmatchcase(branch, pattern) for pattern in row.protected)


def store(namespace: str) -> Git:
    """The shared store of objects and branches of a namespace, made when there is none."""
    folder = folder_of(namespace)
    git = Git(folder)
    if not (folder / "HEAD").exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        git.run("init", "--quiet", "--bare", "--initial-branch=kestra-none", "--template=", str(folder))
        (folder / "info").mkdir(exist_ok=True)
        (folder / "info" / "attributes").write_text(_ATTRIBUTES)
        (folder / "info" / "exclude").write_text(_EXCLUDED)
    return git


def remote(row: Repository, *arguments: str, timeout: float = 600.0) -> str:
    """Run a git command with the remote of a repository and its credentials; answers its output. Raises `RemoteFailed`."""
    access = _access(row)
    scratch = Path(tempfile.mkdtemp(prefix="git-"))
    try:
        env = {
            **environment(access, scratch, Path(settings.KESTRA_HOME) / "known_hosts"),
            "GIT_DIR": str(folder_of(row.namespace)),
        }
        options = [*safety(access), "-c", "core.protectNTFS=true", "-c", "core.logAllRefUpdates=always"]
        status, out, errors = ended(["git", *options, *arguments], env, scratch, timeout=timeout)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if status != 0:
        said = _masked(errors.decode(errors="replace"), access).replace("\r", "\n").splitlines()
        problem = failure(access, arguments, [line for line in said if line.strip()])
        raise RemoteFailed(f"{problem.message}.".replace("..", ".")) from problem
    return out.decode(errors="replace")


def _masked(text: str, access: Access) -> str:
    """What Git and the remote say, the credentials hidden in whatever form they come back."""
    masks = Masks()
    for secret in (access.password, access.private_key, access.passphrase):
        masks.add(secret or "")
    return masks.text(text)


def _lock(namespace: str) -> Path:
    return folder_of(namespace) / "locks" / "store"


def _fetch(row: Repository) -> None:
    try:
        remote(
            row,
            "fetch",
            "--quiet",
            "--prune",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--",
            row.url,
            "+refs/heads/*:refs/remotes/origin/*",
            "+refs/tags/*:refs/tags/*",
        )
    except RemoteFailed as error:
        if not isinstance(error.__cause__, RefMissing):
            raise


def _head(row: Repository) -> str | None:
    """The branch that the remote gives to who asks for none."""
    store(row.namespace)
    for line in remote(row, "ls-remote", "--symref", "--", row.url, "HEAD").split("\n"):
        if line.startswith("ref: refs/heads/"):
            return line.removeprefix("ref: refs/heads/").split("\t")[0]
    return None


def _address(url: str) -> str:
    """An address that people may bind to, without a login. Raises `Invalid`."""
    found = _checked(Access(url=url.strip()))
    url = found.url
    parts = urlsplit(url) if "://" in url else None
    if found.username or found.password or (parts and parts.password):
        raise Invalid("Leave the login out of the address: name a user and the key of the secret with the token instead.")
    if parts and parts.scheme == "http" and parts.hostname not in _LOCAL_HOSTS:
        raise Invalid("An http address sends the token for everybody to read: use https or ssh.")
    if len(url) > 1000:
        raise Invalid("The address of a repository has at most 1000 characters.")
    return url


def _access(row: Repository) -> Access:
    def secret(key: str) -> str | None:
        return vault.secret(row.namespace, key) if key else None

    return _checked(
        Access(
            url=row.url,
            username=row.username or None,
            password=secret(row.password_secret),
            private_key=secret(row.key_secret),
            passphrase=secret(row.passphrase_secret),
        )
    )


def _checked(access: Access) -> Access:
    try:
        return checked(access, Path("/nonexistent"), [str(folder) for folder in settings.KESTRA_GIT_FOLDERS])
    except (TaskFailed, ValueError) as error:
        raise Invalid(f"{error}.") from error
