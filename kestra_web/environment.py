"""The home of every setting: one typed table, read from the environment, whose secrets leave the environment once they are read.

A server process shows its first environment in `/proc/<pid>/environ` for as long as it lives, so secrets travel to it by an inherited
descriptor (`SECRETS_FD`) instead: see `hide_secrets` here and `supervisor.py`.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kestra_web import parsing
from kestra_web.client import TOKEN_VARIABLE

SECRETS_FD = "KESTRA_WEB_SECRETS_FD"
SECRET_PREFIX = "SECRET_"
ENV_PREFIX = "KESTRA_"


class WrongSetting(Exception):
    """A setting has a value that cannot be used; the message says which, why and what to write instead."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: what a user may export, and what README.md tells about it."""

    name: str
    default: str
    help: str
    parse: Callable[[str], Any]
    secret: bool = False


def setting(name: str, default: str, parse: Callable[[str], Any], help: str, *, secret: bool = False) -> Any:
    """A field of `Environment` that is read from the variable `name`; a secret one also from the file that `<name>_FILE` names."""
    return field(metadata={"setting": Setting(name, default, help, parse, secret)})


@dataclass(frozen=True, slots=True)
class Environment:
    """Every setting with its checked value.

    `secrets` holds the `SECRET_*` variables by name without the prefix, still base64, as `secret()` finds them; `envs` the `KESTRA_*`
    variables by lower-case name without the prefix, as expressions see them, never those of the product itself.
    """

    host: str = setting("HOST", "127.0.0.1", parsing.text, "Address that the web server listens on; `0.0.0.0` for all.")
    port: int = setting("PORT", "8080", parsing.port, "Port that the web server listens on.")
    home: Path = setting(
        "KESTRA_WEB_HOME", "./data", parsing.folder, "Data folder: database, keys, files, environments. Two copies need two."
    )
    url: str = setting(
        "KESTRA_WEB_URL", "", parsing.url, "Address that people use, as `https://dbt.example.org`. With https, cookies are `Secure`."
    )
    allowed_hosts: tuple[str, ...] = setting(
        "KESTRA_WEB_ALLOWED_HOSTS",
        "",
        parsing.words,
        "Host names answered besides localhost, `HOST` and that of `KESTRA_WEB_URL`, by comma.",
    )
    secret_key: str = setting(
        "KESTRA_WEB_SECRET_KEY",
        "",
        parsing.secret_key,
        "Signs sessions, 32 characters or more; made once below the data folder.",
        secret=True,
    )
    encryption_keys: tuple[str, ...] = setting(
        "KESTRA_WEB_ENCRYPTION_KEYS",
        "",
        parsing.encryption_keys,
        "Fernet keys by comma that encrypt secrets at rest: the first writes, all read; made once as above.",
        secret=True,
    )
    admin_user: str = setting("KESTRA_WEB_ADMIN_USER", "admin@kestra.io", parsing.text, "Login of the first administrator.")
    admin_password: str = setting(
        "KESTRA_WEB_ADMIN_PASSWORD", "", parsing.text, "Password of the first administrator; made once and printed when unset.", secret=True
    )
    database_url: str = setting(
        "DATABASE_URL",
        "",
        parsing.database_url,
        "`postgresql://user:password@host:5432/name` or `sqlite:////path/file`; SQLite below the data folder when unset.",
        secret=True,
    )
    redis_url: str = setting(
        "REDIS_URL",
        "",
        parsing.redis_url,
        "`redis://`, `rediss://` or `unix://`; `kestra-web up` starts a private Redis when unset.",
        secret=True,
    )
    worker_concurrency: int = setting(
        "KESTRA_WEB_WORKER_CONCURRENCY", "16", parsing.positive, "Task runs that one worker process runs at once."
    )
    storage: Path | tuple[str, str] | None = setting(
        "KESTRA_WEB_STORAGE",
        "",
        parsing.storage,
        "Folder of outputs and files, `storage` below the data folder; `s3://bucket/prefix` for those of executions (extra `s3`).",
    )
    s3_endpoint: str = setting(
        "KESTRA_WEB_S3_ENDPOINT", "", parsing.url, "Address of a service that speaks S3, as `https://s3.example.org`; Amazon when unset."
    )
    s3_region: str = setting("KESTRA_WEB_S3_REGION", "us-east-1", parsing.text, "Region of the bucket.")
    s3_access_key: str = setting(
        "KESTRA_WEB_S3_ACCESS_KEY",
        "",
        parsing.text,
        "Access key for the bucket; when unset, what boto3 finds (a role, a profile).",
        secret=True,
    )
    s3_secret_key: str = setting("KESTRA_WEB_S3_SECRET_KEY", "", parsing.text, "The secret that belongs to that key.", secret=True)
    run_as: tuple[int, int] | None = setting(
        "KESTRA_WEB_RUN_AS",
        "",
        parsing.account,
        "Account (`name`, `uid` or `uid:gid`) that commands of tasks run under where the server is root.",
    )
    dbt_warm: str = setting(
        "KESTRA_WEB_DBT_WARM",
        "auto",
        parsing.one_of("auto", "never"),
        "Whether workers keep dbt loaded between commands: `auto`, or `never` to start it anew each time.",
    )
    dbt_warm_memory: int = setting(
        "KESTRA_WEB_DBT_WARM_MEMORY",
        "2GB",
        parsing.size,
        "Memory that loaded dbt may take in one worker; above it, what was used least recently is let go.",
    )
    docker_host: str = setting(
        "DOCKER_HOST",
        "",
        parsing.engine,
        "Address of the Docker engine, `unix:///run/docker.sock` or `tcp://host:2375`; the usual sockets are tried when unset.",
    )
    docker_fallback: str = setting(
        "KESTRA_WEB_DOCKER_FALLBACK",
        "process",
        parsing.one_of("process", "fail"),
        "What a Docker task runner does without an engine: `process` runs the task beside the server, `fail` fails it.",
    )
    docker_volumes: tuple[Path, ...] = setting(
        "KESTRA_WEB_DOCKER_VOLUMES",
        "",
        parsing.folders,
        "Folders of this machine, by comma, that a flow may mount into containers; `warehouse` below the data folder always.",
    )
    git_folders: tuple[Path, ...] = setting(
        "KESTRA_WEB_GIT_FOLDERS",
        "",
        parsing.folders,
        "Folders, by comma, below which `file://` repositories may be cloned and certificates to trust lie; the demo's always.",
    )
    demo: bool = setting("KESTRA_WEB_DEMO", "true", parsing.switch, "Load the demo dbt project and its flows into an empty data folder.")
    time_zone: str = setting("KESTRA_WEB_TIME_ZONE", "UTC", parsing.zone, "Time zone of pages and of schedules that name none.")
    max_upload: int = setting("KESTRA_WEB_MAX_UPLOAD", "100MB", parsing.size, "Largest upload, and largest request.")
    max_file: int = setting("KESTRA_WEB_MAX_FILE", "1GB", parsing.size, "Largest file that a task run may keep as an output.")
    max_log_lines: int = setting("KESTRA_WEB_MAX_LOG_LINES", "1000000", parsing.positive, "Log lines that one execution may write.")
    retain_executions: int = setting(
        "KESTRA_WEB_RETAIN_EXECUTIONS", "90d", parsing.span, "How long ended executions are kept; `0` for ever."
    )
    retain_logs: int = setting("KESTRA_WEB_RETAIN_LOGS", "30d", parsing.span, "How long log lines are kept; `0` for ever.")
    retain_outputs: int = setting("KESTRA_WEB_RETAIN_OUTPUTS", "30d", parsing.span, "How long output files are kept; `0` for ever.")
    retain_versions: int = setting(
        "KESTRA_WEB_RETAIN_VERSIONS", "90d", parsing.span, "How long replaced and deleted namespace files are kept; `0` for ever."
    )
    max_versions: int = setting("KESTRA_WEB_MAX_VERSIONS", "500", parsing.positive, "Versions that one namespace file may have.")
    retain_working: int = setting("KESTRA_WEB_RETAIN_WORKING", "1d", parsing.span, "How long working folders of lost task runs are kept.")
    retain_environments: int = setting("KESTRA_WEB_RETAIN_ENVIRONMENTS", "30d", parsing.span, "How long an unused dbt environment is kept.")
    max_environments: int = setting("KESTRA_WEB_MAX_ENVIRONMENTS", "10GB", parsing.size, "Disk that dbt environments may use together.")
    log_level: str = setting(
        "KESTRA_WEB_LOG_LEVEL", "info", parsing.one_of("debug", "info", "warning", "error"), "How much the server processes print."
    )
    globals: Mapping[str, Any] = setting(
        "KESTRA_WEB_GLOBALS", "{}", parsing.json_object, "JSON object that expressions of every flow see as `globals`."
    )
    plugin_defaults: Sequence[Any] = setting(
        "KESTRA_WEB_PLUGIN_DEFAULTS",
        "[]",
        parsing.plugin_defaults,
        "JSON list of `{type, forced, values}`: property values for all tasks of a type, below those of flows and namespaces.",
    )
    test_types: bool = setting("KESTRA_WEB_TEST_TYPES", "false", parsing.switch, "Offer the task types that Kestra's own test flows use.")
    envs: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def base_url(self) -> str:
        """The address to print and to link to, without a slash at its end."""
        return self.url or f"http://{'localhost' if self.host in ('0.0.0.0', '::') else self.host}:{self.port}"

    @property
    def s3(self) -> dict[str, str] | None:
        """The bucket where files of executions are kept; None where they are in a folder."""
        if not isinstance(self.storage, tuple):
            return None
        bucket, prefix = self.storage
        keys = {"access_key": self.s3_access_key, "secret_key": self.s3_secret_key}
        return {"bucket": bucket, "prefix": prefix, "endpoint": self.s3_endpoint, "region": self.s3_region, **keys}

    @property
    def hosts(self) -> list[str]:
        """Host names that the web server answers."""
        named = [self.host, urlsplit(self.url).hostname or "", *self.allowed_hosts]
        return list(dict.fromkeys(["localhost", "127.0.0.1", "[::1]", *(name for name in named if name and name != "0.0.0.0")]))


