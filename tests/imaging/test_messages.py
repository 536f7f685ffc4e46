"""Conversations and messages over the API, and their agreement with the job."""

from __future__ import annotations

import io
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from PIL import Image

from imaging import messages
from imaging.models import Conversation, Message, Preview
from jobs import lifecycle, retention
from jobs.errors import JobError, Unavailable
from jobs.models import Job, JobFile, Receipt
from tests.harness.threads import run_together
from tests.imaging.conftest import PROMPT, ask, begin, claim, client_of, open_conversation, see, stored, work

pytestmark = pytest.mark.django_db


def test_a_prompt_becomes_an_image(api, chat, ada):
    answer = api.post(chat, PROMPT, format="json")
    message = answer.json()
    assert (answer.status_code, answer["Location"]) == (202, message["links"]["job"])
    assert (message["role"], message["extra_metadata"]["status"]) == ("assistant", "queued")
    assert message["extra_metadata"]["queue_position"] == 1
    job = work()
    done = see(api, message)
    assert (done["status"], done["queue_position"], done["error"], done["progress"]) == ("complete", 0, None, 100)
    image = done["image"]
    assert (image["seed"], image["width"], image["height"]) == (7, 64, 64)
    assert (image["provider"], image["ai"]) == ("painter", False)
    sent = api.get(image["url"])
    with Image.open(io.BytesIO(b"".join(sent.streaming_content))) as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 64))
        assert (picture.info["AI-Generated"], "not by artificial" in picture.info["Comment"]) == ("no", True)
        assert "sea" not in str(picture.info)
    listed = api.get(chat).json()["results"]
    assert [(one["role"], one["content"]) for one in listed] == [("user", PROMPT["prompt"]), ("assistant", "")]
    assert listed[1]["extra_metadata"] == done
    assert job.owner == ada


def test_the_same_seed_paints_the_same_picture_and_another_seed_another(api, chat):
    pixels = []
    for seed in (7, 7, 8):
        message = ask(api, chat, seed=seed)
        work()
        content = b"".join(api.get(see(api, message)["image"]["url"]).streaming_content)
        pixels.append(Image.open(io.BytesIO(content)).tobytes())
    assert pixels[0] == pixels[1] != pixels[2]


def test_without_a_seed_every_attempt_has_the_same_one(api, chat):
    first, second = ask(api, chat, seed=None), ask(api, chat, seed=None)
    chosen = see(api, first)["parameters"]["seed"]
    assert chosen != see(api, second)["parameters"]["seed"]
    lifecycle.retry_later(claim(), Unavailable("Not now."), timedelta(seconds=-1))
    lifecycle.promote_due()
    work()
    assert see(api, first)["image"]["seed"] == chosen


def test_steps_are_shown_with_previews_that_go_when_painting_ends(api, chat):
    message = ask(api, chat)
    running = begin()
    assert api.get(message["links"]["preview"]).status_code == 404
    seen = []

    def keep_and_look(step: int) -> None:
        image = b"RIFF%d" % step
        running.progress(
            step, "painted", step=step, steps=2,
            save=lambda: Preview.objects.update_or_create(
                job_id=running.job.pk, defaults={"attempt": 1, "step": step, "image": image}
            ),
        )  # fmt: skip
        answer = api.get(message["links"]["preview"])
        seen.append((answer["Content-Type"], answer.content, answer["ETag"]))

    keep_and_look(1)
    keep_and_look(2)
    assert seen == [("image/webp", b"RIFF1", '"1-1"'), ("image/webp", b"RIFF2", '"1-2"')]
    assert api.get(message["links"]["preview"], HTTP_IF_NONE_MATCH='"1-2"').status_code == 304
    lifecycle.retry_later(running.job, Unavailable("Not now."), timedelta())
    assert api.get(message["links"]["preview"]).status_code == 404


