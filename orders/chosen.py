"""What the settings choose, ready to call."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.utils import timezone

from jobs.providers import rates
from orders.mailboxes.maildir import Maildir
from orders.outboxes.files import FileOutbox
from orders.providers import IKAS, IMAP, OPENAI, SMTP, Mailbox, Outbox, ReplyWriter, Shop
from orders.replies.template import TemplateWriter

#: All calls to the shop share one limit and one breaker.
SHOP_LIMIT = "ikas"


def chosen_mailbox() -> Mailbox:
    """Return the mailbox of the MAIL_PROVIDER setting. The folder of the default is made, with sample mails in it."""
    if settings.MAIL_PROVIDER == IMAP:
        from orders.mailboxes.imap import ImapMailbox, oauth_login, password_login

        login = (
            oauth_login(settings.IMAP_USER, _mail_token().get)
            if settings.IMAP_AUTH == "xoauth2"
            else password_login(settings.IMAP_USER, settings.IMAP_PASSWORD)
        )
        return ImapMailbox(
            settings.IMAP_HOST,
            settings.IMAP_PORT,
            settings.IMAP_USER,
            settings.IMAP_FOLDER,
            security=settings.IMAP_SECURITY,
            login=login,
            timeout=settings.MAIL_TIMEOUT,
        )
    if settings.MAILDIR_HAS_SAMPLES:
        from orders.mailboxes.samples import make_sample_maildir

        make_sample_maildir(settings.MAILDIR)
    return Maildir(settings.MAILDIR)


@cache
def _mail_token() -> Any:
    """Return what mints access tokens: one for a process, so that a token serves for as long as it is good."""
    from orders.mailboxes.oauth import AccessToken

    return AccessToken(
        token_url=settings.IMAP_OAUTH_TOKEN_URL,
        client_id=settings.IMAP_OAUTH_CLIENT_ID,
        client_secret=settings.IMAP_OAUTH_CLIENT_SECRET,
        refresh_token=settings.IMAP_OAUTH_REFRESH_TOKEN,
        timeout=settings.MAIL_TIMEOUT,
    )


def chosen_shop() -> Shop:
    """Return the shop of the ORDER_PROVIDER setting."""
    if settings.ORDER_PROVIDER == IKAS:
        from orders.shops.ikas import Ikas

        return Ikas(
            token_url=settings.IKAS_TOKEN_URL,
            api_url=settings.IKAS_API_URL,
            client_id=settings.IKAS_CLIENT_ID,
            client_secret=settings.IKAS_CLIENT_SECRET,
            timeout=settings.IKAS_TIMEOUT,
            guard=_within_the_shops_limit,
        )
    from orders.shops.sample_store import SampleStore

    return SampleStore(settings.ORDER_SAMPLE_FILE)


def _within_the_shops_limit() -> Any:
    return rates.one_at_a_time(SHOP_LIMIT, shop_interval(), longest=settings.IKAS_TIMEOUT * 2)


def shop_interval() -> timedelta:
    """Return how far apart two requests to the shop are at least: both limits hold for every stretch of time."""
    return max(
        timedelta(seconds=1) / settings.IKAS_REQUESTS_PER_SECOND,
        settings.IKAS_WINDOW / settings.IKAS_REQUESTS_PER_WINDOW,
    )


def chosen_writer() -> ReplyWriter:
    """Return who drafts replies, by the REPLY_PROVIDER setting."""
    if settings.REPLY_PROVIDER == OPENAI:
        from orders.replies.openai_replies import OpenAIReplies
        from parsers.chosen import chosen_language_model

        return OpenAIReplies(chosen_language_model())
    return TemplateWriter(timezone.get_default_timezone(), shop_name=settings.SHOP_NAME)


def chosen_outbox() -> Outbox:
    """Return the way out of the OUTBOX_PROVIDER setting."""
    if settings.OUTBOX_PROVIDER == SMTP:
        from orders.outboxes.smtp import SmtpOutbox

        return SmtpOutbox(
            settings.SMTP_HOST,
            settings.SMTP_PORT,
            security=settings.SMTP_SECURITY,
            login=(settings.SMTP_USER, settings.SMTP_PASSWORD) if settings.SMTP_USER else None,
            timeout=settings.SMTP_TIMEOUT,
        )
    return FileOutbox(settings.OUTBOX_DIR)
