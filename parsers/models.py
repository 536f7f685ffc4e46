"""Sessions of documents, kept until their owner deletes them: they outlive the jobs that filled them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from parsers.ingestion.index import TermsField


class DocumentSession(models.Model):
    """What one owner gathered under one label. Two owners may use the same label and never meet."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="document_sessions", db_index=False
    )
    session_id = models.CharField(max_length=200, help_text=_("The owner's own label"))
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now(), help_text=_("A document was stored or deleted"))

    class Meta:
        ordering = ("-id",)
        verbose_name = _("session of documents")
        verbose_name_plural = _("sessions of documents")
        constraints = [models.UniqueConstraint(fields=["owner", "session_id"], name="session_label_once_per_owner")]
        indexes = [models.Index(fields=["owner", "-id"], name="session_newest")]

    def __str__(self) -> str:
        return self.session_id


class Document(models.Model):
    """One document of a session. The same bytes are the same document, whatever name they come under."""

    session = models.ForeignKey(DocumentSession, on_delete=models.CASCADE, related_name="documents", db_index=False)
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=255, help_text=_("The uploader's name for it, made safe"))
    media_type = models.CharField(max_length=100, help_text=_("Judged from the content"))
    pages = models.PositiveIntegerField()
    language = models.CharField(max_length=2, blank=True, help_text=_("tr, en, or empty: too little text to tell"))
    characters = models.PositiveIntegerField(help_text=_("Of its text"))
    chunk_size = models.PositiveIntegerField(help_text=_("Characters, at most, of a chunk"))
    chunk_overlap = models.PositiveIntegerField(help_text=_("Characters that a chunk may repeat of the one before"))
    # No foreign key: the job is pruned after a month and the document stays.
    job_id = models.UUIDField(null=True, help_text=_("The job that stored it"))
    user_id = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text=_("The label of that job: it outlives it")
    )
    stored_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-id",)
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        constraints = [models.UniqueConstraint(fields=["session", "sha256"], name="document_once_per_session")]
        indexes = [
            models.Index(fields=["session", "-id"], name="document_newest"),
            models.Index(fields=["user_id"], condition=~Q(user_id=""), name="document_of_person"),
        ]

    def __str__(self) -> str:
        return self.name


class ChunkManager(models.Manager["Chunk"]):
    """Leaves the index column in the database: it is as long as the text and nobody reads it."""

    def get_queryset(self) -> models.QuerySet[Chunk]:
        return super().get_queryset().defer("terms")


class Chunk(models.Model):
    """A piece of a document's text, small enough to be read and found by itself.

    `terms` is what the full text index is made from. On PostgreSQL it is the index's own type; on SQLite triggers
    (migration 0001) keep the table `parsers_chunk_index` level with it. A migration that lets Django rebuild this
    table on SQLite has to make those triggers again; a test tells.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks", db_index=False)
    position = models.PositiveIntegerField(help_text=_("From 0, in reading order"))
    text = models.TextField()
    page = models.PositiveIntegerField(help_text=_("Where it starts, from 1"))
    language = models.CharField(max_length=2, blank=True)
    terms = TermsField(editable=False)

    objects = ChunkManager()

    class Meta:
        ordering = ("document", "position")
        verbose_name = _("chunk")
        verbose_name_plural = _("chunks")
        constraints = [models.UniqueConstraint(fields=["document", "position"], name="chunk_once_per_position")]

    def __str__(self) -> str:
        return f"{self.document_id} #{self.position}"
