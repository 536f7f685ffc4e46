"""Seed 004: `/api/mails/…`, `/api/queue/process`, `/api/ai/generate-reply`. A view translates, makes one call, and
translates back. The customers' mails are for staff only."""

from __future__ import annotations

import time
import uuid
import zlib
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import urlencode
from rest_framework.permissions import SAFE_METHODS, AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import lifecycle, statistics
from jobs.api.openapi import PREFER, Answer, operation
from jobs.api.openapi.common import SUBMITTED
from jobs.api.operating import reason_given, record_change
from jobs.api.problems import Problem
from jobs.api.scopes import HasScope
from jobs.api.shapes.endings import ReasonInput
from jobs.api.submissions import (
    LAST_LOOK_SECONDS,
    LONGEST_WAIT_SECONDS,
    accepted_response,
    preferred_wait,
    release_connection,
    wait_for_end,
)
from jobs.api.views import View
from jobs.clock import database_now
from jobs.door import refuse_unknown
from jobs.models import Job
from jobs.positions import live_workers
from jobs.roles import may
from jobs.states import State
from jobs.tokens.models import Scope
from orders import drafts, finding, inbox
from orders.drafts import DraftConflict
from orders.models import Draft, Mail, MailSource, WebhookEvent
from orders.providers import IKAS
from orders.serializers import (
    DraftPatch,
    MailQuery,
    NumberInput,
    ReplyInput,
    ResolveInput,
    VersionInput,
    describe_draft,
    describe_mail,
    describe_mails,
    describe_order,
)
from orders.shapes import (
    DRAINING,
    JOB_GONE,
    MAIL_NOT_FOUND,
    NO_DRAFT_YET,
    OF_APPROVING,
    OF_DISMISSING,
    OF_EDITING,
    OF_REPLIES,
    OF_RESOLVING,
    OF_WEBHOOKS,
    ORDER_NOT_FOUND,
    SENDING,
    UNDER_WAY,
    ApprovalInput,
    ConfirmationInput,
    DraftShape,
    FetchedMailsShape,
    ForgottenMailShape,
    IkasWebhookInput,
    MailPageShape,
    MailShape,
    ProcessedShape,
    QueueStandingShape,
    ReplyShape,
    ResolutionInput,
    WebhookTakenShape,
)
from orders.shops.webhooks import verify_webhook
from orders.tasks import QUEUE
from orders.words import TYPE, WORDS

#: Seed 004: jobs of one call to /api/queue/process.
MOST_AT_ONCE = 10
#: How long such a call waits for them.
PROCESS_SECONDS = 55.0
NO_WORKER = "No worker for this queue is running. Start one (manage.py qcluster); the jobs are safe and wait for it."


_HEADERS = tuple(name for name in SUBMITTED if name != "IdempotentReplayed")
#: What looks up an order answers: the mail.
_ASKED = {
    202: Answer(MailShape, "The order is being asked for; this is the mail until then.", headers=_HEADERS),
    200: Answer(MailShape, "The mail with what the shop said.", headers=_HEADERS),
}
#: What sends a reply answers: the draft.
_SENDING = {
    202: Answer(DraftShape, "The reply is being sent.", headers=_HEADERS, example=SENDING),
    200: Answer(DraftShape, "The sending has ended; `state` says how.", headers=_HEADERS),
}


#: Of what a person says was sent there may be no job any more.
_IF_SENDING = ("JobLocation", "JobLink", "PreferenceApplied")


class StaffOnly(BasePermission):
    """The customers' mails are not everybody's to read."""

    message = "Only staff may read and answer the customers' mails."

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user and request.user.is_authenticated and request.user.is_staff)


class MayAnswer(BasePermission):
    """Whoever looks changes nothing: what goes out to customers, and what is deleted, takes a permission."""

    message = "You may look at the mails; only an operator may answer them, and an administrator delete them."

    def has_permission(self, request: Request, view: Any) -> bool:
        needed = "orders.delete_mail" if request.method == "DELETE" else "orders.change_mail"
        return request.method in SAFE_METHODS or may(request.user, needed)