FIELDS: tuple[Field[Any], ...] = tuple(row for row in fields(Environment) if row.metadata)
SETTINGS: dict[str, Setting] = {row.metadata["setting"].name: row.metadata["setting"] for row in FIELDS}


def read(variables: Mapping[str, str]) -> Environment:
    """The settings in `variables`; raises `WrongSetting` naming the first one that cannot be used."""
    values = {row.name: _value(row.metadata["setting"], variables) for row in FIELDS}
    secrets = {name.removeprefix(SECRET_PREFIX): text for name, text in variables.items() if name.startswith(SECRET_PREFIX)}
    envs = {
        name.removeprefix(ENV_PREFIX).lower(): text
        for name, text in variables.items()
        if name.startswith(ENV_PREFIX) and not name.startswith("KESTRA_WEB_")
    }
    return Environment(**values, envs=envs, secrets=secrets)


def _value(row: Setting, variables: Mapping[str, str]) -> Any:
    text = variables.get(row.name, "").strip()
    source = variables.get(f"{row.name}_FILE", "") if row.secret else ""
    try:
        if source and text:
            raise ValueError(f"unset it or {row.name}_FILE, they exclude each other")
        if source:
            text = _file_text(source)
        return row.parse(text or row.default)
    except ValueError as error:
        shown = "" if row.secret or not text else f" (now {text!r})"
        raise WrongSetting(f"{row.name}{shown}: {error}") from error


