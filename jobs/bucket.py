"""Files in an S3 bucket (extra `s3`), through django-storages.

What the bucket or the way to it gets wrong is told in the words of `errors.py`, so that a request is answered 503 and
a job is tried again. Objects are reached through us alone: no ACL is set, no URL is given away.
"""

from __future__ import annotations

import logging
import os
import posixpath
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from django.conf import settings
from django.core.files.base import File
from django.utils.crypto import get_random_string
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from jobs.errors import StorageAway, StorageRefused, StorageUnavailable

logger = logging.getLogger(__name__)

#: To connect to a server that is there takes no longer, even far away.
CONNECT_SECONDS = 5.0
#: Of one request, the first one included; botocore waits a little longer before each.
TRIES = 3
#: One for each thread of a busy web process; more wait for a free one.
CONNECTIONS = 32
#: Of 62 characters each, behind the name: two files of one second never meet.
RANDOM_CHARACTERS = 12

_opening = threading.Lock()


class Bucket(S3Storage):
    """A bucket as Django's storage.

    timeout: seconds that one answer of the server may take. options: those of django-storages.
    Every method raises StorageUnavailable when the bucket does not do it, `open` and `size` FileNotFoundError.
    """

    def __init__(self, *, timeout: float, addressing_style: str, **options: Any) -> None:
        config = Config(
            connect_timeout=min(timeout, CONNECT_SECONDS),
            read_timeout=timeout,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            max_pool_connections=CONNECTIONS,
            s3={"addressing_style": addressing_style},
            # Servers other than Amazon's do not all know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(client_config=config, default_acl=None, file_overwrite=False, gzip=False, **options)
        self._opened: Any = None
        self._opened_by = 0

    @property
    def connection(self) -> Any:
        """Return the connection of this process: threads may share one, and to make one takes a tenth of a second."""
        with _opening:
            if self._opened_by != os.getpid():  # a fork must not write into its parent's sockets
                self._opened = self._create_session().resource(
                    "s3", region_name=self.region_name, endpoint_url=self.endpoint_url, config=self.client_config
                )
                self._opened_by, self._bucket = os.getpid(), None
            return self._opened

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return a name that nobody has. To look whether one is free would let two take it at the same moment."""
        stem, extension = posixpath.splitext(clean_name(name))
        return f"{stem}_{get_random_string(RANDOM_CHARACTERS)}{extension}"

    def _save(self, name: str, content: Any) -> str:
        name = clean_name(name)
        content.seek(0)
        # One request and not several parts: it is there as a whole, or not at all.
        with _told_in_our_words():
            self.connection.meta.client.put_object(
                Bucket=self.bucket_name, Key=self._normalize_name(name), Body=content
            )
        return name

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        """Return a copy, in memory while it is small. Whatever may go wrong has gone wrong when this returns."""
        if mode != "rb":
            raise ValueError("a file in a bucket is opened to be read, and saved as a whole")
        key = self._normalize_name(clean_name(name))
        copy = tempfile.SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115
        try:
            with _told_in_our_words():
                found = self.connection.meta.client.get_object(Bucket=self.bucket_name, Key=key)
                with closing(found["Body"]) as body:
                    shutil.copyfileobj(body, copy)
        except BaseException:
            copy.close()
            raise
        copy.seek(0)
        return File(copy, name)

    def delete(self, name: str) -> None:
        with _told_in_our_words():
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _told_in_our_words():
            return super().exists(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with _told_in_our_words():
            return super().listdir(path)

    def size(self, name: str) -> int:
        with _told_in_our_words():
            return super().size(name)

    def get_modified_time(self, name: str) -> Any:
        with _told_in_our_words():
            return super().get_modified_time(name)

    def url(self, name: str, *args: Any, **options: Any) -> str:
        raise NotImplementedError("files are downloaded from Sıra, which asks who may")


@contextmanager
def _told_in_our_words() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _meaning_of(error) from None
    except (NoCredentialsError, PartialCredentialsError) as error:
        logger.error("the bucket cannot be asked: %s", type(error).__name__)
        raise StorageRefused from None
    except (BotoCoreError, Boto3Error) as error:  # no connection, no answer in time, an answer that breaks off
        logger.warning("the bucket does not answer: %s", type(error).__name__)
        raise StorageAway from None


def _meaning_of(error: ClientError) -> StorageUnavailable | FileNotFoundError:
    """Return what an answer that is an error means to us. Of its text only the code is logged."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = str(error.response.get("Error", {}).get("Code", ""))[:40]
    if code in ("NoSuchKey", "NotFound", "404"):
        return FileNotFoundError("There is no such object.")
    if status >= 500 or status in (408, 429) or code == "RequestTimeout":
        logger.warning("the bucket could not do what it was asked: %r (HTTP %s)", code, status)
        return StorageAway()
    # A key that may not do this, a bucket that is not there: the operator's to mend, and no fault of the file.
    logger.error("the bucket refused what it was asked: %r (HTTP %s)", code, status)
    return StorageRefused()