class InboxView(View):
    tag = "orders"
    path_parameters = {"mail_id": "The mail's id."}
    permission_classes = [StaffOnly, HasScope, MayAnswer]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method not in SAFE_METHODS:
            reason_given(request)  # refused before anything is done, not when it goes on record


class Mails(InboxView):
    @operation(MailPageShape, parameters=[MailQuery])
    def get(self, request: Request) -> Response:
        """The mails of a box, newest first."""
        query = _checked(MailQuery, request.query_params)
        found = Mail.objects.order_by("-id")
        if query["box"] != "all":
            found = found.filter(box=query["box"])
        if words := query["q"].strip():
            said = Q(subject__icontains=words) | Q(text__icontains=words)
            found = found.filter(
                said | Q(sender__icontains=words) | Q(sender_name__icontains=words) | Q(order__number=words.lstrip("#"))
            )
        if "cursor" in query:
            found = found.filter(pk__lt=query["cursor"])
        found = found.select_related("order", "lookup_job").prefetch_related("drafts", "mail_orders")
        rows = list(found.defer("references", "to")[: query["limit"] + 1])
        shown, following = rows[: query["limit"]], None
        if len(rows) > query["limit"]:
            following = f"{request.path}?{urlencode(request.query_params.dict() | {'cursor': str(shown[-1].pk)})}"
        return Response({"results": describe_mails(shown), "next": following, "counts": inbox.count_boxes()})


class FetchMails(InboxView):
    scopes = {"POST": Scope.SUBMIT}

    @operation(
        {
            200: Answer(FetchedMailsShape, "The fetch has ended."),
            202: Answer(FetchedMailsShape, "The fetch is under way; ask for its job.", headers=_HEADERS),
        },
        parameters=[PREFER],
        faults=[JOB_GONE, *DRAINING],
    )
    def post(self, request: Request) -> Response:
        """Fetch new mails now.

        Each is stored once, and its order is looked up. A schedule does the same every five minutes.
        """
        job = wait_for_end(lifecycle.submit("orders.fetch_mails", owner=request.user), _patience(request))
        body = {"success": False, "fetched": 0, "enqueued": 0, "errors": [], "job_id": str(job.pk)}
        if job.state == State.SUCCEEDED:
            return Response(body | {"success": True, **_counts(job)})
        if job.is_finished:
            return Response(body | {"errors": [job.error_message or "The fetch was cancelled."]})
        message = "The fetch is still under way; ask for its job." if live_workers(QUEUE) else NO_WORKER
        return accepted_response(job, body | {"errors": [message]}, request=request)


class OneMail(InboxView):
    scopes = {"DELETE": Scope.OPERATE}

    @operation(MailShape, faults=[MAIL_NOT_FOUND])
    def get(self, request: Request, mail_id: uuid.UUID) -> Response:
        """A mail, its order and its draft."""
        return Response(describe_mail(_mail(mail_id)))

    @operation(ForgottenMailShape, faults=[MAIL_NOT_FOUND, UNDER_WAY])
    def delete(self, request: Request, mail_id: uuid.UUID) -> Response:
        """Forget a mail.

        Its bytes and drafts are deleted; a receipt stays, and the mail does not come back from the mailbox.
        """
        mail = _mail(mail_id)
        try:
            receipt = inbox.delete_mail(mail_id, by=request.user.get_username(), reason="asked for by API")
        except inbox.StillSending:
            raise Problem(
                409,
                "A reply to this mail is on its way, or may have gone out. Settle that first.",
                code="reply_under_way",
            ) from None
        except Mail.DoesNotExist:
            raise _not_found() from None
        record_change(request, mail, "delete_mail", receipt=receipt.digest)
        receipt.refresh_from_db()
        return Response({"mail_id": str(mail_id), "digest": receipt.digest, "deleted_at": receipt.deleted_at})


