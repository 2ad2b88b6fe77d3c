"""What a container image means where no container engine is: which environment, or which programs of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

DBT_CORE = "dbt-core~=1.11.0"
ADAPTERS = (
    "athena",
    "bigquery",
    "clickhouse",
    "databricks",
    "dremio",
    "duckdb",
    "fabric",
    "postgres",
    "redshift",
    "snowflake",
    "spark",
    "synapse",
    "trino",
)
_ALL_IN = ("duckdb", "bigquery", "snowflake")  # what the image `ghcr.io/kestra-io/dbt` holds
_PYDATA = ("kestra", "pandas", "requests")
_PACKAGES = {"pydata": _PYDATA, "kestrapy": _PYDATA, "duckdb": (*_PYDATA, "duckdb", "pyarrow")}  # what such an image is for

# Images whose point is one program: name of the image -> the program that must be here.
_PROGRAMS = {
    "node": "node",
    "ruby": "ruby",
    "golang": "go",
    "r-base": "Rscript",
    "julia": "julia",
    "perl": "perl",
    "php": "php",
    "lua": "lua",
    "groovy": "groovy",
    "powershell": "pwsh",
    "deno": "deno",
    "bun": "bun",
    "jbang-action": "jbang",
    "bash": "bash",
}
_SYSTEMS = frozenset(
    {"ubuntu", "debian", "alpine", "busybox", "fedora", "centos", "rockylinux", "almalinux", "amazonlinux", "buildpack-deps"}
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A Python environment: its short name, what to install, which Python (None: any), and what to install over the rest without what
    it asks for, whatever the rest says of it."""

    name: str
    requirements: tuple[str, ...] = ()
    python: str | None = None
    over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What stands in for an image. `recipe` is None for the machine as it is; `program` must be on the PATH; `unknown` earns a warning."""

    text: str
    recipe: Recipe | None = None
    program: str | None = None
    unknown: bool = False
    impossible: str | None = None


def split(image: str) -> tuple[str, str | None]:
    """Last part of an image's name, and its tag (without digest): `reg:5000/a/dbt-duckdb:1.9` -> (`dbt-duckdb`, `1.9`)."""
    name, _, _digest = image.strip().partition("@")
    last = name.rpartition("/")[2]
    base, colon, tag = last.partition(":")
    return base, tag if colon else None


def python_version(image: str | None) -> str | None:
    """The version that a python image names: `python:3.13-slim` -> `3.13`; None for any other image or tag."""
    if not image:
        return None
    base, tag = split(image)
    found = re.match(r"\d+(?:\.\d+)*", tag or "")
    return found.group(0) if base == "python" and found else None


def looks_like_python(version: str) -> bool:
    """Whether a version can be Python's (2 or 3): a private image's `0.0.10` is not."""
    return version.partition(".")[0] in ("2", "3")


def meaning(image: str, profile_types: Iterable[str] = ()) -> Meaning:
    """What to use for an image; `profile_types` are the adapters that the profiles at hand name, for the image that holds several."""
    base, tag = split(image)
    if base == "dbt-fusion":
        return Meaning(image, impossible="dbt Fusion is only in its container image, and no container engine can be reached")
    if base == "dbt" or (base.startswith("dbt-") and base[4:] in ADAPTERS):
        return _dbt(base, tag, tuple(profile_types))
    if base == "python":
        version = python_version(image)
        known = version if version and looks_like_python(version) else None
        return Meaning(f"Python {known or ''}".strip(), recipe=Recipe("python", python=_minor(known)))
    if base in _PACKAGES:
        return Meaning("Python with " + ", ".join(_PACKAGES[base]), recipe=Recipe(base, requirements=_PACKAGES[base]))
    if base in _PROGRAMS:
        return Meaning(f"{_PROGRAMS[base]} of this machine", program=_PROGRAMS[base])
    return Meaning("the programs of this machine", unknown=base not in _SYSTEMS)


def _dbt(base: str, tag: str | None, profile_types: tuple[str, ...]) -> Meaning:
    named = tuple(sorted({kind for kind in profile_types if kind in ADAPTERS})) or _ALL_IN
    adapters = named if base == "dbt" else (base[4:],)
    version = re.search(r"(\d+\.\d+(?:\.\d+)?)", tag or "")
    packages = tuple(f"dbt-{adapter}" for adapter in adapters)
    core = DBT_CORE if version is None else _core(version.group(1))
    return Meaning(f"{base} {tag or 'latest'}", recipe=Recipe(f"dbt-{'-'.join(adapters)}", requirements=(core, *packages)))


def _core(version: str) -> str:
    return f"dbt-core=={version}" if version.count(".") == 2 else f"dbt-core~={version}.0"


def _minor(version: str | None) -> str | None:
    return None if version is None or "." not in version else ".".join(version.split(".")[:2])
