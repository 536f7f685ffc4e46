"""The prune waits for nobody, and nobody waits for it for long."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models.functions import Now

from jobs import lifecycle, retention
from jobs.engine import claiming
from jobs.models import Job, Receipt

pytestmark = pytest.mark.usefixtures("postgresql")


def test_an_expired_job_that_somebody_holds_is_left_for_the_next_time(act):
    held, other = act(), act()
    while (job := claiming.claim("w")) is not None:
        lifecycle.succeed(job, {})
    Job.objects.update(expires_at=Now())
    somebody = connection.copy()
    try:
        somebody.set_autocommit(False)
        with somebody.cursor() as cursor:
            cursor.execute("SELECT 1 FROM jobs_job WHERE id = %s FOR UPDATE", [held.pk])
        assert retention.prune()["jobs"] == 1
        assert set(Receipt.objects.values_list("job_id", flat=True)) == {other.pk}
        somebody.rollback()
    finally:
        somebody.close()
    assert retention.prune()["jobs"] == 1
    assert not Job.objects.exists()
