from __future__ import annotations

from jobs import lifecycle
from tests import samples
from tests.harness.waiting import wait_until
from tests.pages.conftest import DOCUMENTS_ONLY

CITY = "İSTANBUL Belediyesi kütüphanesi hafta sonu saat dokuzda açılır. <b>Giriş</b> herkese ücretsizdir.".encode()
RIVER = ("The harbour master keeps the tide tables. " * 40 + "Ferries leave at noon.").encode()
FILES = {"duyuru.txt": CITY, "harbour.txt": RIVER, "broken.pdf": samples.corrupt_pdf()}


def status(ada):
    return ada.page.locator("[data-status]")


def test_a_session_is_filled_searched_read_and_emptied_and_says_truly_how_it_stands(visitor, screenshot):
    ada = visitor(env=DOCUMENTS_ONLY)
    ada.sign_in("/app/sessions/")
    ada.wait_for_mode("Live")
    assert "Nothing here yet" in ada.page.inner_text("main")
    name = ada.page.get_by_label("Name of the session")
    name.fill("")
    ada.drop(FILES)
    ada.wait_for_text(ada.page.locator("[data-problem]"), "Name the session first")
    name.fill("ışık & gölge #1")
    with ada.stack.database():
        lifecycle.pause_queue("documents", by="olga")
    ada.drop(FILES)
    ada.page.wait_for_url("**/app/sessions/*%20*/")

    ada.wait_for_mode("Live")
    ada.wait_for_text(ada.page.locator("h1"), "ışık & gölge #1")
    ada.wait_for_text(status(ada), "0 of 3 done")
    ada.wait_for_text(status(ada), "The queue was paused by olga")
    ada.page.reload()
    ada.wait_for_text(status(ada), "At work")
    with ada.stack.database():
        lifecycle.resume_queue("documents")
    ada.wait_for_text(status(ada), "Their errors are listed", timeout=60)
    ada.wait_for_text(status(ada), "Done, with errors")
    ada.wait_for_text(status(ada), "Open it, save it again")
    status(ada).get_by_text("What this is judged from").click()
    ada.wait_for_text(status(ada), "2 succeeded, 1 failed")
    assert "as of" in status(ada).inner_text()
    screenshot("session-done")

    search(ada)
    ada.page.locator(".hit__open").click()
    reader = ada.page.get_by_role("dialog")
    ada.wait_for_text(reader.locator(".is-found"), "<b>Giriş</b> herkese")
    reader.get_by_role("button", name="Close").click()

    ada.drop({"more.txt": b"A third document about lighthouses and their keepers."})
    ada.wait_for_text(ada.page.locator("[data-counts]"), "3 documents", timeout=60)
    ada.wait_for_text(status(ada), "Done")
    empty(ada)


def search(ada):
    field = ada.page.get_by_role("searchbox", name="Words to look for")
    for words in ("İSTANBUL", "istanbul", "ISTANBUL", "ıstanbul"):
        field.fill("")
        wait_until(lambda: ada.page.locator(".hit").count() == 0)
        field.fill(words)
        ada.wait_for_text(ada.page.locator(".hit"), "duyuru.txt")
        assert ada.page.locator(".hit mark").all_inner_texts() == ["İSTANBUL"]
    # What looks like HTML in a document is shown as it was written.
    assert "<b>Giriş</b>" in ada.page.locator(".hit__text").inner_text()
    assert ada.page.locator(".hit__text b").count() == 0
    field.fill("zürafa")
    ada.wait_for_text(ada.page.locator("[data-found]"), "Nothing found for “zürafa”.")
    field.fill("kütüphanesi")
    field.press("Enter")
    ada.page.reload()
    ada.wait_for_text(ada.page.locator(".hit"), "duyuru.txt")


def empty(ada):
    ada.page.get_by_role("button", name="Delete: harbour.txt").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    ada.wait_for_text(ada.page.locator("[data-counts]"), "2 documents")
    ada.page.get_by_role("button", name="Delete this session").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    ada.page.wait_for_url("**/app/sessions/")
    ada.wait_for_text(ada.page.locator("main"), "Nothing here yet")
