"""A person in front of the real thing: Chromium, daphne, a qcluster, and files with bytes in them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import samples
from tests.harness.processes import BASE_DIR, ServerStack
from tests.harness.waiting import wait_until

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


def collect_static(data_dir: Path) -> None:
    """`make run` does this; a ServerStack only migrates. whitenoise looks when the web server starts."""
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
        cwd=BASE_DIR,
        env=os.environ | {"DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": "config.settings"},
        check=True,
        timeout=120,
    )


@pytest.fixture
def visitor(server_stack: Callable[..., ServerStack], browser_page: Any, tmp_path: Path) -> Callable[..., Visitor]:
    """A function that starts a stack and returns its visitor; the arguments are ServerStack's."""

    def start(**options: Any) -> Visitor:
        data_dir = tmp_path / "site"
        data_dir.mkdir()
        collect_static(data_dir)
        return Visitor(browser_page, server_stack(data_dir=data_dir, env=QUICK_HEARTBEAT, **options))

    return start
