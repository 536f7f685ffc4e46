"""The short lists: batches, sessions, conversations. They share static/js/paged-list.js; one stands for all."""

from __future__ import annotations

from tests.harness.waiting import wait_until
from tests.pages.test_jobs_page import send, submit

MANY = 205  # more than one answer of the API holds

MAKE_MANY = f"""
from django.contrib.auth.models import User
from imaging.models import Conversation
ada = User.objects.create_user("ada", password="ada")
for n in range({MANY}):
    Conversation.objects.create(owner=ada, title=f"sketch {{n}}")
"""


def test_what_stands_in_a_list_stays_what_is_new_waits_and_the_oldest_can_be_reached(visitor):
    ada = visitor(cluster_names=())
    page = ada.page
    ada.stack.manage("shell", "-c", MAKE_MANY)
    ada.sign_in("/app/images/")
    ada.wait_for_mode("Live")
    links = page.locator("[data-conversations] a .row__name")
    names = [f"sketch {MANY - 1 - n}" for n in range(20)]
    wait_until(lambda: links.all_inner_texts() == names)
    links.nth(3).locator("..").focus()
    for title in ("new one", "another"):
        send(ada, "POST", "/api/v1/conversations", json={"title": title})
    submit(ada, "s1")  # a step of any job of hers has the list read again
    fresh = page.get_by_role("button", name="2 new")
    fresh.wait_for()
    assert links.all_inner_texts() == names
    assert page.evaluate("document.activeElement.innerText").startswith(names[3])
    fresh.click()
    wait_until(lambda: links.all_inner_texts() == ["another", "new one", *names])
    assert not fresh.is_visible()

    more = page.get_by_role("button", name="Show older ones")
    while more.is_visible():
        before = links.count()
        more.click()
        wait_until(lambda: links.count() > before)  # noqa: B023  asked before it changes
    assert links.count() == MANY + 2
    assert links.last.inner_text() == "sketch 0"
    assert not page.locator("[data-list-error]").is_visible()
