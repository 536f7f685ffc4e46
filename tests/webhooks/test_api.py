"""/api/v1/webhooks/ and `webhook_url`, as a program sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.models import Job, WebhookDelivery, WebhookEndpoint
from jobs.webhooks import endpoints, sealing
from tests.api.conftest import client_of
from tests.standins.webhook_receiver import status
from tests.webhooks.conftest import INPUT, KIND, claim, succeed

URL = "https://example.com/hook?key=s3cret"
ALL = "/api/v1/webhooks/"


@pytest.fixture
def api(ada: Any) -> APIClient:
    return client_of(ada)


def make(api: APIClient, **values: Any) -> dict[str, Any]:
    answer = api.post(ALL, {"url": URL} | values, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_a_webhook_is_made_and_its_secret_is_shown_once(api):
    answer = api.post(ALL, {"url": URL}, format="json")
    made = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == made["links"]["self"] == f"{ALL}{made['id']}/"
    assert made["event_types"] == ["job.succeeded", "job.failed", "job.cancelled"]
    assert (made["kinds"], made["enabled"], made["disabled"]) == ([], True, None)
    assert made["secret"].startswith("whsec_")
    shown = [api.get(made["links"]["self"]), api.get(ALL), api.patch(made["links"]["self"], {}, format="json")]
    assert all(answer.status_code == 200 for answer in shown)
    stored = json.dumps(list(WebhookEndpoint.objects.values()), default=str)
    for text in [*(answer.content.decode() for answer in shown), stored]:
        assert made["secret"] not in text
        assert made["secret"].removeprefix("whsec_") not in text
    assert sealing.unseal(WebhookEndpoint.objects.get().sealed_secret) == made["secret"]


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"url": "https://localhost/"}, "url", "webhook_url_refused"),
        ({"url": "https://10.0.0.1/"}, "url", "webhook_url_refused"),
        ({"url": "https://a:b@example.com/"}, "url", "webhook_url_refused"),
        ({"url": "nothing"}, "url", "webhook_url_refused"),
        ({"url": 7}, "url", "webhook_url_refused"),
        ({"url": None}, "url", "null"),
        ({"event_types": []}, "event_types", "min_length"),
        ({"event_types": ["webhook.test"]}, "event_types.0", "invalid_choice"),
        ({"kinds": ["nobody.knows_this"]}, "kinds", "unknown_kind"),
        ({"secret": "whsec_mine"}, "secret", "unknown_field"),
        ({"description": "x" * 201}, "description", "max_length"),
    ],
)
def test_a_wrong_webhook_is_refused_with_the_field(api, values, field, code):
    answer = api.post(ALL, {"url": URL} | values, format="json")
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert not WebhookEndpoint.objects.exists()


def test_a_url_is_kept_once_and_there_is_an_end_to_how_many(api, monkeypatch):
    make(api)
    answer = api.post(ALL, {"url": URL}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook_exists")
    other = make(api, url="https://example.com/other")
    answer = api.patch(other["links"]["self"], {"url": URL}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook_exists")
    monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 2)
    answer = api.post(ALL, {"url": "https://example.com/third"}, format="json")
    assert answer.json()["code"] == "too_many_webhooks"
    assert make(api, url="https://example.com/third", named_only=True)["named_only"] is True


def test_a_webhook_is_changed_switched_off_on_and_deleted(api):
    made = make(api)
    own = made["links"]["self"]
    changed = api.patch(own, {"kinds": [KIND], "description": "mine", "event_types": ["job.failed"]}, format="json")
    assert (changed.json()["kinds"], changed.json()["event_types"]) == ([KIND], ["job.failed"])
    off = api.patch(own, {"enabled": False}, format="json").json()
    assert (off["enabled"], off["disabled"]["reason"]) == (False, "owner")
    assert api.patch(own, {"enabled": True}, format="json").json()["disabled"] is None
    endpoints.disable(WebhookEndpoint.objects.get(), "staff", "it floods a partner")
    assert api.get(own).json()["disabled"]["note"] == "it floods a partner"
    assert api.delete(own).status_code == 204
    assert api.get(own).status_code == 404


def test_a_webhook_of_somebody_else_is_not_there(api, ben, django_user_model):
    made = make(api)
    succeed(WebhookEndpoint.objects.get().owner)
    delivery = WebhookDelivery.objects.get()
    staff = django_user_model.objects.create_user("staff", is_staff=True)
    own = made["links"]["self"]
    for client in (client_of(ben), client_of(staff)):
        assert client.get(ALL).json()["results"] == []
        for method, path in [
            ("get", own), ("patch", own), ("delete", own), ("post", f"{own}rotate-secret/"), ("post", f"{own}test/"),
            ("get", f"{own}deliveries/"), ("get", f"{own}deliveries/{delivery.pk}/"),
            ("post", f"{own}deliveries/{delivery.pk}/replay/"),
        ]:  # fmt: skip
            answer = getattr(client, method)(path, {}, format="json")
            assert (answer.status_code, answer.json()["code"]) == (404, "webhook_not_found"), path
    assert APIClient().get(ALL).status_code == 401
    assert WebhookEndpoint.objects.count() == 1


def test_a_delivery_of_another_webhook_is_not_found_under_this_one(api, ada):
    one, two = make(api), make(api, url="https://example.com/two", kinds=["parsers.parse_cv"])
    succeed(ada)
    delivery = WebhookDelivery.objects.get(endpoint=one["id"])
    answer = api.get(f"{two['links']['deliveries']}{delivery.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "delivery_not_found")


def test_a_test_event_arrives_and_stands_in_the_log(api, receiver, deliver):
    made = make(api, url=receiver.url)
    answer = api.post(made["links"]["test"])
    assert answer.status_code == 202
    assert answer["Location"] == answer.json()["links"]["self"]
    deliver()
    (message,) = receiver.messages
    assert message.is_signed_with(made["secret"])
    assert message.payload["type"] == "webhook.test"
    logged = api.get(answer["Location"]).json()
    assert (logged["state"], logged["message_id"], logged["job_id"]) == ("delivered", message.id, None)
    (attempt,) = logged["attempts"]
    assert (attempt["status"], attempt["error"], attempt["number"]) == (204, None, 1)
    assert attempt["seconds"] >= 0


def test_deliveries_come_in_pages_and_by_state(api, ada, receiver, deliver):
    made = make(api, url=receiver.url)
    for _ in range(5):
        succeed(ada)
    receiver.will(status(500))
    deliver()
    path, seen = made["links"]["deliveries"] + "?limit=2", []
    while path:
        page = api.get(path).json()
        assert len(page["results"]) <= 2
        seen += [row["id"] for row in page["results"]]
        path = page["next"]
    assert seen == [str(pk) for pk in WebhookDelivery.objects.order_by("-pk").values_list("pk", flat=True)]
    waiting = api.get(made["links"]["deliveries"] + "?state=waiting").json()["results"]
    assert [row["attempts"][0]["outcome"] for row in waiting] == ["not a 2xx"]
    assert api.get(made["links"]["deliveries"] + "?state=lost").status_code == 400


def test_a_rotated_secret_is_shown_once_and_says_until_when_the_old_one_signs(api, ada, receiver, deliver):
    made = make(api, url=receiver.url)
    rotated = api.post(made["links"]["rotate_secret"]).json()
    assert rotated["secret"] not in ("", made["secret"])
    assert api.get(made["links"]["self"]).json()["old_secret_until"] == rotated["old_secret_until"]
    succeed(ada)
    deliver()
    (message,) = receiver.messages
    assert message.is_signed_with(made["secret"])
    assert message.is_signed_with(rotated["secret"])


def test_a_replay_is_accepted_only_when_there_is_nothing_under_way(api, ada, receiver, deliver):
    made = make(api, url=receiver.url)
    succeed(ada)
    replay = f"{made['links']['deliveries']}{WebhookDelivery.objects.get().pk}/replay/"
    assert api.post(replay).json()["code"] == "delivery_unfinished"
    deliver()
    assert api.post(replay).status_code == 202
    deliver()
    assert list(receiver.ids.values()) == [2]
    api.patch(made["links"]["self"], {"enabled": False}, format="json")
    assert (api.post(replay).status_code, api.post(replay).json()["code"]) == (409, "webhook_disabled")
    assert api.post(made["links"]["test"]).json()["code"] == "webhook_disabled"


# --- webhook_url ----------------------------------------------------------------------------------------------------
def test_a_job_is_submitted_with_its_own_webhook(api, receiver, deliver):
    body = {"kind": KIND, "input": INPUT, "webhook_url": receiver.url}
    answer = api.post("/api/v1/jobs/", body, format="json")
    assert answer.status_code == 202
    named = answer.json()["webhook"]
    assert named["url"] == receiver.url
    assert "webhook" not in api.get(answer["Location"]).json(), "the secret is shown once"
    lifecycle.succeed(claim(), {})
    deliver()
    (message,) = receiver.messages
    assert message.is_signed_with(named["secret"])
    assert message.payload["data"]["job_id"] == answer.json()["id"]
    assert api.get(named["links"]["self"]).json()["named_only"] is True
    again = api.post("/api/v1/jobs/", body, format="json").json()
    assert again["webhook"] == {name: value for name, value in named.items() if name != "secret"}


def test_a_form_can_name_a_webhook_too(api):
    answer = api.post("/api/v1/jobs/", {"kind": KIND, "act": "ok", "webhook_url": URL})
    assert answer.status_code == 202, answer.json()
    assert answer.json()["webhook"]["url"] == URL


def test_a_job_without_a_webhook_says_nothing_of_one(api):
    assert "webhook" not in api.post("/api/v1/jobs/", {"kind": KIND, "input": INPUT}, format="json").json()
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize("url", ["https://169.254.169.254/", "https://u:p@example.com/", "http://", 5, ["x"]])
def test_a_job_with_a_bad_webhook_url_is_not_accepted(api, url):
    answer = api.post("/api/v1/jobs/", {"kind": KIND, "input": INPUT, "webhook_url": url}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "webhook_url"
    assert not Job.objects.exists()


def test_a_job_cannot_name_a_webhook_that_is_disabled(api):
    made = make(api)
    api.patch(made["links"]["self"], {"enabled": False}, format="json")
    answer = api.post("/api/v1/jobs/", {"kind": KIND, "input": INPUT, "webhook_url": URL}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "webhook_disabled")
    assert not Job.objects.exists()