def test_a_worker_really_shows_previews(api, chat, monkeypatch):
    sizes = []
    remember = Preview.objects.update_or_create

    def look(**given: Any) -> Any:
        with Image.open(io.BytesIO(given["defaults"]["image"])) as preview:
            sizes.append((preview.format, preview.size))
        return remember(**given)

    monkeypatch.setattr(Preview.objects, "update_or_create", look)
    ask(api, chat, width=512, height=256, steps=3)
    job = work()
    assert sizes == [("WEBP", (256, 128))] * 3
    steps = [event.data.get("step") for event in job.events.filter(type="progress").order_by("seq")]
    assert steps == [None, 1, 2, 3]
    assert not Preview.objects.exists()


# --- agreement ----------------------------------------------------------------------------------------------------
def assert_level(message: dict[str, Any]) -> dict[str, Any]:
    row = stored(message)
    told = messages.metadata_of(Job.objects.get(pk=row.job_id))
    assert {key: row.extra_metadata[key] for key in messages.OURS} == told
    assert set(told) == messages.OURS
    return told


@pytest.mark.usefixtures("any_database")
def test_after_every_move_the_message_says_what_the_job_says(api, chat):
    message = ask(api, chat)
    words = [assert_level(message)["status"]]

    def then(step: Any) -> Any:
        words.append(assert_level(message)["status"])
        return step

    job = then(claim())
    job = then(lifecycle.progress(job, 30, "painted", {"step": 1}))
    then(lifecycle.retry_later(job, Unavailable("Not now."), timedelta(seconds=-1)))
    then(lifecycle.promote_due())
    job = then(claim())
    then(lifecycle.release(job))
    job = then(claim())
    then(lifecycle.fail(job, JobError("No paint.", code="no_paint")))
    assert assert_level(message)["error"] == {"code": "no_paint", "message": "No paint."}
    then(lifecycle.requeue(job.pk))
    assert assert_level(message)["error"] is None
    then(lifecycle.cancel(job.pk))
    then(lifecycle.requeue(job.pk))
    job = then(claim())
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    then(lifecycle.rescue())
    job = claim()
    then(lifecycle.cancel(job.pk))
    then(lifecycle.acknowledge_cancel(job))
    then(lifecycle.requeue(job.pk))
    then(work())
    assert assert_level(message)["image"]["seed"] == 7
    assert words == [
        "queued", "processing", "processing", "pending", "queued", "processing", "queued", "processing", "error",
        "queued", "error", "queued", "processing", "queued", "processing", "error", "queued", "complete",
    ]  # fmt: skip


@pytest.mark.usefixtures("any_database")
def test_clients_and_the_job_write_at_once_and_lose_nothing(api, chat):
    message = ask(api, chat)
    job = claim()

    def annotate(number: int) -> Any:
        return lambda: [
            messages.merge_metadata(message["id"], {"notes": {f"{number}-{turn}": turn}}) for turn in range(10)
        ]

    def go_on() -> None:
        for percent in range(10):
            lifecycle.progress(job, percent * 10)

    run_together([annotate(1), annotate(2), annotate(3), go_on])
    row = stored(message)
    assert len(row.extra_metadata["notes"]) == 30
    assert assert_level(message)["progress"] == 90


def test_keys_of_the_client_are_merged_and_keys_of_ours_are_refused(api, chat):
    message = ask(api, chat)
    own = message["links"]["self"]
    assert api.patch(own, {"extra_metadata": {"mood": {"stars": 4}}}, format="json").status_code == 200
    body = api.patch(own, {"extra_metadata": {"mood": {"seen": True}, "tag": "x"}}, format="json").json()
    assert (body["extra_metadata"]["mood"], body["extra_metadata"]["tag"]) == ({"stars": 4, "seen": True}, "x")
    refused = api.patch(own, {"extra_metadata": {"status": "complete"}}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "reserved_key")
    assert see(api, message)["status"] == "queued"


