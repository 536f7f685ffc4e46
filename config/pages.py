"""The pages. Each is a frame; what changes while one looks at it comes from the API and `/ws/live/`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from rest_framework.serializers import FileField

from config.kind_titles import title_of
from config.page_texts import TEXTS
from imaging.models import Conversation
from imaging.serializers import LONGEST_PROMPT, SIDE_STEP, GenerateImageInput, Side
from imaging.views import IN_CONVERSATION
from imaging.views import KIND as IMAGE_KIND
from imaging.words import TURKISH_ERRORS as IMAGE_ERRORS
from jobs.attention import MEANINGS
from jobs.kinds import registry
from jobs.models import Job, JobFile, JobQuerySet, Receipt
from jobs.operations import OPERATIONS
from jobs.roles import may
from jobs.sign_in.forms import SignInForm, answer_too_many
from jobs.states import State
from orders.words import TURKISH_ERRORS as INBOX_ERRORS
from parsers.ingestion.messages import TURKISH_ERRORS

CV_KIND = "parsers.parse_cv"
BATCH_KIND = "classifier.classify_batch"
INGESTION_KIND = "parsers.ingest_batch"
INGESTION = "/api/documents/process-and-store-batch"
#: What pages offer to do to a job, and what that takes when the job is somebody else's (`jobs.api.operating`).
ACTS = {
    "cancel": OPERATIONS["cancel"].permission,
    "retry": OPERATIONS["requeue"].permission,
    "delete": OPERATIONS["forget"].permission,
}


def staff_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let staff in; others learn that this is not theirs, and who is not signed in may do so."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_staff:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


class SignIn(LoginView):
    template_name = "pages/sign-in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: Any) -> HttpResponse:
        return answer_too_many(super().form_invalid(form))


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Show how everything stands. All of it comes from the overview; the page knows where each thing is seen."""
    staff = request.user.is_staff
    page = {
        "overview": reverse("api:overview"),
        "jobPage": reverse("pages:jobs"),
        "rooms": {
            BATCH_KIND: f"{reverse('pages:classify')}{{id}}/",
            INGESTION_KIND: f"{reverse('pages:sessions')}{{session}}/",
            IMAGE_KIND: f"{reverse('pages:images')}{{{IN_CONVERSATION}}}/",
        },
        "links": _desk_links() if staff else _own_links(),
        "queueJobs": f"{reverse('admin:jobs_job_changelist')}?queue={{subject}}" if staff else "",
    }
    states = [{"value": value, "label": _state_word(value)} for value in State.values]
    return render(request, "pages/home.html", {"texts": _texts(), "page": page, "states": states})


def _desk_links() -> dict[str, str]:
    """Return where staff see or mend what needs attention, by its code; {subject} is the queue, kind or limit."""
    jobs, queues = reverse("admin:jobs_job_changelist"), reverse("admin:jobs_queuecontrol_changelist")
    limits = reverse("admin:jobs_ratelimit_changelist")
    return {
        "stuck": f"{jobs}?attention=stuck",
        "no_worker": reverse("admin:jobs_worker_changelist"),
        "unknown_kind": f"{jobs}?kind={{subject}}&state={State.QUEUED}",
        "kind_failing": f"{jobs}?kind={{subject}}&state={State.FAILED}",
        "queue_paused": queues,
        "queue_growing": queues,
        "resource_held": queues,
        "breaker_open": limits,
        "rate_limited": limits,
    }


def _own_links() -> dict[str, str]:
    """Return the same for others: their own jobs that it holds up."""
    waiting = f"{reverse('pages:jobs')}?state={State.QUEUED}"
    links = dict.fromkeys(MEANINGS, waiting)
    return links | {
        "stuck": f"{reverse('pages:jobs')}?state={State.PROCESSING}",
        "kind_failing": f"{reverse('pages:jobs')}?state={State.FAILED}",
    }


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
def images(request: HttpRequest) -> HttpResponse:
    return _images(request, None)


