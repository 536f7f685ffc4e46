"""The receipt of an erasure; written by `erasure.py` only."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Erasure(models.Model):
    """Proof that what was kept about a person was erased, without saying who it was.

    Whoever knows the label or the address can show that this is its receipt: its keyed hash is here.
    """

    person = models.CharField(
        max_length=64, help_text=_("Keyed hash (HMAC-SHA256) of the label or the address, and the owner")
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text=_("Whose data; empty: everybody's"),
    )  # fmt: skip
    counts = models.JSONField(default=dict, help_text=_("How many of each were erased"))
    digest = models.CharField(max_length=64, blank=True, help_text=_("SHA-256, a chain over all that was erased"))
    reason = models.CharField(max_length=300, blank=True)
    erased_by = models.CharField(max_length=150)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True, help_text=_("Empty: it broke off; erase again"))

    class Meta:
        ordering = ("-id",)
        verbose_name = _("receipt of an erasure")
        verbose_name_plural = _("receipts of erasures")
        default_permissions = ()
        constraints = [
            # Two who erase the same person at once write one receipt.
            models.UniqueConstraint(
                fields=["person"], condition=Q(finished_at__isnull=True), name="erasure_one_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person[:12]} {self.started_at:%Y-%m-%d}"
