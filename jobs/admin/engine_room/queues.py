"""Queues on the desk: how each runs, what is in it, and the hand on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import queue_modes, queues
from jobs.admin.engine_room.pages import ReadOnlyAdmin, Text, ask, reason_form, say, show
from jobs.models import AuditEntry, QueueControl
from jobs.queue_modes import Mode


@dataclass(frozen=True)
class Switch:
    """How the desk speaks of a verb. done: said when it was done; its `%(queue)s` is filled in."""

    verb: str
    button: Text
    question: Text
    lead: Text
    done: Text
    risk: Text = ""


SWITCHES = {
    switch.verb: switch
    for switch in [
        Switch(
            "pause",
            gettext_lazy("Pause"),
            gettext_lazy("Pause the queue %(queue)s?"),
            gettext_lazy(
                "No new job of this queue starts until it is resumed. Jobs that run go on; "
                "new ones are accepted and wait."
            ),
            gettext_lazy("The queue %(queue)s is paused. Running jobs go on; no new ones start."),
        ),
        Switch(
            "drain",
            gettext_lazy("Drain"),
            gettext_lazy("Drain the queue %(queue)s?"),
            gettext_lazy(
                "Nothing new is accepted until the queue is reopened. What is there is worked off: waiting jobs, their "
                "retries, and the parts of batches that were accepted."
            ),
            gettext_lazy("The queue %(queue)s drains. What is there is worked off; nothing new comes in."),
            risk=gettext_lazy(
                "Whoever sends a job is turned away (503) and has to send it again later. Recurring work of this queue "
                "is left out until then."
            ),
        ),
        Switch(
            "resume",
            gettext_lazy("Resume"),
            gettext_lazy("Resume the queue %(queue)s?"),
            gettext_lazy("Waiting jobs start again at once, and new ones are accepted."),
            gettext_lazy("The queue %(queue)s runs again."),
        ),
    ]
}
#: What is offered for a queue in each mode.
OFFERED = {
    Mode.RUNNING: ("pause", "drain"),
    Mode.PAUSED: ("resume", "drain"),
    Mode.DRAINING: ("resume", "pause"),
}


@admin.register(QueueControl)
class QueueAdmin(ReadOnlyAdmin):
    """Every queue, with and without a row: one that was never touched has none."""

    def get_urls(self) -> list[URLPattern]:
        operate = self.admin_site.admin_view(self.operate_view)
        return [path("<str:queue>/<str:verb>/do/", operate, name="jobs_queuecontrol_operate"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = queues.describe()
        for queue in shown:
            offered = [SWITCHES[verb] for verb in OFFERED[queue.mode]]
            switches = [switch for switch in offered if may_switch(request, queue.mode, switch.verb)]
            queue.switches = switches  # type: ignore[attr-defined]
        return show(request, "queues", _("Queues"), queues=shown, opts=self.opts)

    def operate_view(self, request: HttpRequest, queue: str, verb: str) -> HttpResponse:
        """GET asks for the reason, POST pauses, drains or resumes the queue."""
        if verb not in SWITCHES or queue not in queues.names():
            raise Http404
        before = queue_modes.mode_of(queue)
        if not may_switch(request, before.mode, verb):
            raise PermissionDenied
        switch, form = SWITCHES[verb], reason_form(request)
        named, back = {"queue": queue}, reverse("admin:jobs_queuecontrol_changelist")
        if not form.is_valid():
            (row,) = (row for row in queues.describe([queue]) if row.name == queue)
            return ask(
                request,
                title=str(switch.question) % named,
                lead=switch.lead,
                risk=switch.risk,
                button=switch.button,
                back=back,
                room=_("Queues"),
                form=form,
                facts=[
                    (_("Now"), before.mode.label),
                    (_("Waiting"), row.waiting),
                    (_("At work"), row.running),
                    (_("Later"), row.later),
                ],
            )
        switched = queue_modes.switch(
            queue, verb, actor=request.user, via=AuditEntry.Via.DESK, reason=form.cleaned_data["reason"]
        )
        if switched is None:
            sentence = _("Nothing was done: the queue is %(mode)s already.") % {"mode": before.mode.label}
        else:
            sentence = str(switch.done) % named
        say(request, sentence, done=switched is not None)
        return HttpResponseRedirect(back)


def may_switch(request: HttpRequest, mode: str, verb: str) -> bool:
    """Whether the user may; one that changes nothing needs the permission to pause."""
    needed = queue_modes.permissions_needed(mode, queue_modes.VERBS[verb])
    return request.user.has_perms(needed or [queue_modes.PERMISSIONS[Mode.PAUSED]])
