"""`manage.py create_token`: a new API token, alone on the first line of the output, so that a script can take it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from jobs.terminal import given
from jobs.terminal.console import clean, ends_well
from jobs.tokens import issuing
from jobs.tokens.models import MOST_REQUESTS, Scope


class Command(BaseCommand):
    help = (
        "Makes an API token of a user and prints it, once: it cannot be read again. What else there is to say goes to "
        "the error output. To end one: revoke_token."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER", help="whose it is; it may do what they may")
        parser.add_argument("--name", required=True, help="what it is for, such as: nightly import")
        parser.add_argument(
            "--scope", action="append", choices=Scope.values, required=True,
            help="read: look; submit: send work; operate: change what is there; give it for each",
        )  # fmt: skip
        parser.add_argument("--expires", metavar="90d", help="after so long, or on a day like 2030-01-31; else never")
        parser.add_argument(
            "--requests-per-minute", type=int, metavar="N", help="0: no limit; else API_REQUESTS_PER_MINUTE"
        )

    @ends_well
    def handle(self, *_args: object, **options: Any) -> None:
        owner = given.find_user(options["user"])
        most = options["requests_per_minute"]
        if most is not None and not 0 <= most <= MOST_REQUESTS:
            raise given.nonsense(f"--requests-per-minute must be 0 to {MOST_REQUESTS:,}.")
        expires_at = given.time_ahead(options["expires"], "--expires") if options["expires"] else None
        token, key = issuing.issue(
            owner, options["name"], options["scope"], expires_at=expires_at, requests_per_minute=most
        )
        end = f"{timezone.localtime(expires_at):%Y-%m-%d %H:%M}" if expires_at else "it is revoked"
        told = f"{token.name} of {owner.get_username()}: {', '.join(token.scopes)}; good until {end}."
        self.stderr.write(clean(f"{told} Keep it now; it is not shown again."), str)
        self.stderr.write(f"To end it: manage.py revoke_token {token.prefix}", str)
        self.stdout.write(key)
