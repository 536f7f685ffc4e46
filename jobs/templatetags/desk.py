"""What the desk's templates need beyond Django's own."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def age(since: datetime | None) -> str:
    """Return how long ago a moment was, in one unit: seconds at first, which `timesince` calls 0 minutes."""
    if since is None:
        return "–"
    seconds = (timezone.now() - since).total_seconds()
    if seconds < 60:
        return _("%(n)d s") % {"n": max(0, int(seconds))}
    return timesince(since, depth=1)
