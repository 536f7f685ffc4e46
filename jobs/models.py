"""The Job row and what hangs on it.

The Job row is the truth and the Job table is the queue. Rows are changed by `lifecycle.py` only.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import connections, models
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import IsNull
from django.db.models.sql import UpdateQuery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from jobs.live.models import Listener
from jobs.metrics.models import Tally, TallyMark
from jobs.people.models import Erasure
from jobs.sign_in.models import SignInTries
from jobs.states import FINISHED, UNFINISHED, WAITING, State
from jobs.tokens.models import ApiToken
from jobs.webhooks.models import NamedWebhook, WebhookAttempt, WebhookDelivery, WebhookEndpoint

# besides what is below
__all__ = [
    "ApiToken", "Erasure", "Listener", "NamedWebhook", "SignInTries", "Tally", "TallyMark", "WebhookAttempt",
    "WebhookDelivery", "WebhookEndpoint",
]  # fmt: skip

LOWEST_PRIORITY, HIGHEST_PRIORITY = 0, 10

#: Claim order: the most urgent first, then whose turn it is, then arrival (ids are UUIDv7: ordered by time).
CLAIM_ORDER = ("-priority", "turn", "id")

#: When a job ended: whatever starts one over empties the others.
ENDED_AT = Coalesce("succeeded_at", "failed_at", "cancelled_at")


#: `state` as the index `job_deadline` has it. That parameters say the same SQLite does not see: it reads the table.
_WAITS = RawSQL("jobs_job.state IN ('pending', 'queued')", (), output_field=models.BooleanField())


def new_id() -> uuid.UUID:
    return uuid7()


class JobQuerySet(models.QuerySet["Job"]):
    """Speaks the words of the queue."""

    def waiting(self) -> Self:
        return self.filter(state__in=WAITING)

    def queued(self) -> Self:
        return self.filter(state=State.QUEUED)

    def running(self) -> Self:
        return self.filter(state=State.PROCESSING)

    def unfinished(self) -> Self:
        return self.filter(state__in=UNFINISHED)

    def finished(self) -> Self:
        return self.filter(state__in=FINISHED)

    def due(self) -> Self:
        """Pending jobs whose time has come. A batch parent has no time: its children promote it."""
        return self.filter(state=State.PENDING, run_after__lte=Now())

    def lease_expired(self) -> Self:
        return self.filter(state=State.PROCESSING, lease_expires_at__lt=Now())

    def past_deadline(self) -> Self:
        """Waiting jobs that can no longer end in time."""
        return self.filter(_WAITS, deadline_at__lte=Now())

    def unlocked(self) -> Self:
        """Leave out rows that somebody else has locked, and lock the others: for sweeps, which nobody may hold up.

        Inside a transaction. A host that lost its network between UPDATE and COMMIT holds its row for a long time.
        """
        if connections[self.db].features.has_select_for_update_skip_locked:
            return self.select_for_update(skip_locked=True)
        return self

    def in_claim_order(self) -> Self:
        return self.order_by(*CLAIM_ORDER)

    def visible_to(self, user: Any) -> Self:
        """Staff see every job, others their own, nobody else anything."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_staff else self.filter(owner_id=user.pk)

    def update_returning(self, **values: Any) -> list[Job]:
        """Run one UPDATE over the filtered rows and return them as they are afterwards.

        Django's `update()` tells only how many rows matched; a guarded transition also needs the new event number,
        the fence and the attempt, and a second SELECT could already see somebody else's change.
        """
        query = self.query.chain(UpdateQuery)
        query.add_update_values(values)  # type: ignore[attr-defined]
        query.annotations = {}
        query.clear_ordering(force=True)
        connection = connections[self.db]
        sql, params = query.get_compiler(connection=connection).as_sql()
        if not sql:  # an empty filter: nothing can match
            return []
        quote = connection.ops.quote_name
        columns = ", ".join(quote(str(field.column)) for field in self.model._meta.concrete_fields)
        return list(self.model.objects.using(self.db).raw(f"{sql} RETURNING {columns}", params))


