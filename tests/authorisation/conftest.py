"""The world, one for each module: every cell asks in a savepoint of its own and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from jobs.api import submissions
from tests.authorisation.world import World, make_world


class _Impatient:
    """A clock in whose sight every wait is over at once: no worker runs here."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1000.0
        return self.now

    def sleep(self, seconds: float) -> None: ...


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("authorisation")
    with (
        django_db_blocker.unblock(),
        override_settings(MEDIA_ROOT=folder / "files", MAILDIR=folder / "mails", OUTBOX_DIR=folder / "outbox"),
        pytest.MonkeyPatch.context() as patch,
        transaction.atomic(),
    ):
        patch.setattr(submissions, "time", _Impatient())
        yield make_world()
        transaction.set_rollback(True)
