"""A real browser with a page: the Chromium of the machine, driven by Playwright."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

ARTIFACTS = Path(__file__).resolve().parent.parent.parent / "test-artifacts"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # root in a container has no other way
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
PATIENCE_MS = 30_000
#: What Chromium writes to the console when a page wanted what its policy forbids.
VIOLATION = "Content Security Policy"


@contextlib.contextmanager
def open_page(executable: str) -> Iterator[Page]:
    """Start a browser with an empty profile and one page, 1280 × 900; a script error on the page fails the block.

    So does anything that its Content-Security-Policy has kept from it.
    """
    errors: list[str] = []
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=CHROMIUM_ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda message: errors.append(message.text) if VIOLATION in message.text else None)
            yield page
        finally:
            browser.close()
    assert not errors, f"the page's scripts failed: {errors}"


def save_screenshot(page: Page, name: str) -> Path:
    """Save what the page shows, from top to end, as test-artifacts/<name>.png, and return the path."""
    path = ARTIFACTS / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path, full_page=True)
    return path
