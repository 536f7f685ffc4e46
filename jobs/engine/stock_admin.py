"""The admin pages that django-q2 brings along, taken off the desk.

They show rings and calls, not jobs; resubmitting there does nothing that anybody wants; and a schedule that is edited
there can stop all others. The desk's own page of schedules stands in their place (`admin/engine_room/schedules.py`).
"""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django_q.models import Failure, OrmQ, Schedule, Success


def take_off(site: AdminSite) -> None:
    for model in (Schedule, Success, Failure, OrmQ):
        if site.is_registered(model):
            site.unregister(model)