def _file_text(source: str) -> str:
    try:
        return Path(source).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ValueError(f"the file {source} cannot be read: {reason}") from error


def is_secret(name: str) -> bool:
    """Whether a variable's value must not stay in the environment of a server process."""
    return name.startswith(SECRET_PREFIX) or name == TOKEN_VARIABLE or (name in SETTINGS and SETTINGS[name].secret)


def take_secrets(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Remove every secret from `environ` and return them by name, with those that came by the inherited descriptor."""
    taken = {name: environ.pop(name) for name in list(environ) if is_secret(name)}
    descriptor = environ.pop(SECRETS_FD, "")
    if descriptor:
        with open(int(descriptor), encoding="utf-8") as inherited:
            taken.update(json.load(inherited))
    return taken


def offer_secrets(secrets: Mapping[str, str]) -> int:
    """An inheritable descriptor of a nameless file that holds `secrets`, for a child's `SECRETS_FD`. The caller closes it."""
    with tempfile.TemporaryFile("w+") as file:
        json.dump(dict(secrets), file)
        file.flush()
        file.seek(0)
        descriptor = os.dup(file.fileno())
    os.set_inheritable(descriptor, True)
    return descriptor


_in_use: list[Environment] = []


def current() -> Environment:
    """The settings of this process, read once; from then on its secrets are no longer in `os.environ`."""
    if not _in_use:
        _in_use.append(read({**os.environ, **take_secrets(os.environ)}))
    return _in_use[0]


def use(settings: Environment) -> None:
    """Make `settings` those of this process, before Django reads them."""
    _in_use[:] = [settings]
