"""Who did what to what, why, and how it stood before and after. Nobody changes it, here or elsewhere."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from jobs import audit
from jobs.admin.engine_room import ReadOnlyAdmin
from jobs.models import AuditEntry

_CHANGED = mark_safe(' class="desk-changed"')  # nosec B308 B703 # a constant
#: Names that the filter offers; others are found by searching.
SHOWN_ACTORS = 40


class ActorFilter(admin.SimpleListFilter):
    title = gettext_lazy("who")
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = AuditEntry.objects.order_by("actor_name").values_list("actor_name", flat=True).distinct()
        return [(name, name) for name in names[:SHOWN_ACTORS]]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(actor_name=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin):
    list_display = ("when", "who", "action", "what", "via", "reason", "change")
    list_filter = (
        ActorFilter,
        ("action", admin.AllValuesFieldListFilter),
        "via",
        ("target_type", admin.AllValuesFieldListFilter),
        "at",
    )
    search_fields = ("target", "actor_name", "reason")
    search_help_text = gettext_lazy("An id or a name of what it was done to, who did it, or words of the reason")
    list_per_page = 50
    fields = ("when", "who", "via", "action", "what", "reason", "side_by_side")
    readonly_fields = fields

    class Media:
        css = {"all": ["css/desk.css", "css/plans.css"]}

    @admin.display(description=gettext_lazy("time"), ordering="at")
    def when(self, entry: AuditEntry) -> str:
        return date_format(timezone.localtime(entry.at), "j M Y, H:i:s")

    @admin.display(description=gettext_lazy("who"), ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name

    @admin.display(description=gettext_lazy("to what"))
    def what(self, entry: AuditEntry) -> str:
        if entry.target_type != "job":
            return f"{entry.target_type} {entry.target}"
        page = reverse("admin:jobs_job_change", args=[entry.target])
        return format_html('<a href="{}">{} <code>…{}</code></a>', page, entry.target_type, entry.target[-8:])

    @admin.display(description=gettext_lazy("change"))
    def change(self, entry: AuditEntry) -> str:
        """Return the most telling thing that changed, in short."""
        for name in names_of(entry):
            if entry.before.get(name) != entry.after.get(name) and name != "plan":
                return f"{name}: {_shown(entry.before.get(name))} → {_shown(entry.after.get(name))}"
        return "–"

    @admin.display(description=gettext_lazy("before and after"))
    def side_by_side(self, entry: AuditEntry) -> str:
        return side_by_side(entry)


def names_of(entry: AuditEntry) -> list[str]:
    """Return what an entry tells of, the most telling first: the database keeps no order."""
    known = [*audit.SHOWN_OF_A_JOB, "told_to_stop", "receipt"]
    names = {*entry.before, *entry.after}
    return [name for name in known if name in names] + sorted(names.difference(known))


def side_by_side(entry: AuditEntry) -> str:
    """Return a table of what stood before and what after; what changed is marked."""
    rows = format_html_join(
        "",
        '<tr{}><th scope="row">{}</th><td>{}</td><td>{}</td></tr>',
        (
            (
                _CHANGED if entry.before.get(name) != entry.after.get(name) else "",
                name,
                _shown(entry.before.get(name)),
                _linked(name, entry.after.get(name)),
            )
            for name in names_of(entry)
        ),
    )
    return format_html(
        '<table class="desk-changes"><thead><tr><td></td><th scope="col">{}</th><th scope="col">{}</th></tr></thead>'
        "<tbody>{}</tbody></table>",
        gettext_lazy("before"), gettext_lazy("after"), rows,
    )  # fmt: skip


def _linked(name: str, value: Any) -> str:
    if name == "plan" and value:
        page = reverse("admin:jobs_operationplan_change", args=[value])
        return format_html('<a href="{}">…{}</a>', page, str(value)[-8:])
    return _shown(value)


def _shown(value: Any) -> str:
    return "–" if value is None or value == "" else str(value)
