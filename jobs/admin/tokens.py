"""API tokens at the desk: who has which; made for somebody, shown once, and revoked with a reason, on record."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jobs.admin.engine_room.pages import ReadOnlyAdmin, ask, reason_form, say
from jobs.admin.webhooks import badge
from jobs.errors import InvalidInput
from jobs.models import ApiToken, AuditEntry
from jobs.tokens import issuing
from jobs.tokens.models import Scope

#: The look of a badge (static/css/desk.css) for each state.
LOOKS = {ApiToken.State.GOOD: "succeeded", ApiToken.State.EXPIRED: "pending", ApiToken.State.REVOKED: "failed"}
REVOKE = "jobs.change_apitoken"


class TokenForm(forms.ModelForm):
    """What somebody says about a new token."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.READ],
    )

    class Meta:
        model = ApiToken
        fields = ("owner", "name", "scopes", "expires_at", "requests_per_minute")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        owner, name, expires_at = (values.get(field) for field in ("owner", "name", "expires_at"))
        taken = ApiToken.objects.filter(owner=owner, name=name, revoked_at__isnull=True)
        if owner and name and taken.exists():
            self.add_error("name", _("This user has a token of this name already."))
        if expires_at is not None and expires_at <= timezone.now():
            self.add_error("expires_at", _("The token would have expired already."))
        return values


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(ApiToken.State.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
        expired = Q(expires_at__lte=timezone.now())
        match self.value():
            case ApiToken.State.GOOD:
                return queryset.filter(revoked_at__isnull=True).exclude(expired)
            case ApiToken.State.EXPIRED:
                return queryset.filter(expired, revoked_at__isnull=True)
            case ApiToken.State.REVOKED:
                return queryset.filter(revoked_at__isnull=False)
        return queryset


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    form = TokenForm
    list_display = ("prefix", "name", "owner", "shown_scopes", "created_at", "last_used_at", "expires_at", "life")
    list_filter = (StateFilter,)
    list_select_related = ("owner",)
    search_fields = ("prefix", "name", "owner__username")
    ordering = ("-id",)
    sortable_by = ()
    autocomplete_fields = ("owner",)
    actions = ("revoke",)
    show_facets = admin.ShowFacets.NEVER

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [path("revoke/", view, name="jobs_apitoken_revoke"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.add_apitoken")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # With its owner only: by itself a token is revoked, and stays as the record of what it was.
        of_tokens = request.path.startswith(reverse("admin:jobs_apitoken_changelist"))
        return not of_tokens and request.user.has_perm("jobs.delete_apitoken")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(REVOKE)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        if obj is None:
            return TokenForm.Meta.fields
        return (
            "prefix", "name", "owner", "shown_scopes", "life", "created_at", "created_by", "last_used_at", "expires_at",
            "revoked_at", "requests_per_minute",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return () if obj is None else self.get_fields(request, obj)

    @admin.display(description=gettext_lazy("scopes"))
    def shown_scopes(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description=gettext_lazy("state"))
    def life(self, token: ApiToken) -> str:
        return badge(LOOKS[token.state], token.state.label)

    # --- made ---------------------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        try:
            made, key = issuing.issue(
                obj.owner,
                obj.name,
                form.cleaned_data["scopes"],
                by=request.user,
                via=AuditEntry.Via.DESK,
                expires_at=obj.expires_at,
                requests_per_minute=obj.requests_per_minute,
            )
        except InvalidInput as error:  # somebody made one of the same name in this moment
            raise ValidationError(error.message) from None
        obj.__dict__.update(made.__dict__)
        obj.key = key  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("The token was made"),
            "token": obj,
            "key": obj.key,  # type: ignore[attr-defined]
            "opts": self.opts,
            "media": self.media,
        }
        # On this page and no other: a message would be kept in the session until it is shown.
        response = TemplateResponse(request, "admin/jobs/apitoken/made.html", context)
        add_never_cache_headers(response)
        return response

    # --- revoked ------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Revoke…"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> HttpResponse:
        chosen = urlencode({"id": list(queryset.values_list("pk", flat=True))}, doseq=True)
        return HttpResponseRedirect(f"{reverse('admin:jobs_apitoken_revoke')}?{chosen}")

    def revoke_view(self, request: HttpRequest) -> HttpResponse:
        """GET asks for the reason, POST revokes those that `id` names."""
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        ids = [int(id) for id in request.GET.getlist("id") if id.isascii() and id.isdigit() and len(id) < 19]
        tokens = list(ApiToken.objects.select_related("owner").filter(pk__in=ids, revoked_at__isnull=True))
        form, back = reason_form(request), reverse("admin:jobs_apitoken_changelist")
        if not tokens:
            say(request, _("Nothing was done: they are revoked already."), done=False)
            return HttpResponseRedirect(back)
        if not form.is_valid():
            return ask(
                request,
                title=_("Revoke?"),
                lead=_("Nobody can use them any more, from the next request on; what is open ends within a minute."),
                risk=_("It cannot be undone: whoever needs a token gets a new one."),
                button=_("Revoke"),
                back=back,
                room=self.opts.verbose_name_plural or "",
                form=form,
                facts=[(token.owner.get_username(), str(token)) for token in tokens],
            )
        reason = form.cleaned_data["reason"]
        done = sum(issuing.revoke(one, by=request.user, via=AuditEntry.Via.DESK, reason=reason) for one in tokens)
        told = ngettext("%(count)d token was revoked.", "%(count)d tokens were revoked.", done)
        say(request, told % {"count": done}, done=bool(done))
        return HttpResponseRedirect(back)
