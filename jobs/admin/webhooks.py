"""Webhooks at the desk: whose they are, how they do and why; staff can disable, enable and replay, on record."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import audit
from jobs.admin.engine_room import ReadOnlyAdmin
from jobs.admin.jobs import ReasonForm
from jobs.admin.paginator import CappedPaginator
from jobs.models import WebhookDelivery, WebhookEndpoint
from jobs.webhooks import endpoints
from jobs.webhooks.models import WebhookAttempt, WebhookEvent

SHOWN_DELIVERIES = 50

#: The look of a badge (static/css/desk.css) for each state of a delivery.
LOOKS = {"waiting": "processing", "delivered": "succeeded", "failed": "failed", "dropped": "pending"}


def moment(value: Any) -> str:
    return date_format(timezone.localtime(value), "j M Y, H:i:s") if value else "–"


def badge(look: str, word: Any) -> str:
    return format_html('<span class="desk-badge desk-badge--{}">{}</span>', look, word)


def error_word(code: str) -> str:
    """Return what went wrong in words; the code itself if this release does not know it."""
    return str(dict(WebhookAttempt.Error.choices).get(code, code))


class AskingAdmin(ReadOnlyAdmin):
    """Read-only rows with deeds: GET asks for the reason, POST does it, in one transaction with its audit entry."""

    #: For each deed: the permission that it needs, and the question.
    deeds: dict[str, tuple[str, Any]] = {}
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator

    class Media:
        css = {"all": ["css/desk-webhooks.css"]}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.deed_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_do"
        return [path("<uuid:pk>/<str:deed>/do/", view, name=name), *super().get_urls()]

    def may(self, request: HttpRequest, deed: str) -> bool:
        return request.user.has_perm(self.deeds[deed][0])

    def deed_view(self, request: HttpRequest, pk: Any, deed: str) -> HttpResponse:
        if deed not in self.deeds:
            raise Http404
        if not self.may(request, deed):
            raise PermissionDenied
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        back = reverse(f"admin:jobs_{self.opts.model_name}_change", args=[pk])
        if request.method != "POST" or not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": self.deeds[deed][1],
                "row": row,
                "deed": deed,
                "form": form,
                "back": back,
                "opts": self.opts,
                "media": self.media,
            }
            return TemplateResponse(request, "admin/jobs/webhook/do.html", context)
        with transaction.atomic():
            done = self.do(request, row, deed, form.cleaned_data["reason"])
        if done:
            self.message_user(request, done, messages.SUCCESS)
        else:
            self.message_user(request, _("Nothing was done: it has changed meanwhile."), messages.WARNING)
        return HttpResponseRedirect(back)

    def do(self, request: HttpRequest, row: Any, deed: str, reason: str) -> str:
        """Do it and record it; return what was done in a sentence, "" when there was nothing to do."""
        raise NotImplementedError


class LifeFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "life"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("on", _("enabled")), ("failing", _("failing")), ("off", _("disabled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> QuerySet[WebhookEndpoint]:
        match self.value():
            case "on":
                return queryset.filter(disabled_at__isnull=True)
            case "failing":
                return queryset.filter(disabled_at__isnull=True, failing_since__isnull=False)
            case "off":
                return queryset.filter(disabled_at__isnull=False)
        return queryset


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(AskingAdmin):
    list_display = ("shown_url", "owner", "life", "hears", "answered", "last_failure")
    list_filter = (LifeFilter,)
    list_select_related = ("owner",)
    search_fields = ("id", "owner__username", "url")
    ordering = ("-id",)
    sortable_by = ()
    change_form_template = "admin/jobs/webhookendpoint/change_form.html"
    #: What is shown; the secrets are not among it.
    fieldsets = [
        (None, {"fields": ["shown_url", "owner", "description", "hears"]}),
        (
            gettext_lazy("How it does"),
            {"fields": ["successes", "failures", "failures_in_row", "last_success", "last_failure", "failing_from"]},
        ),
        (gettext_lazy("Times"), {"fields": ["created", "old_secret"]}),
    ]
    readonly_fields = ("shown_url", "hears", "last_success", "last_failure", "failing_from", "created", "old_secret")
    deeds = {
        "disable": ("jobs.disable_webhook", gettext_lazy("Disable this webhook?")),
        "enable": ("jobs.disable_webhook", gettext_lazy("Enable this webhook?")),
    }

    @admin.display(description=gettext_lazy("address"))
    def shown_url(self, endpoint: WebhookEndpoint) -> str:
        return endpoint.shown_url

    @admin.display(description=gettext_lazy("state"))
    def life(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.disabled_at is not None:
            return badge("failed", _("disabled"))
        return badge("pending", _("failing")) if endpoint.failing_since else badge("succeeded", _("enabled"))

    @admin.display(description=gettext_lazy("hears of"))
    def hears(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.named_only:
            return _("jobs that name it")
        types = ", ".join(event.removeprefix("job.") for event in endpoint.event_types)
        return f"{types} ({', '.join(endpoint.kinds)})" if endpoint.kinds else types

    @admin.display(description=gettext_lazy("answered"))
    def answered(self, endpoint: WebhookEndpoint) -> str:
        return f"{endpoint.successes}/{endpoint.successes + endpoint.failures}"

    @admin.display(description=gettext_lazy("last success"))
    def last_success(self, endpoint: WebhookEndpoint) -> str:
        return moment(endpoint.last_success_at)

    @admin.display(description=gettext_lazy("last failure"))
    def last_failure(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.last_failure_at is None:
            return "–"
        why = error_word(endpoint.last_error)
        return f"{moment(endpoint.last_failure_at)}: {why}" if why else moment(endpoint.last_failure_at)

    @admin.display(description=gettext_lazy("failing since"))
    def failing_from(self, endpoint: WebhookEndpoint) -> str:
        return moment(endpoint.failing_since)

    @admin.display(description=gettext_lazy("created"))
    def created(self, endpoint: WebhookEndpoint) -> str:
        return moment(endpoint.created_at)

    @admin.display(description=gettext_lazy("old secret signs until"))
    def old_secret(self, endpoint: WebhookEndpoint) -> str:
        return moment(endpoint.old_secret_until)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = dict(extra_context or {})
        endpoint = self.get_object(request, object_id)
        if endpoint is not None:
            rest = endpoint.resting_until
            context |= {
                "title": _("Webhook"),
                "badge": self.life(endpoint),
                "resting": rest is not None and endpoint.failures_in_row and rest > timezone.now(),
                "deliveries": [row(delivery) for delivery in logged(endpoint)],
                "log": f"{reverse('admin:jobs_webhookdelivery_changelist')}?endpoint__id__exact={endpoint.pk}",
                "may_disable": self.may(request, "disable"),
            }
        return super().change_view(request, object_id, form_url, context)

    def do(self, request: HttpRequest, row: WebhookEndpoint, deed: str, reason: str) -> str:
        before = standing(row)
        if deed == "disable":
            moved, done = endpoints.disable(row, WebhookEndpoint.Because.STAFF, reason), _("The webhook is disabled.")
        else:
            moved, done = endpoints.enable(row), _("The webhook is enabled.")
        if not moved:
            return ""
        row.refresh_from_db()
        audit.record(
            f"{deed}_webhook", "webhook", row.pk, actor=request.user, reason=reason, before=before, after=standing(row)
        )
        return done


def standing(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return how an endpoint stands, for the audit log."""
    if endpoint.disabled_at is None:
        return {"enabled": True}
    return {"enabled": False, "because": str(endpoint.disabled_because)}