class Source(InboxView):
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    @operation(
        {
            200: Answer(
                {"type": "string", "format": "binary"}, "The mail's bytes.",
                headers=("ContentDisposition",), media="application/octet-stream",
            )
        },
        faults=[MAIL_NOT_FOUND],
    )  # fmt: skip
    def get(self, request: Request, mail_id: uuid.UUID) -> HttpResponseBase:
        """A mail's bytes, as they came."""
        source = MailSource.objects.filter(mail=mail_id).first()
        if source is None:
            raise _not_found()
        # Never shown by a browser: a mail may hold anything.
        response = HttpResponse(zlib.decompress(bytes(source.content)), content_type="application/octet-stream")
        response["Content-Disposition"] = f'attachment; filename="{mail_id}.eml"'
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return response


class RefreshOrder(InboxView):
    scopes = {"POST": Scope.SUBMIT}

    @operation(_ASKED, parameters=[PREFER], faults=[MAIL_NOT_FOUND, JOB_GONE, *DRAINING])
    def post(self, request: Request, mail_id: uuid.UUID) -> Response:
        """Ask the shop again, whatever is kept."""
        mail = _mail(mail_id)
        with transaction.atomic():
            finding.forget_answers(mail)
            job = inbox.ask_for_order(mail, priority=inbox.SOMEBODY_WAITS, owner=request.user)
        return _after(request, job, mail_id)


class ChooseOrder(InboxView):
    scopes = {"POST": Scope.OPERATE}

    @operation(_ASKED, request=NumberInput, parameters=[PREFER], faults=[MAIL_NOT_FOUND, JOB_GONE, *DRAINING])
    def post(self, request: Request, mail_id: uuid.UUID) -> Response:
        """Look up an order by the number that a person names."""
        mail = _mail(mail_id)
        number = _checked(NumberInput, request.data)["number"]
        job = inbox.ask_for_order(mail, priority=inbox.SOMEBODY_WAITS, number=number, owner=request.user)
        return _after(request, job, mail_id)


class ConfirmOrder(InboxView):
    scopes = {"POST": Scope.OPERATE}

    @operation(MailShape, request=ConfirmationInput, faults=[MAIL_NOT_FOUND, ORDER_NOT_FOUND, *DRAINING])
    def post(self, request: Request, mail_id: uuid.UUID) -> Response:
        """Vouch for an order's being this customer's.

        For an order that was placed with another address than the one that an answer goes to. It goes on record.
        """
        mail = _mail(mail_id)
        number = _checked(NumberInput, request.data)["number"]
        with _conflicts(mail_id), transaction.atomic():
            drafts.vouch_for_order(mail_id, number, by=request.user.get_username())
            if settings.REPLY_AUTOMATIC_DRAFTS and finding.wants_draft(mail_id):
                finding.ask_for_draft(mail_id, priority=inbox.SOMEBODY_WAITS, owner=request.user)
        record_change(request, mail, "vouch_for_order", order=number)
        return Response(describe_mail(_mail(mail_id)))


class OneDraft(InboxView):
    scopes = {"PATCH": Scope.OPERATE}

    @operation(DraftShape, faults=[MAIL_NOT_FOUND, NO_DRAFT_YET])
    def get(self, request: Request, mail_id: uuid.UUID) -> Response:
        """The draft of a reply."""
        mail = _mail(mail_id)
        draft = drafts.find_shown(mail)
        if draft is None:
            raise Problem(404, "There is no draft yet. Ask for one: POST /api/ai/generate-reply.", code="no_draft")
        return Response(describe_draft(draft, mail))

    @operation(DraftShape, request=DraftPatch, faults=OF_EDITING)
    def patch(self, request: Request, mail_id: uuid.UUID) -> Response:
        """Save a person's text; its claims are checked anew."""
        refuse_unknown(request.data, DraftPatch().fields)
        sent = _checked(DraftPatch, request.data)
        with _conflicts(mail_id):
            draft = drafts.edit(
                mail_id,
                sent["version"],
                by=request.user.get_username(),
                body=sent["body"].replace("\r\n", "\n"),
                subject=sent.get("subject"),
                vouched=sent.get("confirmed_claims", ()),
            )
        if sent.get("confirmed_claims"):
            record_change(request, draft.mail, "vouch_for_statements", statements=len(sent["confirmed_claims"]))
        return Response(describe_draft(draft, _mail(mail_id)))


