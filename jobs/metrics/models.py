"""Rows of the tallies; changed by `tallies.py` only."""

from __future__ import annotations

from django.db import models

#: The last bucket of a histogram, as Prometheus writes it.
INFINITE = "+Inf"


class Tally(models.Model):
    """How often something has happened to jobs of a kind. Only grows: retention deletes jobs, not what was counted."""

    class Measure(models.TextChoices):
        WAIT = "wait"  # an attempt began: how long the job had been due
        RUN = "run"  # an attempt ended: how long it took
        ENDED = "ended"  # a job ended

    measure = models.CharField(max_length=5, choices=Measure.choices)
    kind = models.CharField(max_length=100)
    outcome = models.CharField(max_length=20, blank=True)  # RUN: type of the event that ended it; ENDED: its state
    le = models.CharField(max_length=10, blank=True)  # WAIT, RUN: the bucket's upper bound in seconds
    count = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["measure", "kind", "outcome", "le"], name="tally_once")]

    def __str__(self) -> str:
        return f"{self.measure} {self.kind} {self.outcome} {self.le}: {self.count}"


class TallyMark(models.Model):
    """The one row that says how far the event log was counted. Whoever counts has it locked."""

    event_id = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"counted up to {self.event_id}"