def logged(endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    return endpoint.deliveries.order_by("-id").prefetch_related("attempts")[:SHOWN_DELIVERIES]


def row(delivery: WebhookDelivery) -> dict[str, Any]:
    """Return one line of an endpoint's log: the delivery, its badge and its latest attempt."""
    attempts = list(delivery.attempts.all())
    return {
        "delivery": delivery,
        "badge": badge(LOOKS[delivery.state], delivery.get_state_display()),
        "attempts": len(attempts),
        "latest": attempts[-1] if attempts else None,
    }


class EventFilter(admin.SimpleListFilter):
    title = gettext_lazy("event")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(event, event) for event in WebhookEvent.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(AskingAdmin):
    list_display = ("happened", "event", "receiver", "state_badge", "number_of_attempts", "latest")
    list_filter = ("state", EventFilter)
    list_select_related = ("endpoint__owner",)
    search_fields = ("=id", "=job__id", "=endpoint__id")
    search_help_text = gettext_lazy("The id of a delivery, a job or a webhook")
    ordering = ("-id",)
    sortable_by = ()
    change_form_template = "admin/jobs/webhookdelivery/change_form.html"
    fields = ("event", "receiver", "owner", "of_job", "happened", "next", "replays")
    readonly_fields = ("event", "receiver", "owner", "of_job", "happened", "next")
    deeds = {"replay": ("jobs.replay_webhook", gettext_lazy("Send it once more?"))}

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        return super().get_queryset(request).prefetch_related("attempts")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "endpoint__id__exact" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    @admin.display(description=gettext_lazy("event"))
    def event(self, delivery: WebhookDelivery) -> str:
        return delivery.type

    @admin.display(description=gettext_lazy("webhook"))
    def receiver(self, delivery: WebhookDelivery) -> str:
        url = reverse("admin:jobs_webhookendpoint_change", args=[delivery.endpoint_id])
        return format_html('<a href="{}">{}</a>', url, delivery.endpoint.shown_url)

    @admin.display(description=gettext_lazy("owner"))
    def owner(self, delivery: WebhookDelivery) -> str:
        return str(delivery.endpoint.owner)

    @admin.display(description=gettext_lazy("job"), empty_value="–")
    def of_job(self, delivery: WebhookDelivery) -> str | None:
        if delivery.job_id is None:
            return None
        url = reverse("admin:jobs_job_change", args=[delivery.job_id])
        return format_html('<a href="{}"><code>{}</code></a>', url, delivery.job_id)

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, delivery: WebhookDelivery) -> str:
        return badge(LOOKS[delivery.state], delivery.get_state_display())

    @admin.display(description=gettext_lazy("attempts"))
    def number_of_attempts(self, delivery: WebhookDelivery) -> int:
        return len(delivery.attempts.all())

    @admin.display(description=gettext_lazy("latest attempt"), empty_value="–")
    def latest(self, delivery: WebhookDelivery) -> str | None:
        attempts = list(delivery.attempts.all())
        return attempts[-1].outcome if attempts else None

    @admin.display(description=gettext_lazy("happened"))
    def happened(self, delivery: WebhookDelivery) -> str:
        return moment(delivery.occurred_at)

    @admin.display(description=gettext_lazy("next attempt"))
    def next(self, delivery: WebhookDelivery) -> str:
        return moment(delivery.next_attempt_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = dict(extra_context or {})
        delivery = self.get_object(request, object_id)
        if delivery is not None:
            under_way = delivery.state == WebhookDelivery.State.WAITING
            disabled = delivery.endpoint.disabled_at is not None
            context |= {
                "title": _("Delivery of a webhook"),
                "badge": self.state_badge(delivery),
                "attempts": list(delivery.attempts.all()),
                "may_replay": self.may(request, "replay"),
                "why_not": _("It is still being sent.")
                if under_way
                else _("The webhook is disabled.")
                if disabled
                else "",
            }
        return super().change_view(request, object_id, form_url, context)

    def do(self, request: HttpRequest, row: WebhookDelivery, deed: str, reason: str) -> str:
        before = {"state": row.state, "replays": row.replays}
        if not endpoints.replay(row):
            return ""
        row.refresh_from_db()
        audit.record(
            "replay_webhook", "webhook_delivery", row.pk, actor=request.user, reason=reason,
            before=before, after={"state": row.state, "replays": row.replays},
        )  # fmt: skip
        return _("It is sent once more, with the same webhook-id.")
