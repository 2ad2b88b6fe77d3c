"""Which packages a scan needs on this machine: those that it names, or those of its data sources."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from plugins.scripts import _folders, _images

_CORE = "soda-core<4"  # the next one knows neither SodaCL nor the module that a scan is run with
_OLDER_WAYS = "setuptools<81"  # Soda Core 3 still imports distutils, which Python has no more
_PACKAGES = {"spark_df": "spark-df", "dask": "pandas-dask", "sqlserver": "sqlserver"}
_BARE = re.compile(r"^[A-Za-z0-9][-A-Za-z0-9._]*")
_HEADER = re.compile(rb"^.{8}DUCK(.{8})(.*)$", re.DOTALL)
_FOR_DUCKDB = "soda-core-duckdb"
_WITHOUT_OLD_DUCKDB = (3, 13)
_READABLE = 64  # the newest layout of a file that the DuckDB which Soda asks for reads
_VERSION = re.compile(rb"v(\d+\.\d+\.\d+)")


def data_sources(configuration: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The data sources of a configuration by name."""
    found = {}
    for key, value in configuration.items():
        words = str(key).split()
        if len(words) == 2 and words[0] == "data_source" and isinstance(value, Mapping):
            found[words[1]] = value
    return found


def duckdb_files(configuration: Mapping[str, Any]) -> list[Path]:
    """The DuckDB files outside the task's folder that a scan opens."""
    paths = [str(source.get("path") or "") for source in data_sources(configuration).values() if source.get("type") == "duckdb"]
    return sorted({Path(path).resolve() for path in paths if path.startswith("/")})


def recipe(wanted: Sequence[str], configuration: Mapping[str, Any], folder: Path) -> _images.Recipe:
    """The environment of a scan that works in `folder`."""
    sources = data_sources(configuration).values()
    names = {_bare(package) for package in wanted}
    kinds = sorted({str(source.get("type") or "").strip().lower() for source in sources} - {""})
    known = [f"soda-core-{_PACKAGES.get(kind, kind.replace('_', '-'))}" for kind in kinds]
    soda = [package for package in wanted if _bare(package).startswith("soda-core")] or known
    named = [package for package in (*soda, *wanted) if _bare(package) != "duckdb"]
    over = [package for package in wanted if _bare(package) == "duckdb"]
    ours = next((package for package in named if _bare(package) == _FOR_DUCKDB), None)
    if ours is not None and (over := over or _newer_duckdb(sources, folder)):
        named = [package for package in named if package != ours]
        named.append("soda-core" + ours.strip()[len(_FOR_DUCKDB) :])  # of the same version
        over = [ours, *over]
    if "soda-core" not in names:
        named.append(_CORE)
    return _images.Recipe("soda", tuple(dict.fromkeys((*named, _OLDER_WAYS))), over=tuple(over))


def _bare(package: str) -> str:
    found = _BARE.match(package.strip())
    return found.group(0).lower().replace("_", "-") if found else ""


def _newer_duckdb(sources: Iterable[Mapping[str, Any]], folder: Path) -> list[str]:
    """The DuckDB to use where the one that Soda asks for cannot read a file that another wrote, or is not there for this Python."""
    written = [version for source in sources if source.get("type") == "duckdb" and (version := _written_by(folder, source.get("path")))]
    if written:
        return [f"duckdb>={max(written, key=lambda version: tuple(map(int, version.split('.'))))}"]
    return ["duckdb"] if sys.version_info >= _WITHOUT_OLD_DUCKDB else []


def _written_by(folder: Path, path: object) -> str:
    """The version of DuckDB that wrote a file, where it takes a newer one to read it; empty where it does not, or none can be seen."""
    if not isinstance(path, str) or not path or path.startswith(":"):
        return ""
    place = folder / path
    if not (place.is_file() if path.startswith("/") else _folders.is_own_file(folder, place)):
        return ""
    try:
        with place.open("rb") as file:
            header = _HEADER.match(file.read(256))
    except OSError:
        return ""
    if header is None or int.from_bytes(header[1], "little") <= _READABLE:
        return ""
    version = _VERSION.search(header[2])
    return version[1].decode() if version else ""
