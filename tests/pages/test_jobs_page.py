"""The list of jobs in a browser: what comes, what is selected, what is done to it. Filters: test_job_list.py."""

from __future__ import annotations

from typing import Any

import requests

from tests.harness.waiting import wait_until


def send(ada: Any, method: str, path: str, username: str = "ada", **options: Any) -> Any:
    """Ask the API as a program would, in the name of a user."""
    headers = {"Authorization": f"Token {ada.stack.token(username)}"}
    response = requests.request(method, f"{ada.stack.base_url}{path}", headers=headers, timeout=10, **options)
    response.raise_for_status()
    return response.json()


def submit(ada: Any, session: str, username: str = "ada") -> str:
    body = {"kind": "workload.act_out", "input": {"act": "ok"}, "session_id": session}
    return send(ada, "POST", "/api/v1/jobs/", username, json=body)["id"]


def rows(page: Any) -> Any:
    return page.locator("[data-rows] > li")


def states(page: Any) -> list[str]:
    return page.locator("[data-rows] [data-part=state]").all_inner_texts()


def test_jobs_come_are_selected_and_acted_on_by_keyboard_and_leave_no_row_jumping(visitor, screenshot):
    ada = visitor(cluster_names=())
    page = ada.page
    ada.sign_in("/app/jobs/")
    ada.wait_for_mode("Live")
    first, second = submit(ada, "s1"), submit(ada, "s1")
    new = page.get_by_role("button", name="2 new")
    new.wait_for()
    assert rows(page).count() == 0  # nothing moves before one asks for it
    new.focus()
    page.keyboard.press("Enter")
    wait_until(lambda: rows(page).count() == 2)
    assert page.evaluate("document.activeElement.closest('li')?.dataset.job") == second
    assert page.locator("[data-count]").inner_text() == "2 jobs"
    ada.wait_for_text(page.locator("[data-announcer]"), "2 new jobs in the list")
    third = submit(ada, "s2")
    page.get_by_role("button", name="1 new").wait_for()
    assert [row.get_attribute("data-job") for row in rows(page).all()] == [second, first]
    page.get_by_role("button", name="1 new").click()
    wait_until(lambda: rows(page).count() == 3)

    everything = page.get_by_label("Select all on this page")
    everything.focus()
    page.keyboard.press("Space")
    ada.wait_for_text(page.locator("[data-picking]"), "3 selected")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel 3 jobs?")
    dialog.wait_for()
    assert not dialog.get_by_label("Reason").is_visible()  # one's own need none
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    summary = page.locator("[data-summary]")
    ada.wait_for_text(summary, "3 jobs cancelled.")
    wait_until(lambda: states(page) == ["Cancelled"] * 3)
    assert page.evaluate("document.activeElement.matches('[data-summary]')")

    # What could not be done is said with its reason, beside what was; what does not fit is not tried.
    send(ada, "DELETE", f"/api/v1/jobs/{first}/")
    send(ada, "POST", f"/api/v1/jobs/{third}/retry/")
    wait_until(lambda: states(page)[0] == "In the queue")
    rows(page).nth(0).get_by_role("checkbox").click()
    rows(page).nth(2).get_by_role("checkbox").click(modifiers=["Shift"])
    ada.wait_for_text(page.locator("[data-picking]"), "3 selected")
    page.get_by_role("button", name="Delete (2)").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete 2 jobs").click()
    ada.wait_for_text(summary, "1 job deleted; a receipt stays. 1 selected job has not ended and stays.")
    assert "1 was not possible: It was deleted meanwhile." in summary.inner_text()
    wait_until(lambda: states(page) == ["In the queue", "Deleted", "Deleted"])
    screenshot("jobs-summary")

    # What is chosen is in the address: it can be left and come back to.
    page.get_by_label("Search").fill("session:s2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/app/jobs/?q=session%3As2")  # and nothing else
    assert [row.get_attribute("data-job") for row in rows(page).all()] == [third]
    page.get_by_role("link", name="Failed").click()
    page.wait_for_url("**/app/jobs/?q=session%3As2&state=failed")
    ada.wait_for_text(page.locator("[data-empty]"), "No job fits all of this.")
    page.go_back()
    wait_until(lambda: rows(page).count() == 1)
    assert page.get_by_label("Search").input_value() == "session:s2"


def test_an_operator_sees_and_cancels_the_jobs_of_others_with_a_reason(visitor, screenshot):
    ada = visitor(cluster_names=())
    page = ada.page
    ada.stack.manage("shell", "-c", MAKE_OPERATOR)
    ada.sign_in("/app/jobs/?owner=*", "olga", staff=True)
    ada.wait_for_mode("Live")
    theirs = submit(ada, "s1", "ben")
    page.get_by_role("button", name="1 new").click()  # nobody tells of other people's jobs: the page asked
    ada.wait_for_text(rows(page), "ben")
    rows(page).get_by_role("checkbox").check()
    page.get_by_role("button", name="Cancel (1)").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel 1 job").click()
    assert dialog.is_visible()  # not without a reason
    dialog.get_by_label("Reason").fill("ben asked on the phone")
    screenshot("jobs-reason")
    page.keyboard.press("Enter")
    ada.wait_for_text(page.locator("[data-summary]"), "1 job cancelled.")
    events = send(ada, "GET", f"/api/v1/jobs/{theirs}/events/", "ben")["events"]
    assert (events[-1]["type"], events[-1]["data"]["reason"]) == ("cancelled", "ben asked on the phone")

    # Run again by its owner: a row that had ended wakes up, though nobody tells of it.
    send(ada, "POST", f"/api/v1/jobs/{theirs}/retry/", "ben")
    wait_until(lambda: states(page) == ["In the queue"], timeout=20)

    # Without scripts the same addresses and the same form.
    state = page.context.storage_state()
    plain = page.context.browser.new_context(java_script_enabled=False, storage_state=state).new_page()
    plain.goto(f"{ada.stack.base_url}/app/jobs/")
    plain.get_by_text("More filters").click()
    plain.get_by_label("Whose").select_option("*")
    plain.get_by_label("Session label").fill("s1")
    plain.locator(".filter__again").click()
    assert rows(plain).count() == 1
    assert not plain.locator("[data-picking]").is_visible()
    plain.get_by_role("link", name="Cancelled").click()
    assert "No job fits all of this." in plain.inner_text("main")
    plain.context.close()


MAKE_OPERATOR = """
from django.contrib.auth.models import Permission, User
olga = User.objects.create_user("olga", password="olga", is_staff=True)
olga.user_permissions.add(Permission.objects.get(codename="cancel_job"))
"""
