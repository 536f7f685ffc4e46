"""/app/images/ in a real browser, with a real server and workers. One stack serves all tests: each has its users."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs import lifecycle
from tests.conftest import has_failed
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until
from tests.imaging.playing import end_everything
from tests.pages.conftest import Visitor

ENV = {"IMAGE_PROVIDER": "tests.imaging.playing.Obedient", "WORKER_QUEUES": "gpu", "HEARTBEAT_SECONDS": "1"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: Any, _sqlite_template: Path, django_db_blocker: Any) -> Iterator[ServerStack]:
    data_dir = tmp_path_factory.mktemp("images")
    shutil.copy(_sqlite_template, data_dir / "sira.sqlite3")
    with ServerStack(data_dir, unblock=django_db_blocker.unblock, migrated=True, env=ENV) as stack:
        yield stack


@pytest.fixture(autouse=True)
def _logs(request: pytest.FixtureRequest, stack: ServerStack) -> Iterator[None]:
    yield
    end_everything(stack)
    if has_failed(request):
        print(stack.log_tail())  # noqa: T201  pytest shows it with the failure


@pytest.fixture
def ada(stack: ServerStack, browser_page: Any) -> Visitor:
    return Visitor(browser_page, stack)


def pause(stack: ServerStack) -> None:
    with stack.database():
        lifecycle.pause_queue("gpu", by="the test")


def resume(stack: ServerStack) -> None:
    with stack.database():
        lifecycle.resume_queue("gpu")


def paint(visitor: Visitor, prompt: str) -> None:
    visitor.page.get_by_label("What should the picture show?").fill(prompt)
    visitor.page.keyboard.press("Enter")


def begin(visitor: Visitor, prompt: str, username: str) -> str:
    """Sign in, ask for a first picture, and return the address of the conversation."""
    visitor.sign_in("/app/images/", username)
    visitor.wait_for_mode("Live")
    paint(visitor, prompt)
    visitor.page.wait_for_url("**/app/images/*-*/")
    visitor.wait_for_mode("Live")
    return visitor.page.url.removeprefix(visitor.stack.base_url)


def image_of(visitor: Visitor, prompt: str) -> dict[str, Any]:
    """Return what the browser really drew: the natural size of the image and its pixels, once it is finished."""
    card = visitor.card(prompt)
    visitor.wait_for_text(card, "Done", timeout=60)
    wait_until(lambda: card.locator("img").first.get_attribute("alt") == prompt, timeout=15)
    wait_until(lambda: card.locator("img").first.evaluate("(img) => img.complete && img.src.includes('/files/')"))
    return card.locator("img").first.evaluate(
        """(img) => {
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [img.naturalWidth, img.naturalHeight];
            canvas.getContext("2d").drawImage(img, 0, 0);
            return {width: img.naturalWidth, height: img.naturalHeight, data: canvas.toDataURL()};
        }"""
    )


def test_a_prompt_is_watched_from_its_place_in_the_queue_to_the_picture(ada, stack, screenshot):
    pause(stack)
    path = begin(ada, "a quiet sea slow=4", "ada-flow")
    ada.wait_for_text(ada.card("a quiet sea slow=4"), "The queue was paused by the test")
    paint(ada, "karlı bir orman")
    ada.wait_for_text(ada.card("karlı bir orman"), "Position 2")
    assert "The GPU is free" in ada.page.locator("[data-holder]").inner_text()
    resume(stack)
    first = ada.card("a quiet sea slow=4")
    ada.wait_for_text(first, "At work")
    ada.wait_for_text(first, "Step ")
    wait_until(lambda: "/preview" in (first.locator("img").first.get_attribute("src") or ""), timeout=15)
    assert first.locator("img").first.evaluate("(img) => img.naturalWidth") == 256
    wait_until(lambda: "a picture of yours since" in ada.page.locator("[data-holder]").inner_text())
    screenshot("images-painting")
    picture = image_of(ada, "a quiet sea slow=4")
    assert (picture["width"], picture["height"]) == (512, 512)
    assert "Not made by AI" in first.inner_text()
    image_of(ada, "karlı bir orman")
    screenshot("images-done")
    ada.go(path)
    assert image_of(ada, "a quiet sea slow=4")["data"] == picture["data"]
    assert "a quiet sea slow=4" in ada.page.get_by_role("heading", level=1).inner_text()


def test_the_same_seed_paints_the_same_picture_and_what_failed_can_be_tried_again(ada, stack):
    begin(ada, "gece İstanbul", "ada-again")
    first = image_of(ada, "gece İstanbul")
    ada.page.get_by_role("button", name="Same seed again").click()
    wait_until(lambda: ada.card("gece İstanbul").count() == 2)
    wait_until(lambda: ada.page.locator("article img[src*='/files/']").count() == 2, timeout=30)
    both = ada.page.locator("article img").evaluate_all(
        """(images) => images.map((img) => {
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [img.naturalWidth, img.naturalHeight];
            canvas.getContext("2d").drawImage(img, 0, 0);
            return canvas.toDataURL();
        })"""
    )
    assert both == [first["data"], first["data"]]
    paint(ada, "refused")
    ada.wait_for_text(ada.card("refused"), "The provider refuses this prompt.")
    ada.card("refused").get_by_role("button", name="Try again").click()
    ada.wait_for_text(ada.card("refused"), "The provider refuses this prompt.")
    paint(ada, "slow=30 to be stopped")
    ada.wait_for_text(ada.card("slow=30 to be stopped"), "At work")
    ada.card("slow=30 to be stopped").get_by_role("button", name="Cancel").click()
    ada.wait_for_text(ada.card("slow=30 to be stopped"), "Cancelled", timeout=15)


def test_what_the_server_refuses_stands_at_its_field_and_the_prompt_is_kept(ada, stack, screenshot):
    begin(ada, "first", "ada-bad")
    image_of(ada, "first")
    ada.page.locator("summary").click()
    ada.page.get_by_label("Width").fill("500")
    paint(ada, "a mill")
    ada.wait_for_text(ada.page.locator("#width-problem"), "Use a multiple of 16, such as 496 or 512.")
    assert ada.page.evaluate("document.activeElement.id") == "width"
    assert ada.page.get_by_label("What should the picture show?").input_value() == "a mill"
    screenshot("images-bad-width")
    ada.page.get_by_label("Width").fill("256")
    ada.page.get_by_label("What should the picture show?").focus()
    ada.page.keyboard.press("Enter")
    assert image_of(ada, "a mill")["width"] == 256
    ada.page.keyboard.press("Enter")  # nothing is written
    ada.wait_for_text(ada.page.locator("#prompt-problem"), "Say what the picture should show.")
    ada.page.get_by_label("What should the picture show?").fill("x" * 2001)
    ada.page.keyboard.press("Enter")
    ada.wait_for_text(ada.page.locator("#prompt-problem"), "Use at most 2000 characters.")


def test_a_first_prompt_that_is_refused_leaves_no_conversation_behind(ada, stack):
    ada.sign_in("/app/images/", "ada-first")
    paint(ada, "x" * 2001)
    ada.wait_for_text(ada.page.locator("#prompt-problem"), "Use at most 2000 characters.")
    wait_until(lambda: ada.page.request.get(f"{stack.base_url}/api/v1/conversations").json()["results"] == [])
    paint(ada, "a mill")
    ada.page.wait_for_url(re.compile(r"/app/images/[0-9a-f-]{36}/"))
    ada.wait_for_text(ada.page.locator("h1"), "a mill")


def place(visitor: Visitor, prompt: str) -> int | None:
    """Return the position that a card shows: 0 once it is at work or done."""
    text = visitor.card(prompt).inner_text()
    if found := re.search(r"Position (\d+)", text):
        return int(found[1])
    if "Next in the queue" in text:
        return 1
    return 0 if "At work" in text or "Done" in text else None


def test_two_people_watch_each_others_positions_move(ada, stack, screenshot):
    """Their prompts take turns on one GPU; each sees numbers, and nothing of the other."""
    pause(stack)
    context = ada.page.context.browser.new_context()
    try:
        ben = Visitor(context.new_page(), stack)
        begin(ada, "ada one slow=1", "ada-two")
        begin(ben, "ben one slow=1", "ben-two")
        paint(ada, "ada two slow=1")
        wait_until(lambda: ada.card("ada two slow=1").count() == 1)
        wait_until(lambda: place(ada, "ada two slow=1") == 3)
        paint(ben, "ben two slow=1")
        seen: dict[str, list[int]] = {"ada two slow=1": [], "ben two slow=1": []}
        # Fairness: one of ada's, one of ben's, and again.
        wait_until(lambda: (place(ada, "ada two slow=1"), place(ben, "ben two slow=1")) == (3, 4), timeout=15)
        assert (place(ada, "ada one slow=1"), place(ben, "ben one slow=1")) == (1, 2)
        assert "ben" not in ada.page.locator("main").inner_text()
        screenshot("images-two-people")
        resume(stack)

        def both_done() -> bool:
            for visitor, prompt in ((ada, "ada two slow=1"), (ben, "ben two slow=1")):
                now = place(visitor, prompt)
                if now is not None and (not seen[prompt] or seen[prompt][-1] != now):
                    seen[prompt].append(now)
            return seen["ada two slow=1"][-1] == seen["ben two slow=1"][-1] == 0

        wait_until(both_done, timeout=60)
        # Every place down to the GPU was shown, none twice and none out of order, as the other's pictures were painted.
        assert seen["ben two slow=1"] == sorted(set(seen["ben two slow=1"]), reverse=True)
        assert seen["ada two slow=1"] == sorted(set(seen["ada two slow=1"]), reverse=True)
        assert {4, 3, 2, 1, 0} >= set(seen["ben two slow=1"]) >= {4, 2, 0}
        for mine, other in ((ada, "ben"), (ben, "ada")):
            assert f"{other} one" not in mine.page.content()
            assert f"{other} two" not in mine.page.content()
    finally:
        context.close()


def test_a_restart_of_everything_loses_nothing_of_the_chat(ada, stack):
    begin(ada, "before slow=2", "ada-restart")
    ada.wait_for_text(ada.card("before slow=2"), "At work")
    paint(ada, "after")
    ada.wait_for_text(ada.card("after"), "In the queue")
    stack.kill_whole("sira")
    stack.kill_whole("web")
    ada.wait_for_mode("Reconnecting")
    stack.start("web")
    stack.start("sira")
    ada.wait_for_mode("Live", timeout=60)
    with stack.database():
        from django.db.models.functions import Now

        from jobs.models import Job

        Job.objects.running().update(lease_expires_at=Now())  # the half minute that the lease still had
    image_of(ada, "before slow=2")
    image_of(ada, "after")


def test_the_page_fits_a_phone_in_turkish_and_by_keyboard(ada, stack, screenshot):
    ada.page.set_viewport_size({"width": 360, "height": 780})
    ada.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    begin(ada, "mavi lale bahçesi", "ada-phone")
    image_of(ada, "mavi lale bahçesi")
    ada.page.get_by_role("button", name="Türkçe").click()
    ada.page.get_by_label("Resimde ne olsun?").focus()
    ada.page.keyboard.type("gece")
    ada.page.keyboard.press("Tab")
    wait_until(lambda: "Yapay zekâ ürünü değil" in ada.page.inner_text("main"), timeout=15)
    assert ada.page.evaluate("document.documentElement.scrollWidth") == 360
    pause(stack)
    paint_in_turkish = ada.page.get_by_label("Resimde ne olsun?")
    paint_in_turkish.fill("refused")
    paint_in_turkish.press("Enter")
    ada.wait_for_text(ada.card("refused"), "Sıra duraklatıldı.")
    resume(stack)
    ada.wait_for_text(ada.card("refused"), "Bu istek kabul edilmiyor.")
    screenshot("images-phone-turkish")
    ada.page.get_by_role("button", name="Bu konuşmayı sil").click()
    ada.page.get_by_role("button", name="Sil", exact=True).last.click()
    ada.page.wait_for_url("**/app/images/")
    wait_until(lambda: "Burada henüz bir şey yok" in ada.page.inner_text("main"))


def test_somebody_elses_conversation_is_not_there(ada, stack):
    path = begin(ada, "mine", "ada-own")
    context = ada.page.context.browser.new_context()
    try:
        eve = Visitor(context.new_page(), stack)
        eve.sign_in("/app/images/", "eve")
        answer = eve.page.goto(f"{stack.base_url}{path}")
        assert answer.status == 404
        assert "mine" not in eve.page.content()
    finally:
        context.close()
