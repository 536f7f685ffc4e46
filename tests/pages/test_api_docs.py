"""The page of the API's description: Swagger UI from our own files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect


def test_the_api_is_shown_and_can_be_tried_and_nothing_comes_from_elsewhere(
    server_stack: Callable[..., Any], browser_page: Any, screenshot: Callable[[str], Any]
):
    stack = server_stack(workers=1)
    asked: list[str] = []
    errors: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    browser_page.on("pageerror", lambda error: errors.append(str(error)))
    browser_page.set_viewport_size({"width": 1280, "height": 900})
    browser_page.goto(f"{stack.base_url}/api/v1/docs/")
    expect(browser_page.get_by_text("Be told when a job changes")).to_be_visible()
    screenshot("api-docs-wide")
    # What needs no token is asked from the page itself.
    browser_page.locator("#operations-tag-description").click()
    browser_page.locator("#operations-description-get_healthz .opblock-summary-control").click()
    browser_page.get_by_role("button", name="Try it out").click()
    browser_page.get_by_role("button", name="Execute").click()
    expect(browser_page.locator(".live-responses-table tr.response .response-col_status")).to_contain_text("200")
    screenshot("api-docs-tried")
    browser_page.set_viewport_size({"width": 390, "height": 844})
    browser_page.evaluate("window.scrollTo(0, 0)")
    screenshot("api-docs-narrow")
    assert browser_page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    assert [url for url in asked if not url.startswith((stack.base_url, "data:"))] == []
    assert errors == []
    # A strict Content-Security-Policy would let it work: it has no script of its own inside.
    assert browser_page.evaluate("[...document.scripts].every((script) => script.src)")
