"""What each adapter of dbt must be told to connect: the fields of a connection, and the entry of profiles.yml made of them.

The names are those of dbt's documentation of each adapter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from plugins.contract import TaskFailed

DEFAULT_THREADS = 4


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `secret` ones are written once and never shown; a `json` one is a map in dbt's eyes."""

    name: str
    label: str
    kind: Literal["text", "number", "flag", "json"] = "text"
    required: bool = False
    secret: bool = False
    default: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()


def _host(port: str) -> tuple[Field, ...]:
    return (Field("host", "Host", required=True), Field("port", "Port", "number", default=port))


def _person(*, required: bool = True) -> tuple[Field, ...]:
    return (Field("user", "User", required=required), Field("password", "Password", secret=True))


_SCHEMA = Field("schema", "Schema", required=True, help="Where models are built.")
_SSL = Field("sslmode", "TLS", choices=("disable", "allow", "prefer", "require", "verify-ca", "verify-full"), default="prefer")

ADAPTERS: Mapping[str, tuple[Field, ...]] = {
    "duckdb": (
        Field("path", "Path", required=True, default="warehouse.duckdb", help="A file that outlives the run, or md:… for MotherDuck."),
        Field("schema", "Schema", default="main"),
        Field("motherduck_token", "MotherDuck token", secret=True),
    ),
    "postgres": (*_host("5432"), *_person(), Field("dbname", "Database", required=True), _SCHEMA, _SSL, Field("role", "Role")),
    "redshift": (*_host("5439"), *_person(), Field("dbname", "Database", required=True), _SCHEMA, _SSL),
    "snowflake": (
        Field("account", "Account", required=True, help="As in <account>.snowflakecomputing.com."),
        Field("user", "User", required=True),
        Field("password", "Password", secret=True),
        Field("private_key", "Private key", secret=True, help="PEM text; in place of the password."),
        Field("private_key_passphrase", "Passphrase of the key", secret=True),
        Field("authenticator", "Authenticator"),
        Field("role", "Role"),
        Field("warehouse", "Warehouse"),
        Field("database", "Database", required=True),
        _SCHEMA,
    ),
    "bigquery": (
        Field("method", "Method", choices=("service-account-json", "oauth"), default="service-account-json"),
        Field("keyfile_json", "Key of the service account", "json", secret=True, help="The JSON file that Google gives for the account."),
        Field("project", "Project", required=True),
        Field("dataset", "Dataset", required=True, help="Where models are built."),
        Field("location", "Location", help="For example EU."),
    ),
    "databricks": (
        Field("host", "Host", required=True),
        Field("http_path", "HTTP path", required=True),
        Field("token", "Token", secret=True),
        Field("catalog", "Catalog"),
        _SCHEMA,
    ),
    "trino": (
        Field("method", "Method", choices=("none", "ldap", "jwt", "oauth"), default="none"),
        *_host("8080"),
        *_person(),
        Field("jwt_token", "JWT", secret=True),
        Field("http_scheme", "Scheme", choices=("http", "https"), default="http"),
        Field("database", "Catalog", required=True),
        _SCHEMA,
    ),
    "clickhouse": (*_host("8123"), *_person(), Field("schema", "Database", default="default"), Field("secure", "TLS", "flag")),
    "athena": (
        Field("region_name", "Region", required=True),
        Field("s3_staging_dir", "Staging folder", required=True, help="s3://…"),
        Field("s3_data_dir", "Data folder", help="s3://…"),
        Field("database", "Catalog", default="awsdatacatalog"),
        _SCHEMA,
        Field("work_group", "Work group"),
        Field("aws_access_key_id", "Access key id"),
        Field("aws_secret_access_key", "Secret access key", secret=True),
    ),
    "spark": (
        Field("method", "Method", choices=("thrift", "http", "session"), default="thrift"),
        *_host("10001"),
        Field("user", "User"),
        Field("token", "Token", secret=True),
        Field("cluster", "Cluster"),
        _SCHEMA,
    ),
    "fabric": (
        Field("driver", "ODBC driver", default="ODBC Driver 18 for SQL Server"),
        Field("server", "Server", required=True),
        Field("port", "Port", "number", default="1433"),
        Field("database", "Database", required=True),
        _SCHEMA,
        Field("authentication", "Authentication", choices=("ServicePrincipal", "ActiveDirectoryPassword", "CLI")),
        Field("tenant_id", "Tenant"),
        Field("client_id", "Client"),
        Field("client_secret", "Client secret", secret=True),
    ),
}


def output(adapter: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of profiles.yml. `values` are rendered texts by field, empty ones left out. TaskFailed where they cannot be used."""
    fields = {field.name: field for field in ADAPTERS.get(adapter, ())}
    made: dict[str, Any] = {"type": adapter, "threads": DEFAULT_THREADS}
    for name, value in values.items():
        if value not in ("", None):
            made[name] = _typed(fields.get(name), name, value)
    missing = [field.label for field in fields.values() if field.required and field.name not in made]
    if missing:
        raise TaskFailed(f"The connection lacks {', '.join(missing)}", retryable=False)
    if adapter == "duckdb" and "motherduck_token" in made:
        made.setdefault("settings", {})["motherduck_token"] = made.pop("motherduck_token")
    return made


def _typed(field: Field | None, name: str, value: Any) -> Any:
    if field is None or not isinstance(value, str):
        return value
    text = value.strip() if not field.secret else value
    if field.kind == "number":
        if not text.isdecimal():
            raise TaskFailed(f"The connection's {field.label} must be a whole number, found {text[:40]!r}", retryable=False)
        return int(text)
    if field.kind == "flag":
        return text.lower() in ("true", "yes", "on", "1")
    if field.kind == "json":
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise TaskFailed(f"The connection's {field.label} must be a JSON object", retryable=False)
        return parsed
    return text
