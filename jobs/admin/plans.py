"""Plans on the desk: what is meant to be done, why, at what risk; then how far it is, and what came of each job."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Case, Count, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import operations
from jobs.admin.engine_room import ReadOnlyAdmin
from jobs.admin.jobs import ReasonForm
from jobs.kinds import registry
from jobs.models import OperationPlan, PlannedStep
from jobs.operations import OPERATIONS, NotPlanned, describe_step
from jobs.positions import explain, live_workers

STEPS_ON_A_PAGE = 200
BY_RISK = Case(*(When(risk=risk, then=Value(place)) for place, risk in enumerate(["high", "medium", "low", ""])))


class PlanReasonForm(ReasonForm):
    """Below a long page: the focus must not jump to it over all that is to be read first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].widget.attrs.pop("autofocus", None)


@dataclass(frozen=True)
class Group:
    """Steps of a plan that are alike: how many, and one of them in words."""

    count: int
    step: str
    words: operations.StepInWords


@admin.register(OperationPlan)
class PlanAdmin(ReadOnlyAdmin):
    list_display = ("short_id", "what", "standing", "actor_name", "via", "created_at", "reason")
    list_filter = ("operation", "via")
    list_select_related = ("job",)
    ordering = ("-id",)

    class Media:
        css = {"all": ["css/desk.css", "css/plans.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[OperationPlan]:
        return super().get_queryset(request).annotate(size=Count("steps"))

    @admin.display(description=gettext_lazy("plan"))
    def short_id(self, made: OperationPlan) -> str:
        return format_html('<code class="desk-id">…{}</code>', str(made.pk)[-8:])

    @admin.display(description=gettext_lazy("what"))
    def what(self, made: Any) -> str:
        return f"{label_of(made)} ({made.size})"

    @admin.display(description=gettext_lazy("state"))
    def standing(self, made: OperationPlan) -> str:
        word, look = standing_of(made)
        return format_html('<span class="desk-badge desk-badge--{}">{}</span>', look, word)

    def get_urls(self) -> list[URLPattern]:
        carry_out = self.admin_site.admin_view(self.carry_out_view)
        return [path("<uuid:plan_id>/carry-out/", carry_out, name="jobs_operationplan_carry_out"), *super().get_urls()]

    # --- one plan -----------------------------------------------------------------------------------------------
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        made = self.get_object(request, object_id)
        if made is None:
            raise Http404
        if request.method == "POST":
            raise PermissionDenied
        if request.GET.get("part") == "progress":
            return TemplateResponse(request, "admin/jobs/operationplan/progress.html", self._progress(made))
        return self._show(request, made, PlanReasonForm(initial={"reason": made.reason}))

    def _show(self, request: HttpRequest, made: OperationPlan, form: ReasonForm) -> HttpResponse:
        steps = made.steps.all()
        only = request.GET.get("show", "")
        if only in PlannedStep.Outcome.values and only:
            steps = steps.filter(outcome=only)
        # What is asked about comes first: the most dangerous steps, and last the jobs that get none.
        ordered = steps.order_by(BY_RISK, "pk") if made.confirmed_at is None else steps
        page = Paginator(ordered, STEPS_ON_A_PAGE).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            **self._progress(made),
            "title": label_of(made),
            "operation": OPERATIONS.get(made.operation),
            "groups": groups_of(made),
            "page": page,
            "rows": [{"step": step, "words": describe_step(made.operation, step)} for step in page.object_list],
            "shown": ",".join(str(step.job_id) for step in page.object_list if step.step),
            "only": only,
            "filter": made.filter,
            "may_carry_out": may_carry_out(request, made),
            "at_once": operations.MOST_AT_ONCE,
            "a_worker_lives": bool(live_workers(registry.get(operations.CARRY_OUT).queue)),
            "form": form,
            "opts": self.opts,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/jobs/operationplan/plan.html", context)

    def _progress(self, made: OperationPlan) -> dict[str, Any]:
        counts = operations.counts(made)
        taken = counts["planned"] - counts["to_do"]
        word, look = standing_of(made)
        return {
            "plan": made,
            "counts": counts,
            "taken": taken,
            "percent": 100 * taken // counts["planned"] if counts["planned"] else 0,
            "is_draft": made.confirmed_at is None,
            "is_live": made.job is not None and not made.job.is_finished,
            "standing": {"word": word, "look": look},
            "waits": explain(made.job).sentence if made.job is not None else "",
        }

    def carry_out_view(self, request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
        """POST: leave out what was unticked, then carry the plan out; or only the first."""
        made = OperationPlan.objects.filter(pk=plan_id).first()
        if made is None:
            raise Http404
        if request.method != "POST" or not may_carry_out(request, made):
            raise PermissionDenied
        back = HttpResponseRedirect(reverse("admin:jobs_operationplan_change", args=[made.pk]))
        self._keep_ticks(request, made)
        if "ticks" in request.POST:
            self.message_user(request, _("What you unticked is left out."), messages.SUCCESS)
            back["Location"] += f"?p={request.POST.get('p') or 1}"
            return back
        form = PlanReasonForm(request.POST)
        if not form.is_valid():
            return self._show(request, made, form)
        reason = form.cleaned_data["reason"]
        try:
            if "here" in request.POST and operations.counts(made)["planned"] <= operations.MOST_AT_ONCE:
                operations.carry_out_here(made, by=request.user, reason=reason)
            else:
                operations.carry_out(made, by=request.user, reason=reason)
        except NotPlanned:
            sentence = _("Nothing was done: the plan was carried out before, or has nothing left to do.")
            self.message_user(request, sentence, messages.WARNING)
        return back

    def _keep_ticks(self, request: HttpRequest, made: OperationPlan) -> None:
        """Remember which of the shown jobs are left out. Nothing changes in a plan that is carried out already."""
        shown = [text for text in request.POST.get("shown", "").split(",") if is_uuid(text)]
        ticked = [text for text in request.POST.getlist("job") if is_uuid(text)]
        if made.confirmed_at is None:
            steps = made.steps.filter(job_id__in=shown)
            steps.filter(job_id__in=ticked).update(is_excluded=False)
            steps.exclude(job_id__in=ticked).update(is_excluded=True)


def label_of(made: OperationPlan) -> str:
    operation = OPERATIONS.get(made.operation)
    return str(operation.label) if operation else made.operation


def may_carry_out(request: HttpRequest, made: OperationPlan) -> bool:
    operation = OPERATIONS.get(made.operation)
    return operation is not None and request.user.has_perm(operation.permission)


def standing_of(made: OperationPlan) -> tuple[str, str]:
    """Return how a plan stands: a word, and the state whose look it has."""
    if made.confirmed_at is None:
        return _("not carried out yet"), "pending"
    if made.job is None:
        return _("carried out"), "succeeded"  # at once, or its job is forgotten by now
    if made.job.state == "succeeded":
        return _("carried out"), "succeeded"
    return str(made.job.get_state_display()), made.job.state


def groups_of(made: OperationPlan) -> list[Group]:
    """Return the plan in short: how many jobs get which step, and how many get none, by reason."""
    rows = made.steps.filter(is_excluded=False).values("step", "risk", "evidence__code").order_by()
    groups = []
    for row in rows.annotate(n=Count("pk")):
        first = made.steps.filter(step=row["step"], evidence__code=row["evidence__code"], is_excluded=False).first()
        if first is not None:
            groups.append(Group(row["n"], row["step"], describe_step(made.operation, first)))
    return sorted(groups, key=lambda group: (not group.step, -group.count))


def is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
