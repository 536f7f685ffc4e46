"""A chat that paints: what was asked for, and what became of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jobs.models import Job, new_id


class Conversation(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations", db_index=False
    )
    title = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now(), help_text=_("Something was asked or renamed"))

    class Meta:
        ordering = ("-id",)
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        indexes = [models.Index(fields=["owner", "-id"], name="conversation_newest")]

    def __str__(self) -> str:
        return self.title or str(self.pk)


class Message(models.Model):
    """One side of an exchange: the user's prompt, or the assistant's answer, whose metadata mirrors the job.

    Both live as long as the job: retention and a DELETE take prompt, answer and image together.
    """

    class Role(models.TextChoices):
        USER = "user", _("user")
        ASSISTANT = "assistant", _("assistant")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages", db_index=False)
    role = models.CharField(max_length=9, choices=Role.choices)
    content = models.TextField(blank=True, help_text=_("The prompt; an answer has none"))
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="messages", db_index=False)
    extra_metadata = models.JSONField(default=dict, blank=True, help_text=_("Deep-merged; see messages.py"))
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("id",)
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            # One question and one answer for each job, however often a request is sent.
            models.UniqueConstraint(fields=["job", "role"], name="message_once_per_job_and_role"),
        ]
        indexes = [models.Index(fields=["conversation", "id"], name="message_in_order")]

    def __str__(self) -> str:
        return f"{self.role} {self.pk}"


class Preview(models.Model):
    """What the picture looks like so far. It goes when the attempt ends, whichever way."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="preview")
    attempt = models.PositiveSmallIntegerField()
    step = models.PositiveSmallIntegerField()
    image = models.BinaryField(help_text=_("A small WebP"))

    def __str__(self) -> str:
        return f"{self.job_id} step {self.step}"
