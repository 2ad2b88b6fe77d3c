"""What is kept no longer: log lines, outputs, executions, working folders, environments, each for as long as the settings say."""

from __future__ import annotations

import os
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from engine import states
from executions import models, ports, services, storage
from kv import services as kv
from namespaces.services import forgetting

AT_ONCE = 2_000  # rows removed in one go, so that no transaction is long
GRACE = timedelta(minutes=1)  # a working folder is still being emptied for a moment after the end


def clean(now: datetime | None = None) -> None:
    """Remove what is too old, a bounded amount at a time; called about once a minute."""
    moment = now or timezone.now()
    limits = settings.KESTRA_LIMITS
    _logs(_before(moment, limits["retain_logs"]))
    _outputs(_before(moment, limits["retain_outputs"]))
    _executions(_before(moment, limits["retain_executions"]))
    _working_folders(moment, limits["retain_working"])
    storage.tidy()
    _environments(limits["retain_environments"], limits["environment_bytes"])
    models.Delivery.objects.filter(status=models.Delivery.Status.DONE, created__lt=moment - timedelta(days=1)).delete()
    models.TriggerWindow.objects.filter(end__lt=moment - timedelta(days=1)).delete()
    forgetting.forget_at_times(moment)
    kv.purge_expired(before=moment - timedelta(days=30))


def _before(now: datetime, seconds: int) -> datetime | None:
    return now - timedelta(seconds=seconds) if seconds else None


def _logs(before: datetime | None) -> None:
    if before is not None:
        ids = list(models.LogLine.objects.filter(timestamp__lt=before).order_by("timestamp").values_list("id", flat=True)[:AT_ONCE])
        models.LogLine.objects.filter(id__in=ids).delete()


def _ended(before: datetime) -> list[models.Execution]:
    return list(models.Execution.objects.filter(state__in=states.TERMINATED, ended__lt=before).order_by("ended")[:100])


def _outputs(before: datetime | None) -> None:
    if before is None:
        return
    since = before - timedelta(days=2)  # those that ended earlier were looked at on the days before
    for row in models.Execution.objects.filter(state__in=states.TERMINATED, ended__lt=before, ended__gte=since).order_by("ended")[:1000]:
        storage.delete_execution(row.namespace, row.flow_id, row.id)


def _executions(before: datetime | None) -> None:
    if before is not None:
        services.purge(_ended(before))


def _working_folders(now: datetime, keep_seconds: int) -> None:
    """Folders of executions that ended; those of executions that nobody knows only when they are old."""
    root = Path(settings.KESTRA_WORK)
    folders = [path for path in root.iterdir() if path.is_dir() and not path.is_symlink()] if root.is_dir() else []
    known = dict(models.Execution.objects.filter(id__in=[path.name for path in folders]).values_list("id", "ended"))
    held = set(models.Delivery.objects.filter(status=models.Delivery.Status.CLAIMED).values_list("execution_id", flat=True))
    for path in folders:
        ended = known.get(path.name)
        forgotten = path.name not in known and keep_seconds and time.time() - path.stat().st_mtime > keep_seconds
        if forgotten or (ended is not None and ended < now - GRACE and path.name not in held):
            shutil.rmtree(path, ignore_errors=True)


def _environments(keep_seconds: int, keep_bytes: int) -> None:
    """Environments that were not used for long, then the least used while all together are too large."""
    root = Path(settings.KESTRA_ENVIRONMENTS)
    made = [path for path in root.iterdir() if path.is_dir() and (path / ports.COMPLETE).exists()] if root.is_dir() else []
    used = {path: (path / ports.COMPLETE).stat().st_mtime for path in made}
    for path in sorted(made, key=used.__getitem__):
        if keep_seconds and time.time() - used[path] > keep_seconds:
            remove_environment(path)
            made.remove(path)
    sizes = {path: environment_size(path) for path in made}
    for path in sorted(made, key=used.__getitem__)[:-1]:
        if keep_bytes and sum(sizes.values()) > keep_bytes and time.time() - used[path] > 3600:
            remove_environment(path)
            del sizes[path]


def remove_environment(folder: Path) -> None:
    """Take an environment away at once, its files after that."""
    aside = folder.with_name(f".removed-{folder.name}-{os.getpid()}")
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


_sizes: dict[Path, tuple[float, int]] = {}


def environment_size(folder: Path) -> int:
    """Bytes of an environment, counted once: it does not change after it was made."""
    made = folder.stat().st_mtime
    if folder not in _sizes or _sizes[folder][0] != made:
        _sizes[folder] = (made, sum(path.lstat().st_size for path in folder.rglob("*")))
    return _sizes[folder][1]
