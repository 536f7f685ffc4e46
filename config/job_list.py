"""/app/jobs/: a list of jobs. Every choice stands in its address: one can share it, keep it and go back to it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe
from rest_framework import serializers

from config.kind_titles import title_of
from config.pages import ACTS, BATCH_KIND, _name, _page_of, _state_word, _texts, _title
from imaging.words import TURKISH_ERRORS as IMAGE_ERRORS
from jobs.kinds import registry
from jobs.listing import COUNT_AT_MOST, Listed, find_first_page, find_newer, find_page
from jobs.models import Job, JobQuerySet
from jobs.search import JobFilter
from jobs.states import UNFINISHED, State
from orders.words import TURKISH_ERRORS as INBOX_ERRORS

PER_PAGE = 50
#: The value of `owner` for all jobs; no user can have this name.
EVERYBODY = "*"
#: So many users can be chosen from; whoever is not among them is found by `owner:name` in the search line.
MOST_OWNERS = 200
#: A batch is one row, unless one asks for something that only its parts have.
ASKS_FOR_PARTS = ("q", "kind", "parent")
UNDER_WAY = ",".join(state for state in State.values if state in UNFINISHED)
#: What a row does not show, and may be large.
HEAVY = ("input", "result", "error_traceback")

LABELS = {
    "q": gettext_lazy("Search"),
    "state": gettext_lazy("State"),
    "since": gettext_lazy("When"),
    "owner": gettext_lazy("Whose"),
    "kind": gettext_lazy("Kind"),
    "queue": gettext_lazy("Queue"),
    "session_id": gettext_lazy("Session label"),
    "user_id": gettext_lazy("User label"),
    "created_after": gettext_lazy("From"),
    "created_before": gettext_lazy("Until"),
    "parent": gettext_lazy("Part of the batch"),
    "before": gettext_lazy("Page"),
    "after": gettext_lazy("Page"),
}
TIMES = ("created_after", "created_before")
CURSORS = ("before", "after")
SINCE = {
    "": gettext_lazy("Any time"),
    "hour": gettext_lazy("Last hour"),
    "today": gettext_lazy("Today"),
    "week": gettext_lazy("Last 7 days"),
}


class ListFilter(JobFilter):
    """Which jobs, and which page of them: those before or after an id."""

    before = serializers.UUIDField(required=False)
    after = serializers.UUIDField(required=False)


@dataclass(frozen=True)
class Asked:
    """What an address asks for. given: as it stands there; errors: what is wrong with it, by name, in a sentence."""

    given: dict[str, str]
    wanted: ListFilter
    errors: dict[str, str]

    @property
    def filters(self) -> dict[str, str]:
        return {name: value for name, value in self.given.items() if name not in CURSORS}

    def cursor(self, name: str) -> uuid.UUID | None:
        return self.wanted.validated_data.get(name)

    def address(self, **changes: Any) -> str:
        """Return the address with other filters, at its first page unless the changes name one. "": without it."""
        parameters = self.filters | {name: str(value) for name, value in changes.items()}
        return f"?{urlencode({name: value for name, value in parameters.items() if value})}"


@require_safe
@login_required
def jobs(request: HttpRequest) -> HttpResponse:
    asked = _read(request)
    page, newer = _find(asked, request.user)
    rows = list(page.jobs)
    _dress(rows)
    is_first = asked.cursor("before") is None and newer is None
    context = {
        "asked": asked,
        "jobs": rows,
        "shows_owners": asked.wanted.validated_data.get("owner") != "me" and request.user.is_staff,
        "is_operator": request.user.is_staff and any(map(request.user.has_perm, ACTS.values())),
        "states": _states(asked),
        "chosen": _chosen(asked),
        "is_narrowed": not asked.filters.keys() <= {"owner", *asked.errors},
        "errors": [(LABELS[name], asked.given.get(name, ""), sentence) for name, sentence in asked.errors.items()],
        "fields": _fields(asked, request.user),
        "count": _count(page, is_first=is_first),
        "searched_back_to": None if page.searched_all or page.older is None else _time_of(page.older),
        "newest": "" if is_first else asked.address(),
        "newer": asked.address(after=newer) if newer else "",
        "older": asked.address(before=page.older) if page.older else "",
        "texts": _texts(IMAGE_ERRORS | INBOX_ERRORS),
        "page": {
            "newest": f"{reverse('pages:jobs-newest')}{asked.address()}" if is_first else None,
            # Of other people's jobs nobody tells this page: it has to ask.
            "asks": request.user.is_staff and asked.wanted.validated_data.get("owner") != "me",
        },
    }
    return render(request, "pages/jobs.html", context)


@require_safe
@login_required
def newest(request: HttpRequest) -> JsonResponse:
    """Say which jobs the first page of a list has now, as {"jobs": [{"id", "seq"}], "more": bool}."""
    asked = _read(request)
    visible = _visible(asked, request.user).only("pk", "event_seq")
    page = find_page(asked.wanted, visible, request.user, PER_PAGE)
    rows = [{"id": str(job.pk), "seq": job.event_seq} for job in page.jobs]
    return JsonResponse({"jobs": rows, "more": page.older is not None}, headers={"Cache-Control": "no-store"})


# --- what was asked for ---------------------------------------------------------------------------------------


def _read(request: HttpRequest) -> Asked:
    """Return what an address asks for. What is wrong with it is left out; all else holds."""
    given = {}
    for name in LABELS:
        if value := ",".join(part.strip() for part in request.GET.getlist(name) if part.strip()):
            given[name] = value
    data = {"owner": "me"} | given
    if data["owner"] == EVERYBODY and request.user.is_staff:
        del data["owner"]
    errors: dict[str, str] = {}
    wanted = ListFilter(data=data, context={"user": request.user})
    while not wanted.is_valid():
        wrong = {name: " ".join(map(str, sentences)) for name, sentences in wanted.errors.items()}
        errors |= wrong
        data = {name: value for name, value in data.items() if name not in wrong}
        if "owner" in wrong:
            data["owner"] = "me"
        wanted = ListFilter(data=data, context={"user": request.user})
    return Asked(given, wanted, errors)


def _visible(asked: Asked, user: Any) -> JobQuerySet:
    visible = Job.objects.visible_to(user)
    wants_parts = any(name in asked.wanted.validated_data for name in ASKS_FOR_PARTS)
    return visible if wants_parts else visible.filter(parent=None)


def _find(asked: Asked, user: Any) -> tuple[Listed, uuid.UUID | None]:
    """Return the page, and the id after which newer ones begin; None when it is the first page."""
    visible = _visible(asked, user).defer(*HEAVY).select_related("owner").prefetch_related("files")
    if (after := asked.cursor("after")) is not None:
        found = find_newer(asked.wanted, visible, user, PER_PAGE, after=after)
        if len(found) == PER_PAGE:
            return Listed(found, found[-1].pk), found[0].pk
        # Less than a page is newer: that is the first page.
        return find_first_page(asked.wanted, visible, user, PER_PAGE), None
    before = asked.cursor("before")
    if before is None:
        return find_first_page(asked.wanted, visible, user, PER_PAGE), None
    page = find_page(asked.wanted, visible, user, PER_PAGE, before=before)
    return page, page.jobs[0].pk if page.jobs else before


# --- what is shown --------------------------------------------------------------------------------------------


def _dress(rows: list[Job]) -> None:
    """Give each row what it is called and where it leads."""
    batches = [row.pk for row in rows if row.kind == BATCH_KIND]
    counted = Job.objects.filter(parent__in=batches).order_by().values_list("parent").annotate(Count("pk"))
    documents = dict(counted) if batches else {}
    for row in rows:
        row.title = _title(row)  # type: ignore[attr-defined]
        row.name = _name(row, documents.get(row.pk, 0))  # type: ignore[attr-defined]
        row.state_word = _state_word(row.state)  # type: ignore[attr-defined]
        row.page = _page_of(row)  # type: ignore[attr-defined]


def _states(asked: Asked) -> list[dict[str, Any]]:
    choices = {"": _("All"), UNDER_WAY: _("Under way")} | {value: _state_word(value) for value in State.values}
    now = asked.given.get("state", "") if "state" not in asked.errors else ""
    return [
        {"label": label, "address": asked.address(state=value), "is_now": value == now}
        for value, label in choices.items()
    ]


def _chosen(asked: Asked) -> list[dict[str, Any]]:
    """Return what narrows the list besides its state, each with the address of the list without it."""
    shown = {name: value for name, value in asked.filters.items() if name not in {"state", *asked.errors}}
    return [
        {"label": LABELS[name], "value": _shown(asked, name, value), "address": asked.address(**{name: ""})}
        for name, value in shown.items()
    ]


def _shown(asked: Asked, name: str, value: str) -> Any:
    if name == "since":
        return SINCE[value]
    if name == "owner":
        return {"me": _("Mine"), EVERYBODY: _("Everybody’s")}.get(value, value)
    if name == "kind":
        return ", ".join(title_of(kind) for kind in value.split(","))
    if name in TIMES:
        return date_format(timezone.localtime(asked.wanted.validated_data[name]), "j M Y, H:i")
    if name == "parent":
        return f"…{value[-8:]}"  # a UUIDv7 begins with its time: the end is what tells two apart
    return value


def _fields(asked: Asked, user: Any) -> dict[str, Any]:
    """Return what the fields of the form hold and offer."""
    given = asked.given
    values = {name: given.get(name, "") for name in LABELS}
    for name in TIMES:
        if name in asked.wanted.validated_data:
            values[name] = f"{timezone.localtime(asked.wanted.validated_data[name]):%Y-%m-%dT%H:%M}"
    kinds = {kind.name: title_of(kind.name) for kind in registry if user.is_staff or not kind.internal}
    any_of_them = ("", _("Any"))
    titled = sorted(kinds.items(), key=lambda kind: kind[1])
    queues = [(name, name) for name in sorted(registry.queues())]
    return {
        "values": values,
        "labels": LABELS,
        "errors": asked.errors,
        "kinds": _with_present([any_of_them, *titled], given.get("kind")),
        "queues": _with_present([any_of_them, *queues], given.get("queue")),
        "owners": _owners(given.get("owner"), user) if user.is_staff else [],
        "since": list(SINCE.items()),
        # What they hold stands above the list as well; only what is to be mended is shown unasked.
        "is_open": bool(asked.errors.keys() - {"q", "since", "state", "parent", *CURSORS}),
    }


def _owners(owner: str | None, user: Any) -> list[tuple[str, str]]:
    names = get_user_model().objects.exclude(pk=user.pk).order_by("username").values_list("username", flat=True)
    named = [(name, name) for name in names[:MOST_OWNERS]]
    choices = [("", _("Mine")), (EVERYBODY, _("Everybody’s")), *named]
    return _with_present(choices, None if owner == "me" else owner)


def _with_present(choices: list[tuple[str, Any]], value: str | None) -> list[tuple[str, Any]]:
    # What is in the address stays in the form, whether the form would have offered it or not.
    return choices if not value or value in dict(choices) else [*choices, (value, value)]


def _count(page: Listed, *, is_first: bool) -> str:
    """Say how many jobs there are, at the first page; counting goes no further than people read."""
    if not is_first:
        return ""
    n = len(page.jobs) if page.matches is None else page.matches
    number = number_format(min(n, COUNT_AT_MOST), force_grouping=True)
    if n > COUNT_AT_MOST or (page.matches is None and page.older and page.searched_all):
        return _("More than %(n)s jobs") % {"n": number}
    if page.searched_all:
        return ngettext("%(n)s job", "%(n)s jobs", n) % {"n": number}
    return ngettext("%(n)s job found so far", "%(n)s jobs found so far", n) % {"n": number} if n else ""


def _time_of(job_id: uuid.UUID) -> datetime:
    return datetime.fromtimestamp((job_id.int >> 80) / 1000, tz=UTC)  # a UUIDv7 begins with its milliseconds
