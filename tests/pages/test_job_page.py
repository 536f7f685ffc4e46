"""/app/jobs/<id>/ in a real browser. One stack serves all tests; no worker takes their jobs, the tests move them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from config.kind_titles import TITLES
from jobs import files, lifecycle, retention
from jobs.errors import JobError, Unavailable
from jobs.kinds import registry
from jobs.lifecycle import Submission
from jobs.models import Job, JobFile, Receipt
from tests import samples
from tests.conftest import has_failed
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until
from tests.pages.conftest import Visitor

KIND = "workload.act_out"
OF_TESTS = ("workload.", "workbench.")
TRACEBACK = '  File "tasks.py", line 1, in act_out\nbuiltins.ZeroDivisionError'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: Any, _sqlite_template: Path, django_db_blocker: Any) -> Iterator[ServerStack]:
    data_dir = tmp_path_factory.mktemp("job-page")
    shutil.copy(_sqlite_template, data_dir / "sira.sqlite3")
    with ServerStack(data_dir, unblock=django_db_blocker.unblock, migrated=True, cluster_names=()) as stack:
        yield stack


@pytest.fixture(autouse=True)
def _logs(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if has_failed(request) and "stack" in request.fixturenames:
        print(request.getfixturevalue("stack").log_tail())  # noqa: T201  pytest shows it with the failure


@pytest.fixture
def ada(stack: ServerStack, browser_page: Any) -> Visitor:
    return Visitor(browser_page, stack)


# --- moving jobs as workers do -------------------------------------------------------------------------------------
def user_of(stack: ServerStack, name: str, *, staff: bool = False) -> Any:
    from django.contrib.auth import get_user_model

    stack.token(name, staff=staff)
    return get_user_model().objects.get(username=name)


def claim(job: Job) -> Job:
    """Claim this job and no other."""
    candidate = Job.objects.filter(pk=job.pk, state="queued")
    lease = timedelta(minutes=10)
    claimed = lifecycle.start(
        candidate, worker="host-7.4242", resource="", slot=None, lease=lease, require=lambda _: True
    )
    assert claimed is not None
    return claimed


def become_due(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(run_after=Now() - timedelta(seconds=1))
    lifecycle.promote_due()


def do_not_work(job: Job) -> None:
    """Make an attempt that is to be repeated, and let its time come."""
    attempt = lifecycle.progress(claim(job), 20, "received")
    lifecycle.retry_later(attempt, Unavailable("The provider is down."), timedelta(seconds=90))
    become_due(job)


def live_through(job: Job) -> None:
    """Lead a job along every detour to a bug."""
    do_not_work(job)
    lifecycle.snooze(claim(job), timedelta(seconds=5), "rate_limited")
    become_due(job)
    lifecycle.release(claim(job))
    lost = claim(job)
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    lifecycle.rescue(only=job.pk, by="olga", reason="the host is gone")
    lifecycle.note_superseded(lost)
    lifecycle.fail(claim(job), JobError("An error of ours.", code="internal_error"), traceback=TRACEBACK)


def open_job(visitor: Visitor, job: Job, name: str = "ada", *, staff: bool = False) -> None:
    visitor.sign_in(f"/app/jobs/{job.pk}/", name, staff=staff)
    visitor.wait_for_mode("Live")


def steps(visitor: Visitor) -> list[str]:
    return visitor.page.locator("[data-story] > li .step__title").all_inner_texts()


def said(visitor: Visitor) -> str:
    return visitor.page.locator("[data-announcer]").inner_text()


# --- the story -----------------------------------------------------------------------------------------------------
def test_the_story_branches_and_says_when_why_and_by_whom(ada, stack, screenshot):
    with stack.database():
        job = lifecycle.submit(KIND, {"act": "bug"}, owner=user_of(stack, "ada"))
        live_through(job)
    open_job(ada, job)
    story = ada.page.get_by_role("list").filter(has=ada.page.locator(".step"))
    wait_until(lambda: story.locator("> li").count() == 14, timeout=15)
    assert steps(ada) == [
        "Handed over",
        "Started, attempt 1 of 3",
        "Did not work; it will be tried again",
        "Due: put into the queue",
        "Started, attempt 2 of 3",
        "Put off until a limit allows it",
        "Due: put into the queue",
        "Started, attempt 2 of 3",
        "Given back: the worker had to stop",
        "Started, attempt 2 of 3",
        "Taken back from a worker that stopped answering",
        "A late attempt was refused",
        "Started, attempt 3 of 3",
        "Failed",
    ]
    lanes = story.locator("> li").evaluate_all("(items) => items.map((item) => item.dataset.lane[0]).join('')")
    assert lanes == "mmddmddmdmddmm"
    assert story.locator("time[datetime]").count() == 14
    text = story.inner_text()
    assert "The provider is down. (unavailable) · waits 1 min 30 s" in text
    assert "1 step of progress, up to 20 %" in text
    assert "by olga · reason: the host is gone" in text
    # Heard, not only seen: what the number beside each time means.
    heard = " ".join(story.locator("> li").nth(1).text_content().split())
    assert re.fullmatch(
        r"Started, attempt 1 of 3 1 step of progress, up to 20 % [\d:]+ \+[\d.]+ m?s after the step before", heard
    )
    screenshot("job-story")


def test_attempts_are_newest_first_and_only_staff_see_workers_and_tracebacks(ada, stack):
    with stack.database():
        job = lifecycle.submit(KIND, {"act": "bug"}, owner=user_of(stack, "ada"))
        live_through(job)
    open_job(ada, job)
    attempts = ada.page.locator("[data-attempt-list] > li")
    wait_until(lambda: attempts.count() == 5, timeout=15)
    ends = ["Failed", "Worker lost", "Given back", "Put off", "Did not work"]
    assert [attempts.nth(n).locator(".badge").inner_text() for n in range(5)] == ends
    first = attempts.nth(4)
    assert "The provider is down." in first.inner_text()
    assert re.search(r"File received\s+[\d:]+\s+\+", first.inner_text())
    first.get_by_text("Log: 3 lines").click()
    assert "Progress File received · 20 %" in first.get_by_role("list", name="Log of attempt 1").inner_text()
    assert "host-7" not in ada.page.content()
    assert "Traceback, for staff" not in ada.page.inner_text("main")
    ada.page.context.clear_cookies()
    open_job(ada, job, "olga", staff=True)
    ada.wait_for_text(attempts.nth(1), "worker host-7.4242")
    attempts.first.get_by_text("Traceback, for staff").click()
    assert "ZeroDivisionError" in attempts.first.inner_text()
    assert ada.page.locator("pre", has_text="ZeroDivisionError").count() == 1
    ada.page.get_by_role("link", name="At the desk").click()
    ada.page.wait_for_url(f"**/admin/jobs/job/{job.pk}/change/")


def test_a_long_story_shows_its_beginning_and_its_end(ada, stack):
    with stack.database():
        job = lifecycle.submit(KIND, {"act": "ok"}, owner=user_of(stack, "ada"))
        Job.objects.filter(pk=job.pk).update(max_attempts=60)
        for _ in range(50):
            do_not_work(job)
        attempt = claim(job)
        for n in range(300):
            attempt = lifecycle.progress(attempt, 20 + n / 10)
    open_job(ada, job)
    ada.wait_for_text(ada.page.locator("[data-story]"), "300 steps of progress, up to 50 %")
    assert ada.page.locator("[data-story] > li").count() == 4 + 1 + 16 + 1
    ada.page.get_by_role("button", name=re.compile(r"Show the \d+ steps between")).click()
    assert ada.page.locator("[data-story] > li").count() == 1 + 3 * 50 + 1 + 1
    assert "attempt 2 of 60" in ada.page.evaluate("document.activeElement.textContent")
    attempts = ada.page.locator("[data-attempt-list] > li")
    assert attempts.count() == 5
    assert not attempts.first.get_by_role("list", name="Log of attempt 51").is_visible()
    attempts.first.get_by_text("Log: 301 lines").click()
    assert attempts.first.locator(".log > li").count() == 301
    assert attempts.first.locator(".log").bounding_box()["height"] < 500
    ada.page.get_by_role("button", name="Show 46 older attempts").click()
    assert attempts.count() == 51


def test_what_happens_meanwhile_is_shown_once_also_when_the_server_was_away(ada, stack):
    with stack.database():
        job = lifecycle.submit(KIND, {"act": "ok"}, owner=user_of(stack, "ada"))
    open_job(ada, job)
    now = ada.page.locator("[data-story] > li[data-type=now]")
    ada.wait_for_text(now, "Now: In the queue")
    with stack.database():
        attempt = lifecycle.progress(claim(job), 30, "received")
    ada.wait_for_text(now, "Now: At work")
    ada.wait_for_text(ada.page.locator("[data-attempt-list]"), "File received")
    stack.kill("web")
    ada.wait_for_mode("Reconnecting")
    with stack.database():
        attempt = lifecycle.progress(attempt, 60, "extracted")
        lifecycle.retry_later(attempt, Unavailable("The provider is down."), timedelta(seconds=90))
        become_due(job)
        attempt = lifecycle.progress(claim(job), 80, "parsed")
    stack.start("web")
    ada.wait_for_mode("Live", timeout=60)
    ada.wait_for_text(ada.page.locator("[data-attempt-list] > li").first, "Profile found")
    with stack.database():
        lifecycle.succeed(attempt, {"words": 7})
    ada.wait_for_text(ada.page.locator("[data-jobs]"), "Done")
    expected = [
        "Handed over",
        "Started, attempt 1 of 3",
        "Did not work; it will be tried again",
        "Due: put into the queue",
        "Started, attempt 2 of 3",
        "Done",
    ]
    wait_until(lambda: steps(ada) == expected, timeout=15, message=lambda: f"{steps(ada)}")
    first = ada.page.locator("[data-attempt-list] > li").last
    assert first.locator(".attempt__stages > li").all_inner_texts()[0].startswith("File received")
    assert first.locator(".log > li").count() == 4
    assert now.count() == 0


# --- what went in and came out --------------------------------------------------------------------------------------
def test_input_and_result_open_by_keyboard_are_cut_copied_and_never_html(ada, stack):
    result = {"text": "<img src=x onerror=\"document.title='owned'\">", "long": "y" * 3000, "items": list(range(120))}
    with stack.database():
        job = lifecycle.submit(KIND, {"act": "ok", "value": 1234}, owner=user_of(stack, "ada"))
        lifecycle.succeed(claim(job), result)
    ada.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_job(ada, job)
    page, block = ada.page, ada.page.locator("[data-result]")
    block.locator("summary").first.focus()
    page.keyboard.press("Enter")
    ada.wait_for_text(block, "<img src=x onerror")
    assert block.locator("img").count() == 0
    assert "y" * 401 not in block.inner_text()
    block.get_by_role("button", name="Show all 3,000 characters").focus()
    page.keyboard.press("Enter")
    assert "y" * 3000 in block.inner_text()
    assert page.evaluate("document.activeElement.textContent.length") == 3002
    items = block.locator("summary", has_text="items")
    assert items.inner_text() == "items: [120]"
    items.focus()
    page.keyboard.press("Space")
    wait_until(lambda: block.locator(".json-tree__number").count() == 50)
    block.get_by_role("button", name="Show 70 more").click()
    assert block.locator(".json-tree__number").count() == 120
    block.get_by_role("button", name="Copy JSON").click()
    wait_until(lambda: said(ada) == "Copied")
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == result
    page.get_by_role("button", name="Copy the link").click()
    assert page.evaluate("navigator.clipboard.readText()") == f"{stack.base_url}/app/jobs/{job.pk}/"
    page.locator("[data-input] summary").first.click()
    ada.wait_for_text(page.locator("[data-input]"), "1234")
    page.locator("[data-metadata] summary").first.click()
    ada.wait_for_text(page.locator("[data-metadata]"), "There is nothing in it.")
    with stack.database():
        lifecycle.merge_metadata(job.pk, {"seen": {"by": "a program"}})
    ada.wait_for_text(page.locator("[data-metadata]"), "a program")
    assert page.title() != "owned"


def test_files_say_what_they_are_and_what_became_of_them(ada, stack):
    with stack.database():
        job = lifecycle.submit(KIND, {"act": "ok"}, owner=user_of(stack, "ada"))
        names = ("kept.txt", "expired.txt")
        sent = [
            files.store(ContentFile(b"x" * 12345), name=name, media_type="text/plain", role="input", job_id=job.pk)
            for name in names
        ]
        refused = files.Incoming(ContentFile(b""), "refused.pdf", "application/pdf", job.pk, keep=False)
        sent += files.store_many([refused], role="input")
        files.attach_inputs([(file, Job.objects.get(pk=job.pk)) for file in sent])
        JobFile.objects.filter(name="expired.txt").update(expires_at=Now() - timedelta(days=1))
    open_job(ada, job)
    rows = ada.page.locator("[data-file-list] > li")
    wait_until(lambda: rows.count() == 3, timeout=15)
    kept, expired, refused_row = (rows.nth(n).inner_text() for n in range(3))
    assert "12.3 kB · text/plain · kept until" in kept
    assert "sent in" in kept
    assert "has expired and was deleted" in expired
    assert "was refused and not kept" in refused_row
    assert rows.locator("a:visible").all_inner_texts() == ["kept.txt"]


def test_a_batch_counts_its_parts_and_each_leads_to_the_other(ada, stack):
    with stack.database():
        children = [Submission(KIND, {"act": "ok"}) for _ in range(3)]
        batch = lifecycle.submit_batch(Submission("workload.sum_up"), children, owner=user_of(stack, "ada"))
        first = batch.children.order_by("pk").first()
        lifecycle.succeed(claim(first), {"value": 1})
    open_job(ada, batch)
    members = ada.page.locator("[data-members]")
    ada.wait_for_text(members, "1 of 3 have ended · 1 done")
    with stack.database():
        for child in batch.children.exclude(pk=first.pk):
            lifecycle.cancel(child.pk)
    ada.wait_for_text(members, "3 of 3 have ended · 1 done · 2 failed or cancelled")
    members.get_by_text("The newest parts").click()
    wait_until(lambda: members.locator("li").count() == 3, timeout=15)
    members.get_by_role("link").last.click()
    ada.page.wait_for_url(f"**/app/jobs/{first.pk}/")
    ada.page.get_by_role("link", name="Part of a batch").click()
    ada.page.wait_for_url(f"**/app/jobs/{batch.pk}/")


# --- what people do -------------------------------------------------------------------------------------------------
def test_a_job_is_cancelled_tried_again_and_deleted_with_a_receipt(ada, stack, screenshot):
    with stack.database():
        job = lifecycle.submit(KIND, {"act": "ok"}, owner=user_of(stack, "ada"))
    ada.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_job(ada, job)
    button = ada.page.get_by_role("main").get_by_role("button", name="Cancel")
    button.click()
    ada.wait_for_text(ada.page.locator("[data-story]"), "by ada")
    ada.page.get_by_role("button", name="Try again").click()
    again = ["Handed over", "Cancelled", "Put into the queue again", "Now: In the queue"]
    wait_until(lambda: steps(ada) == again, timeout=15, message=lambda: f"{steps(ada)}")
    button.click()
    ada.page.get_by_role("button", name="Delete").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    ada.page.get_by_role("heading", name="This job was deleted").wait_for()
    with stack.database():
        receipt = Receipt.objects.get(pk=job.pk)
    shown = ada.page.get_by_role("region", name="Receipt")
    assert receipt.digest in shown.inner_text()
    shown.get_by_role("button", name="Copy the hash").click()
    wait_until(lambda: said(ada) == "Copied")
    assert ada.page.evaluate("navigator.clipboard.readText()") == receipt.digest
    screenshot("job-receipt")


# --- the frame of the page, without a browser -------------------------------------------------------------------------
@pytest.fixture
def reader(client, django_user_model):
    client.user = django_user_model.objects.create_user("ada")
    client.force_login(client.user)
    return client


def page_of(client: Any, job: Job) -> tuple[str, dict[str, Any]]:
    """Return the page as text, and what it tells its scripts."""
    text = client.get(reverse("pages:job", args=[job.pk])).content.decode()
    (data,) = re.findall(r'id="page"[^>]*>(.*?)</script>', text)
    return text, json.loads(data)


def test_a_job_of_a_kind_that_nobody_knows_has_a_page(reader):
    job = lifecycle.submit(KIND, {"act": "ok"}, owner=reader.user)
    Job.objects.filter(pk=job.pk).update(kind="gone.do_thing")
    text, page = page_of(reader, job)
    assert "<h1>gone.do_thing</h1>" in text
    assert page["lostFiles"] == 0


def test_every_kind_has_a_name_for_people_and_it_is_turkish_for_a_turkish_reader(reader, settings):
    offered = {kind.name for kind in registry if not kind.internal and not kind.name.startswith(OF_TESTS)}
    assert offered <= set(TITLES) <= {kind.name for kind in registry}
    job = lifecycle.submit("parsers.parse_cv", {"file": str(Job().pk), "parse_mode": "advanced"}, owner=reader.user)
    assert "<h1>Read a CV</h1>" in page_of(reader, job)[0]
    settings.LOCALE_PATHS = [Path(__file__).resolve().parents[2] / "locale"]
    reader.cookies["django_language"] = "tr"
    assert "<h1>CV oku</h1>" in page_of(reader, job)[0]


def test_staff_see_the_engines_own_jobs_but_change_them_only_with_the_permission(reader, django_user_model):
    job = lifecycle.submit("jobs.prune_expired")
    assert reader.get(reverse("pages:job", args=[job.pk])).status_code == 404
    reader.force_login(django_user_model.objects.create_user("viewer", is_staff=True))
    text, page = page_of(reader, job)
    assert (page["isStaff"], page["may"]) == (True, [])
    assert "/admin/" not in text.split("<main")[1]
    cancels = django_user_model.objects.create_user("cem", is_staff=True)
    cancels.user_permissions.add(Permission.objects.get(codename="cancel_job"))
    reader.force_login(cancels)
    assert page_of(reader, job)[1]["may"] == ["cancel"]
    reader.force_login(django_user_model.objects.create_user("olga", is_staff=True, is_superuser=True))
    text, page = page_of(reader, job)
    assert page["may"] == ["cancel", "retry", "delete"]
    assert reverse("admin:jobs_job_change", args=[job.pk]) in text


def test_a_file_that_has_expired_with_its_row_is_counted(reader):
    content = ContentFile(samples.corrupt_pdf())
    file = files.store(content, name="cv.pdf", media_type="application/pdf", role="input", job_id=Job().pk)
    fields = {"file": str(file.pk), "parse_mode": "advanced"}
    job = lifecycle.submit("parsers.parse_cv", fields, owner=reader.user, files=[file])
    assert page_of(reader, job)[1]["lostFiles"] == 0
    files.discard([file])
    assert page_of(reader, job)[1]["lostFiles"] == 1


def test_only_staff_learn_from_a_receipt_who_deleted_and_why(reader, django_user_model):
    job = lifecycle.submit(KIND, {"act": "ok"}, owner=reader.user)
    lifecycle.cancel(job.pk)
    receipt = retention.delete_job(Job.objects.get(pk=job.pk), by=reader.user.username, reason="retention of guests")
    path = reverse("pages:job", args=[job.pk])
    text = reader.get(path).content.decode()
    assert receipt.digest in text
    assert "Deleted by" not in text
    assert "retention of guests" not in text
    somebody = Client()
    somebody.force_login(django_user_model.objects.create_user("bora"))
    assert receipt.digest not in somebody.get(path).content.decode()
    reader.force_login(django_user_model.objects.create_user("mert", is_staff=True))
    assert "retention of guests" in reader.get(path).content.decode()
