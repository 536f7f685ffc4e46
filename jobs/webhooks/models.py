"""Rows of webhooks: who wants to hear, what there is to tell, and how each telling went."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

LONGEST_URL = 1000


class WebhookEvent(models.TextChoices):
    """What an endpoint may be told."""

    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELLED = "job.cancelled"
    PROCESSING = "job.processing"  # an attempt begins; told only where it was asked for
    TEST = "webhook.test"  # somebody wanted to see whether it works


#: How a job can end: what an endpoint hears unless it asked for something else.
ENDINGS = (WebhookEvent.SUCCEEDED, WebhookEvent.FAILED, WebhookEvent.CANCELLED)


class WebhookEndpoint(models.Model):
    """An address that is told of its owner's jobs; changed by `endpoints.py` and, after each sending, `delivery.py`."""

    class Because(models.TextChoices):
        OWNER = "owner", _("switched off by its owner")
        STAFF = "staff", _("switched off by staff")
        GONE = "gone", _("it answered 410: gone for good")
        FAILING = "failing", _("it failed for too long")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks", db_index=False
    )
    url = models.CharField(max_length=LONGEST_URL)
    description = models.CharField(_("description"), max_length=200, blank=True)
    event_types = models.JSONField(default=list)
    kinds = models.JSONField(default=list, blank=True, help_text=_("Empty: every kind"))
    named_only = models.BooleanField(
        default=False, help_text=_("Hears only of jobs that named it as their webhook_url")
    )

    sealed_secret = models.TextField()
    old_sealed_secret = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)

    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_because = models.CharField(max_length=10, choices=Because.choices, blank=True)
    disabled_note = models.CharField(max_length=300, blank=True)

    successes = models.PositiveIntegerField(
        _("successes"), default=0, help_text=_("Attempts that were answered with 2xx")
    )
    failures = models.PositiveIntegerField(_("failures"), default=0, help_text=_("All other attempts"))
    failures_in_row = models.PositiveIntegerField(_("failures in a row"), default=0)
    spent_in_row = models.PositiveIntegerField(default=0, help_text=_("Deliveries given up since the last success"))
    failing_since = models.DateTimeField(null=True, blank=True)
    resting_until = models.DateTimeField(null=True, blank=True, help_text=_("Nothing is sent before"))
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-id",)
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        permissions = [("disable_webhook", "Can disable and enable webhooks of others")]
        constraints = [models.UniqueConstraint(fields=["owner", "url"], name="webhook_url_once")]
        indexes = [
            # Asked at the end of every job that somebody owns.
            models.Index(
                fields=["owner"], condition=Q(disabled_at__isnull=True, named_only=False), name="webhook_hears_all"
            ),
        ]

    def __str__(self) -> str:
        return self.shown_url

    @property
    def shown_url(self) -> str:
        """Its address without what may be a secret: people put keys into the query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}{'?…' if parts.query else ''}"


class NamedWebhook(models.Model):
    """A job named this endpoint as its `webhook_url`."""

    job = models.OneToOneField("jobs.Job", primary_key=True, on_delete=models.CASCADE, related_name="named_webhook")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="named_by")

    def __str__(self) -> str:
        return f"{self.job_id} tells {self.endpoint_id}"


class WebhookDelivery(models.Model):
    """One event for one endpoint. Its id is the `webhook-id`, the same whenever it is sent."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")  # to be sent, or to be sent again
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("given up")  # attempts spent, or gone
        DROPPED = "dropped", _("dropped")  # not sent: the endpoint was disabled by then

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Without a constraint: an endpoint that is deleted in the moment a job ends must not undo the end of the job.
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False, db_constraint=False
    )
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.CASCADE, related_name="webhook_deliveries")
    event_seq = models.BigIntegerField(default=0, help_text=_("The job's event that it tells of"))
    type = models.CharField(max_length=20, choices=WebhookEvent.choices)
    data = models.JSONField(default=dict)
    occurred_at = models.DateTimeField(db_index=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    replays = models.PositiveSmallIntegerField(_("replays"), default=0)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        permissions = [("replay_webhook", "Can send webhooks of others once more")]
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "job", "event_seq"], condition=Q(job__isnull=False), name="webhook_delivery_once"
            )
        ]
        indexes = [
            models.Index(F("endpoint"), F("id").desc(), name="webhook_delivery_log"),
            models.Index(fields=["state"], condition=Q(state__in=["waiting", "failed"]), name="webhook_delivery_open"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.message_id}"

    @property
    def message_id(self) -> str:
        """What `webhook-id` says."""
        return f"msg_{self.pk.hex}"


class WebhookAttempt(models.Model):
    """One sending, written before it begins: one without an outcome was cut off, and may have arrived."""

    class Error(models.TextChoices):
        STATUS = "status", _("not a 2xx")
        REDIRECTED = "redirected", _("a redirect; none is followed")
        TOLD_TO_WAIT = "told_to_wait", _("told to wait (429)")
        GONE = "gone", _("gone for good (410)")
        TIMED_OUT = "timed_out", _("no answer in time")
        UNREACHABLE = "unreachable", _("could not be reached")
        TLS_FAILED = "tls_failed", _("no valid certificate")
        ADDRESS_REFUSED = "address_refused", _("a private address; none is called")
        BAD_ANSWER = "bad_answer", _("an answer that is not HTTP")
        SECRET_LOST = "secret_lost", _("its secret can no longer be read")

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    is_replay = models.BooleanField(default=False)
    started_at = models.DateTimeField(db_default=Now())
    seconds = models.FloatField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=20, choices=Error.choices, blank=True)

    class Meta:
        ordering = ("delivery", "id")

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number}: {self.status or self.error or '–'}"

    @property
    def outcome(self) -> str:
        """What came of it, in words."""
        if self.seconds is None:
            return str(_("cut off; it may have arrived"))
        if not self.error:
            return str(_("delivered"))
        return self.get_error_display()
