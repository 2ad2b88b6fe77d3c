"""Python environments made once and used by many tasks: built under a lock, told in the log, never changed afterwards."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from plugins.contract import RunContext, TaskFailed
from plugins.core.runner import _process
from plugins.core.runner._environment import PATH, minimal, network
from plugins.core.runner._hand_over import hand_over, identity_of
from plugins.scripts._images import Recipe

_BUILD_TIMEOUT = 1800.0


@dataclass(frozen=True, slots=True)
class Installer:
    """What a task asks its packages to be installed with: uv, which may be fetched where it is not here, or pip."""

    uv: bool = True
    may_fetch: bool = True
    version: str | None = None  # of the uv that is fetched
    sha256: str | None = None  # of the package that it is fetched as


def uv() -> str | None:
    """The uv program: the one that UV_PATH names, the one beside the Python that runs this, or that of the PATH."""
    named = os.environ.get("UV_PATH")
    if named:
        return named
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")


def find_python(version: str | None) -> tuple[str, bool]:
    """A Python to build with, and whether it is of the version asked for (`3.12`; None takes any)."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version and version.startswith("3"):
        for path in (PATH, None):
            found = shutil.which(f"python{version}", path=path)
            if found and not os.path.abspath(found).startswith(sys.prefix) and _is_version(found, version):
                return found, True
    beneath = str(getattr(sys, "_base_executable", sys.executable))  # what this server's own environment was made from
    fallback = shutil.which(f"python{own}", path=PATH) or shutil.which("python3", path=PATH) or beneath
    return fallback, version is None or own == version


