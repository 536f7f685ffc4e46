"""`manage.py list_tokens`: whose API tokens there are. The tokens themselves are nowhere to be read."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from rich import box
from rich.table import Table

from jobs.terminal import given
from jobs.terminal.console import ends_well, open_console, say
from jobs.tokens.models import ApiToken


class Command(BaseCommand):
    help = "Lists the API tokens that are good; with --all the revoked and expired ones too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER", nargs="?", help="only theirs")
        parser.add_argument("--all", action="store_true", help="revoked and expired ones as well")

    @ends_well
    def handle(self, *_args: object, **options: Any) -> None:
        tokens = ApiToken.objects.select_related("owner").order_by("owner__username", "name", "pk")
        if options["user"]:
            tokens = tokens.filter(owner=given.find_user(options["user"]))
        table = Table("prefix", "owner", "name", "scopes", "state", "last used", "expires", box=box.SIMPLE_HEAD)
        for token in tokens.iterator():
            if options["all"] or token.state == ApiToken.State.GOOD:
                owner, scopes = token.owner.get_username(), ", ".join(token.scopes)
                texts = (token.prefix, owner, token.name, scopes, token.state.value)
                table.add_row(*map(say, texts), _time(token.last_used_at), _time(token.expires_at))
        open_console(no_color=options["no_color"], to=self.stdout).print(table)


def _time(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" if moment else "–"
