from __future__ import annotations

import json

import requests

from tests.harness.waiting import wait_until


def test_a_cv_is_watched_to_its_profile_through_a_reload_and_a_restart_of_the_server(visitor, screenshot):
    ada = visitor()
    ada.sign_in("/app/cv/")
    ada.wait_for_mode("Live")
    assert "Nothing here yet" in ada.page.inner_text("main")
    screenshot("cv-empty")
    ada.stack.stop("sira")
    ada.choose("selin.pdf", "özgeçmiş.docx")

    # Nobody works: the page says so by itself, without a reload.
    for name in ("selin.pdf", "özgeçmiş.docx"):
        ada.wait_for_text(ada.card(name), "No worker for this queue is running")
    words = sorted(ada.card(name).locator("[data-part=stage]").inner_text() for name in ("selin.pdf", "özgeçmiş.docx"))
    assert words == ["Next in the queue", "Position 2"]
    screenshot("cv-waiting")

    ada.page.reload()
    ada.wait_for_mode("Live")
    ada.wait_for_text(ada.card("özgeçmiş.docx"), "No worker for this queue is running")

    ada.stack.stop("web")
    ada.wait_for_mode("Reconnecting")
    assert "as of" in ada.page.inner_text("[data-connection]")
    assert "as of" in ada.card("selin.pdf").locator("[data-part=numbers]").inner_text()
    screenshot("cv-reconnecting")
    ada.stack.start("web")
    ada.wait_for_mode("Live")
    assert "as of" not in ada.page.inner_text("[data-connection]")

    ada.stack.start("sira")
    for name in ("selin.pdf", "özgeçmiş.docx"):
        ada.wait_for_text(ada.card(name), "Done", timeout=60)
    read_the_profile(ada)
    screenshot("cv-done")

    ada.page.reload()
    read_the_profile(ada)


def read_the_profile(ada):
    card = ada.card("selin.pdf")
    card.scroll_into_view_if_needed()
    ada.wait_for_text(card, "Senior Data Engineer")
    toggle = card.locator(".disclosure")
    if toggle.get_attribute("aria-expanded") == "false":
        toggle.click()
    text = card.inner_text()
    for words in ("PostgreSQL", "Lumenwave Ltd", "Mar 2019 – today", "University of Nowhereham", "English"):
        assert words in text
    card.get_by_role("button", name="JSON", exact=True).click()
    profile = json.loads(card.locator("pre").inner_text())
    assert profile["profile"]["basics"]["profession"] == "Senior Data Engineer"
    card.get_by_role("button", name="Profile").click()


def test_a_file_that_cannot_be_read_ends_with_a_sentence_and_its_code(visitor, screenshot):
    ada = visitor()
    ada.sign_in("/app/cv/")
    ada.choose("broken.pdf", "empty.pdf")
    broken, empty = ada.card("broken.pdf"), ada.card("empty.pdf")
    ada.wait_for_text(empty, "The file is empty. Choose one with content.")
    ada.wait_for_text(broken, "corrupt_file")
    assert "Open it, save it again" in broken.inner_text()
    assert "Failed" in broken.inner_text()
    ada.wait_for_text(ada.page.locator("[data-announcer]"), "broken.pdf: failed.")
    screenshot("cv-failed")
    empty.get_by_role("button", name="Remove from the list").click()
    assert ada.card("empty.pdf").count() == 0
    # What the server refuses is shown in the server's words.
    broken.get_by_role("button", name="Delete").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    wait_until(lambda: ada.card("broken.pdf").count() == 0)
    ada.page.reload()
    ada.wait_for_text(ada.page.locator("main"), "Nothing here yet")


def test_a_job_is_cancelled_and_run_again_by_keyboard(visitor):
    ada = visitor()
    ada.sign_in("/app/cv/")
    ada.stack.stop("sira")
    ada.choose("selin.pdf")
    card = ada.card("selin.pdf")
    ada.wait_for_text(card, "In the queue")
    card.get_by_role("button", name="Cancel").focus()
    ada.page.keyboard.press("Enter")
    ada.wait_for_text(card, "Cancelled")
    # The button is gone; the reader is still on the card, not at the top of the page.
    assert ada.page.evaluate("document.activeElement.matches('article')")
    card.get_by_role("button", name="Try again").focus()
    ada.page.keyboard.press("Enter")
    ada.wait_for_text(card, "In the queue")
    ada.stack.start("sira")
    ada.wait_for_text(card, "Done", timeout=60)

    card.get_by_role("link", name="selin.pdf").click()
    titles = ada.page.locator("[data-story] .step__title")
    wait_until(lambda: titles.all_inner_texts() == STORY, timeout=30, message=lambda: f"{titles.all_inner_texts()}")


STORY = ["Handed over", "Cancelled", "Put into the queue again", "Started, attempt 1 of 3", "Done"]


def test_without_websockets_the_page_polls_and_says_so(visitor, screenshot):
    ada = visitor()
    ada.page.route_web_socket("**/ws/live/", lambda socket: socket.close())
    ada.sign_in("/app/cv/")
    ada.wait_for_mode("Reconnecting")
    ada.stack.stop("sira")
    ada.choose("selin.pdf")
    ada.wait_for_mode("Polling")
    assert "as of" in ada.page.inner_text("[data-connection]")
    ada.wait_for_text(ada.card("selin.pdf"), "No worker for this queue is running")
    screenshot("cv-polling")
    ada.stack.start("sira")
    ada.wait_for_text(ada.card("selin.pdf"), "Done", timeout=60)
    ada.wait_for_text(ada.card("selin.pdf"), "Senior Data Engineer")