@lru_cache(maxsize=64)
def _is_version(program: str, version: str) -> bool:
    """Whether a program really is that Python: some are only signposts that fail."""
    try:
        done = subprocess.run(
            [program, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env=minimal("/"),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0 and done.stdout.strip() == version


def key_of(recipe: Recipe, python: str) -> str:
    """The name of an environment's folder: the same recipe on the same machine gives the same."""
    over = ["over the rest:", *recipe.over] if recipe.over else []
    text = "\n".join([python, platform.machine(), *sorted(recipe.requirements), *over])
    return f"{recipe.name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def ensure(context: RunContext, recipe: Recipe, installer: Installer | None = None) -> Path:
    """The folder of the environment, made first where it is not there yet. TaskFailed where it cannot be made.

    Where nobody asks for an installer it is uv where that is here, else pip.
    """
    python = _python_for(context, recipe)
    key = key_of(recipe, python)
    folder = context.environments.folder(key)
    with context.environments.building(key) as complete:
        if not complete:
            _build(context, recipe, python, folder, installer, "this happens once and may take a minute")
    return folder


def make(context: RunContext, recipe: Recipe, folder: Path, installer: Installer | None = None) -> Path:
    """An environment of one task alone, made anew in `folder`. TaskFailed where it cannot be made."""
    _build(context, recipe, _python_for(context, recipe), folder, installer, "for this time only")
    return folder


def _python_for(context: RunContext, recipe: Recipe) -> str:
    python, exact = find_python(recipe.python)
    if not exact:
        context.log("WARN", f"Python {recipe.python} is not on this machine: {python} is used instead")
    return python


def variables(folder: Path, path: str = PATH) -> dict[str, str]:
    """What makes an environment the active one."""
    return {"VIRTUAL_ENV": str(folder), "PATH": f"{folder / 'bin'}:{path}"}


def overlay(folder: Path, top: Path) -> Path:
    """A thin environment of one task at `top`, over a shared one that stays as it is: `pip install` in the task goes to the thin one."""
    packages = next(folder.glob("lib/python*/site-packages"))
    own = top / packages.relative_to(folder)
    own.mkdir(parents=True, exist_ok=True)
    (own / "shared.pth").write_text(f"import site; site.addsitedir({str(packages)!r})\n")
    (top / "pyvenv.cfg").write_text((folder / "pyvenv.cfg").read_text())
    (top / "bin").mkdir(exist_ok=True)
    for program in (folder / "bin").iterdir():
        target = top / "bin" / program.name
        if program.is_symlink():
            target.symlink_to(program.resolve())
        elif program.is_file() and (content := program.read_bytes()).startswith(b"#!" + bytes(folder)):
            target.write_bytes(content.replace(bytes(folder), bytes(top), 1))
            target.chmod(0o755)
    return top


def python_of(folder: Path) -> str:
    """The version of an environment's Python, as its folders name it: `3.11`."""
    return next((path.name.removeprefix("python") for path in folder.glob("lib/python*")), "")


def versions(folder: Path, *packages: str) -> dict[str, str]:
    """Installed versions by package name, read from the names of the metadata folders."""
    wanted = {package.replace("-", "_").lower(): package for package in packages}
    found = {}
    for info in folder.glob("lib/python*/site-packages/*.dist-info"):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        if name.lower() in wanted:
            found[wanted[name.lower()]] = version
    return found


def _build(context: RunContext, recipe: Recipe, python: str, folder: Path, installer: Installer | None, how: str) -> None:
    what = ", ".join((*recipe.requirements, *recipe.over)) or "nothing but Python"
    context.log("INFO", f"Making the environment '{recipe.name}' ({what}); {how}")
    began = time.monotonic()
    identity = identity_of(context.settings)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="build-", ignore_cleanup_errors=True) as scratch:
            for path in (folder, Path(scratch)):
                hand_over(path, identity)
            tool = _tool(context, installer, python, Path(scratch), identity) if recipe.requirements else None
            for argv in _steps(recipe, python, folder, tool):
                _step(context, argv, Path(scratch), identity)
        undo.pop_all()
    if identity is not None:
        hand_over(folder, (0, 0))  # tasks use it, and cannot change it
    context.log("INFO", f"Made the environment '{recipe.name}' in {time.monotonic() - began:.0f} s")


def _tool(context: RunContext, installer: Installer | None, python: str, scratch: Path, identity: tuple[int, int] | None) -> str | None:
    """The uv to install with; None for pip."""
    if installer is None:
        return uv()
    if not installer.uv:
        return None
    found = uv()
    if found is not None:
        return found
    if not installer.may_fetch:
        raise TaskFailed(
            "uv is not on this machine, and its automatic installation is disabled (`uvAutoInstallEnabled`): install uv, have UV_PATH "
            "of the server name it, or choose `packageManager: PIP`",
            retryable=False,
        )
    return _fetched_uv(context, installer, python, scratch, identity)


def _fetched_uv(context: RunContext, installer: Installer, python: str, scratch: Path, identity: tuple[int, int] | None) -> str:
    """A uv from the package index, for this one time, checked before anything of it runs."""
    place, package = scratch / "uv", "uv" if installer.version is None else f"uv=={installer.version}"
    pip = [str(place / "bin" / "python"), "-m", "pip", "--no-input", "--disable-pip-version-check"]
    download = [*pip, "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(scratch / "fetched"), package]
    for argv in ([python, "-m", "venv", str(place)], download):
        _step(context, argv, scratch, identity)
    [wheel] = (scratch / "fetched").iterdir()
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if installer.sha256 and found != installer.sha256.lower():
        raise TaskFailed(
            f"Integrity check failed for {wheel.name}: SHA-256 {installer.sha256} was expected (`uvInstallerSha256`), found {found}. "
            "Nothing was installed.",
            retryable=False,
        )
    _step(context, [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], scratch, identity)
    return str(place / "bin" / "uv")


def _steps(recipe: Recipe, python: str, folder: Path, tool: str | None) -> list[list[str]]:
    """The commands that make an environment: with uv, or with venv and pip where that is None."""
    inside = str(folder / "bin" / "python")
    if tool is None:  # with nothing to install, Python's own way needs no network
        make = [python, "-m", "venv", "--clear", str(folder)]
        install = [inside, "-m", "pip", "install", "--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    else:
        make = [tool, "venv", "--quiet", "--allow-existing", "--no-project", "--python", python, str(folder)]
        install = [tool, "pip", "install", "--no-progress", "--compile-bytecode", "--link-mode", "copy", "--python", inside]
    packages = list(recipe.requirements) if tool is None else ["pip", *recipe.requirements]
    for package in (*packages, *recipe.over):
        if package.startswith("-"):
            raise TaskFailed(f"Invalid dependency '{package}': a package is expected, not an option", retryable=False)
    steps = ([*install, *packages], [*install, "--no-deps", *recipe.over])
    return [make, *(step for step, some in zip(steps, (packages, recipe.over), strict=True) if some)]


def _step(context: RunContext, argv: Sequence[str], scratch: Path, identity: tuple[int, int] | None) -> None:
    said: list[str] = []

    def line(_stream: str, text: str) -> None:
        if text.strip():
            said.append(text.strip())
            quiet = text.startswith((" + ", " - ", "  ")) or "already satisfied" in text
            context.log("DEBUG" if quiet else "INFO", text.strip())

    env = minimal(str(scratch), {**network(credentials=True), **_cache(context, scratch, identity)})
    plan = _process.Plan(argv, scratch, env, timeout=_BUILD_TIMEOUT, identity=identity)
    try:
        ended = _process.run(
            plan, line, on_start=lambda pgid, started: context.left_behind(pgid=pgid, started=started), stoppable=context.on_cancel
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise TaskFailed(f"The environment cannot be made: '{argv[0]}' cannot be run ({error.__class__.__name__})") from error
    if ended.reason == "cancelled":
        raise TaskFailed("The task was killed while its environment was made", state="KILLED", retryable=False)
    if ended.exit_code != 0:
        raise TaskFailed("The environment cannot be made: " + (" ".join(said[-3:]) or f"{argv[0]} ended with {ended.exit_code}"))


def _cache(context: RunContext, scratch: Path, identity: tuple[int, int] | None) -> dict[str, str]:
    """Where downloads are kept: for all builds, but never where the user that tasks run as could change them."""
    folder = scratch / "cache" if identity is not None else context.settings.home / "cache"
    return {"UV_CACHE_DIR": str(folder / "uv"), "PIP_CACHE_DIR": str(folder / "pip"), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}
