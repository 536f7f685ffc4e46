"""The desk's pages of webhooks in a real browser."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from jobs import lifecycle
from jobs.models import WebhookAttempt, WebhookDelivery
from jobs.webhooks import endpoints
from tests.harness.waiting import wait_until
from tests.standins.webhook_receiver import WebhookReceiver, drops, status
from tests.webhooks.conftest import INPUT, KIND

ENV = {"WORKER_QUEUES": "default,webhooks", "WEBHOOK_ALLOW_PRIVATE": "true"}
PHONE = {"width": 390, "height": 844}


def test_an_operator_sees_what_a_partner_missed_and_sends_it_once_more(
    server_stack, browser_page, screenshot, settings
):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    stack = server_stack(env=ENV)
    stack.token("ada")
    stack.token("olga", staff=True)
    with WebhookReceiver() as receiver:
        receiver.will(status(500), drops(), status(200), status(410))
        with stack.database():
            settings.SECRET_KEY = (stack.data_dir / "secret-key").read_text().strip()
            ada = get_user_model().objects.get(username="ada")
            endpoint, _ = endpoints.create(ada, f"{receiver.url}?key=secret", description="the partner's CRM")
            endpoints.create(ada, f"{receiver.url}/two", named_only=True)
            for count in range(1, 5):
                lifecycle.submit(KIND, INPUT, owner=ada)
                wait_until(lambda count=count: len(receiver.messages) >= count, timeout=30)
            wait_until(lambda: WebhookAttempt.objects.filter(error="gone").exists(), timeout=30)
            gone = WebhookDelivery.objects.get(attempts__error="gone")
        page = browser_page

        def look(name: str, path: str) -> None:
            page.goto(f"{stack.base_url}{path}")
            screenshot(f"desk-{name}")
            page.set_viewport_size(PHONE)
            screenshot(f"desk-{name}-phone")
            page.set_viewport_size({"width": 1280, "height": 900})

        page.goto(f"{stack.base_url}/admin/")
        page.get_by_label("Username").fill("olga")
        page.get_by_label("Password").fill("olga")
        page.get_by_role("button", name="Log in").click()
        look("webhooks", "/admin/jobs/webhookendpoint/")
        look("webhook", f"/admin/jobs/webhookendpoint/{endpoint.pk}/change/")
        assert "it answered 410: gone for good" in page.inner_text(".desk-summary")
        page.get_by_role("link", name="Enable").click()
        page.get_by_label("Reason").fill("they are back")
        screenshot("desk-webhook-question")
        page.get_by_role("button", name="Enable").click()
        assert "enabled" in page.inner_text(".messagelist")
        look("webhook-log", "/admin/jobs/webhookdelivery/")
        look("webhook-delivery", f"/admin/jobs/webhookdelivery/{gone.pk}/change/")
        page.get_by_role("link", name="Replay").click()
        page.get_by_label("Reason").fill("they asked for it")
        page.get_by_role("button", name="Replay").click()
        assert "sent once more" in page.inner_text(".messagelist")
        wait_until(lambda: receiver.ids[gone.message_id] == 2, timeout=30)
        assert receiver.messages[-1].headers["sira-webhook-replay"] == "true"
