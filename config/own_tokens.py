"""/app/tokens/: a person's own API tokens. A page that needs no script: forms, and a new token shown once."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from jobs.errors import InvalidInput
from jobs.models import ApiToken, AuditEntry
from jobs.tokens import issuing
from jobs.tokens.models import Scope

#: The look of a badge (static/css/badges.css) for each state that is shown.
LOOKS = {ApiToken.State.GOOD: "succeeded", ApiToken.State.EXPIRED: "waiting"}
LASTS = [("30", _("30 days")), ("90", _("90 days")), ("365", _("a year")), ("", _("until it is revoked"))]


class TokenForm(forms.Form):
    name = forms.CharField(max_length=100)
    scopes = forms.MultipleChoiceField(choices=Scope.choices, error_messages={"required": _("Choose at least one.")})
    lasts = forms.ChoiceField(choices=LASTS, required=False)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@sensitive_variables("key")
def tokens(request: HttpRequest) -> HttpResponse:
    """Show them. POST makes one, and the answer is the only page with the token itself."""
    form = TokenForm(request.POST if request.method == "POST" else None, initial={"scopes": ["read"], "lasts": "90"})
    key = _make(request, form) if form.is_valid() else ""
    if key:
        form = TokenForm(initial=form.initial)
    own = ApiToken.objects.filter(owner_id=request.user.pk, revoked_at__isnull=True)
    context = {
        "form": form,
        "key": key,
        "rows": [(token, LOOKS[token.state], token.state.label) for token in own],
    }
    return render(request, "pages/tokens.html", context)


@require_POST
@login_required
def revoke(request: HttpRequest, prefix: str) -> HttpResponse:
    token = get_object_or_404(ApiToken, owner_id=request.user.pk, prefix=prefix)
    issuing.revoke(token, by=request.user, via=AuditEntry.Via.API)
    return redirect("pages:tokens")


def _make(request: HttpRequest, form: TokenForm) -> str:
    """Return the new token; "" after saying at the form why there is none."""
    days = form.cleaned_data["lasts"]
    try:
        return issuing.issue(
            request.user,
            form.cleaned_data["name"],
            form.cleaned_data["scopes"],
            by=request.user,
            via=AuditEntry.Via.API,
            expires_at=timezone.now() + timedelta(days=int(days)) if days else None,
        )[1]
    except InvalidInput as error:
        form.add_error("name", error.message)
        return ""