class Job(models.Model):
    """One piece of work, from the request that asked for it to its result.

    | from                        | to         | when                                                     |
    |-----------------------------|------------|----------------------------------------------------------|
    | -                           | pending    | created; not yet due, or a batch parent                  |
    | -                           | failed     | refused at the door, but kept: a bad file of a batch     |
    | - / pending                 | queued     | due: may be claimed                                      |
    | queued                      | processing | claim: fence + 1, attempt + 1, lease set, position 0     |
    | processing                  | succeeded  | result and domain rows in one transaction, fence matches |
    | processing                  | pending    | retryable error (backoff) or snooze (attempt given back) |
    | processing                  | pending    | staff took its resource: fence + 1, tried again later    |
    | processing                  | queued     | lease expired (rescue), or a graceful drain              |
    | processing, pending, queued | failed     | attempts spent, can never succeed, or the deadline       |
    | pending, queued, processing | cancelled  | asked for                                                |
    | failed, cancelled           | queued     | a person retries                                         |
    | all but pending             | pending    | a batch, when a person runs children of it again         |
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=100, help_text=_("Reads app.verb_noun"))
    queue = models.CharField(max_length=50)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    # Numbers that only our own statements write are not "positive" fields: PostgreSQL reads each of a table's CHECKs
    # anew for every statement that changes a row.
    priority = models.SmallIntegerField(default=5, help_text=_("0–10; 10 is claimed first"))
    turn = models.BigIntegerField(default=0, help_text=_("Fair queueing: whose turn it is within a priority"))

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs", db_index=False
    )
    user_id = models.CharField(max_length=200, blank=True, help_text=_("The caller's own label"))
    session_id = models.CharField(max_length=200, blank=True, help_text=_("The caller's own label"))
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children", db_index=False
    )

    input = models.JSONField(default=dict, blank=True)
    result = models.JSONField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    error_traceback = models.TextField(blank=True, help_text=_("For staff only"))

    progress = models.FloatField(default=0, help_text=_("0–100; never goes back while the job lives"))
    stage = models.CharField(max_length=50, blank=True)
    # On a new job of `fast_path/arrivals.py`: the database's time when it was stored, and how its queue was then.
    stored_at: datetime
    into_paused_queue: bool
    # 0 also when it was not counted: see `fast_path/arrivals.py`.
    queue_position = models.IntegerField(default=0, help_text=_("As of the last change; 0 when not waiting"))

    attempt = models.SmallIntegerField(default=0)
    max_attempts = models.SmallIntegerField(default=3)
    fence = models.BigIntegerField(default=0, help_text=_("Grows at every claim, rescue and requeue"))
    run_after = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(
        null=True, blank=True, help_text=_("The job has ended by then, one way or other")
    )
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=150, blank=True)
    resource = models.CharField(max_length=50, blank=True)
    slot = models.SmallIntegerField(null=True, blank=True)

    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  NULL: no key was sent
    idempotency_digest = models.CharField(max_length=64, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text=_("Retention: pruned after this"))

    pending_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    processing_at = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    trace = models.CharField(
        max_length=55, blank=True, default="", db_default="", editable=False,
        help_text=_("traceparent (W3C) of what submitted it"),
    )  # fmt: skip
    event_seq = models.BigIntegerField(default=0, help_text=_("Number of the latest event"))

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        # What one may do to jobs of others; each operation has its own. With their owner's own jobs nobody asks.
        permissions = [
            ("requeue_job", _("Can run jobs of others again")),
            ("cancel_job", _("Can cancel jobs of others")),
            ("repair_job", _("Can repair stuck jobs")),
            ("take_resource", _("Can take a resource from the job that holds it")),
            ("forget_job", _("Can delete jobs of others, with a receipt")),
            ("view_traceback", _("Can see the traceback of a failed job")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="job_state_known"),
            models.CheckConstraint(
                condition=Q(priority__gte=LOWEST_PRIORITY, priority__lte=HIGHEST_PRIORITY), name="job_priority_0_to_10"
            ),
            models.CheckConstraint(condition=Q(progress__gte=0, progress__lte=100), name="job_progress_0_to_100"),
            # Whoever is processing has a lease, and only they: without one a dead worker would never be noticed.
            models.CheckConstraint(
                condition=Q(state=State.PROCESSING, lease_expires_at__isnull=False)
                | (~Q(state=State.PROCESSING) & Q(lease_expires_at__isnull=True)),
                name="job_lease_iff_processing",
            ),
            models.CheckConstraint(
                condition=Q(slot__isnull=True) | Q(state=State.PROCESSING), name="job_slot_only_processing"
            ),
            # This is the GPU lock. It cannot leak: leaving `processing` is letting go of it.
            models.UniqueConstraint(
                fields=["resource", "slot"],
                condition=Q(state=State.PROCESSING, slot__isnull=False),
                name="job_resource_slot_held_once",
            ),
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="job_idempotency_key_once",
            ),
        ]
        indexes = [
            # One kind's head of the queue: kinds differ in resource and rate limit, so each is probed by itself.
            # With the time at the end, how many wait and since when is read from here alone, without their rows.
            models.Index(
                F("queue"),
                F("kind"),
                F("priority").desc(),
                F("turn"),
                F("id"),
                F("queued_at"),
                condition=Q(state=State.QUEUED),
                name="job_heads",
            ),
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("turn"),
                F("id"),
                condition=Q(state=State.QUEUED),
                name="job_position",
            ),
            models.Index(
                fields=["queue", "owner", "priority", "turn"], condition=Q(state=State.QUEUED), name="job_owner_turn"
            ),
            models.Index(fields=["run_after"], condition=Q(state=State.PENDING), name="job_due"),
            models.Index(fields=["lease_expires_at"], condition=Q(state=State.PROCESSING), name="job_lease"),
            models.Index(
                fields=["deadline_at"],
                condition=Q(state__in=[State.PENDING, State.QUEUED], deadline_at__isnull=False),
                name="job_deadline",
            ),
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="job_expires"),
            models.Index(fields=["parent", "state"], condition=Q(parent__isnull=False), name="job_children"),
            # With the state at the end, a person's jobs are counted, and found by their state, without their rows.
            models.Index(fields=["owner", "-id", "state"], name="job_owner_states"),
            models.Index(fields=["kind", "state", "-id"], name="job_kind_state"),
            models.Index(fields=["session_id", "-id"], condition=~Q(session_id=""), name="job_session"),
            models.Index(ENDED_AT.desc(), condition=Q(IsNull(ENDED_AT, False)), name="job_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    @property
    def is_overdue(self) -> bool:
        """Whether it should have ended by now, and has not."""
        return not self.is_finished and self.deadline_at is not None and self.deadline_at <= timezone.now()

    @property
    def started_at(self) -> Any:
        """When the latest attempt began; None before the first."""
        return self.processing_at

    @property
    def finished_at(self) -> Any:
        return getattr(self, f"{self.state}_at") if self.is_finished else None

    @property
    def seconds_processing(self) -> float | None:
        """How long the attempt that ended the job took, in seconds; None before it ended or when none ran."""
        if not self.is_finished or self.processing_at is None or self.finished_at is None:
            return None
        return max(0.0, (self.finished_at - self.processing_at).total_seconds())


class EventType(models.TextChoices):
    """What happened; the comment says which move it records."""

    CREATED = "created"  # - -> pending or queued
    QUEUED = "queued"  # pending -> queued: it became due
    STARTED = "started"  # queued -> processing
    PROGRESS = "progress"  # processing: percent or stage moved
    SUCCEEDED = "succeeded"  # processing -> succeeded
    FAILED = "failed"  # any unfinished state -> failed
    RETRY_SCHEDULED = "retry_scheduled"  # processing -> pending, after an error or when staff took its resource
    SNOOZED = "snoozed"  # processing -> pending, attempt given back
    RELEASED = "released"  # processing -> queued, attempt given back: the worker was asked to stop
    RESCUED = "rescued"  # processing -> queued: the lease ran out
    CANCEL_REQUESTED = "cancel_requested"  # processing: the running attempt was told to stop
    CANCELLED = "cancelled"  # any unfinished state -> cancelled
    REQUEUED = "requeued"  # failed or cancelled -> queued, by a person; any but pending -> pending, a batch
    SUPERSEDED = "superseded"  # nothing changed: a late attempt tried to write and was refused
    RESOURCE_HELD_LONG = "resource_held_long"  # nothing changed: a warning, once per holder
    METADATA = "metadata"  # nothing but the metadata changed


class JobEvent(models.Model):
    """One step of a job's life, written in the transaction that took the step. `seq` has no gaps within a job."""

    id = models.BigAutoField(primary_key=True)
    # No constraint in the database: an event is written by who has just changed its job's row, in the same transaction.
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events", db_index=False, db_constraint=False)
    seq = models.BigIntegerField()
    type = models.CharField(max_length=20, choices=EventType.choices)
    state = models.CharField(max_length=10, choices=State.choices, help_text=_("The state after this event"))
    attempt = models.SmallIntegerField(default=0)
    progress = models.FloatField(default=0)
    stage = models.CharField(max_length=50, blank=True)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("job", "seq")
        constraints = [models.UniqueConstraint(fields=["job", "seq"], name="job_event_seq")]

    def __str__(self) -> str:
        return f"{self.job_id} #{self.seq} {self.type}"


