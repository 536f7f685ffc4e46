"""What cannot be painted is refused with a sentence that says what to do, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from imaging import views
from imaging.models import Conversation, Message
from jobs.models import Job
from tests.imaging.conftest import PROMPT, ask, client_of, open_conversation, see, work

pytestmark = pytest.mark.django_db

PLAYING = "tests.imaging.playing.Obedient"


def errors_of(answer: Any) -> dict[str, str]:
    return {error["field"]: error["message"] for error in answer.json().get("errors", [])}


@pytest.mark.parametrize(
    ("wish", "field", "hint"),
    [
        ({"prompt": ""}, "prompt", "Say what the picture should show."),
        ({"prompt": "  \n\t "}, "prompt", "Say what the picture should show."),
        ({"prompt": None}, "prompt", "null"),
        ({"prompt": ["a", "b"]}, "prompt", "must be a text"),
        ({"prompt": 7}, "prompt", "must be a text"),
        ({"prompt": "x" * 10_000}, "prompt", "at most 2000 characters"),
        ({"prompt": "x" * 2001}, "prompt", "at most 2000 characters"),
        ({"width": 500}, "width", "such as 496 or 512"),
        ({"height": 513}, "height", "such as 512 or 528"),
        ({"width": 0}, "width", "at least 64"),
        ({"width": -16}, "width", "at least 64"),
        ({"width": 2064}, "width", "at most 2048"),
        ({"height": 10**30}, "height", "at most 2048"),
        ({"width": "wide"}, "width", "integer"),
        ({"width": True}, "width", "integer"),
        ({"width": 512.5}, "width", "integer"),
        ({"width": None}, "width", "null"),
        ({"steps": 0}, "steps", "1"),
        ({"steps": 1000}, "steps", "100"),
        ({"seed": -1}, "seed", "0"),
        ({"seed": 2**32}, "seed", str(2**32 - 1)),
        ({"seed": "lucky"}, "seed", "integer"),
        ({"promt": "a mill"}, "promt", "did you mean 'prompt'?"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wish_that_cannot_be_painted_names_its_field(api, chat, wish, field, hint):
    answer = api.post(chat, PROMPT | wish, format="json")
    assert answer.status_code == 400
    assert hint in errors_of(answer)[field]
    assert (Job.objects.count(), Message.objects.count()) == (0, 0)


@pytest.mark.parametrize("prompt", ["a\0b", "half \ud83d of it"], ids=["nul", "surrogate"])
def test_what_is_no_text_is_refused(api, chat, prompt):
    import json

    answer = api.post(chat, json.dumps(PROMPT | {"prompt": prompt}), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "unstorable_text")
    assert not Job.objects.exists()


@pytest.mark.parametrize("body", ["{", "[]", "null", '{"prompt": }'])
def test_what_is_no_json_object_is_refused(api, chat, body):
    answer = api.post(chat, body, content_type="application/json")
    assert answer.status_code == 400
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "limit", [{"width": 64, "height": 2048, "steps": 1}, {"prompt": "ş" * 2000, "seed": 2**32 - 1}]
)
def test_the_limits_themselves_are_allowed(api, chat, limit):
    message = ask(api, chat, **limit)
    assert work().state == "succeeded"
    assert see(api, message)["status"] == "complete"


def test_only_a_prompt_is_needed(api, chat):
    answer = api.post(chat, {"prompt": "a mill"}, format="json")
    parameters = answer.json()["extra_metadata"]["parameters"]
    assert (parameters["width"], parameters["height"], parameters["steps"]) == (512, 512, 20)


def test_a_message_that_is_deleted_while_it_is_written_to_is_not_there(api, chat, monkeypatch):
    message = ask(api, chat)
    merge = views.messages.merge_metadata

    def delete_first(message_id, patch):
        Message.objects.filter(pk=message_id).delete()
        return merge(message_id, patch)

    monkeypatch.setattr(views.messages, "merge_metadata", delete_first)
    answer = api.patch(message["links"]["self"], {"extra_metadata": {"a": 1}}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_conversation_that_is_deleted_while_it_gets_a_title_is_not_there(api, chat, monkeypatch):
    own, address = views._own, chat.removesuffix("/messages")

    def delete_first(*given):
        conversation = own(*given)
        Conversation.objects.filter(pk=conversation.pk).delete()
        return conversation

    monkeypatch.setattr(views, "_own", delete_first)
    answer = api.patch(address, {"title": "x"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_conversation_of_somebody_else_is_not_there(api, chat, bob):
    message = ask(api, chat)
    work()
    eve = client_of(bob)
    image = see(api, message)["image"]["url"]
    own = chat.removesuffix("/messages")
    answers = [
        eve.get(own), eve.get(chat), eve.post(chat, PROMPT, format="json"), eve.patch(own, {"title": "x"}),
        eve.delete(own), eve.get(message["links"]["self"]), eve.get(message["links"]["preview"]),
        eve.patch(message["links"]["self"], {"extra_metadata": {"a": 1}}, format="json"),
        eve.delete(message["links"]["self"]), eve.get(message["links"]["job"]), eve.get(image),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {404}
    assert (Job.objects.count(), Conversation.objects.get().title) == (1, "Pictures")
    assert eve.get("/api/v1/conversations").json()["results"] == []


def test_a_message_of_another_conversation_is_not_in_this_one(api, chat):
    message = ask(api, chat)
    other = open_conversation(api)
    assert api.get(f"{other}/{message['id']}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/conversations/00000000-0000-7000-8000-000000000000",
        "/api/v1/conversations/00000000-0000-7000-8000-000000000000/messages",
        "/api/v1/conversations/nonsense",
        "/api/v1/conversations?limit=0",
        "/api/v1/conversations?cursor=x",
    ],
)
def test_addresses_that_lead_nowhere_are_problems(api, path):
    answer = api.get(path)
    assert answer.status_code in (400, 404)
    assert answer["Content-Type"] == "application/problem+json"


def test_without_a_token_nothing_is_shown_or_taken(api, chat):
    from rest_framework.test import APIClient

    nobody = APIClient()
    assert [nobody.get(chat).status_code, nobody.post(chat, PROMPT, format="json").status_code] == [401, 401]


def test_a_refused_prompt_ends_in_an_error_that_the_message_shows(api, chat, settings):
    settings.IMAGE_REFUSED_WORDS = ["silah"]
    message = ask(api, chat, prompt="Bir SİLAH çiz")
    assert work().attempt == 1
    told = see(api, message)
    assert (told["status"], told["error"]["code"], told["image"]) == ("error", "prompt_refused", None)
    assert "Write it another way" in told["error"]["message"]
    assert "SİLAH" not in str(told)


def test_a_broken_image_is_tried_again_and_never_shown(api, chat, settings):
    settings.IMAGE_PROVIDER = PLAYING
    message = ask(api, chat, prompt="broken")
    assert work().state == "pending"
    told = see(api, message)
    assert (told["status"], told["error"]["code"], told["image"]) == ("pending", "provider_bad_answer", None)


def test_a_bug_in_a_provider_is_told_without_its_message(api, chat, settings):
    settings.IMAGE_PROVIDER = PLAYING
    message = ask(api, chat, prompt="bug")
    work()
    assert see(api, message)["error"]["code"] == "internal_error"


@pytest.mark.parametrize("given", [{"title": "x" * 201}, {"titel": "x"}, {"title": ["x"]}])
def test_a_title_that_cannot_be_one_is_refused(api, given):
    assert api.post("/api/v1/conversations", given, format="json").status_code == 400
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("given", [{}, {"extra_metadata": []}, {"extra_metadata": {"image": {}}}, {"metadata": {}}])
def test_a_patch_that_makes_no_sense_changes_nothing(api, chat, given):
    message = ask(api, chat)
    assert api.patch(message["links"]["self"], given, format="json").status_code == 400
    assert see(api, message)["status"] == "queued"
