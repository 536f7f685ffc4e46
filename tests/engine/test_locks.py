"""A lost host may hold a row lock for hours: nobody else may wait for it."""

from __future__ import annotations

import threading

import pytest
from django.db import connections, transaction

from jobs import lifecycle
from jobs.engine import claiming
from jobs.models import Job
from tests.engine.conftest import expire_lease

pytestmark = pytest.mark.usefixtures("postgresql")  # SQLite has no row locks


def test_a_locked_row_holds_up_neither_rescue_nor_promotion(act):
    act(priority=10)
    locked = claiming.claim("lost host")
    act()
    other = claiming.claim("dead worker")
    expire_lease(locked)
    expire_lease(other)
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Job.objects.select_for_update().get(pk=locked.pk)
            held.set()
            let_go.wait(30)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(10)
        assert [job.pk for job in lifecycle.rescue()] == [other.pk]
        assert lifecycle.promote_due() == 0
    finally:
        let_go.set()
        holder.join()
    assert [job.pk for job in lifecycle.rescue()] == [locked.pk]
