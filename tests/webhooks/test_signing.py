"""Standard Webhooks, by its published vector, and the snippets that receivers copy from our page."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jobs.webhooks import endpoints, sealing, signing
from jobs.webhooks.models import WebhookEndpoint
from tests.requirements import require_tool

# https://github.com/standard-webhooks/standard-webhooks; an example that everybody may know, not a secret
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"webhook-id": ID, "webhook-timestamp": str(TIMESTAMP), "webhook-signature": SIGNATURE}

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "webhooks.md"


def snippet(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return code


def forged(**changes: Any) -> list[tuple[dict[str, str], bytes]]:
    """The vector with one thing wrong each time."""
    other = signing.sign(signing.new_secret(), ID, TIMESTAMP, BODY)
    return [
        (HEADERS | {"webhook-signature": other}, BODY),
        (HEADERS | {"webhook-signature": SIGNATURE.replace("v1,", "v2,")}, BODY),
        (HEADERS | {"webhook-signature": ""}, BODY),
        (HEADERS | {"webhook-id": "msg_other"}, BODY),
        (HEADERS | {"webhook-timestamp": str(TIMESTAMP + 1)}, BODY),
        (HEADERS, BODY + b" "),
    ]


def test_the_published_vector_is_signed_as_it_says():
    assert signing.sign(SECRET, ID, TIMESTAMP, BODY) == SIGNATURE


def test_every_valid_secret_signs_and_the_newest_is_first():
    new = signing.new_secret()
    headers = signing.headers([new, SECRET], ID, TIMESTAMP, BODY)
    assert headers["webhook-signature"].split(" ") == [signing.sign(new, ID, TIMESTAMP, BODY), SIGNATURE]


def test_a_secret_is_long_enough_and_no_two_are_the_same():
    secrets = {signing.new_secret() for _ in range(20)}
    assert len(secrets) == 20
    assert all(24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64 for secret in secrets)


def test_a_secret_at_rest_is_not_readable_and_comes_back_whole(settings):
    sealed = sealing.seal(SECRET)
    assert SECRET not in sealed
    assert SECRET.removeprefix("whsec_") not in base64.urlsafe_b64decode(sealed).decode("latin-1")
    assert sealing.unseal(sealed) == SECRET
    settings.SECRET_KEY = "another-key-of-at-least-forty-characters-0123456789"
    with pytest.raises(sealing.SecretLost):
        sealing.unseal(sealed)


def test_a_secret_outlives_a_change_of_the_key_when_the_old_one_is_named(settings):
    sealed = sealing.seal(SECRET)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-at-least-forty-characters-0123456789"
    assert sealing.unseal(sealed) == SECRET


def test_a_secret_is_sealed_anew_after_a_change_of_the_key_and_the_old_one_may_go(db, settings, django_user_model):
    ada, old = django_user_model.objects.create_user("ada"), settings.SECRET_KEY
    endpoints.create(ada, url="https://receiver.example.com/hook")
    endpoints.rotate_secret(WebhookEndpoint.objects.get())
    before = endpoints.secrets_of(WebhookEndpoint.objects.get())
    assert len(before) == 2
    assert endpoints.reseal_secrets() == 0  # nothing has changed
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-key-of-at-least-forty-characters-0123456789", [old]
    assert endpoints.reseal_secrets() == 1
    assert endpoints.reseal_secrets() == 0
    settings.SECRET_KEY_FALLBACKS = []
    assert endpoints.secrets_of(WebhookEndpoint.objects.get()) == before


def test_the_python_of_our_page_takes_the_vector_and_no_forgery():
    names: dict[str, Any] = {}
    exec(snippet("python"), names)
    verify = names["verify"]
    assert verify(SECRET, HEADERS, BODY, now=TIMESTAMP + 10)
    assert verify(SECRET, HEADERS | {"webhook-signature": f"v1,AAAA {SIGNATURE}"}, BODY, now=TIMESTAMP)
    assert not any(verify(SECRET, headers, body, now=TIMESTAMP) for headers, body in forged())
    assert not verify(SECRET, HEADERS, BODY, now=TIMESTAMP + 301), "an old message may be somebody's replay"
    assert not verify(SECRET, HEADERS, BODY), "of 2021"


def test_the_javascript_of_our_page_takes_the_vector_and_no_forgery(tmp_path):
    node = require_tool("node", "nodejs")
    cases = [
        (HEADERS, BODY.decode(), TIMESTAMP + 10),
        (HEADERS | {"webhook-signature": f"v1,AAAA {SIGNATURE}"}, BODY.decode(), TIMESTAMP),
        *((headers, body.decode(), TIMESTAMP) for headers, body in forged()),
        (HEADERS, BODY.decode(), TIMESTAMP + 301),
    ]
    script = tmp_path / "verify.mjs"
    script.write_text(
        f"{snippet('js')}\n"
        f"const cases = {json.dumps(cases)};\n"
        f"const found = cases.map(([headers, body, now]) => verify({json.dumps(SECRET)}, headers, body, now));\n"
        "console.log(JSON.stringify(found));\n"
    )
    said = subprocess.run([node, script], capture_output=True, text=True, check=True, timeout=30).stdout
    assert json.loads(said) == [True, True] + [False] * (len(cases) - 2)
