"""The pages. Each is a frame; what changes while one looks at it comes from the API and `/ws/live/`."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.page_texts import TEXTS
from jobs.kinds import registry
from jobs.models import Job, JobFile, JobQuerySet, Receipt
from jobs.states import State
from parsers.ingestion.messages import TURKISH_ERRORS

CV_KIND = "parsers.parse_cv"
BATCH_KIND = "classifier.classify_batch"
INGESTION_KIND = "parsers.ingest_batch"
INGESTION = "/api/documents/process-and-store-batch"
JOBS_PER_PAGE = 25


class SignIn(LoginView):
    template_name = "pages/sign-in.html"
    redirect_authenticated_user = True


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    unfinished = _own(request).unfinished().count()
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
    context = {"texts": _texts(), "page": page, "max_upload_mb": settings.MAX_UPLOAD_BYTES // 2**20}
    return render(request, "pages/cv.html", context)


@require_safe
@login_required
def classify(request: HttpRequest) -> HttpResponse:
    page = {
        "upload": "/batch/upload",
        "batches": "/jobs",
        "batchPage": reverse("pages:classify"),
        "limits": _upload_limits(),
    }
    return render(request, "pages/classify.html", {"texts": _texts(), "page": page, **_shown_limits()})


@require_safe
@login_required
def batch(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    found = Job.objects.visible_to(request.user).filter(pk=job_id, kind=BATCH_KIND).first()
    if found is None:
        return _missing(request, job_id)
    page = {
        "job": str(found.pk),
        "status": "/status/",
        "documents": "/documents/",
        "cancel": "/cancel/",
        "retry": "/retry/",
        "export": f"/jobs/{found.pk}/export",
    }
    name = _name(found, found.children.count())
    context = {"texts": _texts(), "page": page, "name": name, "created_at": found.created_at}
    return render(request, "pages/batch.html", context)


@require_safe
@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    page = {
        "upload": INGESTION,
        "sessions": "/api/sessions/",
        "sessionPage": reverse("pages:sessions"),
        "limits": _upload_limits(),
    }
    return render(request, "pages/sessions.html", {"texts": _texts(), "page": page, **_shown_limits()})


@require_safe
@login_required
def session(request: HttpRequest, session_id: str) -> HttpResponse:
    """Show a session. Whether there is one is the API's to say: it knows more than a row (see seed 000)."""
    page = {
        "name": session_id,
        "upload": INGESTION,
        "status": f"{INGESTION}/status/",
        "session": f"/api/sessions/{quote(session_id, safe='')}/",
        "sessions": reverse("pages:sessions"),
        "limits": _upload_limits(),
    }
    return render(
        request, "pages/session.html", {"texts": _texts(), "page": page, "session_id": session_id, **_shown_limits()}
    )


@require_safe
@login_required
def jobs(request: HttpRequest) -> HttpResponse:
    """List the user's own jobs, newest first; a batch is one. `?state=` filters, `?before=<job id>` goes on."""
    own = _own(request).defer("input", "result", "metadata")
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
    batches = [row.pk for row in shown if row.kind == BATCH_KIND]
    counted = Job.objects.filter(parent__in=batches).order_by().values_list("parent").annotate(Count("pk"))
    documents = dict(counted) if batches else {}
    for row in shown:
        row.title = _title(row)  # type: ignore[attr-defined]
        row.name = _name(row, documents.get(row.pk, 0))  # type: ignore[attr-defined]
        row.state_word = _state_word(row.state)  # type: ignore[attr-defined]
        row.page = _page_of(row)  # type: ignore[attr-defined]
    context = {
        "jobs": shown,
        "state": state,
        "before": before,
        "older": shown[-1].pk if len(found) > JOBS_PER_PAGE else None,
        "filters": [{"value": "", "label": _("All")}]
        + [{"value": value, "label": _state_word(value)} for value in State.values],
        "texts": _texts(),
    }
    return render(request, "pages/jobs.html", context)


@require_safe
@login_required
def job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    found = Job.objects.visible_to(request.user).filter(pk=job_id).first()
    if found is None:
        return _missing(request, job_id)
    page: dict[str, Any] = {"job": str(found.pk), "cvKind": CV_KIND, "jobPage": reverse("pages:jobs")}
    context = {
        "title": _title(found),
        "name": _name(found),
        "page": page,
        "whole": _page_of(found.parent) if found.parent else "",
        "texts": _texts(),
    }
    return render(request, "pages/job.html", context)


def _own(request: HttpRequest) -> JobQuerySet:
    """Return the user's own jobs without the documents of batches, which the batch's page shows."""
    return Job.objects.filter(owner=request.user, parent=None)  # type: ignore[misc]


def _page_of(job: Job) -> str:
    """Return the address that shows a job best."""
    if job.kind == BATCH_KIND:
        return reverse("pages:batch", args=[job.pk])
    if job.kind == INGESTION_KIND and job.session_id:
        return reverse("pages:session", args=[job.session_id])
    return reverse("pages:job", args=[job.pk])


def _texts() -> dict[str, Any]:
    """Return what scripts say. The server's own sentences are English; in Turkish the page knows those of failures."""
    if get_language() != "tr":
        return TEXTS
    return TEXTS | {f"failure.{code}": sentence for code, sentence in TURKISH_ERRORS.items()}


def _missing(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    receipt = Receipt.objects.filter(pk=job_id).first()
    return render(request, "pages/job-missing.html", {"receipt": receipt}, status=404)


def _upload_limits() -> dict[str, int]:
    return {
        "maxFiles": settings.MAX_BATCH_FILES,
        "maxBatchBytes": settings.MAX_BATCH_BYTES,
        "maxBytes": settings.MAX_UPLOAD_BYTES,
    }


def _shown_limits() -> dict[str, int | str]:
    return {
        "max_upload_mb": settings.MAX_UPLOAD_BYTES // 2**20,
        "max_files": number_format(settings.MAX_BATCH_FILES, force_grouping=True),
    }


def _title(job: Job) -> str:
    # What a batch's own kind does is to sum up; people handed over documents.
    if job.kind == BATCH_KIND:
        return _("Classify documents")
    if job.kind == INGESTION_KIND:
        return _("Documents into a session")
    kind = registry.find(job.kind)
    return kind.title.removesuffix(".") if kind else job.kind


def _name(job: Job, documents: int = 0) -> str:
    """Return what people call the job: the files they sent, else what it does. documents: how many a batch has."""
    if documents:
        shown = number_format(documents, force_grouping=True)
        return ngettext("Batch of %(n)s document", "Batch of %(n)s documents", documents) % {"n": shown}
    if job.kind == INGESTION_KIND and job.session_id:
        return job.session_id
    return ", ".join(file.name for file in job.files.all() if file.role == JobFile.Role.INPUT) or _title(job)


def _state_word(state: str) -> Any:
    return TEXTS[f"state.{state}"]


def _uuid_or_none(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
