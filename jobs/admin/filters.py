"""How the desk's list of jobs is narrowed: by the parameters of the API's list, so that one address fits both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs.kinds import registry
from jobs.models import Job, JobQuerySet
from jobs.operations.repair import find_stuck
from jobs.search import JobFilter
from jobs.states import State


class ChoiceFilter(admin.SimpleListFilter):
    """A parameter of `JobFilter` whose choices are known without a look at the table; several with commas."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        value = self.value()
        return narrow(queryset, {str(self.parameter_name): value}, request) if value else queryset


class StateFilter(ChoiceFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(State.choices)


class KindFilter(ChoiceFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.name, kind.name) for kind in registry]


class QueueFilter(ChoiceFilter):
    title = gettext_lazy("queue")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(queue, queue) for queue in registry.queues()]


class StuckFilter(admin.SimpleListFilter):
    title = gettext_lazy("attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("stuck", _("stuck"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Job]:
        return queryset.filter(pk__in=find_stuck(queryset)[0]) if self.value() == "stuck" else queryset


#: Parameters that have no box beside the list; an address may name them all the same.
UNBOXED = [str(name) for name in JobFilter().fields if name not in ("state", "kind", "queue", "q")]


class UnboxedFilter(admin.ListFilter):
    """Takes owner, labels, times and the like from the address."""

    title = "address"

    def __init__(self, request: HttpRequest, params: dict[str, list[str]], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in UNBOXED:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    def has_output(self) -> bool:
        return False

    def expected_parameters(self) -> list[str | None]:
        return list(UNBOXED)

    def choices(self, changelist: Any) -> Iterator[Any]:
        return iter(())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return narrow(queryset, self.used_parameters, request) if self.used_parameters else queryset


def narrow(queryset: QuerySet[Job], given: dict[str, Any], request: HttpRequest) -> QuerySet[Job]:
    """Return those that match; without the values that make no sense the list is shown as a whole, with a notice."""
    wanted = JobFilter(data=given)
    if not wanted.is_valid():
        raise IncorrectLookupParameters
    return wanted.find(cast(JobQuerySet, queryset), request.user)


FILTERS = (StateFilter, KindFilter, QueueFilter, StuckFilter, UnboxedFilter)
