"""The pages. Each is a frame; what changes while one looks at it comes from the API and `/ws/live/`."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.page_texts import TEXTS
from jobs.kinds import registry
from jobs.models import Job, JobFile, Receipt
from jobs.states import State

CV_KIND = "parsers.parse_cv"
JOBS_PER_PAGE = 25


class SignIn(LoginView):
    template_name = "pages/sign-in.html"
    redirect_authenticated_user = True


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    unfinished = Job.objects.filter(owner=request.user).unfinished().count()  # type: ignore[misc]
    return render(request, "pages/home.html", {"unfinished": unfinished})


@require_safe
@login_required
def cv(request: HttpRequest) -> HttpResponse:
    page = {
        "kind": CV_KIND,
        "upload": "/api/v1/parser/parse-file-async",
        "userId": str(request.user.pk),
        "maxBytes": settings.MAX_UPLOAD_BYTES,
        "jobPage": reverse("pages:jobs"),
    }
    context = {"texts": TEXTS, "page": page, "max_upload_mb": settings.MAX_UPLOAD_BYTES // 2**20}
    return render(request, "pages/cv.html", context)


@require_safe
@login_required
def jobs(request: HttpRequest) -> HttpResponse:
    """List the user's own jobs, newest first. `?state=` filters, `?before=<job id>` goes on where a page ended."""
    own = Job.objects.filter(owner=request.user).defer("input", "result", "metadata")  # type: ignore[misc]
    state = request.GET.get("state", "")
    if state in State.values:
        own = own.filter(state=state)
    else:
        state = ""
    before = _uuid_or_none(request.GET.get("before", ""))
    if before is not None:
        own = own.filter(pk__lt=before)
    found = list(own.order_by("-id").prefetch_related("files")[: JOBS_PER_PAGE + 1])
    shown = found[:JOBS_PER_PAGE]
    for row in shown:
        row.title = _title(row)  # type: ignore[attr-defined]
        row.name = _name(row)  # type: ignore[attr-defined]
        row.state_word = _state_word(row.state)  # type: ignore[attr-defined]
    context = {
        "jobs": shown,
        "state": state,
        "before": before,
        "older": shown[-1].pk if len(found) > JOBS_PER_PAGE else None,
        "filters": [{"value": "", "label": _("All")}]
        + [{"value": value, "label": _state_word(value)} for value in State.values],
        "texts": TEXTS,
    }
    return render(request, "pages/jobs.html", context)


@require_safe
@login_required
def job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    found = Job.objects.visible_to(request.user).filter(pk=job_id).first()
    if found is None:
        receipt = Receipt.objects.filter(pk=job_id).first()
        return render(request, "pages/job-missing.html", {"receipt": receipt}, status=404)
    page: dict[str, Any] = {"job": str(found.pk), "cvKind": CV_KIND, "jobPage": reverse("pages:jobs")}
    context = {"title": _title(found), "name": _name(found), "page": page, "texts": TEXTS}
    return render(request, "pages/job.html", context)


def _title(job: Job) -> str:
    kind = registry.find(job.kind)
    return kind.title.removesuffix(".") if kind else job.kind


def _name(job: Job) -> str:
    """Return what people call the job: the files they sent, else what it does."""
    return ", ".join(file.name for file in job.files.all() if file.role == JobFile.Role.INPUT) or _title(job)


def _state_word(state: str) -> Any:
    return TEXTS[f"state.{state}"]


def _uuid_or_none(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