class Approve(InboxView):
    scopes = {"POST": Scope.OPERATE}

    @operation(_SENDING, request=ApprovalInput, parameters=[PREFER], faults=[*OF_APPROVING, JOB_GONE, *DRAINING])
    def post(self, request: Request, mail_id: uuid.UUID) -> Response:
        """Send the draft, as you have seen it.

        `version` says which one that was. Nothing is sent while a claim is unmatched, the order or the conversation
        has changed, or what is known of the order is too old.
        """
        version = _checked(VersionInput, request.data)["version"]
        with _conflicts(mail_id):
            draft = drafts.approve(mail_id, version, by=request.user, domain=settings.MAIL_FROM.rpartition("@")[2])
        record_change(request, draft.mail, "approve_draft", draft=str(draft.pk), version=version)
        return _sending(request, draft, mail_id)


class Resolve(InboxView):
    scopes = {"POST": Scope.OPERATE}

    @operation(
        _SENDING | {200: Answer(DraftShape, "It was sent, or the sending has ended.", headers=_IF_SENDING)},
        request=ResolutionInput,
        parameters=[PREFER],
        faults=[*OF_RESOLVING, JOB_GONE, *DRAINING],
    )
    def post(self, request: Request, mail_id: uuid.UUID) -> Response:
        """Say what became of a sending of which nobody could tell."""
        outcome = _checked(ResolveInput, request.data)["outcome"]
        with _conflicts(mail_id):
            draft = drafts.resolve(mail_id, was_sent=outcome == "sent", by=request.user)
        record_change(request, draft.mail, "settle_draft", draft=str(draft.pk), outcome=outcome)
        if outcome == "sent":
            return Response(describe_draft(draft, _mail(mail_id)))
        return _sending(request, draft, mail_id)


class Dismiss(InboxView):
    scopes = {"POST": Scope.OPERATE}

    @operation(MailShape, request=ReasonInput, faults=OF_DISMISSING)
    def post(self, request: Request, mail_id: uuid.UUID) -> Response:
        """Put a mail aside without a reply."""
        with _conflicts(mail_id):
            mail = drafts.dismiss(mail_id)
        record_change(request, mail, "dismiss_mail")
        return Response(describe_mail(_mail(mail_id)))


class Reopen(InboxView):
    scopes = {"POST": Scope.OPERATE}

    @operation(MailShape, faults=[MAIL_NOT_FOUND])
    def post(self, request: Request, mail_id: uuid.UUID) -> Response:
        """Take a mail back into the open ones, with the draft it had."""
        with _conflicts(mail_id):
            drafts.reopen(mail_id)
        return Response(describe_mail(_mail(mail_id)))


