"""Mails that came in, the orders they are about, and the replies to them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jobs.models import Job, new_id


class MailFolder(models.Model):
    """A mailbox, and how far it has been read."""

    address = models.CharField(max_length=300, unique=True, help_text=_("Which mailbox, without a secret"))
    validity = models.CharField(max_length=50, blank=True, help_text=_("UIDVALIDITY: what the uids belong to"))
    last_uid = models.CharField(max_length=255, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True, help_text=_("When it was last read to its end"))

    class Meta:
        verbose_name = _("mail folder")
        verbose_name_plural = _("mail folders")

    def __str__(self) -> str:
        return self.address


class Order(models.Model):
    """An order as the shop told it last. `version` grows when what it tells has changed."""

    source = models.CharField(max_length=20)
    number = models.CharField(max_length=50)
    snapshot = models.JSONField(help_text=_("See snapshot.py"))
    version = models.PositiveIntegerField(default=1)
    fetched_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(help_text=_("Asked for again after this"))

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [models.UniqueConstraint(fields=["source", "number"], name="order_once")]

    def __str__(self) -> str:
        return self.number


class OrderLookup(models.Model):
    """What a question to the shop was answered with, and who is asking right now. "Not found" is an answer too."""

    key = models.CharField(
        max_length=100, primary_key=True, help_text=_("source, and a number or the hash of an e-mail")
    )
    numbers = models.JSONField(default=list, help_text=_("Of the orders that were found, the best first"))
    fetched_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    asking_job = models.UUIDField(
        null=True, blank=True, help_text=_("The job that asks; the others wait for its answer")
    )
    asking_since = models.DateTimeField(null=True, blank=True)
    asking_until = models.DateTimeField(null=True, blank=True, help_text=_("Then it is taken for dead"))
    stale_at = models.DateTimeField(null=True, blank=True, help_text=_("What was asked before this is out of date"))

    def __str__(self) -> str:
        return self.key


class Mail(models.Model):
    """A customer's mail. What its sender wrote is not to be trusted; its raw bytes are in `MailSource`."""

    class Box(models.TextChoices):
        OPEN = "open", _("open")
        ANSWERED = "answered", _("answered")
        DISMISSED = "dismissed", _("dismissed")

    class Outcome(models.TextChoices):
        """What the look-up of its order came to."""

        PENDING = "pending", _("not looked up yet")
        FOUND = "found", _("found")
        NOT_FOUND = "not_found", _("no such order")
        NO_REFERENCE = "no_reference", _("names no order, and the sender has none")
        OTHER_CUSTOMER = "other_customer", _("the order of somebody else")
        UNAVAILABLE = "unavailable", _("the shop could not be asked")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    folder = models.ForeignKey(MailFolder, on_delete=models.PROTECT, related_name="mails")
    identity = models.CharField(max_length=64, help_text=_("The same for every copy of the mail; see reading.py"))
    message_id = models.CharField(max_length=500, blank=True, db_index=True)
    references = models.JSONField(default=list, blank=True)
    thread = models.UUIDField(db_index=True, help_text=_("The id of the first mail of the conversation"))

    sender = models.CharField(max_length=320, blank=True)
    sender_name = models.CharField(max_length=200, blank=True)
    reply_to = models.CharField(max_length=320, blank=True)
    to = models.JSONField(default=list, blank=True)
    subject = models.CharField(max_length=500, blank=True)
    text = models.TextField(blank=True)
    language = models.CharField(max_length=2, blank=True)
    attachments = models.JSONField(default=list, blank=True)
    problems = models.JSONField(default=list, blank=True)
    is_automatic = models.BooleanField(default=False)
    sent_at = models.DateTimeField(null=True, blank=True, help_text=_("What its Date says"))
    received_at = models.DateTimeField(db_default=Now())

    box = models.CharField(max_length=9, choices=Box.choices, default=Box.OPEN)
    order_numbers = models.JSONField(default=list, blank=True, help_text=_("As the mail names them"))
    outcome = models.CharField(max_length=14, choices=Outcome.choices, default=Outcome.PENDING)
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.SET_NULL, related_name="chosen_by")
    lookup_job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ("-id",)
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        constraints = [models.UniqueConstraint(fields=["folder", "identity"], name="mail_once")]
        indexes = [
            models.Index(fields=["box", "-id"], name="mail_box"),
            models.Index(fields=["thread", "id"], name="mail_thread"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def answer_to(self) -> str:
        """The address that an answer goes to: whoever gets it may know the order, so it is this one that counts."""
        return self.reply_to or self.sender


class MailSource(models.Model):
    """A mail's bytes as they came, compressed."""

    mail = models.OneToOneField(Mail, on_delete=models.CASCADE, primary_key=True, related_name="source")
    content = models.BinaryField(help_text=_("zlib"))
    size = models.PositiveBigIntegerField(help_text=_("Bytes of the whole mail"))
    is_whole = models.BooleanField(default=True)

    def __str__(self) -> str:
        return str(self.mail_id)


class MailPlace(models.Model):
    """Where a mail lay in its mailbox. It outlives the mail, so that what was deleted here does not come back."""

    folder = models.ForeignKey(MailFolder, on_delete=models.CASCADE, related_name="places")
    validity = models.CharField(max_length=50, blank=True)
    uid = models.CharField(max_length=255)
    identity = models.CharField(max_length=64)
    mail = models.ForeignKey(Mail, null=True, on_delete=models.SET_NULL, related_name="places")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["folder", "validity", "uid"], name="mail_place_once")]
        indexes = [models.Index(fields=["folder", "identity"], name="mail_place_identity")]

    def __str__(self) -> str:
        return f"{self.folder_id} {self.validity} {self.uid}"


