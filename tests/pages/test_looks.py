"""Every page, wide and on a phone, light and dark, English and Turkish: nothing sticks out, axe finds nothing serious.

Screenshots for people to look at are in test-artifacts/. One stack serves all tests.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from config import page_urls
from jobs import lifecycle, retention
from jobs.models import Job
from tests import samples
from tests.conftest import has_failed
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until
from tests.pages.conftest import Visitor

#: Addresses of `config/page_urls.py` that show nothing.
NOT_PAGES = {"sign-out", "language", "jobs-newest", "token-revoke"}
#: Each page by the name of its address. In braces: what `fill` has made.
PAGES = {
    "home": "/",
    "sign-in": "/login/",
    "cv": "/app/cv/",
    "classify": "/app/classify/",
    "batch": "/app/classify/{batch}/",
    "sessions": "/app/sessions/",
    "session": "/app/sessions/{session}/?q=personel",
    "images": "/app/images/",
    "conversation": "/app/images/{conversation}/",
    "inbox": "/app/inbox/",
    "mail": "/app/inbox/{mail}/",
    "jobs": "/app/jobs/",
    "job": "/app/jobs/{job}/",
    "tokens": "/app/tokens/",
}
#: The same addresses in another state, and those that are not there.
STATES = {
    "job-failed": "/app/jobs/{failed}/",
    "job-batch": "/app/jobs/{batch}/",
    "job-deleted": "/app/jobs/{deleted}/",
    "evidence": "/app/classify/{batch}/{document}",
    "nowhere": "/nowhere/",
}
DESK = {
    "desk": "/admin/",
    "desk-jobs": "/admin/jobs/job/",
    "desk-job": "/admin/jobs/job/{failed}/change/",
    "desk-question": "/admin/jobs/job/operate/re-queue/?id={failed}",
    "desk-queues": "/admin/jobs/queuecontrol/",
    "desk-workers": "/admin/jobs/worker/",
}
DOCUMENTS = {
    "personel-formu.txt": "Personel formu. E-posta: deniz@example.com, doğum tarihi: 23.04.1990.".encode(),
    "a-document-with-a-very-long-name-that-nobody-would-want-to-read-twice.pdf": samples.corrupt_pdf(),
}
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 900}
#: Colours alone change with the scheme.
COLOURS = ("color-contrast", "link-in-text-block")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: Any, _sqlite_template: Path, django_db_blocker: Any) -> Iterator[ServerStack]:
    data_dir = tmp_path_factory.mktemp("looks")
    shutil.copy(_sqlite_template, data_dir / "sira.sqlite3")
    env = {"HEARTBEAT_SECONDS": "1", "LEASE_SECONDS": "10"}
    with ServerStack(data_dir, unblock=django_db_blocker.unblock, migrated=True, workers=1, env=env) as stack:
        yield stack


@pytest.fixture(autouse=True)
def _logs(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if has_failed(request) and "stack" in request.fixturenames:
        print(request.getfixturevalue("stack").log_tail())  # noqa: T201  pytest shows it with the failure


@pytest.fixture
def olga(stack: ServerStack, browser_page: Any) -> Visitor:
    return Visitor(browser_page, stack)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """What `fill` has made, for all tests of this module."""
    return {}


def overflows(page: Any) -> list[str]:
    """Return the elements that are wider than the window."""
    return page.evaluate(
        """() => [...document.querySelectorAll('body *')]
            .filter((e) => e.getClientRects().length && !e.closest('.visually-hidden, .skip, pre'))
            .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            .map((e) => e.outerHTML.slice(0, 120))"""
    )


def last_part(url: str) -> str:
    return urlsplit(url).path.rstrip("/").rsplit("/", 1)[-1]


def fill(olga: Visitor) -> dict[str, str]:
    """Do a little of everything, and return the parts of the addresses where it can be seen."""
    page = olga.page
    olga.go("/app/images/")
    olga.wait_for_mode("Live")
    page.get_by_label("What should the picture show?").fill("a quiet sea")
    page.keyboard.press("Enter")
    page.wait_for_url("**/app/images/*-*/")
    made = {"conversation": last_part(page.url)}
    olga.go("/app/inbox/")
    page.get_by_role("button", name="Fetch mail").click()
    page.locator(".mail-row").first.click()
    page.wait_for_url("**/app/inbox/*-*/")
    made["mail"] = last_part(page.url)
    olga.go("/app/classify/")
    olga.drop(DOCUMENTS)
    page.wait_for_url("**/app/classify/*-*/")
    olga.wait_for_text(olga.page.locator("[data-totals]"), "1 classified · 1 failed", timeout=60)
    made |= {"batch": last_part(page.url), "document": str(page.locator(".docs a").first.get_attribute("href"))}
    olga.go("/app/sessions/")
    olga.drop(DOCUMENTS)
    page.wait_for_url("**/app/sessions/*/")
    made["session"] = last_part(page.url)
    olga.wait_for_text(page.locator("[data-status]"), "Done, with errors", timeout=60)
    olga.go("/app/cv/")
    olga.choose("selin.pdf", "broken.pdf")
    olga.wait_for_text(olga.card("selin.pdf"), "Done", timeout=60)
    olga.wait_for_text(olga.card("broken.pdf"), "Failed", timeout=60)
    for name, file in {"job": "selin.pdf", "failed": "broken.pdf"}.items():
        made[name] = last_part(str(olga.card(file).get_by_role("link", name=file).get_attribute("href")))
    with olga.stack.database():
        job = lifecycle.submit("workload.do_nothing", run_after=None)
        lifecycle.cancel(job.pk)
        retention.delete_job(Job.objects.get(pk=job.pk), by="olga")
    return made | {"deleted": str(job.pk)}


def speak(visitor: Visitor, language: str) -> None:
    cookie = {"name": "django_language", "value": language, "url": visitor.stack.base_url}
    visitor.page.context.add_cookies([cookie])


def settle(page: Any) -> None:
    """Wait until a page has said all that it has to say at first."""
    wait_until(
        lambda: page.evaluate(
            "() => document.readyState === 'complete' && (!document.querySelector('[data-connection]')"
            " || document.querySelector('[data-connection]').dataset.mode === 'live')"
        ),
        timeout=30,
    )
    page.wait_for_load_state("networkidle")


def look(visitor: Visitor, name: str, path: str, axe_serious: Any, screenshot: Any) -> list[str]:
    """Look at a page from all sides; return what is wrong with it."""
    page = visitor.page
    wrong: list[str] = []

    def judge(side: str, rules: tuple[str, ...] = ()) -> None:
        wrong.extend(f"{name}, {side}: sticks out: {element}" for element in overflows(page))
        wrong.extend(f"{name}, {side}: {finding}" for finding in axe_serious(page, rules=rules))

    for language, size, first, second in (("en", WIDE, "light", "dark"), ("tr", PHONE, "dark", "light")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=first)
        speak(visitor, language)
        page.goto("about:blank")  # to go to a part of the page that is there already would load nothing
        visitor.go(path)
        settle(page)
        judge(f"{language} {first} {size['width']} px")
        screenshot(f"{name}-{language}-{first}-{size['width']}")
        page.emulate_media(color_scheme=second)
        judge(f"{language} {second} {size['width']} px", COLOURS)
        page.set_viewport_size(WIDE if size is PHONE else PHONE)
        wrong.extend(f"{name}, {language}: sticks out: {element}" for element in overflows(page))
        said = page.evaluate("[document.documentElement.lang, document.title, document.querySelectorAll('h1').length]")
        if said[0] != language or not re.search(r"\w", said[1].split(" · ")[0].split(" | ")[0]):
            wrong.append(f"{name}, {language}: says it is in {said[0]!r}, titled {said[1]!r}")
        if name not in DESK and said[2] != 1:
            wrong.append(f"{name}, {language}: has {said[2]} main headings")
    speak(visitor, "en")
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    return wrong


def test_every_page_is_in_the_matrix() -> None:
    assert {str(address.name) for address in page_urls.urlpatterns} - NOT_PAGES == set(PAGES)


@pytest.mark.timeout(420)  # some thirty pages, eight looks: 100 s where nothing else is going on
def test_every_page_is_whole_and_accessible_from_all_sides(olga, made, axe_serious, screenshot):
    wrong = look(olga, "sign-in", PAGES["sign-in"], axe_serious, screenshot)
    olga.sign_in("/app/cv/", "bob")
    wrong += look(olga, "forbidden", "/app/inbox/", axe_serious, screenshot)
    olga.page.context.clear_cookies()
    olga.sign_in("/app/cv/", "olga", staff=True)
    if not made:
        made.update(fill(olga))
    for name, path in (PAGES | STATES).items():
        if name != "sign-in":
            wrong += look(olga, name, path.format(**made), axe_serious, screenshot)
    assert wrong == []


def test_the_desk_is_accessible(olga, made, axe_serious, screenshot):
    olga.sign_in("/app/cv/", "olga", staff=True)
    if not made:
        made.update(fill(olga))
    wrong: list[str] = []
    for name, path in DESK.items():
        for language, scheme in (("en", "light"), ("tr", "dark")):
            olga.page.emulate_media(color_scheme=scheme)
            speak(olga, language)
            olga.go(path.format(**made))
            screenshot(f"{name}-{language}-{scheme}")
            for size in (WIDE, PHONE):
                olga.page.set_viewport_size(size)
                wrong += [f"{name}, {language} {scheme} {size}: {finding}" for finding in axe_serious(olga.page)]
            olga.page.set_viewport_size(WIDE)
    assert wrong == []


def test_what_axe_finds_is_said(olga, axe_serious):
    olga.go("/login/")
    assert axe_serious(olga.page) == []
    olga.page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=\"/x.png\">')")
    assert [finding for finding in axe_serious(olga.page) if finding.startswith("image-alt")]


def test_a_keyboard_skips_to_the_content_and_comes_back_from_a_question(olga):
    page = olga.page
    olga.sign_in("/app/cv/", "kim")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "files"
    olga.choose("broken.pdf")
    olga.wait_for_text(olga.card("broken.pdf"), "Failed", timeout=60)
    delete = olga.card("broken.pdf").get_by_role("button", name="Delete")
    delete.focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    assert page.evaluate("document.activeElement.dataset.part") == "no"
    page.keyboard.press("Escape")
    wait_until(lambda: page.evaluate("document.activeElement.dataset.part") == "delete")


def test_nothing_moves_for_those_who_asked_for_it(olga):
    olga.sign_in("/app/cv/", "ada")
    every = "[...document.querySelectorAll('*')].map((e) => parseFloat(getComputedStyle(e).transitionDuration))"
    longest = f"Math.max(...{every})"
    assert olga.page.evaluate(longest) > 0.1
    olga.page.emulate_media(reduced_motion="reduce")
    assert olga.page.evaluate(longest) < 0.001


def test_the_button_for_the_colours_is_remembered_without_a_flash(olga):
    olga.go("/login/")
    olga.page.locator("[data-theme-button]").click()
    assert olga.page.evaluate("document.documentElement.dataset.theme") == "dark"
    html = olga.page.request.get(f"{olga.stack.base_url}/login/").text()
    assert 'data-theme="dark"' in html


def test_the_desk_runs_a_failed_job_again(olga):
    olga.sign_in("/app/cv/", "otto", staff=True)
    olga.choose("broken.pdf")
    olga.wait_for_text(olga.card("broken.pdf"), "Failed", timeout=60)
    olga.go("/admin/jobs/job/?q=corrupt_file")  # whichever was accepted first
    olga.page.locator("#result_list a").first.click()
    olga.page.get_by_role("link", name="Run again").click()
    olga.page.get_by_label("Reason").fill("the candidate sent it again")
    olga.page.get_by_role("button", name="Run again").click()
    assert "done for 1 job" in olga.page.inner_text(".messagelist")
