"""The home page: one's own jobs as they move, the system in numbers, and what needs attention."""

from __future__ import annotations

from datetime import timedelta

from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from django.utils import timezone

from jobs import lifecycle
from jobs.models import Worker
from tests.harness.waiting import wait_until
from tests.pages.test_looks import PHONE, overflows

KIND = "workload.act_out"


def submit(stack, username: str, act: str = "ok", seconds: float = 0) -> None:
    with stack.database():
        owner = get_user_model().objects.get(username=username)
        lifecycle.submit(KIND, {"act": act, "seconds": seconds, "until_attempt": 0, "value": 0}, owner=owner)


def serious(page) -> list[str]:
    """Return what axe finds and calls serious or worse."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {[node['html'][:120] for node in rule['nodes']]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]


def test_ones_job_moves_on_the_page_and_is_counted_when_it_has_ended(visitor, screenshot):
    ada = visitor(workers=1)
    ada.sign_in("/")
    ada.wait_for_mode("Live")
    page = ada.page
    assert page.get_by_text("Nothing of yours is under way.").is_visible()
    ended = page.get_by_role("img", name="Jobs that ended, last hour")
    assert ended.count() == 0  # nothing to draw yet, and a sentence says so
    assert page.get_by_text("Nothing ended in the last hour.").is_visible()

    ada.stack.token("bob")
    submit(ada.stack, "bob")
    submit(ada.stack, "ada", "steps", 5)
    row = page.locator("[data-own] .row")
    ada.wait_for_text(row, "At work")
    bar = row.get_by_role("progressbar")
    reached = set()

    def moved() -> bool:
        reached.add(int(bar.get_attribute("aria-valuenow") or 0))
        return len(reached) >= 4

    wait_until(moved, timeout=15, message=lambda: f"the bar moves, and not in one leap: {sorted(reached)}")
    assert "%" in bar.get_attribute("aria-valuetext")
    ada.wait_for_text(row, "Done")  # it stays, to be opened

    # The numbers follow by themselves, and are the same in the table as in the sentence.
    table = page.locator('[data-chart="hour-ended"]')
    ada.wait_for_text(table.locator("[data-part=sentence]"), "2 done, 0 failed, 0 cancelled")
    assert ended.is_visible()
    table.locator("summary").focus()
    page.keyboard.press("Enter")
    cells = table.locator("tbody td:nth-child(2)").all_inner_texts()
    assert (len(cells), sum(map(int, cells))) == (12, 2)
    assert table.locator("tbody th[scope=row]").count() == 12
    done = page.locator('[data-counts] [data-state="succeeded"] td')
    assert done.all_inner_texts() == ["1", "2"]
    assert "bob" not in page.inner_text("main")
    assert serious(page) == []
    screenshot("home-live")

    ada.stack.stop("web")
    wait_until(lambda: "read again as soon as" in page.inner_text("[data-as-of]"), timeout=25)
    assert "Live" not in page.inner_text("[data-connection]")


def test_staff_are_told_that_no_worker_is_alive_until_one_is(visitor, screenshot):
    olga = visitor(cluster_names=())
    olga.stack.token("ada")
    submit(olga.stack, "ada")
    olga.page.emulate_media(color_scheme="dark")
    olga.sign_in("/", "olga", staff=True)
    told = olga.page.locator("[data-attention]")
    olga.wait_for_text(told, "1 job waits in the queue default, and no worker is running")
    assert serious(olga.page) == []
    olga.page.set_viewport_size(PHONE)
    olga.page.get_by_role("button", name="Türkçe").click()
    olga.wait_for_text(told, "default sırasında 1 iş bekliyor")
    assert not overflows(olga.page)
    screenshot("home-attention-phone-dark")
    link = told.get_by_role("link", name="Çalışanları gör")
    assert link.get_attribute("href") == "/admin/jobs/worker/"

    with olga.stack.database():
        Worker.objects.create(name="w", cluster="sira", heartbeat_at=timezone.now() + timedelta(minutes=5))
    wait_until(lambda: not told.is_visible(), timeout=15, message="the worker is seen without a reload")
