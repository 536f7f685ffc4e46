"""What seed 002 answers, as the API's description shows it. `serializers.py` and `messages.py` make it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from imaging.models import Message
from imaging.providers import PROVIDERS
from imaging.serializers import LARGEST_SEED, MOST_STEPS
from imaging.words import WORDS
from jobs.api.openapi import Fault
from jobs.api.shapes.examples import FILE, JOB
from jobs.api.shapes.jobs import JobErrorShape, JobShape
from jobs.states import State

_CONVERSATION = "0193a2ef-8a10-7b21-9d44-0f1e2d3c4b5a"
_QUESTION, _ANSWER = "0193a2f0-5c1d-7101-8a00-3c2b1a000001", "0193a2f0-5c1d-7102-8a00-3c2b1a000002"
_URL = f"/api/v1/conversations/{_CONVERSATION}"
_BEGAN, _NOW = "2025-11-16T10:30:00.000000Z", "2025-11-16T10:30:03.120000Z"
_PROMPT = "a quiet sea at sunset"


class ConversationLinksShape(serializers.Serializer):
    """Where a conversation is."""

    self = serializers.CharField()
    messages = serializers.CharField()


class ConversationShape(serializers.Serializer):
    """A chat that paints."""

    id = serializers.UUIDField()
    title = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="something was asked")
    links = ConversationLinksShape()

    example: dict[str, Any] = {
        "id": _CONVERSATION,
        "title": "Pictures",
        "created_at": _BEGAN,
        "updated_at": _NOW,
        "links": {"self": _URL, "messages": f"{_URL}/messages"},
    }


class ConversationPageShape(serializers.Serializer):
    """A page of conversations, newest first."""

    results = ConversationShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="address of the next page; null: this is the last")

    example = {"results": [ConversationShape.example], "next": None}


class ImageParametersShape(serializers.Serializer):
    """What was asked for."""

    width = serializers.IntegerField()
    height = serializers.IntegerField()
    steps = serializers.IntegerField(min_value=1, max_value=MOST_STEPS)
    seed = serializers.IntegerField(
        min_value=0, max_value=LARGEST_SEED, help_text="of our choice if none was asked for"
    )


class ImageShape(serializers.Serializer):
    """What was painted."""

    file_id = serializers.UUIDField()
    url = serializers.CharField()
    media_type = serializers.CharField()
    width = serializers.IntegerField(help_text="pixels")
    height = serializers.IntegerField(help_text="pixels")
    seed = serializers.IntegerField(allow_null=True, help_text="null: the provider has none")
    seconds = serializers.FloatField(min_value=0)
    provider = serializers.ChoiceField(PROVIDERS)
    model = serializers.CharField()
    ai = serializers.BooleanField(help_text="false: it was painted by a procedure")


class MessageMetadataShape(serializers.Serializer):
    """Of an answer: how its image stands, and the client's own keys. Of a prompt: the client's own keys alone."""

    job_id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(WORDS.choices(), required=False, help_text="`error` also when it was cancelled")
    queue_position = serializers.IntegerField(
        required=False, min_value=0, help_text="from 1; 0: being painted, or ended"
    )
    progress = serializers.FloatField(required=False, min_value=0, max_value=100)
    stage = serializers.CharField(required=False, allow_blank=True)
    attempt = serializers.IntegerField(required=False, min_value=0)
    parameters = ImageParametersShape(required=False)
    error = JobErrorShape(required=False, allow_null=True)
    image = ImageShape(required=False, allow_null=True, help_text="null: not done, or expired")
    pending_at = serializers.DateTimeField(required=False, allow_null=True)
    queued_at = serializers.DateTimeField(required=False, allow_null=True)
    processing_at = serializers.DateTimeField(required=False, allow_null=True)
    complete_at = serializers.DateTimeField(required=False, allow_null=True)
    error_at = serializers.DateTimeField(required=False, allow_null=True)

    #: A client keeps what it likes beside ours.
    takes_more = True


class MessageLinksShape(serializers.Serializer):
    """Where a message is; the last two of an answer only."""

    self = serializers.CharField()
    preview = serializers.CharField(required=False)
    job = serializers.CharField(required=False)


class MessageShape(serializers.Serializer):
    """One side of an exchange: a prompt, or the answer with its image."""

    id = serializers.UUIDField()
    conversation_id = serializers.UUIDField()
    role = serializers.ChoiceField(Message.Role.values)
    content = serializers.CharField(allow_blank=True, help_text="the prompt; an answer has none")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    extra_metadata = MessageMetadataShape()
    links = MessageLinksShape()
    prompt = serializers.CharField(required=False, help_text="of an answer: what was asked")
    job = JobShape(required=False, help_text="of an answer")

    example: dict[str, Any] = {
        "id": _ANSWER,
        "conversation_id": _CONVERSATION,
        "role": "assistant",
        "content": "",
        "created_at": _BEGAN,
        "updated_at": _NOW,
        "extra_metadata": {
            "job_id": JOB,
            "status": "queued",
            "queue_position": 3,
            "progress": 0.0,
            "stage": "",
            "attempt": 0,
            "parameters": {"width": 512, "height": 512, "steps": 20, "seed": 7},
            "error": None,
            "image": None,
            "pending_at": _BEGAN,
            "queued_at": _BEGAN,
            "processing_at": None,
            "complete_at": None,
            "error_at": None,
        },
        "links": {
            "self": f"{_URL}/messages/{_ANSWER}",
            "preview": f"{_URL}/messages/{_ANSWER}/preview",
            "job": f"/api/v1/jobs/{JOB}/",
        },
        "prompt": _PROMPT,
        "job": JobShape.example
        | {"kind": "imaging.generate_image", "queue": "gpu", "state": State.QUEUED.value, "status": "queued"},
    }


_PAINTED: dict[str, Any] = {
    **MessageShape.example["extra_metadata"],
    "status": "complete",
    "queue_position": 0,
    "progress": 100.0,
    "stage": "saved",
    "attempt": 1,
    "image": {
        "file_id": FILE,
        "url": f"/api/v1/jobs/{JOB}/files/{FILE}/",
        "media_type": "image/png",
        "width": 512,
        "height": 512,
        "seed": 7,
        "seconds": 2.41,
        "provider": "painter",
        "model": "procedural",
        "ai": False,
    },
    "processing_at": _BEGAN,
    "complete_at": _NOW,
}
PAINTED = MessageShape.example | {
    "extra_metadata": _PAINTED,
    "job": MessageShape.example["job"] | {"state": State.SUCCEEDED.value, "status": "complete", "progress": 100.0},
}


class MessagePageShape(serializers.Serializer):
    """A page of messages, oldest first. `previous` is there when `before` was asked for, else `next`."""

    results = MessageShape(many=True)
    next = serializers.CharField(required=False, allow_null=True, help_text="address of the next page")
    previous = serializers.CharField(required=False, allow_null=True, help_text="address of the page before")

    example: dict[str, Any] = {
        "results": [
            {
                "id": _QUESTION,
                "conversation_id": _CONVERSATION,
                "role": "user",
                "content": _PROMPT,
                "created_at": _BEGAN,
                "updated_at": _BEGAN,
                "extra_metadata": {},
                "links": {"self": f"{_URL}/messages/{_QUESTION}"},
            },
            PAINTED,
        ],
        "next": None,
    }


class ForgottenConversationShape(serializers.Serializer):
    """What was deleted."""

    conversation_id = serializers.UUIDField()
    images = serializers.IntegerField(min_value=0, help_text="jobs, with what they painted")

    example = {"conversation_id": _CONVERSATION, "images": 3}


class ForgottenMessageShape(serializers.Serializer):
    """What was deleted: question, answer, job and image."""

    message_id = serializers.UUIDField()
    job_id = serializers.UUIDField()

    example = {"message_id": _ANSWER, "job_id": JOB}


# --- errors ---------------------------------------------------------------------------------------------------

NOT_FOUND = Fault(404, "not_found", "There is no such conversation or message, or it is not yours.")
JOB_GONE = Fault(404, "job_not_found", "The job was deleted.")
PREVIEW_NOT_FOUND = Fault(404, "preview_not_found", "There is no preview: painting has not begun, or has ended.")
NOT_OWNER = Fault(403, "forbidden", "You may read this conversation, but only its owner may write to it.")
UNFINISHED = Fault(409, "job_unfinished", "Something has not ended. Cancel it first, or wait; then delete.")
RESERVED_KEY = Fault(400, "reserved_key", "This key mirrors the job and cannot be written. Use a key of your own.")
