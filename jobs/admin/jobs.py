"""Jobs in the admin: read, filter, search, and operate on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jobs.admin.filters import FILTERS
from jobs.admin.paginator import COUNT_AT_MOST, CappedPaginator
from jobs.admin.planning import PlanningViews
from jobs.kinds import registry
from jobs.models import AuditEntry, Job, JobEvent, JobQuerySet, Receipt
from jobs.operations import MOST_AT_ONCE, OPERATIONS, Operation, Outcome, describe_plan, find_operation, run_at_once
from jobs.positions import explain
from jobs.search import JobFilter
from jobs.states import State

LONGEST_REASON = 300
SHOWN_EVENTS = 300
SHOWN_CHILDREN = 50
SHOWN_ENTRIES = 20
#: Reasons that a message lists; the rest is a number.
SHOWN_SKIPPED = 5
#: Large, and not shown in a list.
HEAVY = ("input", "result", "metadata", "error_message", "error_traceback")


def moment(name: str) -> Callable[[Job], str]:
    """Return a column that shows the time `name` to the second."""

    @admin.display(description=name.removesuffix("_at").replace("_", " "))
    def show(job: Job) -> str:
        return date_format(timezone.localtime(getattr(job, name)), "j M Y, H:i:s")

    return show


#: The times of a job's life, in the order in which they come.
MOMENTS = {
    name: moment(name)
    for name in (
        "created_at", "pending_at", "queued_at", "processing_at", "succeeded_at", "failed_at", "cancelled_at",
        "cancel_requested_at", "run_after", "lease_expires_at", "deadline_at", "updated_at", "expires_at",
    )
}  # fmt: skip


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 2, "autofocus": True, "maxlength": LONGEST_REASON}),
        help_text=gettext_lazy("Why you do this. It is kept with the job and in the log."),
        error_messages={"required": gettext_lazy("Nothing was done yet: say why first.")},
    )


@admin.register(Job)
class JobAdmin(PlanningViews, admin.ModelAdmin):
    list_display = (
        "short_id", "kind", "state_badge", "progress_bar", "place", "attempts", "owner", "age", "worker",
    )  # fmt: skip
    list_filter = FILTERS
    list_select_related = ("owner",)
    list_per_page = 50
    sortable_by = ()
    ordering = ("-id",)
    search_fields = ("id",)  # shows the box; `get_search_results` does the search
    search_help_text = gettext_lazy(
        "Name of a file, beginning of an id, a label; or input.file_name:cv, worker:host.3, error:rate …"
    )
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "admin/jobs/job/change_list.html"
    change_form_template = "admin/jobs/job/change_form.html"

    class Media:
        css = {"all": ["css/desk.css", "css/plans.css"]}

    # --- permissions: nobody edits a row ------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False  # only with a receipt: an operation

    # --- the list -----------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        queryset = super().get_queryset(request)
        on_list = request.resolver_match is not None and request.resolver_match.url_name == "jobs_job_changelist"
        return queryset.defer(*HEAVY) if on_list else queryset

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        wanted = JobFilter(data={"q": search_term} if search_term else {})
        if not wanted.is_valid():
            self.message_user(request, " ".join(wanted.errors["q"]), messages.WARNING)
            return queryset.none(), False
        return wanted.find(cast(JobQuerySet, queryset), request.user), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        places = places_of(changelist.result_list)
        for job in changelist.result_list:
            job.place_in_queue = places.get(job.pk, 0)
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"count_at_most": COUNT_AT_MOST, "planning": self.planning_of(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    @admin.display(description=gettext_lazy("id"), ordering="id")
    def short_id(self, job: Job) -> str:
        # A UUIDv7 begins with its time: the end is what tells two jobs apart.
        return format_html('<code class="desk-id" title="{}">…{}</code>', job.pk, str(job.pk)[-8:])

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, job: Job) -> str:
        stopping = job.cancel_requested_at is not None and not job.is_finished
        word = _("told to stop") if stopping else State(job.state).label
        return format_html('<span class="desk-badge desk-badge--{}">{}</span>', job.state, word)

    @admin.display(description=gettext_lazy("progress"))
    def progress_bar(self, job: Job) -> str:
        return format_html(
            '<span class="desk-percent">'
            '<progress class="desk-progress" max="100" value="{}" aria-label="{}"></progress> {} %</span>',
            round(job.progress), _("progress"), round(job.progress),
        )  # fmt: skip

    @admin.display(description=gettext_lazy("position"), empty_value="–")
    def place(self, job: Any) -> int | None:
        return job.place_in_queue or None

    @admin.display(description=gettext_lazy("attempt"))
    def attempts(self, job: Job) -> str:
        return f"{job.attempt}/{job.max_attempts}"

    @admin.display(description=gettext_lazy("age"))
    def age(self, job: Job) -> str:
        local = timezone.localtime(job.created_at)
        return format_html(
            '<time title="{}">{}</time>', local.isoformat(" ", "seconds"), timesince(job.created_at, depth=1)
        )

    # --- one job ------------------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: Job | None = None) -> Any:
        """Return what is known of this job; a column without a value says nothing."""

        def known(names: Iterable[str]) -> list[str]:
            return [name for name in names if obj is None or getattr(obj, name) not in (None, "")]

        running = ("worker", "fence", "resource", "slot", "turn")
        fieldsets = [
            (None, ["kind_and_queue", *known(["priority", "owner", "user_id", "session_id", "parent"])], []),
            (_("Running"), ["attempts", *known(running)], []),
            (_("Times"), [MOMENTS[name] for name in known(MOMENTS)], []),
            (_("Content"), ["input_json", "result_json", "metadata_json"], ["collapse"]),
        ]
        return [(title, {"fields": fields, "classes": classes}) for title, fields, classes in fieldsets]

    def get_readonly_fields(self, request: HttpRequest, obj: Job | None = None) -> Any:
        return [name for _title, options in self.get_fieldsets(request, obj) for name in options["fields"]]

    @admin.display(description=gettext_lazy("kind"))
    def kind_and_queue(self, job: Job) -> str:
        return format_html("{} ({})", job.kind, _("queue %(queue)s") % {"queue": job.queue})

    @admin.display(description=gettext_lazy("input"))
    def input_json(self, job: Job) -> str:
        return pretty(job.input)

    @admin.display(description=gettext_lazy("result"))
    def result_json(self, job: Job) -> str:
        return pretty(job.result)

    @admin.display(description=gettext_lazy("metadata"))
    def metadata_json(self, job: Job) -> str:
        return pretty(job.metadata)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = dict(extra_context or {})
        job = self.get_object(request, object_id)
        if job is not None:
            context |= self._story(request, job)
        return super().change_view(request, object_id, form_url, context)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponseRedirect:
        """Lead a link to a job that was deleted to its receipt."""
        gone = uuid_or_none(object_id)
        if gone is None or not Receipt.objects.filter(pk=gone).exists():
            return super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[misc]
        self.message_user(request, _("This job was deleted; its receipt is what is left of it."), messages.WARNING)
        return HttpResponseRedirect(reverse("admin:jobs_receipt_change", args=[gone]))

    def _story(self, request: HttpRequest, job: Job) -> dict[str, Any]:
        """Return what the page of a job shows beyond its columns."""
        kind = registry.find(job.kind)
        events = list(job.events.order_by("-seq")[: SHOWN_EVENTS + 1])
        shown = events[:SHOWN_EVENTS][::-1]
        plans = {operation: describe_plan(operation.plan([job])[0]) for operation in OPERATIONS.values()}
        entries = AuditEntry.objects.filter(target_type="job", target=str(job.pk))
        return {
            "title": kind.title.removesuffix(".") if kind else job.kind,
            "subtitle": str(job.pk),
            "standing": explain(job),
            "stuck": plans[OPERATIONS["repair"]],
            "operations": [
                {"operation": operation, "plan": plan}
                for operation, plan in plans.items()
                if request.user.has_perm(operation.permission)
            ],
            "entries": entries[:SHOWN_ENTRIES] if request.user.has_perm("jobs.view_auditentry") else [],
            "timeline": with_deltas(shown),
            "timeline_is_cut": len(events) > SHOWN_EVENTS,
            "files": list(job.files.all()),
            "children": list(job.children.order_by("id").defer(*HEAVY)[:SHOWN_CHILDREN]),
            "show_traceback": bool(job.error_traceback) and request.user.has_perm("jobs.view_traceback"),
        }

    # --- operations ---------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        operate = self.admin_site.admin_view(self.operate_view)
        return [
            path("operate/<str:name>/", operate, name="jobs_job_operate"),
            *self.planning_urls(),
            *super().get_urls(),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the user may do to selected jobs."""
        return {
            operation.name: (self._action_of(operation), operation.name, operation.label)
            for operation in OPERATIONS.values()
            if request.user.has_perm(operation.permission)
        }

    def _action_of(self, operation: Operation) -> Callable[..., HttpResponse | None]:
        def ask(_admin: Any, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse:
            selected = list(queryset[: MOST_AT_ONCE + 1])
            if len(selected) > MOST_AT_ONCE:
                return self.plan_for_selected(request, operation, queryset)
            return self._ask(request, operation, selected, ReasonForm())

        return ask

    def operate_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """GET asks, POST does. The jobs are named by `id`, once for each."""
        operation = find_operation(name)
        if operation is None:
            raise Http404
        if not request.user.has_perm(operation.permission):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        ids = [found for text in given.getlist("id")[:MOST_AT_ONCE] if (found := uuid_or_none(text))]
        jobs = list(Job.objects.filter(pk__in=ids))
        missing = len(set(ids)) - len(jobs)
        if missing:
            sentence = ngettext("%d job does not exist any more.", "%d jobs do not exist any more.", missing)
            self.message_user(request, sentence % missing, messages.WARNING)
        if not jobs:
            return HttpResponseRedirect(reverse("admin:jobs_job_changelist"))
        if request.method != "POST":
            return self._ask(request, operation, jobs, ReasonForm())
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return self._ask(request, operation, jobs, form)
        outcome = run_at_once(operation, jobs, actor=request.user, reason=form.cleaned_data["reason"])
        self._say(request, operation, outcome)
        return HttpResponseRedirect(self._after(jobs))

    def _ask(self, request: HttpRequest, operation: Operation, jobs: list[Job], form: ReasonForm) -> HttpResponse:
        plans = operation.plan(jobs)
        context = {
            **self.admin_site.each_context(request),
            "title": operation.question,
            "operation": operation,
            "plans": [
                {"job": plan.job, "words": describe_plan(plan)}
                for plan in sorted(plans, key=lambda plan: not plan.step)
            ],
            "doable": sum(plan.step is not None for plan in plans),
            "skipped": sum(plan.step is None for plan in plans),
            "form": form,
            "back": reverse("admin:jobs_job_changelist") if len(jobs) != 1 else job_url(jobs[0]),
            "opts": self.opts,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/jobs/job/operate.html", context)

    def _after(self, jobs: list[Job]) -> str:
        if len(jobs) == 1 and Job.objects.filter(pk=jobs[0].pk).exists():
            return job_url(jobs[0])
        return reverse("admin:jobs_job_changelist")

    def _say(self, request: HttpRequest, operation: Operation, outcome: Outcome) -> None:
        """Say how many were done and how many not, and why not. Nothing done is never a success."""
        done, skipped = len(outcome.done), len(outcome.skipped)
        if done:
            sentence = ngettext("%(label)s: done for %(n)d job.", "%(label)s: done for %(n)d jobs.", done)
            self.message_user(request, sentence % {"label": operation.label, "n": done}, messages.SUCCESS)
        else:
            self.message_user(request, _("%(label)s: nothing was done.") % {"label": operation.label}, messages.WARNING)
        for job, why in outcome.skipped[:SHOWN_SKIPPED]:
            sentence = _("Left alone: %(job)s. %(why)s")
            self.message_user(request, sentence % {"job": str(job.pk)[-6:], "why": why}, messages.WARNING)
        if skipped > SHOWN_SKIPPED:
            more = skipped - SHOWN_SKIPPED
            sentence = ngettext("%d more was left alone.", "%d more were left alone.", more)
            self.message_user(request, sentence % more, messages.WARNING)


def job_url(job: Job) -> str:
    return reverse("admin:jobs_job_change", args=[job.pk])


def places_of(jobs: Iterable[Job]) -> dict[uuid.UUID, int]:
    """Return the true positions of the queued ones among `jobs`, with one query for all of them."""
    queued = [job for job in jobs if job.state == State.QUEUED]
    if not queued:
        return {}
    numbered = (
        Job.objects.queued()
        .filter(queue__in={job.queue for job in queued})
        .annotate(
            nth=Window(
                RowNumber(), partition_by=F("queue"), order_by=[F("priority").desc(), F("turn").asc(), F("id").asc()]
            )
        )
    )
    return dict(numbered.filter(pk__in=[job.pk for job in queued]).values_list("pk", "nth"))


def uuid_or_none(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def pretty(value: Any) -> str:
    if value in (None, {}, []):
        return "–"
    return format_html('<pre class="desk-json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False, default=str))


def with_deltas(events: list[JobEvent]) -> list[dict[str, Any]]:
    """Return events with the time since the one before, and their data as text."""
    rows: list[dict[str, Any]] = []
    before: datetime | None = None
    for event in events:
        passed = (event.created_at - before).total_seconds() if before else None
        data = json.dumps(event.data, ensure_ascii=False, default=str) if event.data else ""
        rows.append({"event": event, "passed": passed, "data": data})
        before = event.created_at
    return rows
