"""A person in front of the real thing: Chromium, daphne, a qcluster, and files with bytes in them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests import samples
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until

#: For a worker that reads no CVs: it is ready sooner.
DOCUMENTS_ONLY = {"WORKER_QUEUES": "documents"}
#: A worker that has stopped is said to be gone after three heartbeats.
QUICK_HEARTBEAT = {"HEARTBEAT_SECONDS": "1", "LEASE_SECONDS": "5"}

FILES = {
    "selin.pdf": ("application/pdf", lambda: samples.cv_pdf("en")),
    "özgeçmiş.docx": ("application/octet-stream", lambda: samples.cv_docx("tr")),
    "broken.pdf": ("application/pdf", samples.corrupt_pdf),
    "empty.pdf": ("application/pdf", lambda: b""),
}


@dataclass
class Visitor:
    """What a person does on the pages. page: Playwright's."""

    page: Any
    stack: ServerStack

    def sign_in(self, path: str, username: str = "ada", *, staff: bool = False) -> None:
        self.stack.token(username, staff=staff)
        self.page.goto(f"{self.stack.base_url}{path}")
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(username)
        self.page.get_by_role("main").get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"**{path}")

    def go(self, path: str) -> None:
        self.page.goto(f"{self.stack.base_url}{path}")

    def choose(self, *names: str) -> None:
        """Choose files as with the file dialog."""
        files = [{"name": name, "mimeType": FILES[name][0], "buffer": FILES[name][1]()} for name in names]
        self.page.set_input_files("#files", files)

    def drop(self, files: dict[str, bytes]) -> None:
        """Drop files, by name, onto the page's heading: anywhere will do."""
        contents = [[name, base64.b64encode(content).decode()] for name, content in files.items()]
        self.page.evaluate(
            """(files) => {
                const data = new DataTransfer();
                for (const [name, content] of files) {
                    data.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
                }
                for (const type of ["dragenter", "dragover", "drop"]) {
                    const options = {dataTransfer: data, bubbles: true, cancelable: true};
                    document.querySelector("h1").dispatchEvent(new DragEvent(type, options));
                }
            }""",
            contents,
        )

    def card(self, name: str) -> Any:
        return self.page.locator("article", has=self.page.get_by_role("heading", name=name, exact=True))

    def wait_for_text(self, locator: Any, text: str, *, timeout: float = 30) -> None:
        """Wait until one element and no other fits, and shows `text`, wherever in it.

        One look a try: what is counted first and read then may be another by then.
        """
        wait_until(
            lambda: len(shown := locator.all_inner_texts()) == 1 and text in shown[0],
            timeout=timeout,
            message=lambda: f"{text!r} in {locator.all_inner_texts()}",
        )

    def wait_for_mode(self, mode: str, *, timeout: float = 30) -> None:
        """Wait until the chip says Live, Reconnecting, Polling …"""
        self.wait_for_text(self.page.locator("[data-connection]"), mode, timeout=timeout)


@pytest.fixture
def visitor(
    shared_stack: Callable[..., ServerStack], server_stack: Callable[..., ServerStack], browser_page: Any
) -> Callable[..., Visitor]:
    """A function that starts a stack and returns its visitor; the arguments are ServerStack's."""

    def start(**options: Any) -> Visitor:
        env = QUICK_HEARTBEAT | options.pop("env", {})
        start_stack = server_stack if options.get("database_url") else shared_stack
        return Visitor(browser_page, start_stack(env=env, **options))

    return start


#: WCAG 2.1 A and AA, and what axe's makers found to be good practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@pytest.fixture
def axe_serious() -> Callable[..., list[str]]:
    """axe_serious(page) returns what axe finds on it that is serious or critical, a line for each place.

    rules: only these, by name, instead of all: to look again at a page of which the colours alone have changed.
    """
    return findings


def findings(page: Any, *, rules: Sequence[str] = ()) -> list[str]:
    chosen = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": RULES}
    # Without `preload`: axe would write a <style> for each @import of the desk's, which the page's policy forbids.
    options = {"resultTypes": ["violations"], "runOnly": chosen, "preload": False}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:150]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
