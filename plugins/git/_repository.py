"""The real git, driven safely: hooks off, credentials never in an argument, only the protocols that the server allows.

What talks to the remote runs as the server, in a repository that lies out of every task's reach, with the credentials. What writes the
working tree runs as the task's own account, without them. Only then does the repository go to where the task finds it: whatever settings,
filters, hooks or links a task put there before, nothing of the server's runs or follows them.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit, urlunsplit

from plugins.contract import RunContext, TaskFailed
from plugins.core.runner import _process
from plugins.core.runner._environment import minimal, network
from plugins.core.runner._hand_over import hand_over, identity_of
from plugins.git import _child

_SSH = re.compile(r"^(?P<user>[A-Za-z0-9_.-]+)@(?P<host>[A-Za-z0-9.-]+):(?P<path>[^\s]+)$")
_UNREACHABLE = re.compile(
    r"could not resolve host|name or service not known|temporary failure in name resolution|failed to connect|connection refused|"
    r"connection timed out|no route to host|network is unreachable|couldn't connect|operation timed out|connection reset|"
    r"could not resolve hostname|resolving timed out|port 443 after|connect to host",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"authentication failed|could not read username|403|401|permission denied|invalid username|access denied", re.IGNORECASE
)
_MISSING = re.compile(r"repository not found|not found|does not appear to be a git repository|does not exist", re.IGNORECASE)
LONGEST_NAME = 20  # signs: a user name without a password that has more is a token
# What a flow may set. Everything else is refused: git has many settings that run a program, read a file or reach another address, and
# gets new ones with every version.
_ALLOWED = {
    "author": "name email",
    "branch": "autosetupmerge autosetuprebase",
    "checkout": "thresholdforparallelism workers",
    "committer": "name email",
    "core": "abbrev autocrlf bigfilethreshold compression deltabasecachelimit eol filemode ignorecase ignorestat logallrefupdates "
    "longpaths loosecompression packedgitlimit packedgitwindowsize precomposeunicode preloadindex quotepath safecrlf sparsecheckout "
    "sparsecheckoutcone symlinks untrackedcache",
    "diff": "algorithm renamelimit renames",
    "feature": "experimental manyfiles",
    "fetch": "fsckobjects negotiationalgorithm parallel prune prunetags showforcedupdates unpacklimit writecommitgraph",
    "http": "emptyauth keepalivecount keepaliveidle keepaliveinterval lowspeedlimit lowspeedtime maxrequests minsessions noepsv postbuffer "
    "proxy proxyauthmethod sslverify sslversion useragent version",
    "i18n": "commitencoding logoutputencoding",
    "index": "threads version",
    "init": "defaultbranch",
    "merge": "conflictstyle ff renamelimit renames",
    "pack": "compression deltacachelimit deltacachesize depth packsizelimit threads window windowmemory",
    "pull": "ff rebase",
    "push": "autosetupremote default followtags",
    "rebase": "autostash",
    "transfer": "fsckobjects unpacklimit",
    "user": "email name useconfigonly",
}
# `http.<address>.<name>` holds for one address.
_SETTING = re.compile(r"(?P<section>[A-Za-z0-9]+)(\.https?://[A-Za-z0-9.:/*_~%-]+)?\.(?P<name>[A-Za-z0-9]+)")


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a remote: its address without credentials, and the credentials apart. Times in seconds."""

    url: str
    username: str | None = None
    password: str | None = None
    private_key: str | None = None
    passphrase: str | None = None
    trusted_ca: str | None = None
    no_proxy: bool = False
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    config: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The name to say when the remote cannot be reached."""
        found = _SSH.match(self.url)
        return found["host"] if found else (urlsplit(self.url).hostname or self.url)

    @property
    def shown(self) -> str:
        """The address without a login, as people and records see it."""
        return _without_login(self.url) if "://" in self.url else self.url


def checked(access: Access, working_dir: Path, file_roots: Sequence[str]) -> Access:
    """The access with credentials taken out of its address. TaskFailed for an address, setting or file that may not be used."""
    url = access.url.strip()
    if not url or url.startswith("-") or any(sign.isspace() or ord(sign) < 32 for sign in url):
        raise TaskFailed("The URL of the repository is empty or has signs that no URL has", retryable=False)
    for name, value in access.config.items():
        _check_setting(name, value)
    if access.trusted_ca:
        access = _with(access, url, trusted_ca=_certificates(access.trusted_ca, working_dir, file_roots))
    if _SSH.match(url) and "://" not in url:
        return _with(access, url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise TaskFailed("The URL of the repository cannot be read", retryable=False) from error
    if parts.scheme == "file" or (not parts.scheme and url.startswith("/")):
        return _with(access, _local(parts.path if parts.scheme else url, file_roots))
    if parts.scheme not in ("https", "http", "ssh") or not parts.hostname:
        raise TaskFailed(f"The URL '{_without_login(url)}' is not allowed: https, http and ssh are", retryable=False)
    if parts.hostname.startswith("-"):
        raise TaskFailed("The URL of the repository names no host", retryable=False)
    if parts.scheme == "ssh":
        return _with(access, _without_password(url))
    username, password = access.username or parts.username, access.password or parts.password
    return _with(access, _without_login(url), username=username, password=password)


def _with(access: Access, url: str, **changes: str | None) -> Access:
    values = {name: getattr(access, name) for name in access.__slots__}
    return Access(**{**values, "url": url, **changes})


def _check_setting(name: str, value: str) -> None:
    found = _SETTING.fullmatch(name)
    allowed = found is not None and found["name"].lower() in _ALLOWED.get(found["section"].lower(), "").split()
    if found is None or not allowed or "\0" in value or "\n" in value:
        raise TaskFailed(
            f"The Git setting '{name[:100]}' is not allowed in `gitConfig`. Allowed are those that neither run a program, read a file nor "
            "reach another address, such as core.fileMode, core.autocrlf, http.postBuffer, http.sslVerify, http.proxy, fetch.prune, "
            "user.name; `username`, `password`, `privateKey` and `trustedCaPemPath` are properties of the task",
            retryable=False,
        )
    if found["name"].lower() == "proxy" and "@" in value:
        raise TaskFailed(
            "The Git setting 'http.proxy' has a login in it, which would be kept in the clone: an administrator sets HTTPS_PROXY instead",
            retryable=False,
        )


def _certificates(path: str, working_dir: Path, roots: Sequence[str]) -> str:
    real = os.path.realpath(working_dir / path)
    if not _is_below(real, [str(working_dir), *roots]):
        raise TaskFailed(
            f"The file '{path}' (`trustedCaPemPath`) is neither in the working directory of the task nor in a folder that "
            "KESTRA_WEB_GIT_FOLDERS names: give it to the task by `inputFiles` or `namespaceFiles` of a WorkingDirectory",
            retryable=False,
        )
    if not os.path.isfile(real):
        raise TaskFailed(f"There is no file '{path}' (`trustedCaPemPath`)", retryable=False)
    return real


def _is_below(real: str, roots: Sequence[str]) -> bool:
    return any(real == (root := os.path.realpath(allowed)) or real.startswith(root.rstrip("/") + "/") for allowed in roots)


def _local(path: str, roots: Sequence[str]) -> str:
    real = os.path.realpath(path)
    if not _is_below(real, roots):
        raise TaskFailed(
            f"The repository '{path}' of this machine is not open to flows: KESTRA_WEB_GIT_FOLDERS names what is", retryable=False
        )
    return f"file://{real}"


def address(url: str) -> tuple[str, str, int | None]:
    """The protocol, host and port that a checked address leads to."""
    if found := _SSH.match(url):
        return "ssh", found["host"].lower(), None
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


def _without_login(url: str) -> str:
    """The address without all that stands before an `@`, also where it is written in a way that nobody understands."""
    parts = urlsplit(url)
    if not parts.netloc:
        return re.sub(r"^(\w+:/*)?[^/]*@", r"\1", url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, parts.fragment))


def _without_password(url: str) -> str:
    """The address with the user alone before its host: ssh asks for a user by name, and would show a password to every process."""
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host))


def safe_name(kind: str, name: str) -> str:
    """A branch, tag or commit that cannot be taken for an option. TaskFailed where it could."""
    wrong = not name or name.startswith(("-", "/")) or ".." in name or re.search(r"[\x00-\x20~^:?*\[\\]|@\{|//|\.lock$|[./]$", name)
    if wrong:
        raise TaskFailed(f"'{name}' is no valid {kind}", retryable=False)
    return name


class GitFailed(TaskFailed):
    """Git ended with an error; `said` is what it wrote, line by line."""

    def __init__(self, message: str, said: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.said = tuple(said)


class RefMissing(GitFailed):
    """The remote has no such branch or tag."""


class Git:
    """Git commands in one folder, for one remote. Use `opened`, which makes and removes what the credentials need."""

    def __init__(self, context: RunContext, access: Access, folder: Path, scratch: Path, repository: Path) -> None:
        self._context = context
        self._access = access
        self._folder = folder
        self._repository = repository
        self._scratch = scratch
        self._identity = identity_of(context.settings)
        known = context.settings.home / "known_hosts"
        self._env = {**environment(access, scratch, known), "GIT_DIR": str(repository)}

    def run(self, *arguments: str, timeout: float = 3600.0) -> str:
        """Run git with the remote and answer its output. TaskFailed, in words that help, where it fails; progress is logged at DEBUG."""
        return self._run(arguments, _process.Plan(self._argv(arguments), self._scratch, self._env, timeout=timeout))

    def remote_head(self) -> str | None:
        """The branch that the remote gives to who asks for none, as it says itself; None where it does not say."""
        for line in self.run("ls-remote", "--symref", "--", "origin", "HEAD").split("\n"):
            if line.startswith("ref: refs/heads/"):
                return safe_name("branch", line.removeprefix("ref: refs/heads/").split("\t")[0])
        return None

    def hand_over(self) -> None:
        """Nothing more is asked of the remote: from now on `run_here` may be used."""
        hand_over(self._repository.parent, self._identity)
        hand_over(self._folder, self._identity)

    def run_here(self, *arguments: str, timeout: float = 3600.0) -> str:
        """Run git in the working tree, as the task's account and without credentials; otherwise as `run`."""
        home = str(self._repository.parent)
        env = minimal(home, {**QUIET, "GIT_DIR": str(self._repository), "GIT_WORK_TREE": str(self._folder)})
        return self._run(arguments, _process.Plan(self._argv(arguments), self._folder, env, timeout=timeout, identity=self._identity))

    def settle(self) -> None:
        """Put the repository where git looks for it, in place of one that was there. TaskFailed where the folder is not the task's own."""
        here = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if self._identity is not None and os.fstat(here).st_uid != self._identity[0]:
                raise TaskFailed("The folder to clone into was replaced while the task ran", retryable=False)
            _remove(".git", here)
            os.rename(self._repository, ".git", dst_dir_fd=here)
        finally:
            os.close(here)

    def plumb(self, *arguments: str, data: bytes = b"", at: Path | None = None) -> bytes:
        """Run a command that asks nothing of the remote, without credentials; answers its output as it is. GitFailed where it fails."""
        env = minimal(str(self._scratch), {**QUIET, "GIT_DIR": str(self._repository)})
        try:
            status, out, errors = _child.ended(self._argv(arguments), env, at or self._scratch, data)
        except _child.StoppedError as error:
            raise GitFailed(f"git {arguments[0]} {error}") from error
        if status != 0:
            said = errors.decode(errors="replace").strip().splitlines()
            raise GitFailed(f"git {arguments[0]} failed: {said[-1] if said else 'no message'}", said)
        return out

    @contextmanager
    def piped(self, *arguments: str, data: bytes) -> Iterator[IO[bytes]]:
        """As `plumb`, for an output that is read while it comes; the command ends with the block."""
        env = minimal(str(self._scratch), {**QUIET, "GIT_DIR": str(self._repository)})
        with tempfile.TemporaryFile(dir=self._scratch) as asked:
            asked.write(data)
            asked.seek(0)
            with subprocess.Popen(
                self._argv(arguments), env=env, cwd=self._scratch, stdin=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as child:
                _child.bounded(child.pid)
                try:
                    assert child.stdout is not None
                    yield child.stdout
                finally:
                    child.kill()

    @property
    def repository(self) -> Path:
        """Where the repository lies, or is to be made."""
        return self._repository

    @property
    def scratch(self) -> Path:
        """A folder for what is needed meanwhile, which only the server reads."""
        return self._scratch

    def _argv(self, arguments: Sequence[str]) -> list[str]:
        return ["git", *safety(self._access), *arguments]

    def _run(self, arguments: Sequence[str], plan: _process.Plan) -> str:
        said: list[str] = []
        errors: list[str] = []

        def line(stream: str, text: str) -> None:
            text = text.rpartition("\r")[2].strip() or text.strip()
            if stream == "stdout":
                said.append(text)
            elif text:
                errors.append(text)
                self._context.log("DEBUG", text)

        try:
            ended = _process.run(plan, line, on_start=self._remember, stoppable=self._context.on_cancel)
        except FileNotFoundError as error:
            raise TaskFailed("git is not installed on this worker") from error
        if ended.reason == "cancelled" or self._context.cancelled():
            raise TaskFailed("The task was killed", state="KILLED", retryable=False)
        if ended.reason == "timeout":
            raise TaskFailed(f"git {arguments[0]} took longer than {plan.timeout or 0:g} seconds and was stopped")
        if ended.exit_code != 0:
            raise failure(self._access, arguments, errors)
        return "\n".join(said)

    def _remember(self, pgid: int, started: float | None) -> None:
        _child.bounded(pgid)
        self._context.left_behind(pgid=pgid, started=started)


def failure(access: Access, arguments: Sequence[str], errors: Sequence[str]) -> GitFailed:
    """Why git failed with this remote, in words that help, from what it wrote."""
    text = "\n".join(errors)
    host = access.host
    shown = access.shown
    last = next((line for line in reversed(errors) if line.startswith(("fatal:", "error:"))), errors[-1] if errors else "no message")
    if re.search(r"remote branch .* not found|couldn't find remote ref", text, re.IGNORECASE):
        return RefMissing(f"The branch or tag was not found in the repository {shown} ({last})", errors)
    if "remote host identification has changed" in text.lower():
        message = f"The key of {host} is not the one that it had before: ask who runs it, then take it out of known_hosts"
    elif "host key verification failed" in text.lower():
        message = f"The host {host} is not known: add its key to /etc/ssh/ssh_known_hosts of the server"
    elif _UNREACHABLE.search(text):
        message = f"The host {host} could not be reached, so nothing was done with {shown}: check the network or the URL ({last})"
    elif re.search(r"ssl|certificate", text, re.IGNORECASE):
        message = f"Secure connection to {host} could not be established because of SSL problems: {last}"
    elif _REFUSED.search(text):
        message = f"The repository {shown} refused the access: check `username` and `password` or `privateKey` ({last})"
    elif _MISSING.search(text):
        message = f"The repository {shown} was not found: check the URL ({last})"
    else:
        message = f"git {arguments[0]} failed: {last}"
    return GitFailed(message, errors)


@contextmanager
def opened(context: RunContext, access: Access, folder: Path, repository: Path | None = None) -> Iterator[Git]:
    """Git for one remote; its credentials lie in a folder of their own, readable by the server only, until the block ends.

    So does what is fetched, if it does not go into a `repository` that outlives the block.
    """
    token = access.username if not access.password and len(access.username or "") >= LONGEST_NAME else None  # as GitHub takes one
    for secret in (access.password, access.private_key, access.passphrase, token):
        if secret:
            context.hide(secret)
    scratch = Path(tempfile.mkdtemp(prefix="git-"))
    # On the same disk as the task's folder, so that it can be moved there.
    own = None if repository else Path(tempfile.mkdtemp(prefix="git-", dir=context.working_dir.parent))
    try:
        yield Git(context, access, folder, scratch, repository or (own or scratch) / ".git")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)


