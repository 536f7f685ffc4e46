"""An operator's day, in a browser and by HTTP alone: a worker is killed for good, and nobody opens a database."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest

from tests.harness.waiting import wait_until

KIND = "workload.act_out"
JOBS = "/admin/jobs/job/"
SLEEP_SECONDS = 10


def submit(stack: Any, **input: Any) -> str:
    """Submit a job by the API and return its id."""
    body = json.dumps({"kind": KIND, "input": input}).encode()
    headers = {"Authorization": f"Token {stack.token('ada')}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{stack.base_url}/api/v1/jobs/", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["id"]


def state_of(stack: Any, job: str) -> str:
    headers = {"Authorization": f"Token {stack.token('ada')}"}
    request = urllib.request.Request(f"{stack.base_url}/api/v1/jobs/{job}/", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["state"]


def hire(stack: Any, name: str, role: str) -> None:
    """Make a member of staff with one of the roles that the migration made."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group

    stack.token(name)
    with stack.database():
        user = get_user_model().objects.get(username=name)
        user.is_staff = True
        user.save()
        user.groups.add(Group.objects.get(name=role))


def text_of(page: Any) -> str:
    """Return what the page says, without the side bar."""
    return page.locator("#content").inner_text()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_worker_is_killed_for_good_and_an_operator_gets_its_jobs_going_again(request, visitor, screenshot, database):
    url = "" if database == "sqlite" else request.getfixturevalue("postgresql_url")
    oya = visitor(workers=1, database_url=url)
    page, stack = oya.page, oya.stack
    hire(stack, "oya", "operator")
    broken = [submit(stack, act="invalid") for _ in range(2)]
    wait_until(lambda: [state_of(stack, job) for job in broken] == ["failed", "failed"], timeout=30)
    lost = submit(stack, act="sleep", seconds=SLEEP_SECONDS)
    wait_until(lambda: state_of(stack, lost) == "processing", timeout=30)
    waiting = [submit(stack, act="ok") for _ in range(3)]
    stack.kill_whole("sira")

    # The desk says what is stuck, and why, in words.
    oya.sign_in("/app/jobs/", "oya")
    link = page.get_by_role("link", name="Repair stuck jobs")

    def lease_is_out() -> bool:
        page.goto(f"{stack.base_url}{JOBS}{lost}/change/")
        return "It is stuck." in text_of(page)

    wait_until(lease_is_out, timeout=30)
    assert "shows no sign of life" in text_of(page)
    oya.go(f"{JOBS}{waiting[0]}/change/")
    assert "No worker serves the queue default. Start one" in text_of(page)

    # A plan, before anything is done.
    oya.go(JOBS)
    link.click()
    assert "4 jobs are stuck." in text_of(page)
    page.get_by_role("button", name="Make the plan").click()
    plan = text_of(page)
    assert re.search(r"Its lease ran out at .* shows no sign of life. Attempt 1 of 3", plan)
    assert "Taken from its worker and put into the queue again." in plan
    assert "Low: What the lost attempt did outside may happen twice." in plan
    assert "Nothing can be done from here." in plan
    assert "No worker is alive that could carry out a plan." in plan
    screenshot(f"story-{database}-1-plan")
    assert state_of(stack, lost) == "processing"

    # It wants a reason, and is then done from here, because no worker is there to do it.
    page.get_by_role("button", name="Do it from here, at once").click()
    assert page.locator("textarea:invalid").count() == 1
    page.get_by_label("Reason").fill("host 3 burnt down")
    page.get_by_role("button", name="Do it from here, at once").click()
    page.wait_for_load_state()
    assert "Done: now queued." in text_of(page)
    screenshot(f"story-{database}-2-repaired")
    assert state_of(stack, lost) == "queued"

    # What failed before is to run again as well: a plan that waits for a worker, as a job.
    oya.go(f"{JOBS}?state=failed")
    page.locator("#desk-all").select_option(label="Run again")
    page.get_by_role("button", name="Plan it").click()
    page.get_by_role("button", name="Make the plan").click()
    page.get_by_label(f"Include {broken[1]}").uncheck()
    page.get_by_label("Reason").fill("they say that they mended it")
    page.get_by_role("button", name="Carry it out as a job").click()
    page.wait_for_load_state()
    assert "No worker for this queue is running" in text_of(page)
    screenshot(f"story-{database}-3-waits")

    stack.start("sira")
    page.get_by_text("Done: now queued.").wait_for(timeout=60_000)
    assert "1 of 1" in text_of(page)
    assert "You left it out." in text_of(page)
    screenshot(f"story-{database}-4-over")
    ended = lambda: [state_of(stack, job) for job in (lost, *waiting, *broken)]  # noqa: E731
    wait_until(lambda: ended() == ["succeeded"] * 4 + ["failed"] * 2, timeout=60)

    # Everything is on record, and nothing else.
    oya.go("/admin/jobs/auditentry/")
    log = text_of(page)
    assert re.search(r"oya\s+repair\s+job ….*\s+desk\s+host 3 burnt down\s+state: processing → queued", log)
    assert re.search(r"oya\s+requeue\s+job ….*\s+desk\s+they say that they mended it\s+state: failed → queued", log)
    assert page.locator("#result_list tbody tr").count() == 2
    screenshot(f"story-{database}-5-log")
    page.get_by_role("link", name=re.compile("job …")).first.click()
    assert "Who did what to it" in text_of(page)
    screenshot(f"story-{database}-6-job")
