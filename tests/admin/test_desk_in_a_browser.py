"""An operator at the desk, in a real browser: no worker is alive, a queue is drained, and every room can be read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.models import Job, RateLimit, Worker
from jobs.providers import rates

ROOMS = {
    "front": "/admin/",
    "queues": "/admin/jobs/queuecontrol/",
    "question": "/admin/jobs/queuecontrol/gpu/drain/do/",
    "resources": "/admin/engine/resources/",
    "workers": "/admin/jobs/worker/",
    "schedules": "/admin/engine/schedules/",
    "limits": "/admin/jobs/ratelimit/",
    "receipts": "/admin/jobs/receipt/",
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
#: What shares a room's width beyond the window, but for what scrolls by itself.
TOO_WIDE = """() => [...document.querySelectorAll('body *')]
    .filter((e) => e.getClientRects().length && !e.closest('.visually-hidden, pre, thead, .desk-scroll, .results'))
    .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map((e) => e.outerHTML.slice(0, 120))"""


def serious(page: Any) -> list[str]:
    """Return what axe finds that is serious or critical, a line for each place."""
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": RULES}}
    return [
        f"{found['id']}: {node['html'][:150]}"
        for found in Axe().run(page, options=options).response["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


@pytest.fixture
def desk(server_stack: Any, browser_page: Any) -> Any:
    """The page of an operator who has signed in; nobody is at work, and there is something in every room."""
    stack = server_stack(cluster_names=())
    stack.token("olga", staff=True)
    with stack.database():
        job = lifecycle.submit("imaging.generate_image", {"prompt": "a quiet sea"})
        lifecycle.submit("imaging.generate_image", {"prompt": "a loud sea"})
        lifecycle.start(
            Job.objects.filter(pk=job.pk),
            worker="izmir:88:aa00bb",
            resource="gpu",
            slot=0,
            lease=timedelta(minutes=9),
            require=lambda _: True,
        )
        Job.objects.filter(pk=job.pk).update(processing_at=Now() - timedelta(minutes=2))
        lifecycle.warn_of_long_holders()
        Worker.objects.create(name="izmir:88:aa00bb", cluster="gpu", queues=["gpu"])
        Worker.objects.update(heartbeat_at=Now() - timedelta(minutes=4))
        for _ in range(rates.BREAKER_THRESHOLD):
            rates.record_failure("ikas")
        RateLimit.objects.update(ready_at=Now() + timedelta(minutes=9))
    browser_page.goto(f"{stack.base_url}/login/?next=/admin/")
    browser_page.get_by_label("User name").fill("olga")
    browser_page.get_by_label("Password").fill("olga")
    browser_page.get_by_role("main").get_by_role("button", name="Sign in").click()
    browser_page.wait_for_url("**/admin/")
    return browser_page


def test_an_operator_sees_what_is_wrong_drains_a_queue_and_can_read_every_room(desk, screenshot):
    assert desk.locator(".desk-concern").first.inner_text() == "No worker is alive: nothing runs. Start a cluster."

    desk.get_by_role("link", name="Queues", exact=True).click()
    desk.get_by_role("link", name="Drain gpu").click()
    desk.locator("textarea:focus").wait_for()  # the cursor is where the reason goes
    desk.keyboard.type("The card is changed")
    desk.get_by_role("button", name="Drain").click()
    gpu = desk.get_by_role("row").filter(has_text="gpu")
    told = gpu.inner_text()
    assert "draining" in told
    assert "by olga" in told
    assert "The card is changed" in told
    assert "2 jobs are left." in told

    base = desk.url.split("/admin/")[0]
    problems: list[str] = []
    for look, width, scheme in (("wide", 1280, "light"), ("phone", 390, "dark")):
        desk.set_viewport_size({"width": width, "height": 844})
        desk.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for room, path in ROOMS.items():
            desk.goto(base + path)
            screenshot(f"desk-{room}-{look}-{scheme}")
            problems += [f"{room}, {look}: {found}" for found in [*serious(desk), *desk.evaluate(TOO_WIDE)]]
    assert not problems, "\n".join(problems)
