"""Files that are kept in a bucket of S3, or of a service that speaks like it; what is read is copied into a folder first.

A copy is named after the version of the file that it is of, so that one that was replaced is never read again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from executions.kept_files import Kept, Measured
from ui.errors import Conflict

logger = logging.getLogger(__name__)
AT_ONCE = 1000  # keys in one request, the most that S3 takes
UNREAD_SECONDS = 86_400  # so long an unread copy stays
TRANSFER = TransferConfig(multipart_threshold=16 * 1024**2, multipart_chunksize=16 * 1024**2, max_concurrency=2)
GONE = frozenset({"404", "NoSuchKey", "NotFound"})


class StorageAway(Conflict):
    """The file storage does not answer: try again, or ask an administrator."""


@contextmanager
def _told() -> Iterator[None]:
    """Turns what the service says into an error that people may read; the log has it whole."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        logger.exception("The file storage refused a request")
        raise StorageAway(f"The file storage refused this ({code}): ask an administrator.") from error
    except (BotoCoreError, Boto3Error) as error:
        logger.exception("The file storage does not answer")
        raise StorageAway from error


class Bucket:
    """Implements `executions.kept_files.Backend`. Without an access key, credentials come as boto3 finds them: a role, a profile."""

    def __init__(self, *, bucket: str, prefix: str, endpoint: str, region: str, access_key: str, secret_key: str, copies: Path) -> None:
        self._bucket, self._prefix, self._copies = bucket, f"{prefix}/" if prefix else "", copies
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 4},
            s3={"addressing_style": "path" if endpoint else "auto"},
            # Other services than Amazon's do not all know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key} if access_key else {}
        session = boto3.session.Session()
        self._client: Any = session.client("s3", endpoint_url=endpoint or None, region_name=region or None, config=config, **keys)

    def check(self) -> str:
        """Ask for the bucket."""
        with _told():
            self._client.head_bucket(Bucket=self._bucket)
        return f"bucket {self._bucket} answers"

    def _head(self, key: str) -> dict[str, Any] | None:
        with _told():
            try:
                found: dict[str, Any] = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in GONE:
                    return None
                raise
        return found

    def fetch(self, key: str) -> Path | None:
        """A copy, made where there is none of this version."""
        head = self._head(key)
        if head is None:
            return None
        version = hashlib.sha256(f"{self._bucket}/{self._prefix}{key}\0{head['ETag']}\0{head['LastModified']}".encode()).hexdigest()
        copy = self._copies / version[:2] / version / key.rpartition("/")[2]
        try:
            os.utime(copy)
        except FileNotFoundError:
            self._download(key, copy)
        return copy

    def _download(self, key: str, copy: Path) -> None:
        for folder in (self._copies, *reversed(copy.parents[:2])):  # closed to the accounts that tasks run under
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = copy.with_name(f".{secrets.token_hex(8)}")
        try:
            with _told():
                self._client.download_file(self._bucket, self._prefix + key, str(temporary), Config=TRANSFER)
            os.replace(temporary, copy)
        finally:
            temporary.unlink(missing_ok=True)

    def kept(self, key: str) -> Kept | None:
        """As the service tells it."""
        head = self._head(key)
        return None if head is None else Kept(head["ContentLength"], head["LastModified"])

    def put(self, key: str, source: IO[bytes], limit: int) -> int:
        """In one request, or in parts that are put together at the end: never half a file."""
        measured = Measured(source, limit)
        with _told():
            self._client.upload_fileobj(measured, self._bucket, self._prefix + key, Config=TRANSFER)
        return measured.size

    def below(self, folder: str) -> list[str]:
        """Page by page."""
        with _told():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{self._prefix}{folder}/")
            return sorted(entry["Key"].removeprefix(self._prefix) for page in pages for entry in page.get("Contents", ()))

    def delete(self, keys: Sequence[str]) -> int:
        """Many in one request; S3 does not say whether there was a file, so a single one is asked for first."""
        if len(keys) == 1 and self._head(keys[0]) is None:
            return 0
        for start in range(0, len(keys), AT_ONCE):
            some = [{"Key": self._prefix + key} for key in keys[start : start + AT_ONCE]]
            with _told():
                self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": some, "Quiet": True})
        return len(keys)

    def forget(self, folder: str) -> None:
        """A bucket has no folders."""

    def tidy(self) -> None:
        """Remove copies that nobody asked for lately."""
        oldest = time.time() - UNREAD_SECONDS
        for path in (*self._copies.glob("*/*/*"), *self._copies.glob("*/*")):
            with suppress(OSError):  # somebody else was faster, or the folder is in use
                if path.stat().st_mtime < oldest:
                    path.rmdir() if path.is_dir() else path.unlink()
