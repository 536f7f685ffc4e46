"""Plans and the audit log in a browser: wide and on a phone, light and dark, in Turkish, and without barriers."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from jobs import lifecycle
from jobs.lifecycle import Submission
from jobs.models import Job
from jobs.operations import carry_out_here, plan

KIND = "workload.act_out"
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 900}


@pytest.fixture
def desk(visitor) -> tuple[Any, dict[str, str]]:
    """A signed-in administrator, and the pages to look at, by name."""
    ada = visitor(cluster_names=())
    ada.sign_in("/app/jobs/", staff=True)
    with ada.stack.database():
        lifecycle.submit_many(Submission(KIND, {"act": "ok"}, session_id="kvkk-2026") for _ in range(4))
        Job.objects.filter(pk__in=Job.objects.order_by("pk").values("pk")[:2]).update(
            state="failed", failed_at=lifecycle.Now(), error_code="provider_unavailable"
        )
        done = plan("requeue", {"state": "failed"}, via="terminal", reason="the provider is back")
        carry_out_here(done, excluded=[done.steps.first().job_id])
        draft = plan("cancel", {"session_id": "kvkk-2026"}, via="terminal")
        entry = done.steps.last().job_id
    return ada, {
        "list": "/admin/jobs/job/?state=queued",
        "ask": "/admin/jobs/job/plan/?operation=cancel&session_id=kvkk-2026",
        "draft": f"/admin/jobs/operationplan/{draft.pk}/change/",
        "done": f"/admin/jobs/operationplan/{done.pk}/change/",
        "plans": "/admin/jobs/operationplan/",
        "log": "/admin/jobs/auditentry/",
        "job": f"/admin/jobs/job/{entry}/change/",
        "operate": f"/admin/jobs/job/operate/cancel/?id={entry}",
    }


def barriers(page: Any) -> list[str]:
    """Return the serious findings of axe in what is ours: the frame and the search box are Django's."""
    ours = {"include": [["#content"]], "exclude": [["#changelist-search"]]}
    found = Axe().run(page, context=ours, options={"preload": False}).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in serious]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_plans_and_the_log_have_no_barriers_and_fit_a_phone(desk, screenshot, scheme):
    ada, pages = desk
    ada.page.emulate_media(color_scheme=scheme)
    for name, path in pages.items():
        for size, viewport in (("wide", WIDE), ("phone", PHONE)):
            ada.page.set_viewport_size(viewport)
            ada.go(path)
            screenshot(f"plans-{name}-{size}-{scheme}")
            assert barriers(ada.page) == [], f"{name}, {size}, {scheme}"
            width = ada.page.evaluate("document.querySelector('#content').getBoundingClientRect().right")
            assert width <= viewport["width"] + 1, f"{name}, {size}"


def test_the_pages_of_plans_in_turkish(desk, screenshot):
    ada, pages = desk
    ada.page.set_extra_http_headers({"Accept-Language": "tr"})
    for name, path in pages.items():
        ada.go(path)
        screenshot(f"plans-{name}-tr")
