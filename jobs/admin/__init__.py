"""The desk: staff see every job, understand it, and repair it without SQL.

Rows are read-only here. What an operator does goes through `lifecycle`, asks for a reason, and is recorded.
"""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from jobs.admin import audit_log, engine_room, jobs, plans, tokens, webhooks
from jobs.engine import stock_admin

admin.site.site_header = _("Sıra · the desk")
admin.site.site_title = _("Sıra desk")
admin.site.index_title = _("What to look after")
stock_admin.take_off(admin.site)

__all__ = ["audit_log", "engine_room", "jobs", "plans", "tokens", "webhooks"]
