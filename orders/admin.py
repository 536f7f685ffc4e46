"""Mails, orders and drafts in the admin: to look at. What is done to them is done on the page, where it is checked.

A list shows no texts. Who may see a mail may read it: the permission is one of its own.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy

from jobs.admin.engine_room import ReadOnlyAdmin
from orders.models import Draft, Mail, MailFolder, Order


@admin.register(MailFolder)
class MailFolderAdmin(ReadOnlyAdmin):
    list_display = ("address", "validity", "last_uid", "fetched_at")


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ("id", "received_at", "box", "outcome", "order", "is_automatic")
    list_filter = ("box", "outcome", "is_automatic", "language")
    list_select_related = ("order",)
    search_fields = ("sender", "order__number")
    fields = (
        "id", "received_at", "sent_at", "sender", "sender_name", "reply_to", "subject", "text", "language", "box",
        "outcome", "order", "order_numbers", "attachments", "problems", "message_id", "thread",
    )  # fmt: skip


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ("number", "source", "status", "version", "fetched_at", "expires_at")
    search_fields = ("number",)

    @admin.display(description=gettext_lazy("status"))
    def status(self, order: Any) -> str:
        return order.snapshot["status"]


@admin.register(Draft)
class DraftAdmin(ReadOnlyAdmin):
    list_display = ("id", "mail", "state", "provider", "edited_by", "approved_by", "sent_at")
    list_filter = ("state", "provider")