class JobFile(models.Model):
    """A file that goes into a job or comes out of it. Personal data lives here, never in `Job.input`: files expire."""

    class Role(models.TextChoices):
        INPUT = "input", _("input")
        OUTPUT = "output", _("output")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    job = models.ForeignKey(Job, null=True, on_delete=models.CASCADE, related_name="files")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        help_text=_("The job's; of a file that no job has taken yet, who sent it"),
    )
    role = models.CharField(max_length=6, choices=Role.choices)
    name = models.CharField(max_length=255, help_text=_("The uploader's name for it, made safe"))
    file = models.FileField(max_length=500)  # "" for one that was refused at the door: only its name is kept
    size = models.PositiveBigIntegerField(help_text=_("Bytes"))
    media_type = models.CharField(max_length=100, help_text=_("Judged from the content"))
    sha256 = models.CharField(max_length=64)
    fence = models.BigIntegerField(default=0, help_text=_("The attempt that wrote it; 0 for inputs"))
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering = ("id",)
        indexes = [
            models.Index(fields=["owner", "-id"], name="job_file_owner"),
            models.Index(fields=["owner"], condition=Q(job__isnull=True), name="job_file_untaken"),
        ]

    def __str__(self) -> str:
        return self.name


class QueueControl(models.Model):
    """An operator's hand on a queue. A queue without a row runs. What each mode means: `queue_modes.py`."""

    class Mode(models.TextChoices):
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        DRAINING = "draining", _("draining")

    queue = models.CharField(max_length=50, primary_key=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=150, blank=True)
    draining_at = models.DateTimeField(null=True, blank=True)
    draining_by = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        permissions = [
            ("pause_queue", _("Can pause and resume queues")),
            ("drain_queue", _("Can drain queues")),
            # Schedules are rows of django-q2, whose models are not ours; what they fill are the queues.
            ("operate_schedule", _("Can run, pause and resume schedules")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(paused_at__isnull=True) | Q(draining_at__isnull=True), name="queue_in_one_mode"
            )
        ]

    def __str__(self) -> str:
        return f"{self.queue}: {self.mode}"

    @property
    def mode(self) -> Mode:
        if self.paused_at is not None:
            return self.Mode.PAUSED
        return self.Mode.RUNNING if self.draining_at is None else self.Mode.DRAINING

    @property
    def since(self) -> Any:
        """Since when it is paused or drains; None for one that runs."""
        return self.paused_at or self.draining_at

    @property
    def by(self) -> str:
        """Who paused or drains it; "" for one that runs."""
        return self.paused_by or self.draining_by


