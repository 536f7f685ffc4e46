from __future__ import annotations

import csv
import io
import json
import re

from jobs import lifecycle
from tests import samples
from tests.harness.waiting import wait_until
from tests.pages.conftest import DOCUMENTS_ONLY

NOTICE = b"The reading room of the town library opens at nine. All are welcome on Saturdays."
STAFF = "Personel formu. E-posta: deniz@example.com, tel: +90 555 000 12 34, doğum tarihi: 23.04.1990.".encode()
INVOICE = b"Invoice 7. Please pay 1,250.00 EUR to IBAN DE89 3704 0044 0532 0130 00 within thirty days."


def row(ada, name):
    return ada.page.locator(".docs li", has=ada.page.get_by_text(name, exact=True))


def shown(ada):
    return ada.page.locator(".docs .doc__name").all_inner_texts()


def chip(ada, words):
    return ada.page.get_by_role("button", name=re.compile(rf"^{words} \d"))


def totals(ada):
    return ada.page.locator("[data-totals]")


def test_a_batch_is_watched_document_by_document_through_a_reload_and_a_restart_of_the_server(visitor, screenshot):
    ada = visitor(env=DOCUMENTS_ONLY)
    ada.sign_in("/app/classify/")
    ada.wait_for_mode("Live")
    assert "Nothing here yet" in ada.page.inner_text("main")
    ada.stack.stop("sira")
    files = {f"duyuru-{n:02d}.txt": NOTICE + str(n).encode() for n in range(6)}
    files |= {"personel.txt": STAFF, "İstanbul.txt": INVOICE, "broken.pdf": samples.corrupt_pdf(), "empty.pdf": b""}
    ada.drop(files)
    ada.page.wait_for_url("**/app/classify/*-*/")

    # What was refused at the door has ended; the others wait, and the page says by itself what for.
    ada.wait_for_mode("Live")
    ada.wait_for_text(totals(ada), "1 of 10 done")
    ada.wait_for_text(row(ada, "empty.pdf"), "The file is empty.")
    ada.wait_for_text(totals(ada), "No worker for this queue is running")
    ada.wait_for_text(row(ada, "personel.txt"), "Waiting")
    screenshot("batch-waiting")
    ada.page.reload()
    ada.wait_for_text(totals(ada), "1 failed · 9 waiting")
    ada.stack.stop("web")
    ada.wait_for_mode("Reconnecting")
    ada.stack.start("sira")
    ada.stack.start("web")
    ada.wait_for_mode("Live")
    ada.wait_for_text(totals(ada), "10 of 10 done", timeout=60)
    ada.wait_for_text(totals(ada), "8 classified · 2 failed")
    ada.wait_for_text(row(ada, "personel.txt"), "Confidential")
    ada.wait_for_text(row(ada, "personel.txt"), " %")  # how sure it is
    ada.wait_for_text(row(ada, "broken.pdf"), "Open it, save it again")
    bar = totals(ada).get_by_role("progressbar", name="The whole batch")
    assert bar.get_attribute("aria-valuetext") == "100 %, 10 of 10 done"

    narrow_down(ada)
    read_evidence(ada, screenshot)
    export(ada)
    ada.go("/app/classify/")
    ada.wait_for_text(ada.page.locator("[data-rows] a"), "8 classified · 2 failed")


def narrow_down(ada):
    chip(ada, "Highly sensitive").click()
    assert shown(ada) == ["İstanbul.txt"]
    chip(ada, "Highly sensitive").click()  # pressed again: every category
    chip(ada, "Failed").click()
    assert shown(ada) == ["broken.pdf", "empty.pdf"]
    ada.page.reload()
    wait_until(lambda: shown(ada) == ["broken.pdf", "empty.pdf"])
    chip(ada, "Every state").click()
    ada.page.get_by_role("searchbox", name="Filter by name").fill("istanbul")
    assert shown(ada) == ["İstanbul.txt"]
    ada.page.get_by_role("searchbox", name="Filter by name").fill("nothing like it")
    assert "No document fits these filters." in ada.page.inner_text("main")
    ada.page.get_by_role("searchbox", name="Filter by name").fill("")
    assert len(shown(ada)) == 10


def read_evidence(ada, screenshot):
    link = row(ada, "personel.txt").get_by_role("link")
    link.focus()
    ada.page.keyboard.press("Enter")
    dialog = ada.page.get_by_role("dialog")
    ada.wait_for_text(dialog, "It holds dates of birth (1).")
    ada.wait_for_text(dialog, "7 of 10")
    text = dialog.inner_text()
    assert "PAGE 1" in text.upper()
    assert "deniz@example.com" not in text
    assert "•" in text
    screenshot("batch-evidence")
    dialog.get_by_role("button", name="JSON", exact=True).click()
    result = json.loads(dialog.locator("pre").inner_text())
    assert result["final_category"] == "Confidential"
    # The address names the document: it can be sent to somebody, and a reload stays on it.
    ada.page.reload()
    ada.wait_for_text(dialog, "It holds dates of birth (1).")
    ada.page.keyboard.press("ArrowRight")
    ada.wait_for_text(dialog, "İstanbul.txt")
    ada.page.keyboard.press("ArrowRight")
    ada.wait_for_text(dialog, "corrupt_file")
    ada.page.keyboard.press("Escape")
    wait_until(lambda: dialog.count() == 0)
    assert ada.page.evaluate("document.activeElement.textContent").strip().startswith("broken.pdf")
    assert "#" not in ada.page.url


