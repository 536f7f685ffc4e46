"""Seed 002: `/api/v1/conversations/…`. A view translates, makes one call, and translates back."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.http import parse_etags, quote_etag, urlencode
from rest_framework.request import Request
from rest_framework.response import Response

from imaging import messages
from imaging.models import Conversation, Message, Preview
from imaging.serializers import (
    ConversationInput,
    GenerateImageInput,
    MessagePatch,
    MessageQuery,
    PageQuery,
    describe_conversation,
    describe_messages,
)
from imaging.shapes import (
    JOB_GONE,
    NOT_FOUND,
    NOT_OWNER,
    PAINTED,
    PREVIEW_NOT_FOUND,
    RESERVED_KEY,
    UNFINISHED,
    ConversationPageShape,
    ConversationShape,
    ForgottenConversationShape,
    ForgottenMessageShape,
    MessagePageShape,
    MessageShape,
)
from jobs.api.openapi import IDEMPOTENCY_KEY, IF_NONE_MATCH, PREFER, Answer, operation
from jobs.api.openapi.common import OF_SUBMISSIONS, SUBMITTED
from jobs.api.problems import Problem
from jobs.api.submissions import accept, accepted_response, preferred_wait, wait_for_end, was_replayed
from jobs.api.views import View
from jobs.door import refuse_unknown
from jobs.models import Job
from jobs.retention import StillRunning
from jobs.tokens.models import Scope

KIND = "imaging.generate_image"
#: Where pictures are kept in the storage is the engine's business; what a job is for stands in its metadata.
IN_CONVERSATION = "conversation"
_PATH = {"conversation_id": "The conversation's id.", "message_id": "The message's id."}


class Conversations(View):
    tag = "images"
    scopes = {"POST": Scope.SUBMIT}

    @operation(ConversationPageShape, parameters=[PageQuery])
    def get(self, request: Request) -> Response:
        """Your conversations, newest first."""
        page = _checked(PageQuery, request.query_params)
        found = Conversation.objects.filter(owner=request.user.pk).order_by("-id")
        if "cursor" in page:
            found = found.filter(pk__lt=page["cursor"])
        rows = list(found[: page["limit"] + 1])
        shown, following = _cut(request, rows, page["limit"])
        return Response({"results": [describe_conversation(row) for row in shown], "next": following})

    @operation(
        {201: Answer(ConversationShape, "The conversation is there.", headers=("Location",))},
        request=ConversationInput,
        form=ConversationInput,
    )
    def post(self, request: Request) -> Response:
        """Begin a conversation."""
        refuse_unknown(request.data, ConversationInput().fields)
        title = _checked(ConversationInput, request.data)["title"]
        conversation = Conversation.objects.create(owner_id=int(request.user.pk or 0), title=title)
        conversation.refresh_from_db()  # its times are the database's
        body = describe_conversation(conversation)
        return Response(body, status=201, headers={"Location": body["links"]["self"]})


class OneConversation(View):
    tag = "images"
    path_parameters = _PATH
    scopes = {"PATCH": Scope.OPERATE, "DELETE": Scope.OPERATE}

    @operation(ConversationShape, faults=[NOT_FOUND])
    def get(self, request: Request, conversation_id: uuid.UUID) -> Response:
        """A conversation. Staff may read everybody's."""
        return Response(describe_conversation(_visible(request, conversation_id)))

    @operation(ConversationShape, request=ConversationInput, form=ConversationInput, faults=[NOT_FOUND, NOT_OWNER])
    def patch(self, request: Request, conversation_id: uuid.UUID) -> Response:
        """Give a conversation another title."""
        conversation = _own(request, conversation_id)
        refuse_unknown(request.data, ConversationInput().fields)
        sent = _checked(ConversationInput, request.data)
        if "title" in request.data:
            conversation.title = sent["title"]
            if not Conversation.objects.filter(pk=conversation.pk).update(title=conversation.title):
                raise _not_found()  # deleted in this moment
        return Response(describe_conversation(conversation))

    @operation(ForgottenConversationShape, faults=[NOT_FOUND, NOT_OWNER, UNFINISHED])
    def delete(self, request: Request, conversation_id: uuid.UUID) -> Response:
        """Forget a conversation with all that was painted in it.

        Not while something in it is waiting or being painted.
        """
        conversation = _own(request, conversation_id)
        try:
            deleted = messages.delete_conversation(conversation, by=request.user.get_username())
        except StillRunning:
            raise _unfinished("Something in this conversation has not ended.") from None
        except Conversation.DoesNotExist:
            raise _not_found() from None
        return Response({"conversation_id": str(conversation_id), "images": deleted})


