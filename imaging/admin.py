"""Conversations in the admin. To look at: what is asked for is the owner's, what is painted is the engine's.

A list shows no prompts. Who may see messages may read them: they are other people's words, so the permission is one of
its own, and every look at one is Django's own page with its own address.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from imaging.models import Conversation, Message
from jobs.admin.engine_room import ReadOnlyAdmin
from jobs.admin.jobs import job_url
from jobs.states import State


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    list_display = ("id", "owner", "pictures", "created_at", "updated_at")
    list_select_related = ("owner",)
    search_fields = ("owner__username",)
    ordering = ("-id",)
    fields = ("id", "owner", "title", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        return super().get_queryset(request).annotate(jobs=Count("messages__job", distinct=True))

    @admin.display(description=gettext_lazy("pictures"))
    def pictures(self, conversation: Any) -> int:
        return conversation.jobs


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("id", "role", "owner", "job_state", "created_at")
    list_filter = ("role",)
    list_select_related = ("conversation__owner", "job")
    search_fields = ("conversation__owner__username",)
    ordering = ("-id",)
    fields = ("id", "conversation", "role", "content", "job_state", "extra_metadata", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return super().get_queryset(request).select_related("job", "conversation")

    @admin.display(description=gettext_lazy("owner"))
    def owner(self, message: Message) -> str:
        return str(message.conversation.owner)

    @admin.display(description=gettext_lazy("job"))
    def job_state(self, message: Message) -> str:
        word = State(message.job.state).label
        return format_html(
            '<a href="{}"><span class="desk-badge desk-badge--{}">{}</span></a>',
            job_url(message.job),
            message.job.state,
            word,
        )