class RateLimit(models.Model):
    """How soon the next request to something outside may go out. See `providers/rates.py`."""

    key = models.CharField(max_length=100, primary_key=True)
    theoretical_arrival_at = models.DateTimeField(help_text=_("GCRA: when the bucket will be empty again"))
    ready_at = models.DateTimeField(help_text=_("Jobs that need this limit are not claimed before"))
    failures = models.PositiveIntegerField(default=0, help_text=_("In a row; the circuit breaker counts them"))
    reason = models.CharField(max_length=20, blank=True, help_text=_("Why ready_at is later than the limit alone asks"))

    class Meta:
        verbose_name = _("rate limit")
        verbose_name_plural = _("rate limits and breakers")
        permissions = [("reset_ratelimit", _("Can reset rate limits and breakers"))]

    def __str__(self) -> str:
        return self.key


class Worker(models.Model):
    """A worker process and its last sign of life."""

    name = models.CharField(max_length=150, primary_key=True)
    cluster = models.CharField(max_length=50)
    queues = models.JSONField(default=list, help_text=_("Empty: every queue"))
    kinds = models.JSONField(null=True, help_text=_("The kinds that it can run; empty: it does not say"))
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name


class Receipt(models.Model):
    """Proof that a job and all that belonged to it were deleted, without saying what it was."""

    job_id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, help_text=_("SHA-256 over the deleted row, its files and its events"))
    deleted_at = models.DateTimeField(db_default=Now())
    deleted_by = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts of deleted jobs")

    def __str__(self) -> str:
        return f"{self.kind} {self.job_id}"


