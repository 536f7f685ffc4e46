"""verify_webhook, by the published vector of Standard Webhooks, and by what our server signs."""

from __future__ import annotations

import pytest
from sira_client import WebhookRefused, verify_webhook

from jobs.webhooks import signing
from tests.webhooks.test_signing import BODY, HEADERS, ID, SECRET, SIGNATURE, TIMESTAMP, forged


def test_the_published_vector_is_taken_in_any_case_of_its_headers():
    event = verify_webhook(SECRET, HEADERS, BODY, now=TIMESTAMP + 299)
    assert event.id == ID
    assert verify_webhook(
        SECRET, {name.title(): value for name, value in HEADERS.items()}, BODY.decode(), now=TIMESTAMP
    )


def test_one_right_signature_of_several_is_enough():
    two = HEADERS | {"webhook-signature": f"v1a,xyz v1,AAAA {SIGNATURE}"}
    assert verify_webhook(SECRET, two, BODY, now=TIMESTAMP)
    new = signing.new_secret()
    headers = signing.headers([new, SECRET], "msg_1", TIMESTAMP, b'{"type": "job.failed", "data": {"job_id": "1"}}')
    for secret in (new, SECRET):
        event = verify_webhook(secret, headers, b'{"type": "job.failed", "data": {"job_id": "1"}}', now=TIMESTAMP)
        assert (event.type, event.data) == ("job.failed", {"job_id": "1"})


@pytest.mark.parametrize(("headers", "body"), forged())
def test_nothing_that_was_changed_is_taken(headers: dict[str, str], body: bytes):
    with pytest.raises(WebhookRefused):
        verify_webhook(SECRET, headers, body, now=TIMESTAMP)


def test_what_is_old_or_of_the_future_or_lacks_a_header_is_refused():
    for now in (TIMESTAMP + 301, TIMESTAMP - 301, None):
        with pytest.raises(WebhookRefused, match="of another time"):
            verify_webhook(SECRET, HEADERS, BODY, now=now)
    assert verify_webhook(SECRET, HEADERS, BODY, now=TIMESTAMP + 900, tolerance=1000)
    for name in HEADERS:
        with pytest.raises(WebhookRefused, match=f"{name} is missing"):
            verify_webhook(SECRET, {other: HEADERS[other] for other in HEADERS if other != name}, BODY, now=TIMESTAMP)
    with pytest.raises(WebhookRefused, match="no number"):
        verify_webhook(SECRET, HEADERS | {"webhook-timestamp": "soon"}, BODY, now=TIMESTAMP)
    with pytest.raises(WebhookRefused, match="no signature"):
        verify_webhook(SECRET, HEADERS | {"webhook-signature": "v1,ığü"}, BODY, now=TIMESTAMP)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!"])
def test_no_secret_is_not_a_secret(secret: str):
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(secret, HEADERS, BODY, now=TIMESTAMP)