class ProcessQueue(InboxView):
    scopes = {"POST": Scope.SUBMIT}

    @operation(QueueStandingShape)
    def get(self, request: Request) -> Response:
        """The look-ups of orders in numbers."""
        counted = statistics.of_kind(inbox.FETCH_ORDER, since=database_now() - settings.SIRA_RETENTION)
        by_status = dict.fromkeys(("pending", "processing", "completed", "failed"), 0)
        for state, jobs in counted.counts.items():
            by_status[WORDS.word(state)] += jobs
        stats = {"byStatus": by_status, "byType": {TYPE: counted.total}, "total": counted.total}
        return Response({"success": True, "stats": stats})

    @operation(ProcessedShape)
    def post(self, request: Request) -> Response:
        """Have up to ten look-ups that are due worked on now, and say how they ended.

        The workers do it; with workers running nobody needs to call this. The answer takes a minute at most.
        """
        # The workers do the work, under the limits that all of them share; this waits for it.
        lifecycle.promote_due()
        due = Job.objects.queued().filter(kind=inbox.FETCH_ORDER).in_claim_order()
        begun = {job.pk: (job.attempt, job.fence) for job in due[:MOST_AT_ONCE]}
        body: dict[str, Any] = {"success": True, "processed": 0, "failed": 0, "errors": []}
        if not begun:
            return Response(body)
        if not live_workers(QUEUE):
            return Response(body | {"success": False, "errors": [NO_WORKER]})
        ended = _wait_for_attempts(begun)
        done = [job for job in ended if job.state == State.SUCCEEDED]
        failed = [job for job in ended if job.state != State.SUCCEEDED]
        errors = [f"{job.pk}: {job.error_message or 'cancelled'}" for job in failed]
        if waiting := len(begun) - len(ended):
            errors.append(f"{waiting} of them wait for the shop's limit or for a worker; they go on by themselves.")
        return Response(body | {"processed": len(done), "failed": len(failed), "errors": errors})


class GenerateReply(InboxView):
    scopes = {"POST": Scope.SUBMIT}

    @operation(ReplyShape, request=ReplyInput, faults=OF_REPLIES)
    def post(self, request: Request) -> Response:
        """Draft a reply to a mail.

        From the order that is kept, if it was fetched within the hour; else the order is asked for, before all others,
        and the draft says that it is missing. A person approves before anything is sent.
        """
        refuse_unknown(request.data, ReplyInput().fields)
        mail = _mail(_checked(ReplyInput, request.data)["mail_id"])
        live = drafts.find_live(mail)
        if live is not None and live.state != Draft.State.OPEN:
            raise Problem(409, "A reply to this mail is on its way, or may have gone out.", code="reply_under_way")
        is_kept = finding.is_kept(mail)
        lookup = None if is_kept else _urgent_lookup(mail, request.user)
        job = finding.ask_for_draft(mail.pk, priority=inbox.SOMEBODY_WAITS, replace=True, owner=request.user)
        where: dict[str, Any] = {"job_id": str(lookup.pk) if lookup else None, "draft_job_id": str(job.pk)}
        job = wait_for_end(job, LONGEST_WAIT_SECONDS if live_workers(QUEUE) else 0)
        if not job.is_finished:
            raise Problem(
                504 if live_workers(QUEUE) else 503,
                "The draft is not written yet. The job goes on: the draft will be at the mail."
                if live_workers(QUEUE)
                else NO_WORKER,
                code="still_processing" if live_workers(QUEUE) else "no_worker",
                **where,
            )
        if job.state != State.SUCCEEDED:
            raise Problem(
                503, job.error_message or "The draft was cancelled.", code=job.error_code or "cancelled", **where
            )
        mail = _mail(mail.pk)
        draft = drafts.find_shown(mail)
        if draft is None:
            raise Problem(409, "The draft was replaced meanwhile. Look at the mail.", code="draft_changed", **where)
        described = describe_draft(draft, mail)
        told = drafts.orders_to_tell(mail) if is_kept else []
        return Response(
            {
                "success": True,
                "mail_id": str(mail.pk),
                "reply": draft.body,
                "order": describe_order(told[0]) if told else None,
                "cache": "hit" if is_kept else "miss",
                "claims": described["claims"],
                "draft": described,
                **where,
            }
        )


