"""What comes in, checked once at the door, and how conversations and messages go out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from rest_framework import serializers

from imaging.messages import metadata_of
from imaging.models import Conversation, Message
from jobs.api.serializers import LONGEST_PAGE, PAGE, describe_many
from jobs.states import State

#: Characters of a prompt; CLIP and T5 read less than half of it.
LONGEST_PROMPT = 2000
#: Pixels. Latents have an eighth of a side and are packed in twos, hence multiples of 16.
SMALLEST_SIDE, LARGEST_SIDE, SIDE_STEP = 64, 2048, 16
MOST_STEPS = 100
LARGEST_SEED = 2**32 - 1


class Side(serializers.IntegerField):
    """A width or a height."""

    rule = {"multipleOf": SIDE_STEP}

    def __init__(self, **options: Any) -> None:
        super().__init__(
            min_value=SMALLEST_SIDE,
            max_value=LARGEST_SIDE,
            default=512,
            help_text=f"pixels, a multiple of {SIDE_STEP}",
            error_messages={
                "min_value": f"Use at least {SMALLEST_SIDE} pixels.",
                "max_value": f"Use at most {LARGEST_SIDE} pixels.",
            },
            **options,
        )

    def to_internal_value(self, data: Any) -> int:
        side = super().to_internal_value(data)
        if SMALLEST_SIDE <= side <= LARGEST_SIDE and side % SIDE_STEP:
            below = side - side % SIDE_STEP
            raise serializers.ValidationError(
                f"Use a multiple of {SIDE_STEP}, such as {below} or {below + SIDE_STEP}.", code="not_a_multiple"
            )
        return side


class GenerateImageInput(serializers.Serializer):
    """The input of `imaging.generate_image`."""

    prompt = serializers.CharField(
        max_length=LONGEST_PROMPT,
        help_text="what the picture should show",
        error_messages={
            "blank": "Say what the picture should show.",
            "required": "Say what the picture should show.",
            "max_length": f"Use at most {LONGEST_PROMPT} characters.",
        },
    )
    width = Side()
    height = Side()
    steps = serializers.IntegerField(min_value=1, max_value=MOST_STEPS, default=20, help_text="how often to refine")
    seed = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST_SEED,
        default=None,
        allow_null=True,
        help_text="the same seed and prompt paint the same picture; none: one of our choice",
    )

    refuses_unknown = True
    example = {"prompt": "a quiet sea at sunset", "width": 512, "height": 512, "steps": 20, "seed": 7}

    def to_internal_value(self, data: Any) -> Any:
        # A form has no null: an empty field means that none was chosen.
        if isinstance(data.get("seed"), str) and not data["seed"].strip():
            data = {**{name: data[name] for name in data}, "seed": None}
        prompt = data.get("prompt")
        if prompt is not None and not isinstance(prompt, str):
            raise serializers.ValidationError({"prompt": ["The prompt must be a text."]}, code="invalid")
        return super().to_internal_value(data)


class ConversationInput(serializers.Serializer):
    title = serializers.CharField(max_length=200, allow_blank=True, required=False, default="")

    refuses_unknown = True
    example = {"title": "Pictures"}


class MessagePatch(serializers.Serializer):
    never_partial = True

    extra_metadata = serializers.DictField(
        help_text="keys of your own, deep-merged into what is there; those that mirror the job cannot be written"
    )

    refuses_unknown = True
    example = {"extra_metadata": {"favourite": True}}


class PageQuery(serializers.Serializer):
    cursor = serializers.UUIDField(required=False, help_text="as the last page's `next` has it")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_PAGE, default=PAGE, help_text="of the rows of a page"
    )


class MessageQuery(PageQuery):
    before = serializers.UUIDField(required=False, help_text="messages before this one, the latest of them")


# --- out ------------------------------------------------------------------------------------------------------


def describe_conversation(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": str(conversation.pk),
        "title": conversation.title,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "links": {
            "self": reverse("imaging:conversation", args=[conversation.pk]),
            "messages": reverse("imaging:messages", args=[conversation.pk]),
        },
    }


def describe_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages with their jobs, in a constant number of queries. Their `job` must have been selected."""
    messages = list(messages)
    answers = [message for message in messages if message.role == Message.Role.ASSISTANT]
    described = describe_many([answer.job for answer in answers])
    jobs = {answer.pk: job for answer, job in zip(answers, described, strict=True)}
    return [_describe(message, jobs.get(message.pk)) for message in messages]


def _describe(message: Message, job: dict[str, Any] | None) -> dict[str, Any]:
    own = reverse("imaging:message", args=[message.conversation_id, message.pk])
    body = {
        "id": str(message.pk),
        "conversation_id": str(message.conversation_id),
        "role": message.role,
        "content": message.content,
        "created_at": message.created_at,
        "updated_at": message.updated_at,
        "extra_metadata": message.extra_metadata,
        "links": {"self": own},
    }
    if job is not None:
        # From one and the same row of the job, so that the two cannot be of different moments.
        body["extra_metadata"] = message.extra_metadata | metadata_of(message.job) | {"queue_position": job["position"]}
        body["links"] = {"self": own, "preview": f"{own}/preview", "job": job["links"]["self"]}
        body["prompt"] = message.job.input["prompt"]
        body["job"] = job
        if message.job.state == State.SUCCEEDED and not any(file["role"] == "output" for file in job["files"]):
            body["extra_metadata"]["image"] = None  # it has expired before the job did
    return body