@require_safe
@login_required
def conversation(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = Conversation.objects.filter(pk=conversation_id, owner=request.user).first()  # type: ignore[misc]
    if found is None:
        return render(request, "pages/job-missing.html", {"receipt": None}, status=404)
    return _images(request, found)


def _images(request: HttpRequest, conversation: Conversation | None) -> HttpResponse:
    fields: dict[str, Any] = dict(GenerateImageInput().fields)
    defaults = {name: fields[name].default for name in ("width", "height", "steps")}
    page = {
        "conversation": str(conversation.pk) if conversation else None,
        "conversations": "/api/v1/conversations",
        "images": reverse("pages:images"),
        "jobPage": reverse("pages:jobs"),
        "longestPrompt": LONGEST_PROMPT,
        "defaults": defaults | {"seed": None},
    }
    labels = {"width": _("Width"), "height": _("Height"), "steps": _("Steps"), "seed": _("Seed")}
    number_fields = [
        {
            "name": name,
            "label": label,
            "min": fields[name].min_value,
            "max": fields[name].max_value,
            "step": SIDE_STEP if isinstance(fields[name], Side) else 1,
            "value": defaults.get(name, ""),
            "placeholder": "" if name in defaults else _("chosen for you"),
        }
        for name, label in labels.items()
    ]
    texts = _texts(IMAGE_ERRORS)
    context = {"texts": texts, "page": page, "conversation": conversation, "number_fields": number_fields}
    return render(request, "pages/images.html", context)


@require_safe
@staff_only
def inbox(request: HttpRequest) -> HttpResponse:
    return _inbox(request, None)


@require_safe
@staff_only
def mail(request: HttpRequest, mail_id: uuid.UUID) -> HttpResponse:
    """Show a mail; whether there is one is the API's to say."""
    return _inbox(request, mail_id)


def _inbox(request: HttpRequest, mail_id: uuid.UUID | None) -> HttpResponse:
    page = {
        "mail": str(mail_id) if mail_id else None,
        "inbox": reverse("pages:inbox"),
        "mails": "/api/mails",
        "fetch": "/api/mails/fetch",
    }
    return render(request, "pages/inbox.html", {"texts": _texts(INBOX_ERRORS), "page": page})


@require_safe
@login_required
def job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    visible = Job.objects.visible_to(request.user).defer("result", "error_traceback")
    found = visible.select_related("owner", "parent").filter(pk=job_id).first()
    if found is None:
        return _missing(request, job_id)
    page: dict[str, Any] = {
        "job": str(found.pk),
        "name": _name(found),
        "cvKind": CV_KIND,
        "jobPage": reverse("pages:jobs"),
        "isStaff": request.user.is_staff,
        "may": [act for act in ACTS if found.owner_id == request.user.pk or may(request.user, ACTS[act])],
        "lostFiles": _lost_files(found),
    }
    own_page = _page_of(found)
    context = {
        "title": _title(found),
        "name": page["name"],
        "page": page,
        "facts": _facts(found),
        "own_page": own_page if own_page != request.path else "",
        "whole": _page_of(found.parent) if found.parent else "",
        "desk": reverse("admin:jobs_job_change", args=[found.pk]) if may(request.user, "jobs.view_job") else "",
        "texts": _texts(IMAGE_ERRORS | INBOX_ERRORS),
    }
    return render(request, "pages/job.html", context)


def _facts(job: Job) -> list[tuple[str, Any]]:
    """Return what does not change about a job, as (label, value); what is not known is left out."""
    facts = [
        (_("Kind"), job.kind),
        (_("Queue"), job.queue),
        (_("Priority"), job.priority),
        (_("Handed over by"), job.owner.get_username() if job.owner else ""),
        (_("User label"), job.user_id),
        (_("Session label"), job.session_id),
    ]
    return [(label, value) for label, value in facts if value != ""]


def _lost_files(job: Job) -> int:
    """Return how many files of the input are not there any more: they expire, and their rows go with them."""
    kind = registry.find(job.kind)
    fields = kind.input().fields if kind else {}
    sent = {job.input.get(name) for name, field in fields.items() if isinstance(field, FileField)} - {None}
    return len(sent - {str(file.pk) for file in job.files.all()})


def _own(request: HttpRequest) -> JobQuerySet:
    """Return the user's own jobs without the documents of batches, which the batch's page shows."""
    return Job.objects.filter(owner=request.user, parent=None)  # type: ignore[misc]


def _page_of(job: Job) -> str:
    """Return the address that shows a job best."""
    if job.kind == BATCH_KIND:
        return reverse("pages:batch", args=[job.pk])
    if job.kind == INGESTION_KIND and job.session_id:
        return reverse("pages:session", args=[job.session_id])
    if job.kind == IMAGE_KIND and IN_CONVERSATION in job.metadata:
        return reverse("pages:conversation", args=[job.metadata[IN_CONVERSATION]])
    return reverse("pages:job", args=[job.pk])


def _texts(failures: dict[str, str] | None = None) -> dict[str, Any]:
    """Return what scripts say. The server's own sentences are English; in Turkish the page knows those of failures.

    failures: what this page's kind of work calls them.
    """
    if get_language() != "tr":
        return TEXTS
    return TEXTS | {f"failure.{code}": sentence for code, sentence in (TURKISH_ERRORS | (failures or {})).items()}


def _missing(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    receipt = Receipt.objects.filter(pk=job_id).first()
    # Of others' jobs nobody learns that there ever were any; a receipt does not keep whose the job was.
    if receipt is not None and not request.user.is_staff and receipt.deleted_by != request.user.get_username():
        receipt = None
    return render(request, "pages/job-missing.html", {"receipt": receipt, "texts": _texts()}, status=404)


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
    return title_of(job.kind)


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
