"""What the store of a repository is rid of: states of copies that were kept long enough, and objects that nothing names any more."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from django.conf import settings

from workspace.git import ANSWERS, KEPT, Busy, Git, folder_of, locked

EVERY = timedelta(days=1)
YOUNG = "2.weeks.ago"  # an object that nothing names is kept for so long: whoever wrote it may be about to name it
_MARK = "kestra-tidied"


def tidy(namespace: str, now: datetime) -> bool:
    """Tidy the store of a namespace, at most once a day; False where there is none, or it was done, or somebody is busy with it."""
    folder = folder_of(namespace)
    mark = folder / _MARK
    if not (folder / "HEAD").exists() or (mark.exists() and mark.stat().st_mtime > (now - EVERY).timestamp()):
        return False
    try:
        with locked(folder / "locks" / "store", patience=0):
            mark.touch()
            os.utime(mark, (now.timestamp(), now.timestamp()))
            _tidy(Git(folder), now, settings.KESTRA_LIMITS["retain_versions"])
    except Busy:
        return False
    return True


def _tidy(git: Git, now: datetime, seconds: int) -> None:
    kept = "never"
    if seconds:
        before = now - timedelta(seconds=seconds)
        kept = before.isoformat()
        listed = git.text("for-each-ref", "--format=%(refname)", KEPT, ANSWERS).split()
        old = [name for name in listed if int(name.rpartition("/")[2]) < before.timestamp() * 1e9]
        git.run("update-ref", "--stdin", data="".join(f"delete {name}\n" for name in old).encode())
    expire = ("-c", f"gc.reflogExpire={kept}", "-c", f"gc.reflogExpireUnreachable={kept}")
    git.run(*expire, "gc", "--quiet", f"--prune={YOUNG}", timeout=1800)
