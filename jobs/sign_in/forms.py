"""The form of the page where one signs in, and the desk's. Both count tries and say how long to wait."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs.sign_in import limits

logger = logging.getLogger(__name__)


class SignInForm(AuthenticationForm):
    """Django's, which says the same of a wrong password, an unknown name and somebody who was deactivated."""

    #: Seconds, when there were too many tries.
    wait = 0

    def clean(self) -> dict[str, Any]:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not name or not password or self.request is None:
            return super().clean()
        try:
            this = limits.begin(name, limits.address_of(self.request))
        except limits.TooManyTries as refused:
            logger.warning("sign-in: too many wrong passwords from one address; the next try in %d s", refused.seconds)
            self.wait = refused.seconds
            raise ValidationError(_too_many(refused.seconds), code="too_many_tries") from None
        cleaned = super().clean()
        this.was_right()
        return cleaned


class DeskSignInForm(SignInForm, AdminAuthenticationForm):
    """The same for staff alone."""


def answer_too_many(response: HttpResponse) -> HttpResponse:
    """Make a page with a form whose tries are used up a 429."""
    form = (getattr(response, "context_data", None) or {}).get("form")
    if wait := getattr(form, "wait", 0):
        response.status_code = 429
        response["Retry-After"] = str(wait)
    return response


def _too_many(seconds: int) -> str:
    if seconds < 120:
        wait = ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    else:
        minutes = -(-seconds // 60)
        wait = ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    return _("Too many tries to sign in. Wait %(wait)s, then try again.") % {"wait": wait}
