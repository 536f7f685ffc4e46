"""Queues, workers, limits and receipts in the admin: to look at; queues also to pause."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import lifecycle
from jobs.admin.jobs import ReasonForm, job_url
from jobs.kinds import registry
from jobs.models import Job, QueueControl, RateLimit, Receipt, Worker
from jobs.positions import live_workers
from jobs.states import State


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows that only the engine writes."""

    show_full_result_count = False

    class Media:
        css = {"all": ["css/desk.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(QueueControl)
class QueueAdmin(ReadOnlyAdmin):
    """Every queue, with and without a row: one that was never paused has none."""

    def get_urls(self) -> list[URLPattern]:
        operate = self.admin_site.admin_view(self.operate_view)
        return [path("<str:queue>/<str:verb>/do/", operate, name="jobs_queuecontrol_operate"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("Queues"),
            "opts": self.opts,
            "media": self.media,
            "queues": describe_queues(),
            "may_operate": request.user.has_perm("jobs.operate_job"),
        }
        return TemplateResponse(request, "admin/jobs/queuecontrol/change_list.html", context)

    def operate_view(self, request: HttpRequest, queue: str, verb: str) -> HttpResponse:
        """GET asks for the reason, POST pauses or resumes the queue."""
        if not request.user.has_perm("jobs.operate_job"):
            raise PermissionDenied
        if verb not in ("pause", "resume") or queue not in queue_names():
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if request.method != "POST" or not form.is_valid():
            title = _("Pause the queue %(queue)s?") if verb == "pause" else _("Resume the queue %(queue)s?")
            context = {
                **self.admin_site.each_context(request),
                "title": title % {"queue": queue},
                "verb": verb,
                "queue": queue,
                "form": form,
                "opts": self.opts,
                "media": self.media,
            }
            return TemplateResponse(request, "admin/jobs/queuecontrol/operate.html", context)
        self._operate(request, queue, verb, form.cleaned_data["reason"])
        return HttpResponseRedirect(reverse("admin:jobs_queuecontrol_changelist"))

    def _operate(self, request: HttpRequest, queue: str, verb: str, reason: str) -> None:
        was_paused = QueueControl.objects.filter(queue=queue, paused_at__isnull=False).exists()
        if verb == "pause" and was_paused:
            self.message_user(request, _("Nothing was done: the queue is paused already."), messages.WARNING)
            return
        if verb == "pause":
            lifecycle.pause_queue(queue, by=request.user.get_username(), reason=reason)
            done = _("The queue %(queue)s is paused. Running jobs go on; no new ones start.")
        elif lifecycle.resume_queue(queue):
            done = _("The queue %(queue)s runs again.")
        else:
            self.message_user(request, _("Nothing was done: the queue is not paused."), messages.WARNING)
            return
        before, after = ("running", "paused") if verb == "pause" else ("paused", "running")
        LogEntry.objects.create(
            user_id=int(request.user.pk or 0),  # never 0: the admin lets no stranger in
            content_type_id=ContentType.objects.get_for_model(QueueControl).pk,
            object_id=queue,
            object_repr=queue,
            action_flag=CHANGE,
            change_message=f"{verb}: {before} → {after}. Reason: {reason}",
        )
        self.message_user(request, done % {"queue": queue}, messages.SUCCESS)


def queue_names() -> list[str]:
    return sorted({*registry.queues(), *QueueControl.objects.values_list("queue", flat=True)})


def describe_queues() -> list[dict[str, Any]]:
    """Return each queue with its depth, its oldest due job and its workers."""
    depth: Counter[tuple[str, str]] = Counter()
    oldest: dict[str, Any] = {}
    rows = Job.objects.unfinished().values("queue", "state").order_by().annotate(n=Count("pk"), oldest=Min("queued_at"))
    for row in rows:
        depth[row["queue"], row["state"]] = row["n"]
        if row["state"] == State.QUEUED:
            oldest[row["queue"]] = row["oldest"]
    controls = {control.queue: control for control in QueueControl.objects.all()}
    workers = live_workers()
    return [
        {
            "name": name,
            "control": controls.get(name),
            "paused": name in controls and controls[name].paused_at is not None,
            "waiting": depth[name, State.QUEUED],
            "later": depth[name, State.PENDING],
            "running": depth[name, State.PROCESSING],
            "oldest": oldest.get(name),
            "workers": sum(not worker.queues or name in worker.queues for worker in workers),
        }
        for name in sorted({*registry.queues(), *controls, *(queue for queue, _state in depth)})
    ]


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("name", "life", "cluster", "serves", "works_on", "heartbeat_at", "started_at")
    list_filter = ("cluster",)
    ordering = ("-heartbeat_at",)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        alive = {worker.pk for worker in live_workers()}
        names = [worker.pk for worker in changelist.result_list]
        running = {
            job.worker: job for job in Job.objects.running().filter(worker__in=names).only("id", "kind", "worker")
        }
        for worker in changelist.result_list:
            worker.is_alive, worker.job = worker.pk in alive, running.get(worker.pk)
        return changelist

    @admin.display(description=gettext_lazy("alive"))
    def life(self, worker: Any) -> str:
        alive = worker.is_alive if hasattr(worker, "is_alive") else worker in live_workers()
        word, look = (_("alive"), "succeeded") if alive else (_("silent"), "failed")
        return format_html('<span class="desk-badge desk-badge--{}">{}</span>', look, word)

    @admin.display(description=gettext_lazy("queues"))
    def serves(self, worker: Worker) -> str:
        return ", ".join(worker.queues) or _("all")

    @admin.display(description=gettext_lazy("works on"), empty_value="–")
    def works_on(self, worker: Any) -> str | None:
        job = worker.job if hasattr(worker, "job") else Job.objects.running().filter(worker=worker.pk).first()
        return format_html('<a href="{}">{}</a>', job_url(job), job.kind) if job else None


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ("job_id", "kind", "deleted_at", "deleted_by", "reason")
    search_fields = ("job_id", "deleted_by")
    ordering = ("-deleted_at",)


@admin.register(RateLimit)
class RateLimitAdmin(ReadOnlyAdmin):
    list_display = ("key", "ready_at", "reason", "failures", "theoretical_arrival_at")