def _remove(name: str, here: int) -> None:
    try:
        if stat.S_ISDIR(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=here)
        else:
            os.unlink(name, dir_fd=here)
    except FileNotFoundError:
        return


def safety(access: Access) -> list[str]:
    """Settings on every command: nothing of the machine, no hooks, no other protocols, no submodules, no links that lead out."""
    seconds = max(1, round(access.read_timeout))
    settings = {
        "core.hooksPath": os.devnull,
        "core.fsmonitor": "false",
        "core.symlinks": "true",
        "protocol.allow": "never",
        "protocol.https.allow": "always",
        "protocol.http.allow": "always",
        "protocol.ssh.allow": "always",
        "protocol.file.allow": "always" if access.url.startswith("file://") else "never",
        "submodule.recurse": "false",
        "transfer.fsckObjects": "false",
        "http.lowSpeedLimit": "1",
        "http.lowSpeedTime": str(seconds),
        "http.followRedirects": "initial",
        "credential.helper": "",
        "safe.directory": "*",
        "advice.detachedHead": "false",
        "gc.auto": "0",
        "maintenance.auto": "false",
        **access.config,
    }
    if access.trusted_ca:
        settings["http.sslCAInfo"] = access.trusted_ca
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "LC_ALL": "C.UTF-8",
}


