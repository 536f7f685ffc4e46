"""Checks that stop the start, not the night."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks

from orders.outboxes.compose import is_address
from orders.providers import FILES, IKAS, IMAP, MAILDIR, OPENAI, SAMPLE, SMTP, TEMPLATE

#: setting: what it may be, and what each choice needs
CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "MAIL_PROVIDER": {MAILDIR: (), IMAP: ("IMAP_HOST", "IMAP_USER")},
    "ORDER_PROVIDER": {SAMPLE: (), IKAS: ("IKAS_TOKEN_URL", "IKAS_CLIENT_ID", "IKAS_CLIENT_SECRET")},
    "REPLY_PROVIDER": {TEMPLATE: (), OPENAI: ("OPENAI_API_KEY",)},
    "OUTBOX_PROVIDER": {FILES: (), SMTP: ("SMTP_HOST",)},
    "IMAP_AUTH": {
        "password": (),
        "xoauth2": ("IMAP_OAUTH_TOKEN_URL", "IMAP_OAUTH_CLIENT_ID", "IMAP_OAUTH_REFRESH_TOKEN"),
    },
    "IMAP_SECURITY": {"tls": (), "starttls": (), "none": ()},
    "SMTP_SECURITY": {"tls": (), "starttls": (), "none": ()},
}


@checks.register("orders")
def providers_can_be_used(**_: Any) -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = []
    for name, choices in CHOICES.items():
        value = getattr(settings, name)
        if value not in choices:
            problems.append(checks.Error(f"{name} is {value!r}; use one of: {', '.join(choices)}.", id="orders.E001"))
            continue
        problems += [
            checks.Error(f"{name}={value} needs {needed}.", id="orders.E002")
            for needed in choices[value]
            if not getattr(settings, needed)
        ]
    return problems


@checks.register("orders")
def numbers_make_sense(**_: Any) -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = []
    for name in ("IKAS_REQUESTS_PER_SECOND", "IKAS_REQUESTS_PER_WINDOW"):
        if getattr(settings, name) <= 0:
            problems.append(checks.Error(f"{name} must be greater than 0.", id="orders.E003"))
    if not is_address(settings.MAIL_FROM):
        problems.append(
            checks.Error(
                "MAIL_FROM is no e-mail address.", hint="Use one such as support@example.com.", id="orders.E004"
            )
        )
    if settings.ORDER_SAMPLE_FILE is not None and not Path(settings.ORDER_SAMPLE_FILE).is_file():
        problems.append(checks.Error("ORDER_SAMPLE_FILE is no file.", id="orders.E005"))
    return problems