class MailOrder(models.Model):
    """An order that a mail may be about.

    belongs: the order's e-mail is the one that an answer would go to. confirmed_by: who vouched for it otherwise.
    """

    class By(models.TextChoices):
        NUMBER = "number", _("named in the mail")
        EMAIL = "email", _("the sender's latest")
        PERSON = "person", _("chosen by a person")

    mail = models.ForeignKey(Mail, on_delete=models.CASCADE, related_name="mail_orders")
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="mail_orders")
    by = models.CharField(max_length=6, choices=By.choices)
    rank = models.PositiveSmallIntegerField(default=0)
    belongs = models.BooleanField()
    confirmed_by = models.CharField(max_length=150, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("mail", "rank", "id")
        constraints = [models.UniqueConstraint(fields=["mail", "order"], name="mail_order_once")]

    def __str__(self) -> str:
        return f"{self.mail_id} {self.order_id}"

    @property
    def may_be_told(self) -> bool:
        """Whether the one who would get the answer may know this order."""
        return self.belongs or bool(self.confirmed_by)


class Draft(models.Model):
    """A reply that a person has to approve.

    | from              | to         | when                                                                     |
    |-------------------|------------|--------------------------------------------------------------------------|
    | -                 | open       | written by a provider                                                    |
    | open              | superseded | another one was written; the text is kept                                |
    | open              | dismissed  | a person needs no reply                                                  |
    | open              | sending    | a person approved it: Message-ID and job of the sending are stored       |
    | sending           | sent       | handed over                                                              |
    | sending           | open       | it was certainly not handed over, and is not tried again                 |
    | sending           | unknown    | nobody can tell whether it was handed over                               |
    | unknown           | sent       | a person found out that it was                                           |
    | unknown           | sending    | a person wants it sent again, under the same Message-ID                  |
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        UNKNOWN = "unknown", _("not known whether it was sent")
        DISMISSED = "dismissed", _("dismissed")
        SUPERSEDED = "superseded", _("superseded")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    mail = models.ForeignKey(Mail, on_delete=models.CASCADE, related_name="drafts")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    version = models.PositiveIntegerField(default=1, help_text=_("Grows with every edit"))
    subject = models.CharField(max_length=500, blank=True)
    body = models.TextField()
    language = models.CharField(max_length=2)
    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=100, blank=True)
    ai = models.BooleanField(default=False)
    claims = models.JSONField(default=list, help_text=_("See replies/claims.py"))
    confirmed = models.JSONField(default=dict, help_text=_("Text of a claim without a field: who vouched for it"))
    basis = models.JSONField(default=list, help_text=_("[order id, version] of the orders it was checked against"))
    created_at = models.DateTimeField(db_default=Now())
    checked_at = models.DateTimeField(db_default=Now(), help_text=_("When its claims were last checked"))
    edited_at = models.DateTimeField(null=True, blank=True)
    edited_by = models.CharField(max_length=150, blank=True)

    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.CharField(max_length=150, blank=True)
    recipient = models.CharField(max_length=320, blank=True)
    message_id = models.CharField(max_length=500, blank=True, db_index=True)
    send_job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    transmitting_at = models.DateTimeField(null=True, blank=True, help_text=_("From here on it may have gone out"))
    send_error_code = models.CharField(max_length=60, blank=True)
    send_error_message = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")
        constraints = [
            # One reply at a time: two people, or two workers, cannot answer the same mail twice.
            models.UniqueConstraint(
                fields=["mail"], condition=Q(state__in=["open", "sending", "unknown"]), name="draft_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sending", "unknown", "sent"]) | ~Q(message_id=""),
                name="draft_message_id_first",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class WebhookEvent(models.Model):
    """A webhook of the shop that was taken: it repeats them."""

    id = models.CharField(max_length=200, primary_key=True)
    scope = models.CharField(max_length=100, blank=True)
    received_at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return self.id
