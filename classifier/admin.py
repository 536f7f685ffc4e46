"""Recurring batches in the admin: people write what is to be collected; what was collected only runs write."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from classifier.models import CollectedFile, RecurringBatch
from jobs import audit, lifecycle
from jobs.admin.engine_room import ReadOnlyAdmin
from jobs.admin.jobs import ReasonForm, job_url
from jobs.states import State

COLLECT_KIND = "classifier.collect_recurring"


@admin.register(RecurringBatch)
class RecurringBatchAdmin(admin.ModelAdmin):
    list_display = (
        "name", "is_enabled", "source", "location", "interval", "owner", "last_run_at", "last_batch", "last_problem",
    )  # fmt: skip
    list_filter = ("is_enabled", "source")
    list_select_related = ("owner", "last_job")
    search_fields = ("name", "location", "owner__username")
    autocomplete_fields = ("owner",)
    fields = (
        "name", "owner", "source", "location", "every", "priority", "is_enabled", "last_run_at", "last_batch",
        "last_problem", "collected_files",
    )  # fmt: skip
    readonly_fields = ("last_run_at", "last_batch", "last_problem", "collected_files")
    actions = ("run_now",)

    class Media:
        css = {"all": ["css/desk.css"]}

    def save_model(self, request: HttpRequest, obj: RecurringBatch, form: Any, change: bool) -> None:
        # What a run wrote while the form was open stays.
        obj.save(update_fields=form.changed_data if change else None)

    @admin.display(description=gettext_lazy("every"), ordering="every")
    def interval(self, row: RecurringBatch) -> str:
        return ngettext("%(n)d minute", "%(n)d minutes", row.every) % {"n": row.every}

    @admin.display(description=gettext_lazy("last batch"), empty_value="–")
    def last_batch(self, row: RecurringBatch) -> str | None:
        if row.last_job is None:
            return None
        return format_html('<a href="{}">{}</a>', job_url(row.last_job), State(row.last_job.state).label)

    @admin.display(description=gettext_lazy("collected files"))
    def collected_files(self, row: RecurringBatch) -> str:
        if row.pk is None:
            return "–"
        url = f"{reverse('admin:classifier_collectedfile_changelist')}?recurring__id__exact={row.pk}"
        return format_html('<a href="{}">{}</a>', url, row.collected.count())

    @admin.action(description=gettext_lazy("Run now"), permissions=["change"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[RecurringBatch]) -> HttpResponse | None:
        """Ask for the reason, then submit a run of each row, due or not."""
        form = ReasonForm(request.POST if "reason" in request.POST else None)
        rows = list(queryset)
        if not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": _("Run these recurring batches now?"),
                "rows": rows,
                "checkbox": ACTION_CHECKBOX_NAME,
                "form": form,
                "opts": self.opts,
                "media": self.media,
            }
            return TemplateResponse(request, "admin/classifier/recurringbatch/run_now.html", context)
        for row in rows:
            self._run(request, row, form.cleaned_data["reason"])
        return None

    def _run(self, request: HttpRequest, row: RecurringBatch, reason: str) -> None:
        with transaction.atomic():
            job = lifecycle.submit(COLLECT_KIND, {"recurring_batch": row.pk}, owner=request.user)
            audit.record(
                "run_now", "recurring batch", row.pk, actor=request.user, reason=reason, after={"job": str(job.pk)}
            )
        link = format_html('<a href="{}">{}</a>', job_url(job), job.pk)
        self.message_user(request, format_html(_("{name} runs in a moment: {job}"), name=row.name, job=link))


@admin.register(CollectedFile)
class CollectedFileAdmin(ReadOnlyAdmin):
    list_display = ("name", "recurring", "size", "collected_at", "doc_id")
    list_filter = ("recurring",)
    list_select_related = ("recurring",)
    search_fields = ("name", "doc_id")
    ordering = ("-id",)
