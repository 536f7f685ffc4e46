"""Schedules on the desk: when recurring work runs next, how it went last, and a hand on each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jobs.admin.engine_room.pages import ask, say, show
from jobs.admin.jobs import ReasonForm, job_url
from jobs.engine import timetable
from jobs.engine.timetable import LONGEST_INTERVAL, Entry, NothingToDo
from jobs.models import AuditEntry
from jobs.queue_modes import QueueDraining

OPERATE = "jobs.operate_schedule"
MINUTE = timedelta(minutes=1)


class IntervalForm(ReasonForm):
    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes between two runs"), min_value=1, max_value=LONGEST_INTERVAL // MINUTE
    )
    field_order = ("minutes", "reason")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["reason"].widget.attrs.pop("autofocus", None)
        self.fields["minutes"].widget.attrs["autofocus"] = True


#: What can be done to a schedule: the word on the button, the question, and what will happen.
VERBS = {
    "run": (
        gettext_lazy("Run now"),
        gettext_lazy("Run %(name)s now?"),
        gettext_lazy("A job is submitted at once. The times of the schedule stay as they are."),
    ),
    "off": (
        gettext_lazy("Switch off"),
        gettext_lazy("Switch off the schedule %(name)s?"),
        gettext_lazy("Nothing is submitted by itself until it is switched on again. A job that runs goes on."),
    ),
    "on": (
        gettext_lazy("Switch on"),
        gettext_lazy("Switch on the schedule %(name)s?"),
        gettext_lazy("It runs at its next time; if that has passed, within half a minute."),
    ),
    "interval": (
        gettext_lazy("Interval"),
        gettext_lazy("How often should %(name)s run?"),
        gettext_lazy("The time to the next run is counted from now."),
    ),
}


def schedules_view(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("jobs.view_queuecontrol"):
        raise PermissionDenied
    may_operate = request.user.has_perm(OPERATE)
    rows = [
        {"entry": entry, "every": in_words(entry.every), "verbs": offered(entry) if may_operate else []}
        for entry in timetable.entries()
    ]
    return show(
        request, "schedules", _("Schedules"), rows=rows, is_kept=timetable.is_kept(), failed=timetable.failed_calls()
    )  # fmt: skip


def offered(entry: Entry) -> list[tuple[str, Any]]:
    """Return the verbs that make sense for a schedule, with the words on their buttons."""
    names = ["run", "off", "interval"] if entry.is_on else ["run", "on", "interval"]
    if entry.kind is None:  # not ours: it can only be stopped
        names = ["off"] if entry.is_on else ["on"] if not entry.is_broken else []
    return [(name, VERBS[name][0]) for name in names]


def operate_view(request: HttpRequest, id: int, verb: str) -> HttpResponse:
    """GET asks for the reason, POST does it."""
    if not request.user.has_perm(OPERATE):
        raise PermissionDenied
    entry = timetable.find(id)
    if entry is None or verb not in VERBS:
        raise Http404
    form_class = IntervalForm if verb == "interval" else ReasonForm
    form = form_class(request.POST if request.method == "POST" else None, initial=_initial(entry))
    back = reverse("admin:jobs_schedules")
    if not form.is_valid():
        button, question, lead = VERBS[verb]
        return ask(
            request,
            title=str(question) % {"name": entry.name},
            lead=lead,
            button=button,
            back=back,
            room=_("Schedules"),
            form=form,
            facts=[
                (_("Runs"), in_words(entry.every)),
                (_("Next run"), date_format(localtime(entry.next_run), "DATETIME_FORMAT") if entry.next_run else "–"),
            ],
        )
    sentence, done = _do(request, entry, verb, form.cleaned_data)
    say(request, sentence, done=done)
    return HttpResponseRedirect(back)


def _initial(entry: Entry) -> dict[str, Any]:
    return {"minutes": entry.every // MINUTE} if entry.every else {}


def _do(request: HttpRequest, entry: Entry, verb: str, given: dict[str, Any]) -> tuple[str, bool]:
    """Do it and return what to tell the operator, and whether anything was done."""
    on_record: dict[str, Any] = {"actor": request.user, "via": AuditEntry.Via.DESK, "reason": given["reason"]}
    try:
        if verb == "run":
            job = timetable.run_now(entry.id, **on_record)
            link = format_html('<a href="{}">{}</a>', job_url(job), str(job.pk)[-8:])
            return format_html(_("{name} runs in a moment: {job}"), name=entry.name, job=link), True
        if verb == "interval":
            every = given["minutes"] * MINUTE
            timetable.change_interval(entry.id, every, **on_record)
            return f"{entry.name}: {in_words(every)}", True
        timetable.switch(entry.id, verb == "on", **on_record)
    except QueueDraining as closed:
        return _("Nothing was done. %(why)s") % {"why": closed.message}, False
    except NothingToDo:
        return _nothing(verb), False
    done = _("%(name)s is switched on.") if verb == "on" else _("%(name)s is switched off.")
    return done % {"name": entry.name}, True


def _nothing(verb: str) -> str:
    if verb == "run":
        return _("Nothing was done: a job of this kind waits or runs already.")
    return _("Nothing was done: it is so already.")


def in_words(every: timedelta | None) -> str:
    """Return an interval as people say it, in the largest unit that fits it exactly."""
    if every is None:
        return "–"
    minutes = every // MINUTE
    if minutes % (24 * 60) == 0:
        return ngettext("every day", "every %(n)d days", minutes // (24 * 60)) % {"n": minutes // (24 * 60)}
    if minutes % 60 == 0:
        return ngettext("every hour", "every %(n)d hours", minutes // 60) % {"n": minutes // 60}
    return ngettext("every minute", "every %(n)d minutes", minutes) % {"n": minutes}