class Messages(View):
    tag = "images"
    path_parameters = _PATH
    scopes = {"POST": Scope.SUBMIT}

    @operation(MessagePageShape, parameters=[MessageQuery], faults=[NOT_FOUND])
    def get(self, request: Request, conversation_id: uuid.UUID) -> Response:
        """A conversation's messages, oldest first.

        `cursor` goes on, `before` goes back: for a chat that shows its end first.
        """
        conversation = _visible(request, conversation_id)
        page = _checked(MessageQuery, request.query_params)
        limit = page["limit"]
        found = conversation.messages.select_related("job")
        if "before" in page:
            rows = list(found.filter(pk__lt=page["before"]).order_by("-id")[: limit + 1])
            earlier, rows = len(rows) > limit, rows[:limit][::-1]
            link = f"{request.path}?{urlencode({'before': rows[0].pk, 'limit': limit})}" if earlier else None
            return Response({"results": describe_messages(rows), "previous": link})
        if "cursor" in page:
            found = found.filter(pk__gt=page["cursor"])
        shown, following = _cut(request, list(found.order_by("id")[: limit + 1]), limit)
        return Response({"results": describe_messages(shown), "next": following})

    @operation(
        {
            202: Answer(MessageShape, "The image waits or is being painted.", headers=SUBMITTED),
            200: Answer(MessageShape, "It has ended already.", headers=SUBMITTED, example=PAINTED),
        },
        request=GenerateImageInput,
        form=GenerateImageInput,
        parameters=[IDEMPOTENCY_KEY, PREFER],
        faults=[*OF_SUBMISSIONS, NOT_FOUND, JOB_GONE, NOT_OWNER],
    )
    def post(self, request: Request, conversation_id: uuid.UUID) -> Response:
        """Ask for an image.

        The answer is the assistant's message. Its `extra_metadata` says how the image stands: position in the queue,
        progress, and in the end the image or an error.
        """
        _own(request, conversation_id)
        refuse_unknown(request.data, GenerateImageInput().fields)
        with transaction.atomic():
            # Held until both rows are there: a conversation cannot be deleted under a new message.
            conversation = Conversation.objects.select_for_update(no_key=True).filter(pk=conversation_id).first()
            if conversation is None:
                raise _not_found()
            data: Any = request.data
            # In the metadata, so that one Idempotency-Key cannot answer for two conversations.
            job = accept(request, KIND, dict(data.items()), metadata={IN_CONVERSATION: str(conversation_id)})
            if was_replayed(job):
                message = Message.objects.get(job=job, role=Message.Role.ASSISTANT)
            else:
                message = messages.add_exchange(conversation, job)
        if wait := preferred_wait(request):
            job = wait_for_end(job, wait)
        return accepted_response(job, _describe(message.pk), request=request)


class OneMessage(View):
    tag = "images"
    path_parameters = _PATH
    scopes = {"PATCH": Scope.OPERATE, "DELETE": Scope.OPERATE}

    @operation({200: Answer(MessageShape, example=PAINTED)}, faults=[NOT_FOUND])
    def get(self, request: Request, conversation_id: uuid.UUID, message_id: uuid.UUID) -> Response:
        """A message, as it stands."""
        return Response(_describe(_message(request, conversation_id, message_id).pk))

    @operation(
        {200: Answer(MessageShape, example=PAINTED)},
        request=MessagePatch,
        faults=[NOT_FOUND, NOT_OWNER, RESERVED_KEY],
    )
    def patch(self, request: Request, conversation_id: uuid.UUID, message_id: uuid.UUID) -> Response:
        """Write keys of your own into a message's metadata.

        They are deep-merged: what is not named stays, and two writers at once lose nothing.
        """
        message = _message(request, conversation_id, message_id, own=True)
        refuse_unknown(request.data, MessagePatch().fields)
        try:
            messages.merge_metadata(message.pk, _checked(MessagePatch, request.data)["extra_metadata"])
        except Message.DoesNotExist:  # deleted in this moment
            raise _not_found() from None
        return Response(_describe(message.pk))

    @operation(ForgottenMessageShape, faults=[NOT_FOUND, NOT_OWNER, UNFINISHED])
    def delete(self, request: Request, conversation_id: uuid.UUID, message_id: uuid.UUID) -> Response:
        """Forget question, answer and image, whichever of the two is named."""
        message = _message(request, conversation_id, message_id, own=True)
        try:
            messages.delete_exchange(message, by=request.user.get_username())
        except StillRunning:
            raise _unfinished("The image has not ended.") from None
        except Job.DoesNotExist:
            raise _not_found() from None
        return Response({"message_id": str(message_id), "job_id": str(message.job_id)})


