"""Sessions of documents in the admin: to look at. Their owners delete them, through the API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from jobs.admin.engine_room import ReadOnlyAdmin
from parsers.models import Chunk, Document, DocumentSession


@admin.register(DocumentSession)
class DocumentSessionAdmin(ReadOnlyAdmin):
    list_display = ("session_id", "owner", "created_at", "updated_at")
    list_select_related = ("owner",)
    search_fields = ("session_id", "owner__username")
    ordering = ("-id",)


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    list_display = ("name", "session", "media_type", "pages", "language", "characters", "stored_at")
    list_select_related = ("session",)
    list_filter = ("media_type", "language")
    search_fields = ("name", "session__session_id", "sha256", "job_id")
    ordering = ("-id",)


@admin.register(Chunk)
class ChunkAdmin(ReadOnlyAdmin):
    list_display = ("document", "position", "page", "language")
    list_select_related = ("document",)
    list_filter = ("language",)
    search_fields = ("document__name",)
    ordering = ("-document", "position")
    fields = ("document", "position", "page", "language", "text")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("text", "terms")