def export(ada):
    for format in ("CSV", "JSON"):
        with ada.page.expect_download() as download:
            totals(ada).get_by_role("link", name=format).click()
        text = download.value.path().read_text()
        if format == "CSV":
            lines = {line["filename"]: line for line in csv.DictReader(io.StringIO(text))}
            assert len(lines) == 10
            assert lines["personel.txt"]["category"] == "Confidential"
        else:
            assert len(json.loads(text)["documents"]) == 10


def test_without_websockets_a_batch_is_polled_cancelled_and_run_again_by_keyboard(visitor):
    ada = visitor(env=DOCUMENTS_ONLY)
    ada.page.route_web_socket("**/ws/live/", lambda socket: socket.close())
    ada.sign_in("/app/classify/")
    with ada.stack.database():
        lifecycle.pause_queue("documents", by="olga")
    ada.drop({f"{n}.txt": NOTICE + str(n).encode() for n in range(3)})
    ada.page.wait_for_url("**/app/classify/*-*/")
    ada.wait_for_mode("Polling")
    cancel = totals(ada).get_by_role("button", name="Cancel the batch")
    cancel.focus()
    ada.page.keyboard.press("Enter")
    dialog = ada.page.get_by_role("dialog")
    assert "3 documents have not been classified yet" in dialog.inner_text()
    dialog.get_by_role("button", name="Cancel the batch").press("Enter")
    ada.wait_for_text(totals(ada), "3 cancelled")
    # The button is gone; the reader is still on the card, not at the top of the page.
    assert ada.page.evaluate("document.activeElement.matches('[data-totals]')")
    totals(ada).get_by_role("button", name="Try the failed ones again").press("Enter")
    ada.wait_for_text(totals(ada), "3 waiting")
    ada.wait_for_text(totals(ada), "The queue was paused by olga")
    with ada.stack.database():
        lifecycle.resume_queue("documents")
    ada.wait_for_text(totals(ada), "3 classified", timeout=60)
    ada.wait_for_text(row(ada, "1.txt"), "Public")


def test_a_batch_that_is_sent_again_after_a_lost_connection_is_not_doubled(visitor):
    ada = visitor(cluster_names=())
    lost: list[str] = []

    def lose_the_first_answer(route):
        if lost:
            return route.continue_()
        lost.append(route.fetch().json()["job_id"])
        return route.abort("connectionreset")

    ada.page.route("**/batch/upload", lose_the_first_answer)
    ada.sign_in("/app/classify/")
    ada.drop({"a.txt": NOTICE, "b.txt": STAFF})
    ada.wait_for_text(ada.page.locator("[data-upload]"), "The connection broke while the files were being sent.")
    ada.page.get_by_role("button", name="Try again").click()
    ada.page.wait_for_url(f"**/app/classify/{lost[0]}/")
    assert ada.page.request.get(f"{ada.stack.base_url}/jobs").json()["total"] == 1


def test_rows_take_each_step_once_and_in_order_whatever_overtakes_what(visitor):
    ada = visitor(cluster_names=())
    ada.go("/login/")
    rows = ada.page.evaluate(
        """async () => {
            const { applyEvent, newer, rowOf, totalsOf } = await import('/static/js/batch.js');
            const document = {doc_id: 'a', filename: 'a.txt', status: 'pending', progress: 0, stage: '', seq: 2};
            const step = (seq, state, progress, more) => ({seq, state, progress, stage: '', type: state, ...more});
            const waiting = rowOf(document);
            const classified = applyEvent(waiting, step(6, 'processing', 90, {data: {category: 'Unsafe'}}));
            const late = applyEvent(classified, step(5, 'processing', 60));
            const done = applyEvent(late, step(7, 'succeeded', 100));
            const broken = {code: 'corrupt_file', message: 'Broken.'};
            const failed = applyEvent(waiting, step(3, 'failed', 30, {data: broken}));
            const again = applyEvent(failed, step(4, 'queued', 0, {type: 'requeued'}));
            const end = {status: 'completed', progress: 100, seq: 7, category: 'Unsafe', confidence: 0.9};
            const read = rowOf({...document, ...end});
            const cancelled = rowOf({...document, status: 'failed', error_code: 'cancelled', error: 'cancelled'});
            return {
                late: late === classified,
                done: [done.state, done.category],
                old: newer(done, waiting) === done,
                same: newer(done, read).confidence,
                again: [again.state, again.code, again.progress],
                totals: totalsOf([waiting, classified, done, failed, cancelled]),
            };
        }"""
    )
    assert rows == {
        "late": True,
        "done": ["completed", "Unsafe"],
        "old": True,
        "same": 0.9,
        "again": ["pending", "", 0],
        "totals": {
            "total": 5,
            "pending": 1,
            "processing": 1,
            "completed": 1,
            "failed": 1,
            "cancelled": 1,
            "ended": 3,
            "progress": (0 + 90 + 100 + 100 + 100) / 5,
            "categories": {"Unsafe": 1},
        },
    }