class MessagePreview(View):
    tag = "images"
    path_parameters = _PATH

    # It is a picture, whatever the client accepts.
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    @operation(
        {
            200: Answer({"type": "string", "format": "binary"}, "A small WebP.", headers=("ETag",), media="image/webp"),
            304: Answer(None, "You have this already.", headers=("ETag",)),
        },
        parameters=[IF_NONE_MATCH],
        faults=[NOT_FOUND, PREVIEW_NOT_FOUND],
    )
    def get(self, request: Request, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponseBase:
        """What the picture looks like so far."""
        message = _message(request, conversation_id, message_id)
        preview = Preview.objects.filter(job=message.job_id).first()
        if preview is None:
            raise Problem(404, "There is no preview: painting has not begun, or has ended.", code="preview_not_found")
        etag = quote_etag(f"{preview.attempt}-{preview.step}")
        fresh = etag in parse_etags(request.headers.get("If-None-Match", ""))
        response = HttpResponse(status=304) if fresh else HttpResponse(bytes(preview.image), content_type="image/webp")
        response["ETag"] = etag
        response["X-Content-Type-Options"] = "nosniff"
        patch_cache_control(response, private=True, no_cache=True)
        return response


def _checked(serializer: Any, data: Any) -> dict[str, Any]:
    checked = serializer(data=data)
    checked.is_valid(raise_exception=True)
    return checked.validated_data


def _cut(request: Request, rows: list[Any], limit: int) -> tuple[list[Any], str | None]:
    """Return one page of rows and the address of the next, if there is one."""
    if len(rows) <= limit:
        return rows, None
    parameters = request.query_params.dict() | {"cursor": str(rows[limit - 1].pk)}
    return rows[:limit], f"{request.path}?{urlencode(parameters)}"


def _describe(message_id: uuid.UUID) -> dict[str, Any]:
    message = Message.objects.select_related("job").filter(pk=message_id).first()
    if message is None:
        raise _not_found()
    return describe_messages([message])[0]


def _visible(request: Request, conversation_id: uuid.UUID) -> Conversation:
    """Return a conversation that the user may read: their own, or anybody's for staff."""
    found = Conversation.objects.filter(pk=conversation_id)
    if not request.user.is_staff:
        found = found.filter(owner=request.user.pk)
    conversation = found.first()
    if conversation is None:
        raise _not_found()
    return conversation


def _own(request: Request, conversation_id: uuid.UUID) -> Conversation:
    """Return a conversation that the user may write to: their own."""
    conversation = _visible(request, conversation_id)
    if conversation.owner_id != request.user.pk:
        raise Problem(403, "You may read this conversation, but only its owner may write to it.", code="forbidden")
    return conversation


def _message(request: Request, conversation_id: uuid.UUID, message_id: uuid.UUID, *, own: bool = False) -> Message:
    conversation = (_own if own else _visible)(request, conversation_id)
    message = conversation.messages.select_related("job").filter(pk=message_id).first()
    if message is None:
        raise _not_found()
    return message


def _not_found() -> Problem:
    return Problem(404, "There is no such conversation or message, or it is not yours.", code="not_found")


def _unfinished(what: str) -> Problem:
    return Problem(409, f"{what} Cancel it first, or wait; then delete.", code="job_unfinished")
