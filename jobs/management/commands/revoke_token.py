"""`manage.py revoke_token`: an end to an API token, from the next request on."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from jobs.terminal.console import clean, ends_well
from jobs.terminal.given import nonsense
from jobs.tokens import issuing
from jobs.tokens.keys import digest
from jobs.tokens.models import ApiToken


class Command(BaseCommand):
    help = "Revokes API tokens by their prefixes (see list_tokens), or by the whole token as it was found somewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prefixes", metavar="PREFIX", nargs="+")
        parser.add_argument("--reason", default="", help="kept in the audit log")

    @ends_well
    def handle(self, *_args: object, **options: Any) -> None:
        found = [_find(given) for given in options["prefixes"]]  # all of them, before any is revoked
        for token in found:
            done = issuing.revoke(token, reason=options["reason"][:300])
            said = "is revoked" if done else "was revoked before; nothing was done"
            self.stdout.write(clean(f"{token.prefix}  {token.name} of {token.owner.get_username()} {said}."))


def _find(given: str) -> ApiToken:
    tokens = ApiToken.objects.select_related("owner")
    token = tokens.filter(prefix=given).first() or tokens.filter(digest=digest(given)).first()
    if token is None:
        shown = given if len(given) <= 16 else f"{given[:16]}…"  # perhaps a secret with a slip in it
        raise nonsense(f"There is no token {shown!r}; nothing was revoked. See manage.py list_tokens.")
    return token
