"""Rate limits and circuit breakers on the desk: what each holds back, how it stands, and a way to let go of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jobs import audit
from jobs.admin.engine_room.pages import ReadOnlyAdmin, ask, reason_form, say, show
from jobs.kinds import JobKind, registry
from jobs.live.events import announce_due
from jobs.models import AuditEntry, Job, RateLimit
from jobs.positions import BETWEEN_LOOKS, DEVICE_BUSY, limits_of
from jobs.providers import rates

RESET = "jobs.reset_ratelimit"


@dataclass(frozen=True)
class Limit:
    """One limit in words. look: of its badge; waiting: due jobs of the kinds that it holds back.

    holds: whether anything is held back now.
    """

    row: RateLimit
    look: str
    word: str
    sentence: str
    kinds: list[JobKind]
    waiting: int
    holds: bool

    @property
    def can_be_reset(self) -> bool:
        """Whether a reset would change anything."""
        return self.holds or self.row.failures > 0


@admin.register(RateLimit)
class RateLimitAdmin(ReadOnlyAdmin):
    def get_urls(self) -> list[URLPattern]:
        reset = self.admin_site.admin_view(self.reset_view)
        return [path("<path:key>/reset/", reset, name="jobs_ratelimit_reset"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        limits = sorted(look_at_limits(), key=lambda limit: (not limit.holds, limit.row.key))
        may_reset = request.user.has_perm(RESET)
        return show(
            request, "limits", _("Rate limits and breakers"), limits=limits, may_reset=may_reset,
            threshold=rates.BREAKER_THRESHOLD, opts=self.opts,
        )  # fmt: skip

    def reset_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """GET asks for the reason and tells the risk, POST lets requests out again."""
        if not request.user.has_perm(RESET):
            raise PermissionDenied
        row = RateLimit.objects.filter(pk=key).first()
        if row is None:
            raise Http404
        form, back, limit = reason_form(request), reverse("admin:jobs_ratelimit_changelist"), look_at(row)
        if not form.is_valid():
            return ask(
                request,
                title=_("Reset %(key)s?") % {"key": key},
                lead=_("Failures are forgotten and nothing is held back any more: the next request goes out at once."),
                risk=risk_of(row),
                button=_("Reset"),
                back=back,
                room=_("Rate limits and breakers"),
                form=form,
                facts=[
                    (_("Now"), limit.sentence),
                    (_("Failures in a row"), row.failures),
                    (_("Waiting"), limit.waiting),
                ],
            )
        reset(row.key, actor=request.user, reason=form.cleaned_data["reason"])
        say(request, _("%(key)s was reset. Jobs that were given a time keep it.") % {"key": key}, done=True)
        return HttpResponseRedirect(back)


def reset(key: str, *, actor: Any, reason: str) -> None:
    """Let requests out again and record it, in one transaction; jobs that wait for the limit may be claimed."""
    with transaction.atomic():
        before = RateLimit.objects.select_for_update().get(pk=key)
        after = rates.reset(key)
        for queue in {kind.queue for kind in kinds_behind(key)}:
            announce_due(queue)
        audit.record(
            "reset_rate_limit",
            "rate_limit",
            key,
            actor=actor,
            via=AuditEntry.Via.DESK,
            reason=reason,
            before=_standing(before),
            after=_standing(after),
        )


def _standing(row: RateLimit) -> dict[str, Any]:
    return {"failures": row.failures, "reason": row.reason, "ready_at": row.ready_at.isoformat(timespec="seconds")}


def kinds_behind(key: str) -> list[JobKind]:
    """Return the kinds whose jobs are not claimed while this limit holds."""
    return [kind for kind in registry if key in limits_of(kind)]


def look_at_limits() -> list[Limit]:
    return [look_at(row) for row in RateLimit.objects.order_by("key")]


def look_at(row: RateLimit) -> Limit:
    kinds = kinds_behind(row.key)
    look, word, sentence = in_words(row)
    waiting = sum(Job.objects.queued().filter(queue=kind.queue, kind=kind.name).count() for kind in kinds)
    return Limit(row, look, word, sentence, kinds, waiting, holds=look != "succeeded")


def in_words(row: RateLimit) -> tuple[str, str, str]:
    """Return how a limit stands: the look of its badge, a word, and a sentence."""
    until, now = _clock(row.ready_at), timezone.now()
    is_shut = row.ready_at > now
    failures = ngettext("%(n)d failure in a row.", "%(n)d failures in a row.", row.failures) % {"n": row.failures}
    if row.reason == rates.OPEN and is_shut:
        sentence = _("Open: nothing is sent until %(until)s.") % {"until": until}
        return "failed", _("breaker open"), f"{sentence} {failures}"
    if row.reason == rates.PROBED and is_shut:
        sentence = _("One request finds out whether the other side is back; the rest wait, until %(until)s at most.")
        return "pending", _("on trial"), f"{sentence % {'until': until}} {failures}"
    if row.reason in (rates.OPEN, rates.PROBED):
        sentence = _("Its rest is over: the next request finds out whether the other side is back.")
        return "pending", _("on trial"), f"{sentence} {failures}"
    if row.reason == DEVICE_BUSY and row.ready_at > now - BETWEEN_LOOKS:
        sentence = _("An earlier attempt's process is still on the device; it is looked at again every second.")
        return "pending", _("device busy"), sentence
    if row.reason == rates.UNDER_WAY and is_shut:
        sentence = _("A request is under way; the next one follows its answer, at %(until)s at the latest.")
        return "processing", _("under way"), sentence % {"until": until}
    if row.reason and is_shut:
        return "pending", _("told to wait"), _("The other side asked to wait until %(until)s.") % {"until": until}
    if is_shut:
        return "processing", _("limited"), _("The limit is used up until %(until)s.") % {"until": until}
    if row.failures:
        sentence = _("Requests go out. After %(n)d failures in a row the breaker opens.")
        return "succeeded", _("closed"), f"{sentence % {'n': rates.BREAKER_THRESHOLD}} {failures}"
    return "succeeded", _("closed"), _("Requests go out.")


def risk_of(row: RateLimit) -> Any:
    """Say what may go wrong when this limit is reset now."""
    if row.reason == DEVICE_BUSY:
        return gettext_lazy(
            "It helps only if the process on the device is gone; otherwise the next look shuts it again in a second."
        )
    if row.reason == rates.UNDER_WAY:
        return gettext_lazy(
            "A request is under way: a second one would go out beside it and may break the other side's limit."
        )
    if row.reason in (rates.OPEN, rates.PROBED):
        return gettext_lazy(
            "If the other side is still down, jobs use up attempts until the breaker opens again, after five failures."
        )
    return gettext_lazy("The other side may refuse what comes too early (429), or shut us out for longer.")


def _clock(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return date_format(local, "H:i:s" if local.date() == timezone.localdate() else "SHORT_DATETIME_FORMAT")
