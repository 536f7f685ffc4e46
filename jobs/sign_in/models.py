"""Rows of tries to sign in; changed by `limits.py` only."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class SignInTries(models.Model):
    """What one address has tried, or one name from one address.

    key: a keyed hash, so that the table names nobody. settled_at: when all its tries have come back.
    """

    key = models.CharField(max_length=64, primary_key=True)
    settled_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.key[:8]}… until {self.settled_at}"
