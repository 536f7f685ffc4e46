"""Who listens for events."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Listener(models.Model):
    """A web process where somebody watches, on PostgreSQL. Written by the tailer on the connection that listens.

    While nobody listens nobody is notified: transactions that notify commit one after another.
    """

    name = models.CharField(max_length=150, primary_key=True)
    heard_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("listener")
        verbose_name_plural = _("listeners")

    def __str__(self) -> str:
        return self.name
