"""Screenshots for people to look at (test-artifacts/), and what a script can judge about them: nothing sticks out."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests import samples

PAGES = {
    "home": "/",
    "cv": "/app/cv/",
    "jobs": "/app/jobs/",
    "classify": "/app/classify/",
    "sessions": "/app/sessions/",
}
DOCUMENTS = {
    "personel-formu.txt": "Personel formu. E-posta: deniz@example.com, doğum tarihi: 23.04.1990.".encode(),
    "a-document-with-a-very-long-name-that-nobody-would-want-to-read-twice.pdf": samples.corrupt_pdf(),
}
PHONE = {"width": 390, "height": 844}


def overflows(page) -> list[str]:
    """Return the elements that are wider than the window."""
    return page.evaluate(
        """() => [...document.querySelectorAll('body *')]
            .filter((e) => e.getClientRects().length && !e.closest('.visually-hidden, .skip, pre'))
            .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            .map((e) => e.outerHTML.slice(0, 120))"""
    )


def classify(ada) -> str:
    """Classify the documents and return the address of the batch, with the evidence of the first open."""
    ada.go("/app/classify/")
    ada.drop(DOCUMENTS)
    ada.page.wait_for_url("**/app/classify/*-*/")
    ada.wait_for_text(ada.page.locator("[data-totals]"), "1 classified · 1 failed")
    return urlsplit(ada.page.url).path + ada.page.locator(".docs a").first.get_attribute("href")


def fill_a_session(ada) -> str:
    """Send the documents into a session and return its address, with a search."""
    ada.go("/app/sessions/")
    ada.drop(DOCUMENTS)
    ada.page.wait_for_url("**/app/sessions/*/")
    ada.wait_for_text(ada.page.locator("[data-status]"), "Done, with errors")
    return f"{urlsplit(ada.page.url).path}?q=personel"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_a_desk_in_light_and_dark(visitor, screenshot, scheme):
    ada = visitor()
    ada.page.emulate_media(color_scheme=scheme)
    ada.sign_in("/app/cv/")
    ada.choose("selin.pdf", "özgeçmiş.docx", "broken.pdf")
    for name in ("selin.pdf", "özgeçmiş.docx"):
        ada.wait_for_text(ada.card(name), "Done", timeout=60)
    ada.wait_for_text(ada.card("broken.pdf"), "Failed")
    batch = classify(ada)
    session = fill_a_session(ada)
    ada.go("/app/cv/")
    ada.card("selin.pdf").wait_for()
    job = ada.card("selin.pdf").get_by_role("link", name="selin.pdf").get_attribute("href")
    for name, path in {**PAGES, "job": job, "batch": batch, "session": session}.items():
        ada.go(path)
        if name != "home":
            ada.wait_for_mode("Live")
        if name in ("cv", "job"):
            ada.page.locator(".disclosure").first.wait_for()
        screenshot(f"{name}-{scheme}")
        ada.page.set_viewport_size(PHONE)
        assert not overflows(ada.page)
        if name == "batch":
            screenshot(f"evidence-{scheme}-phone")
            ada.page.keyboard.press("Escape")
            assert not overflows(ada.page)
        screenshot(f"{name}-{scheme}-phone")
        ada.page.set_viewport_size({"width": 1280, "height": 900})


def test_the_button_for_the_colours_is_remembered_without_a_flash(visitor):
    ada = visitor(cluster_names=())
    ada.go("/login/")
    ada.page.locator("[data-theme-button]").click()
    assert ada.page.evaluate("document.documentElement.dataset.theme") == "dark"
    html = ada.page.request.get(f"{ada.stack.base_url}/login/").text()
    assert 'data-theme="dark"' in html


def test_the_desk_shows_a_job(visitor, screenshot):
    olga = visitor()
    olga.sign_in("/app/cv/", "olga", staff=True)
    olga.choose("selin.pdf", "broken.pdf")
    olga.wait_for_text(olga.card("selin.pdf"), "Done", timeout=60)
    olga.wait_for_text(olga.card("broken.pdf"), "Failed")
    for name, path in {"jobs": "job", "queues": "queuecontrol", "workers": "worker"}.items():
        olga.go(f"/admin/jobs/{path}/")
        screenshot(f"desk-{name}")
    olga.go("/admin/jobs/job/?q=corrupt_file")  # whichever of the two was accepted first
    olga.page.locator("#result_list a").first.click()
    screenshot("desk-job")
    olga.page.get_by_role("link", name="Re-queue").click()
    screenshot("desk-question")
    olga.page.get_by_label("Reason").fill("the candidate sent it again")
    olga.page.get_by_role("button", name="Re-queue").click()
    assert "done for 1 job" in olga.page.inner_text(".messagelist")
