"""From the list of jobs to a plan: for all that match, for more than a page of selected ones, for what is stuck."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from jobs.models import Job
from jobs.operations import MOST_PLANNED, OPERATIONS, Operation, TooMany, count_matching, find_operation, plan
from jobs.search import JobFilter

#: By what jobs are chosen, here as in the API.
PARAMETERS = [str(name) for name in JobFilter().fields]


class PlanningViews:
    """The part of the jobs' desk that makes plans. What is done with a plan is in `plans.py`."""

    admin_site: Any
    opts: Any
    media: Any
    message_user: Any

    def planning_urls(self) -> list[URLPattern]:
        return [path("plan/", self.admin_site.admin_view(self.plan_view), name="jobs_job_plan")]

    def planning_of(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the list offers: the operations for all that match, and the filter to send along."""
        asked = filter_of(request)
        # What a plan cannot be asked for must not be left out silently: it would take more jobs than are shown.
        foreign = set(request.GET) - set(PARAMETERS) - {"p", "o", "all", "e"}
        allowed = [operation for operation in OPERATIONS.values() if request.user.has_perm(operation.permission)]
        return {
            "operations": [] if foreign else allowed,
            "filter": asked,
            "may_repair": OPERATIONS["repair"] in allowed,
        }

    def plan_view(self, request: HttpRequest) -> HttpResponse:
        """GET says how many jobs a plan would look at, POST makes it. The filter is in the address in both cases."""
        operation = find_operation(request.GET.get("operation", ""))
        if operation is None:
            raise Http404
        if not request.user.has_perm(operation.permission):
            raise PermissionDenied
        asked = filter_of(request)
        try:
            if request.method == "POST":
                return go_to(plan(operation.name, asked, actor=request.user))
            matching = count_matching(operation.name, asked, actor=request.user)
        except ValidationError as error:
            self.message_user(request, _("This filter makes no sense: %(why)s") % {"why": error}, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:jobs_job_changelist"))
        except TooMany:
            return self._too_many(request)
        context = {
            **self.admin_site.each_context(request),
            "title": operation.question,
            "operation": operation,
            "filter": asked,
            "matching": matching,
            "address": request.get_full_path(),
            "opts": self.opts,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/jobs/job/plan.html", context)

    def plan_for_selected(self, request: HttpRequest, operation: Operation, selected: QuerySet[Job]) -> HttpResponse:
        """Make a plan for jobs that were selected across pages."""
        ids = selected.values_list("pk", flat=True)[: MOST_PLANNED + 1]
        try:
            return go_to(plan(operation.name, ids, actor=request.user, asked=request.GET.dict()))
        except TooMany:
            return self._too_many(request)

    def _too_many(self, request: HttpRequest) -> HttpResponse:
        sentence = _("Nothing was planned: more than %(most)d jobs match. Narrow the filter.")
        self.message_user(request, sentence % {"most": MOST_PLANNED}, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:jobs_job_changelist"))


def filter_of(request: HttpRequest) -> dict[str, str]:
    """Return the parameters of the address by which jobs are chosen."""
    return {name: value for name in PARAMETERS if (value := request.GET.get(name, ""))}


def go_to(made: Any) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:jobs_operationplan_change", args=[made.pk]))
