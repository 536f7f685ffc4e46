"""`manage.py prepare_demo`: the user that `make run` prints."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from jobs.tokens import issuing
from jobs.tokens.models import ApiToken
from jobs.tokens.recognising import TokenRefused, recognise

USERNAME = TOKEN_NAME = "demo"  # nosec B105 # a name


class Command(BaseCommand):
    help = (
        "Makes the user 'demo' (staff and superuser), with its password in DATA_DIR/demo-password and its API token "
        "in DATA_DIR/demo-token. Running it again changes nothing. Refused when SIRA_ENV=production."
    )

    def handle(self, *_args: object, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("There is no demo user in production; use createsuperuser and create_token.")
        password_path, token_path = settings.DATA_DIR / "demo-password", settings.DATA_DIR / "demo-token"
        with transaction.atomic():
            user, created = get_user_model().objects.get_or_create(
                username=USERNAME, defaults={"is_staff": True, "is_superuser": True}
            )
            password = read_secret(password_path) or secrets.token_urlsafe(12)
            # The file is what `make run` shows, so it must be true, also after the database or the file was deleted.
            if created or not user.check_password(password):
                user.set_password(password)
                user.save(update_fields=["password"])
            token = keep_token(user, read_secret(token_path))
        write_secret(password_path, password)
        write_secret(token_path, token)
        if options["verbosity"] > 0:
            self.stdout.write(f"The demo user's password is in {password_path}, its API token in {token_path}.")


def keep_token(user: Any, known: str) -> str:
    """Return the token that the file holds if it is good, else a new one.

    One that the database has never seen is taken in, so that scripts go on working when only the database was deleted.
    """
    if known:
        try:
            if recognise(known).owner == user:
                return known
        except TokenRefused as refused:
            if refused.code != "token_unknown":
                known = ""
        else:
            known = ""
    for old in ApiToken.objects.filter(owner=user, name=TOKEN_NAME, revoked_at__isnull=True):
        issuing.revoke(old, reason="its file is gone")
    return issuing.issue(user, TOKEN_NAME, key=known)[1]


def read_secret(path: Path) -> str:
    """Return what the file holds, or an empty text."""
    return path.read_text().strip() if path.exists() else ""


def write_secret(path: Path, secret: str) -> None:
    """Replace the file as a whole, readable by its owner only."""
    if read_secret(path) == secret and path.stat().st_mode & 0o777 == 0o600:
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(f"{secret}\n")
    temporary.replace(path)
