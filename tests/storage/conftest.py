"""A bucket on loopback, and our storage in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from jobs import files
from tests.standins.s3_server import KEY_ID, REGION, SECRET, S3Server

BUCKET, PREFIX = "files", "sira/kept"


@pytest.fixture(scope="package")
def server() -> Iterator[S3Server]:
    with S3Server() as server:
        server.make_bucket(BUCKET)
        yield server


@pytest.fixture
def bucket(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The server with an empty bucket, which Django's default storage uses in this process."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0)
    monkeypatch.setattr(files, "_asked_again_at", 0.0)
    with stored_in(server):
        yield server


@contextmanager
def stored_in(server: S3Server, **options: Any) -> Iterator[None]:
    given = {
        "bucket_name": BUCKET, "endpoint_url": server.url, "region_name": REGION, "location": PREFIX,
        "access_key": KEY_ID, "secret_key": SECRET, "addressing_style": "path", "timeout": 5.0, **options,
    }  # fmt: skip
    try:
        ours = {"default": {"BACKEND": "jobs.bucket.Bucket", "OPTIONS": given}}
        with override_settings(STORAGES=settings.STORAGES | ours):
            yield
    finally:
        server.refusal = None
        if not server.is_there:
            server.start()
        empty(server)


def empty(server: S3Server) -> None:
    for key in server.keys(BUCKET):
        server.client.delete_object(Bucket=BUCKET, Key=key)