# --- the rest of the API ------------------------------------------------------------------------------------------
def test_a_request_that_is_sent_twice_is_one_exchange(api, chat):
    first = api.post(chat, PROMPT | {"seed": None}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    again = api.post(chat, PROMPT | {"seed": None}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert (again.status_code, again.json()["id"], again["Idempotent-Replayed"]) == (202, first.json()["id"], "true")
    other = api.post(chat, PROMPT | {"steps": 3}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    elsewhere = api.post(open_conversation(api), PROMPT | {"seed": None}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert elsewhere.status_code == 422
    assert (Job.objects.count(), Message.objects.count()) == (1, 2)


def test_conversations_are_listed_newest_first_in_pages(api, bob):
    names = [f"Number {number}" for number in range(5)]
    for name in names:
        open_conversation(api, name)
    open_conversation(client_of(bob), "Bob's")
    page = api.get("/api/v1/conversations?limit=3").json()
    rest = api.get(page["next"]).json()
    assert [row["title"] for row in page["results"] + rest["results"]] == names[::-1]
    assert rest["next"] is None


def test_a_conversation_is_renamed_and_deleted_with_all_that_is_in_it(api, chat):
    own = chat.removesuffix("/messages")
    assert api.patch(own, {"title": "Sea"}, format="json").json()["title"] == "Sea"
    message = ask(api, chat)
    assert api.delete(own).json()["code"] == "job_unfinished"
    work()
    path = JobFile.objects.get().file.name
    assert default_storage.exists(path)
    assert api.delete(own).json()["images"] == 1
    assert [model.objects.count() for model in (Conversation, Message, Job)] == [0, 0, 0]
    assert str(Receipt.objects.get().job_id) == message["extra_metadata"]["job_id"]
    assert api.get(own).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_deleting_a_message_or_its_job_takes_question_answer_and_image(api, chat):
    first, second = ask(api, chat), ask(api, chat)
    assert api.delete(first["links"]["self"]).status_code == 409
    work(), work()
    assert api.delete(first["links"]["self"]).status_code == 200
    assert [one["extra_metadata"].get("job_id") for one in api.get(chat).json()["results"]] == [
        None, second["extra_metadata"]["job_id"],
    ]  # fmt: skip
    assert api.delete(second["links"]["job"]).status_code == 200
    assert api.get(chat).json()["results"] == []
    assert not JobFile.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_has_expired_is_pruned_with_its_messages(api, chat):
    ask(api, chat)
    work()
    Job.objects.update(expires_at=Now() - timedelta(days=1))
    assert retention.prune()["jobs"] == 1
    assert api.get(chat).json()["results"] == []


def test_an_image_that_expired_before_its_job_is_not_promised(api, chat):
    message = ask(api, chat)
    work()
    JobFile.objects.all().delete()
    assert see(api, message)["image"] is None


def test_the_kind_works_without_a_conversation(api):
    answer = api.post("/api/v1/jobs/", {"kind": "imaging.generate_image", "input": PROMPT}, format="json")
    assert answer.status_code == 202
    assert work().result["seed"] == 7
    bad = api.post("/api/v1/jobs/", {"kind": "imaging.generate_image", "input": {"prompt": ""}}, format="json")
    assert [error["field"] for error in bad.json()["errors"]] == ["input.prompt"]


def test_a_long_conversation_costs_no_more_queries_than_a_short_one(api, chat):
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert api.get(f"{chat}?limit=200").status_code == 200
        return len(queries)

    for _ in range(8):
        ask(api, chat)
    few = count()
    for _ in range(60):
        ask(api, chat)
    assert count() == few


def test_the_latest_messages_come_first_and_older_ones_on_demand(api, chat):
    for number in range(5):
        ask(api, chat, prompt=f"Picture {number}")
    every = [one["id"] for one in api.get(chat).json()["results"]]
    page = api.get(f"{chat}?limit=4&before=ffffffff-ffff-7fff-bfff-ffffffffffff").json()
    assert [one["id"] for one in page["results"]] == every[-4:]
    before = api.get(page["previous"]).json()
    assert [one["id"] for one in before["results"]] == every[-8:-4]
    begun = time.monotonic()
    assert len(api.get(before["previous"]).json()["results"]) == 2
    assert time.monotonic() - begun < 5


def test_staff_read_but_do_not_write_the_conversations_of_others(api, chat, django_user_model):
    ask(api, chat)
    staff = client_of(django_user_model.objects.create_user("staff", is_staff=True))
    assert len(staff.get(chat).json()["results"]) == 2
    assert staff.post(chat, PROMPT, format="json").status_code == 403
