"""What the pages of the engine room have in common: rows that only the engine writes, and one way to ask why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from jobs.admin.jobs import ReasonForm

#: A sentence of ours, translated now or when it is shown.
Text = str | Promise


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows that only the engine writes."""

    show_full_result_count = False

    class Media:
        css = {"all": ["css/desk.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def show(request: HttpRequest, template: str, title: Text, **context: Any) -> HttpResponse:
    """Show one page of the engine room."""
    shared = admin.site.each_context(request)
    return TemplateResponse(request, f"admin/engine_room/{template}.html", {**shared, "title": title, **context})


def ask(
    request: HttpRequest,
    *,
    title: Text,
    lead: Text,
    button: Text,
    back: str,
    room: Text,
    form: forms.Form,
    risk: Text = "",
    facts: Sequence[tuple[Text, Any]] = (),
) -> HttpResponse:
    """Ask for the reason before something is done.

    lead: what will happen. risk: what may go wrong by it; the button is then a red one. back, room: the page that it
    came from. facts: how things stand, as pairs of a word and a value.
    """
    form.fields["reason"].help_text = _("Why you do this. It is kept in the audit log.")
    return show(
        request, "ask", title, lead=lead, risk=risk, facts=facts, button=button, back=back, room=room, form=form
    )  # fmt: skip


def reason_form(request: HttpRequest) -> ReasonForm:
    return ReasonForm(request.POST if request.method == "POST" else None)


def say(request: HttpRequest, sentence: Text, *, done: bool) -> None:
    """Tell the operator what was done, or that nothing was."""
    messages.add_message(request, messages.SUCCESS if done else messages.WARNING, str(sentence))