# Git asks for the host that it ends up at: another one that the remote leads to is told nothing.
_ASKPASS = """#!/bin/sh
case "$1" in
  *"//$GIT_LOGIN_HOST'"* | *"@$GIT_LOGIN_HOST'"*) ;;
  *) exit 1 ;;
esac
case "$1" in [Uu]sername*) echo "$GIT_LOGIN_NAME" ;; *) echo "$GIT_LOGIN_WORD" ;; esac
"""


def environment(access: Access, scratch: Path, known_hosts: Path) -> dict[str, str]:
    """What git finds in its environment when it talks to the remote: the credentials are here and in `scratch`, never in an argument."""
    extra = {
        **QUIET,
        "GIT_ASKPASS": _program(scratch, "askpass", _ASKPASS),
        "GIT_LOGIN_HOST": urlsplit(access.url).netloc if "://" in access.url else "",
        "GIT_LOGIN_NAME": access.username or "",
        "GIT_LOGIN_WORD": access.password or "",
    }
    if access.password and access.url.startswith("https://"):
        extra |= _header(access)
    if _SSH.match(access.url) or access.url.startswith("ssh://"):
        extra["GIT_SSH_COMMAND"] = _ssh(access, scratch, known_hosts)
        extra["SSH_ASKPASS"] = _program(scratch, "passphrase", '#!/bin/sh\necho "$GIT_KEY_WORD"\n')
        extra |= {"SSH_ASKPASS_REQUIRE": "force", "GIT_KEY_WORD": access.passphrase or "", "DISPLAY": ":0"}
    proxies = {} if not access.no_proxy else {"NO_PROXY": "*", "no_proxy": "*"}
    return minimal(str(scratch), {**network(credentials=True), **extra, **proxies})


