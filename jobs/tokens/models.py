"""Rows of tokens: whose, what for, until when. Written by `issuing.py`, `recognising.py` and `allowance.py`."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.tokens.keys import LONGEST_PREFIX

#: Far above what one server answers; what is larger is a mistake.
MOST_REQUESTS = 1_000_000


class Scope(models.TextChoices):
    """What a token may be used for. None includes another."""

    READ = "read", _("look at jobs, results and settings")
    SUBMIT = "submit", _("send work: jobs, uploads, messages, drafts")
    OPERATE = "operate", _("change what is there: cancel, retry, delete, approve, pause")


ALL_SCOPES = (Scope.READ, Scope.SUBMIT, Scope.OPERATE)


class ApiToken(models.Model):
    """A token of a user. It may do what its owner may and its scopes cover.

    A revoked or expired one stays, as the record of what it was.
    """

    class State(models.TextChoices):
        GOOD = "good", _("good")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=100, help_text=_("What it is for, such as: nightly import"))
    scopes = models.JSONField(_("scopes"), default=list)
    prefix = models.CharField(_("prefix"), max_length=LONGEST_PREFIX, unique=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("created by"),
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True, help_text=_("Empty: never"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, help_text=_("To the minute"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(
        _("requests a minute"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_REQUESTS)],
        help_text=_("Empty: as API_REQUESTS_PER_MINUTE says; 0: no limit"),
    )
    # The allowance's current minute, and what the web processes have taken of it.
    window_started_at = models.DateTimeField(null=True, blank=True, editable=False)
    window_spent = models.PositiveIntegerField(default=0, editable=False)

    # On a row that `recognising.py` has read: the database's time then, and time.monotonic of just before.
    now: datetime
    read_at: float

    class Meta:
        ordering = ("-id",)
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"], condition=Q(revoked_at__isnull=True), name="token_name_once"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="token_has_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def state_at(self, now: datetime) -> State:
        if self.revoked_at is not None:
            return self.State.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return self.State.EXPIRED
        return self.State.GOOD

    @property
    def state(self) -> State:
        """How it stands now, by this machine's clock: for what people are shown."""
        return self.state_at(timezone.now())