class AuditEntry(models.Model):
    """What a person did to what is not theirs alone: who, what, to what, why, and how it stood before and after.

    Written by `audit.py` in the transaction of the deed. Says nothing private: states and settings, never content.
    """

    class Via(models.TextChoices):
        DESK = "desk", _("desk")
        API = "api", _("API")
        TERMINAL = "terminal", _("terminal")

    at = models.DateTimeField(db_default=Now(), db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=150, help_text=_("As it was then; of the terminal, the system's user"))
    via = models.CharField(max_length=8, choices=Via.choices)
    action = models.CharField(max_length=40, help_text=_("A verb: requeue, cancel, pause_queue …"))
    target_type = models.CharField(max_length=30, help_text=_("job, queue, rate_limit, schedule …"))
    target = models.CharField(max_length=150, help_text=_("Its id or name"))
    reason = models.CharField(max_length=300, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        ordering = ("-at", "-id")
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [models.Index(fields=["target_type", "target", "-at"], name="audit_target")]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.target_type} {self.target}"


class OperationPlan(models.Model):
    """What an operator means to do to many jobs: which, why, and what came of each. Made first, carried out later.

    Frozen when it is made: jobs that come later are not touched. Written by `operations/`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    operation = models.CharField(max_length=20, help_text=_("requeue, cancel, repair …"))
    filter = models.JSONField(default=dict, blank=True, help_text=_("The jobs as they were asked for"))
    reason = models.CharField(max_length=300, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=150)
    via = models.CharField(max_length=8, choices=AuditEntry.Via.choices)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text=_("When it was said that it be carried out"))
    job = models.OneToOneField(
        Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="plan", help_text=_("Carries it out")
    )

    class Meta:
        ordering = ("-id",)
        verbose_name = _("plan")
        verbose_name_plural = _("plans")

    def __str__(self) -> str:
        return f"{self.operation} {self.pk}"


class PlannedStep(models.Model):
    """One job of a plan: how it stood, what is to be done to it and why, and what came of it."""

    class Outcome(models.TextChoices):
        TO_DO = "", _("to do")
        DONE = "done", _("done")
        SKIPPED = "skipped", _("left alone")

    id = models.BigAutoField(primary_key=True)
    plan = models.ForeignKey(OperationPlan, on_delete=models.CASCADE, related_name="steps", db_index=False)
    job_id = models.UUIDField(help_text=_("No foreign key: a plan may delete jobs"))
    kind = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=State.choices, help_text=_("When the plan was made"))
    fence = models.BigIntegerField(help_text=_("When the plan was made: whatever ran since has raised it"))
    step = models.CharField(max_length=20, blank=True, help_text=_("Empty: nothing is to be done"))
    evidence = models.JSONField(default=dict, help_text=_("A code and its values; see operations/words.py"))
    risk = models.CharField(max_length=6, blank=True)
    is_excluded = models.BooleanField(default=False, help_text=_("The operator left it out"))
    outcome = models.CharField(max_length=7, blank=True, choices=Outcome.choices, default=Outcome.TO_DO)
    why = models.CharField(max_length=20, blank=True, help_text=_("Why it was left alone: a code"))
    after = models.JSONField(default=dict, blank=True, help_text=_("How the job stood afterwards"))
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=["plan", "job_id"], name="planned_step_once")]
        indexes = [models.Index(fields=["plan", "id"], name="planned_step_order")]

    def __str__(self) -> str:
        return f"{self.step or '-'} {self.job_id}"
