"""Receipts on the desk: proof of what was deleted, and what will be deleted next."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs.admin.engine_room.pages import ReadOnlyAdmin
from jobs.admin.paginator import CappedPaginator
from jobs.models import Job, Receipt
from jobs.search import id_range

#: So many days ahead are counted; the rest comes later.
DAYS_AHEAD = 7


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ("short_id", "kind", "deleted_at", "who", "why", "short_digest")
    date_hierarchy = "deleted_at"
    list_per_page = 50
    sortable_by = ()
    ordering = ("-deleted_at",)
    paginator = CappedPaginator
    search_fields = ("job_id",)  # shows the box; `get_search_results` does the search
    search_help_text = gettext_lazy("Beginning of a job's id; who deleted it; a kind; a word of the reason")
    change_list_template = "admin/engine_room/receipts.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Receipt], search_term: str
    ) -> tuple[QuerySet[Receipt], bool]:
        for term in search_term.split():
            matches = Q(deleted_by__iexact=term) | Q(kind=term) | Q(reason__icontains=term)
            if bounds := id_range(term):
                matches |= Q(pk__range=bounds)
            queryset = queryset.filter(matches)
        return queryset, False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        days, kinds = pruned_next()
        return super().changelist_view(
            request,
            {"title": _("Receipts of deleted jobs"), "days": days, "pruned_next": kinds, **(extra_context or {})},
        )

    @admin.display(description=gettext_lazy("job"))
    def short_id(self, receipt: Receipt) -> str:
        return format_html('<code class="desk-id">{}</code>', receipt.pk)

    @admin.display(description=gettext_lazy("deleted by"))
    def who(self, receipt: Receipt) -> Any:
        return receipt.deleted_by or gettext_lazy("retention")

    @admin.display(description=gettext_lazy("reason"), empty_value="–")
    def why(self, receipt: Receipt) -> Any:
        if not receipt.deleted_by and receipt.reason == "retention":
            return gettext_lazy("its time was over")
        return receipt.reason or None

    @admin.display(description=gettext_lazy("digest"))
    def short_digest(self, receipt: Receipt) -> str:
        return format_html('<code title="{}">{}…</code>', receipt.digest, receipt.digest[:12])


def pruned_next() -> tuple[list[date], list[tuple[str, list[int], int]]]:
    """Count what retention deletes in the days to come: the days, and for each kind its counts and their sum.

    Parts go with their batch and are not counted. What is overdue counts for today.
    """
    today = timezone.localdate()
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD)]
    ends = timezone.now() + timedelta(days=DAYS_AHEAD)
    rows = (
        Job.objects.finished()
        .filter(expires_at__lt=ends, parent__isnull=True)
        .order_by()
        .values("kind", day=TruncDate("expires_at"))
        .annotate(n=Count("pk"))
    )
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * DAYS_AHEAD)
    for row in rows:
        ahead = max(0, (row["day"] - today).days)
        if ahead < DAYS_AHEAD:
            counts[row["kind"]][ahead] += row["n"]
    return days, [(kind, by_day, sum(by_day)) for kind, by_day in sorted(counts.items())]
