"""The desk: staff see every job, understand it, and repair it without SQL.

Rows are read-only here. What an operator does goes through `lifecycle`, asks for a reason, and is recorded.
"""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from jobs.admin import engine_room, jobs

admin.site.site_header = _("Sıra · the desk")
admin.site.site_title = _("Sıra desk")
admin.site.index_title = _("What to look after")

__all__ = ["engine_room", "jobs"]
