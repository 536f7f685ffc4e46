"""Recurring batches, and what each of them has collected. Documents and batches are Jobs; they have no row here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from classifier import sources
from jobs.models import HIGHEST_PRIORITY, LOWEST_PRIORITY, Job

#: The schedule looks once a minute. A run that is due within half of that is due now: a row of "every minute" would
#: else lose every second one to a tick that came a moment early.
TICK_SLACK = timedelta(seconds=30)
LONGEST_EVERY = 366 * 24 * 60


class RecurringBatch(models.Model):
    """A folder or a part of the storage whose new and changed files become a batch, again and again."""

    class Source(models.TextChoices):
        FOLDER = "folder", _("a folder of the workers' host")
        STORAGE = "storage", _("a folder of the file storage")

    name = models.CharField(max_length=100, unique=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="recurring_batches",
        help_text=_("Whose batches they are: this person sees them"),
    )
    source = models.CharField(max_length=7, choices=Source.choices, default=Source.FOLDER)
    location = models.CharField(
        max_length=500, help_text=_("A full path below one of CLASSIFIER_FOLDERS; or a path in the storage")
    )
    every = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_EVERY)],
        help_text=_("Minutes between two runs"),
    )
    priority = models.PositiveSmallIntegerField(
        default=LOWEST_PRIORITY,
        validators=[MaxValueValidator(HIGHEST_PRIORITY)],
        help_text=_("0–10; 0 lets everything that somebody waits for go first"),
    )
    is_enabled = models.BooleanField(default=True)
    last_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_job = models.ForeignKey(
        Job, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    last_problem = models.TextField(blank=True, editable=False, help_text=_("Why the last run did not do all"))

    class Meta:
        ordering = ("name",)
        verbose_name = _("recurring batch")
        verbose_name_plural = _("recurring batches")
        constraints = [
            models.CheckConstraint(condition=Q(every__gte=1), name="recurring_batch_every_1_minute_or_more"),
            models.CheckConstraint(
                condition=Q(priority__lte=HIGHEST_PRIORITY), name="recurring_batch_priority_0_to_10"
            ),
            models.CheckConstraint(condition=Q(source__in=["folder", "storage"]), name="recurring_batch_source_known"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a location that no run could ever read; one that is only missing may still come."""
        try:
            self.check_location()
        except sources.SourceProblem as problem:
            raise ValidationError({"location": str(problem)}) from None

    def check_location(self) -> Any:
        """Return the location in the form that `sources` reads. Raises SourceProblem."""
        if self.source == self.Source.FOLDER:
            return sources.allowed_folder(self.location, settings.CLASSIFIER_FOLDERS)
        return sources.allowed_prefix(self.location)

    def is_due(self, now: datetime) -> bool:
        return self.last_run_at is None or self.last_run_at + timedelta(minutes=self.every) - TICK_SLACK <= now


class CollectedFile(models.Model):
    """A file that a recurring batch has submitted. The same name with the same content is never submitted twice."""

    recurring = models.ForeignKey(
        RecurringBatch, on_delete=models.CASCADE, related_name="collected", db_index=False, verbose_name=_("batch")
    )
    name = models.CharField(max_length=sources.LONGEST_NAME, help_text=_("Path below the location"))
    fingerprint = models.CharField(max_length=64, help_text=_("SHA-256; size and time for a file too large to be read"))
    size = models.PositiveBigIntegerField(help_text=_("Bytes"))
    modified_ns = models.BigIntegerField(help_text=_("Nanoseconds since 1970, as last seen"))
    doc_id = models.UUIDField(help_text=_("The job that classifies it, while there is one"))
    collected_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("collected file")
        verbose_name_plural = _("collected files")
        constraints = [
            models.UniqueConstraint(fields=["recurring", "name", "fingerprint"], name="collected_file_once"),
        ]

    def __str__(self) -> str:
        return self.name
