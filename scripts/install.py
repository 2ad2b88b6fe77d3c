"""Makes `.venv` and installs what the lock file names into it, unless that was done before. Needs only the standard library.

python3 scripts/install.py [--dev]
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def main() -> None:
    """Install; ends with one sentence and status 1 where that is not possible."""
    lock = ROOT / ("requirements-dev.lock" if "--dev" in sys.argv else "requirements.lock")
    stamp = VENV / f".{lock.name}"
    wanted = hashlib.sha256(lock.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()).hexdigest()
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    make_environment()
    say(f"installing {lock.name}")
    install("--require-hashes", "-r", str(lock))
    # editable, as a plain path: rooms that are added later are found without installing again
    install("--no-deps", "--no-build-isolation", "--config-settings", "editable_mode=compat", "-e", str(ROOT))
    stamp.write_text(wanted)


def make_environment() -> None:
    """`.venv` with a Python that is new enough."""
    if PYTHON.exists():
        return
    if sys.version_info < OLDEST:
        found = f"{sys.executable} is {sys.version.split()[0]}"
        stop(f"Python 3.11 or newer is needed, {found}: install python3.11, or say `make PYTHON=/path/to/python3.11 up`")
    say("making .venv")
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode:
        reason = last_line(made.stdout + made.stderr)
        stop(f"`python3 -m venv` does not work here: install the package python3-venv, then say it again ({reason})")


def install(*arguments: str) -> None:
    """Install with uv, which takes seconds where pip takes a minute; with pip where uv cannot."""
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        install_uv()
    with_uv = [str(uv), "pip", "install", "--quiet", "--python", str(PYTHON), *arguments]
    if uv.exists() and subprocess.run(with_uv, env=uv_environment(), check=False).returncode == 0:
        return
    say("uv could not install it, trying pip")
    if subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", *arguments], check=False).returncode:
        stop("the packages could not be installed: the lines above tell why; is the package index reachable?")


def install_uv() -> None:
    """Install the uv that the lock file names, with the hashes that it names."""
    entry = re.search(r"^uv==.*?(?=^\S)", (ROOT / "requirements.lock").read_text() + "\nend", re.MULTILINE | re.DOTALL)
    assert entry, "requirements.lock names no uv"
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(re.sub(r"^\s+#.*\n", "", entry[0], flags=re.MULTILINE))
        file.flush()
        quietly = ["--quiet", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([str(PYTHON), "-m", "pip", "install", *quietly, "-r", file.name], check=False)


def uv_environment() -> dict[str, str]:
    """uv reads none of pip's settings: tell it those that decide where packages come from, and to trust whom this machine trusts."""
    variables = {"UV_SYSTEM_CERTS": "true", **os.environ} if SYSTEM_CERTIFICATES.exists() else dict(os.environ)
    known = {"global.index-url": "UV_DEFAULT_INDEX", "global.extra-index-url": "UV_INDEX", "global.cert": "SSL_CERT_FILE"}
    for name, ours in known.items():
        answer = subprocess.run([str(PYTHON), "-m", "pip", "config", "get", name], capture_output=True, text=True, check=False)
        value = os.environ.get("PIP_" + name.removeprefix("global.").replace("-", "_").upper()) or answer.stdout.strip()
        if value:
            variables.setdefault(ours, value)
    return variables


def last_line(text: str) -> str:
    """The last line of `text` that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it says nothing")


def say(sentence: str) -> None:
    """Tell what is going on."""
    print(f"setup     | {sentence}", flush=True)


def stop(sentence: str) -> None:
    """Tell why it cannot be done, and end."""
    sys.exit(f"kestra-web: {sentence}")


if __name__ == "__main__":
    main()