def _header(access: Access) -> dict[str, str]:
    """Basic credentials sent at once (some servers hide a private repository behind 404), for this remote only, by the environment."""
    parts = urlsplit(access.url)
    token = base64.b64encode(f"{access.username or 'git'}:{access.password}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {token}",
    }


def _ssh(access: Access, scratch: Path, known_hosts: Path) -> str:
    """The ssh to use. A host is believed the first time and must then be the same: its key is kept in `known_hosts`."""
    options = [
        "-F none",
        f"-o ConnectTimeout={max(1, round(access.connect_timeout))}",
        "-o StrictHostKeyChecking=accept-new",
        f'-o "UserKnownHostsFile={known_hosts}"',
        "-o GlobalKnownHostsFile=/etc/ssh/ssh_known_hosts",
        "-o PreferredAuthentications=publickey",  # a server that wants a password is not given the passphrase of the key
        "-o BatchMode=no" if access.passphrase else "-o BatchMode=yes",
    ]
    if access.private_key:
        key = scratch / "key"
        key.touch(mode=0o600)
        key.write_text(access.private_key.strip() + "\n")
        options += [f"-i {key}", "-o IdentitiesOnly=yes"]
    return " ".join(["ssh", *options])


def _program(scratch: Path, name: str, text: str) -> str:
    path = scratch / name
    path.write_text(text)
    path.chmod(stat.S_IRWXU)
    return str(path)
