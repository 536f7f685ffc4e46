"""Webhooks at the desk: seen by viewers, changed by those who may, each deed with a reason and on record."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from jobs.models import AuditEntry, WebhookDelivery, WebhookEndpoint
from jobs.webhooks import endpoints
from tests.admin.conftest import client_of
from tests.standins.webhook_receiver import status
from tests.webhooks.conftest import fresh, succeed

LIST, LOG = reverse("admin:jobs_webhookendpoint_changelist"), reverse("admin:jobs_webhookdelivery_changelist")
VIEW = ("view_webhookendpoint", "view_webhookdelivery")


@pytest.fixture
def viewer(db: None) -> Client:
    return client_of("vera", *VIEW)


@pytest.fixture
def operator(db: None) -> Client:
    return client_of("oya", *VIEW, "disable_webhook", "replay_webhook")


def page(row: Any) -> str:
    return reverse(f"admin:jobs_{row._meta.model_name}_change", args=[row.pk])


def deed(client: Client, row: Any, name: str, reason: str = "asked for by its owner") -> Any:
    url = reverse(f"admin:jobs_{row._meta.model_name}_do", args=[row.pk, name])
    return client.post(url, {"reason": reason}, follow=True)


def messages_of(response: Any) -> str:
    return "\n".join(str(message) for message in response.context["messages"])


def test_a_viewer_sees_how_it_does_and_no_secret(viewer, ada, endpoint, receiver, deliver):
    WebhookEndpoint.objects.update(url=receiver.url + "?key=MARK-key")
    receiver.will(status(500))
    succeed(ada)
    succeed(ada)
    deliver()
    delivery = WebhookDelivery.objects.first()
    shown = ""
    for path in (LIST, LOG, page(endpoint), page(delivery), f"{LOG}?endpoint__id__exact={endpoint.pk}"):
        answer = viewer.get(path)
        assert answer.status_code == 200, path
        shown += answer.content.decode()
    row = fresh(endpoint)
    for secret in (endpoint.secret, endpoint.secret.removeprefix("whsec_"), row.sealed_secret, "MARK-key"):
        assert secret not in shown
    for words in ("/hook?…", "enabled", "delivered", "waiting", "not a 2xx", "job.succeeded"):
        assert words in shown, words
    for name in ("Disable", "Replay"):
        assert f">{name}<" not in shown, "there is nothing to press for a viewer"


def test_a_viewer_changes_nothing(viewer, ada, endpoint, receiver, deliver):
    succeed(ada)
    deliver()
    delivery = WebhookDelivery.objects.get()
    for row, name in ((endpoint, "disable"), (endpoint, "enable"), (delivery, "replay")):
        assert deed(viewer, row, name).status_code == 403
        assert viewer.get(reverse(f"admin:jobs_{row._meta.model_name}_do", args=[row.pk, name])).status_code == 403
    for row in (endpoint, delivery):
        assert viewer.post(page(row), {"url": "https://evil.example/"}).status_code == 403
        assert viewer.post(page(row).replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert (fresh(endpoint).url, fresh(endpoint).disabled_at) == (receiver.url, None)
    assert not AuditEntry.objects.exists()


def test_who_may_disable_may_not_replay_by_that(db, ada, endpoint, receiver, deliver):
    succeed(ada)
    deliver()
    dora = client_of("dora", *VIEW, "disable_webhook")
    assert deed(dora, WebhookDelivery.objects.get(), "replay").status_code == 403
    assert deed(dora, endpoint, "disable").status_code == 200
    assert fresh(endpoint).disabled_at is not None


def test_staff_disable_and_enable_with_reasons_on_record(operator, endpoint):
    assert "is disabled" in messages_of(deed(operator, endpoint, "disable", "it floods a partner"))
    row = fresh(endpoint)
    assert (row.disabled_because, row.disabled_note) == ("staff", "it floods a partner")
    shown = operator.get(page(endpoint)).content.decode()
    assert "switched off by staff" in shown
    assert "it floods a partner" in shown
    assert "Nothing was done" in messages_of(deed(operator, endpoint, "disable"))
    assert "is enabled" in messages_of(deed(operator, endpoint, "enable", "they are ready"))
    entries = list(
        AuditEntry.objects.order_by("id").values_list("action", "target", "actor_name", "reason", "before", "after")
    )
    on, off = {"enabled": True}, {"enabled": False, "because": "staff"}
    assert entries == [
        ("disable_webhook", str(endpoint.pk), "oya", "it floods a partner", on, off),
        ("enable_webhook", str(endpoint.pk), "oya", "they are ready", off, on),
    ]


def test_nothing_is_done_without_a_reason(operator, endpoint):
    assert "say why first" in deed(operator, endpoint, "disable", "").content.decode()
    assert fresh(endpoint).disabled_at is None


def test_a_delivery_is_replayed_with_a_reason_on_record(operator, ada, endpoint, receiver, deliver):
    succeed(ada)
    delivery = WebhookDelivery.objects.get()
    assert "Nothing was done" in messages_of(deed(operator, delivery, "replay"))
    deliver()
    assert "sent once more" in messages_of(deed(operator, delivery, "replay", "they lost it"))
    deliver()
    assert list(receiver.ids.values()) == [2]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target_type, entry.reason) == ("replay_webhook", "webhook_delivery", "they lost it")
    assert "replay" in operator.get(page(delivery)).content.decode()


def test_an_endpoint_that_fails_says_so_and_until_when_it_rests(viewer, ada, endpoint, receiver, deliver):
    receiver.will(*[status(503)] * 5)
    for _ in range(5):
        succeed(ada)
    deliver()
    shown = viewer.get(page(endpoint)).content.decode()
    assert "5 failures in a row" in shown
    assert "left alone until" in shown
    assert "failing" in viewer.get(f"{LIST}?life=failing").content.decode()
    assert receiver.url not in viewer.get(f"{LIST}?life=off").content.decode()


def test_one_that_does_not_exist_and_a_deed_that_does_not_exist(operator, endpoint):
    assert deed(operator, endpoint, "explode").status_code == 404
    endpoints_page = reverse("admin:jobs_webhookendpoint_do", args=[endpoint.pk, "disable"])
    WebhookEndpoint.objects.all().delete()
    assert operator.post(endpoints_page, {"reason": "x"}).status_code == 404
    assert endpoints.enable(endpoint) is False