def test_progress_is_told_to_screen_readers(visitor):
    ada = visitor()
    ada.sign_in("/app/cv/")
    ada.stack.stop("sira")
    ada.choose("selin.pdf")
    bar = ada.card("selin.pdf").get_by_role("progressbar", name="selin.pdf")
    wait_until(lambda: "Next in the queue" in (bar.get_attribute("aria-valuetext") or ""))
    assert bar.get_attribute("aria-valuenow") == "0"
    # Everything that is said from here on.
    ada.page.evaluate(
        """() => {
            window.said = [];
            const region = document.querySelector('[data-announcer]');
            new MutationObserver(() => said.push(region.textContent)).observe(region, {childList: true});
        }"""
    )
    ada.stack.start("sira")
    ada.wait_for_text(ada.card("selin.pdf"), "Done", timeout=60)
    wait_until(lambda: "selin.pdf: Done" in " ".join(ada.page.evaluate("said")))
    assert ada.page.locator("[aria-live]").count() == 1


def test_files_are_dropped_anywhere_on_the_page(visitor):
    ada = visitor()
    ada.sign_in("/app/cv/")
    ada.wait_for_mode("Live")
    ada.drop({"dropped.txt": b"Software Engineer\nSkills: Python"})
    wait_until(lambda: ada.card("dropped.txt").count() == 1)


def test_a_file_never_has_two_cards_even_when_its_job_is_told_before_the_upload_is_answered(visitor):
    ada = visitor(cluster_names=())
    told: list[str] = []
    ada.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: told.append(str(frame))))
    answered: list[tuple] = []
    ada.page.route("**/parse-file-async", lambda route: answered.append((route, route.fetch())))
    ada.sign_in("/app/cv/")
    ada.wait_for_mode("Live")
    ada.page.evaluate(
        """() => {
            window.mostCards = 0;
            const look = () => (mostCards = Math.max(mostCards, document.querySelectorAll('article').length));
            new MutationObserver(look).observe(document.querySelector('[data-jobs]'), {childList: true});
        }"""
    )
    ada.choose("selin.pdf")
    # The second half lets Playwright hear.
    wait_until(lambda: (answered and any('"created"' in frame for frame in told)) or ada.page.wait_for_timeout(10))
    # What the page asks about the job it was told of is answered before this.
    job = answered[0][1].json()["job_id"]
    for _ in range(3):
        ada.page.evaluate("(job) => fetch(`/api/v1/jobs/${job}/`).then((answer) => answer.json())", job)
    ada.wait_for_text(ada.card("selin.pdf"), "Sending")
    route, response = answered[0]
    route.fulfill(response=response)
    ada.wait_for_text(ada.card("selin.pdf"), "Next in the queue")
    assert ada.page.evaluate("mostCards") == 1


def test_a_session_that_has_ended_is_said_and_nothing_looks_live(visitor):
    ada = visitor()
    ada.sign_in("/app/cv/")
    ada.wait_for_mode("Live")
    ada.page.context.clear_cookies()
    ada.stack.stop("web")
    ada.stack.start("web")
    ada.wait_for_mode("Signed out", timeout=60)


def test_a_cv_that_a_program_sends_for_the_user_appears_by_itself(visitor):
    ada = visitor()
    ada.sign_in("/app/cv/")
    ada.wait_for_mode("Live")
    answer = requests.post(
        f"{ada.stack.base_url}/api/v1/parser/parse-file-async",
        headers={"Authorization": f"Token {ada.stack.token()}"},
        data={"user_id": "u", "session_id": "s"},
        files={"file": ("program.txt", b"Registered Nurse\nSkills: intensive care", "text/plain")},
        timeout=10,
    )
    assert answer.status_code == 202
    wait_until(lambda: ada.card("program.txt").count() == 1)


def test_a_batch_of_documents_elsewhere_does_not_make_the_page_ask_for_each_of_them(visitor):
    ada = visitor(cluster_names=())
    ada.sign_in("/app/cv/")
    ada.wait_for_mode("Live")
    asked: list[str] = []
    ada.page.on("request", lambda request: asked.append(request.url.removeprefix(ada.stack.base_url)))
    with ada.page.expect_request("**/api/v1/jobs/?owner=me&kind=parsers.parse_cv"):
        requests.post(
            f"{ada.stack.base_url}/batch/upload",
            headers={"Authorization": f"Token {ada.stack.token()}"},
            files=[("files", (f"{n}.txt", b"A notice of the town library.", "text/plain")) for n in range(20)],
            timeout=10,
        ).raise_for_status()
    ada.page.wait_for_load_state("networkidle")
    assert len(asked) < 10
    ada.wait_for_text(ada.page.locator("main"), "Nothing here yet")


def test_no_event_is_taken_twice_or_before_those_that_precede_it(visitor):
    ada = visitor(cluster_names=())
    ada.go("/login/")
    taken = ada.page.evaluate(
        """async () => {
            const { Cursors } = await import('/static/js/cursors.js');
            const cursors = new Cursors();
            cursors.watch('a', 3);
            return [2, 3, 4, 4, 6, 5, 6].map((seq) => cursors.take('a', seq)).concat(cursors.take('b', 1));
        }"""
    )
    assert taken == ["old", "old", "new", "old", "gap", "new", "new", "old"]