class IkasWebhook(View):
    tag = "orders"
    authentication_classes = []
    permission_classes = [AllowAny]

    @operation(WebhookTakenShape, request=IkasWebhookInput, faults=OF_WEBHOOKS)
    def post(self, request: Request) -> Response:
        """İkas tells of a change.

        Who signs with our client's secret is İkas: no token is needed. The same webhook again does nothing.
        """
        if settings.ORDER_PROVIDER != IKAS:
            raise Problem(404, "This installation has no İkas store (ORDER_PROVIDER).", code="not_found")
        webhook = verify_webhook(request.body, settings.IKAS_CLIENT_SECRET)
        with transaction.atomic():
            _, is_new = WebhookEvent.objects.get_or_create(pk=webhook.id, defaults={"scope": webhook.scope})
            if is_new and webhook.order_number:
                finding.note_change(webhook.order_number)
        return Response({"success": True, "duplicate": not is_new})


# --- what the views share ---------------------------------------------------------------------------------------


def _checked(serializer: Any, data: Any) -> dict[str, Any]:
    checked = serializer(data=data)
    checked.is_valid(raise_exception=True)
    return checked.validated_data


def _mail(mail_id: uuid.UUID) -> Mail:
    mail = Mail.objects.select_related("order", "lookup_job").filter(pk=mail_id).first()
    if mail is None:
        raise _not_found()
    return mail


def _counts(job: Job) -> dict[str, int]:
    result = job.result or {}
    return {name: result[name] for name in ("fetched", "enqueued")}


def _not_found() -> Problem:
    return Problem(404, "There is no such mail; it may have been deleted.", code="mail_not_found")


def _patience(request: Request) -> float:
    return preferred_wait(request) or (LONGEST_WAIT_SECONDS if live_workers(QUEUE) else 1.0)


def _after(request: Request, job: Job, mail_id: uuid.UUID) -> Response:
    """Answer with the mail, after the job if the client would wait for it."""
    if wait := preferred_wait(request):
        job = wait_for_end(job, wait)
    return accepted_response(job, describe_mail(_mail(mail_id)), request=request)


def _sending(request: Request, draft: Draft, mail_id: uuid.UUID) -> Response:
    job = draft.send_job
    assert job is not None
    if wait := preferred_wait(request):
        job = wait_for_end(job, wait)
        draft.refresh_from_db()
    return accepted_response(job, describe_draft(draft, _mail(mail_id)), request=request)


class _conflicts:
    """Turns what stands against a change of a draft into a 409 that shows the draft as it is."""

    def __init__(self, mail_id: uuid.UUID) -> None:
        self.mail_id = mail_id

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Mail.DoesNotExist):
            raise _not_found() from None
        if isinstance(error, DraftConflict):
            mail = _mail(self.mail_id)
            draft = drafts.find_shown(mail)
            shown = describe_draft(draft, mail) if draft else None
            raise Problem(409, error.message, code=error.code, draft=shown) from None


def _urgent_lookup(mail: Mail, user: Any) -> Job:
    """Return a look-up that is before all others: the one that is there already, or a new one."""
    job = mail.lookup_job
    if (
        job is not None
        and not job.is_finished
        and (job.priority >= inbox.SOMEBODY_WAITS or job.state == State.PROCESSING)
    ):
        return job
    return inbox.ask_for_order(mail, priority=inbox.SOMEBODY_WAITS, owner=user)


def _wait_for_attempts(begun: dict[uuid.UUID, tuple[int, int]]) -> list[Job]:
    """Wait until each of these jobs has ended, or an attempt at it failed; but not for long. Returns those."""
    deadline = time.monotonic() + PROCESS_SECONDS
    while True:
        jobs = list(Job.objects.filter(pk__in=begun))
        ended = [
            job
            for job in jobs
            if job.is_finished or (job.state == State.PENDING and job.error_code and job.attempt > begun[job.pk][0])
        ]
        if len(ended) == len(jobs) or time.monotonic() > deadline:
            return ended
        release_connection()
        time.sleep(LAST_LOOK_SECONDS)
