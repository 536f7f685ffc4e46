"""The admin site as a desk: a front page that says how the engine stands, and rooms in plain words.

What belongs to an app stays together under the app's own name; only the engine's own pages are put into rooms here.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

#: The room of each of the engine's models; one that is not named here is in the engine room.
ROOMS = {"Job": "jobs", "OperationPlan": "jobs", "AuditEntry": "records", "Receipt": "records", "LogEntry": "records"}
#: In the engine room, in the order in which one looks.
ORDER = ["QueueControl", "resources", "Worker", "schedules", "RateLimit", "WebhookEndpoint", "WebhookDelivery"]
#: Apps that are about people, in one room, with these of the engine's models.
PEOPLE = ("auth",)
OF_PEOPLE = ("ApiToken",)
#: The methods that pages of the desk take.
TAKEN = ["GET", "HEAD", "POST"]


class DeskConfig(AdminConfig):
    """Django's admin with the desk as its site."""

    default_site = "jobs.desk.Desk"


class Desk(AdminSite):
    def get_urls(self) -> list[Any]:
        from jobs.admin.engine_room import resources, schedules

        operate = self.admin_view(schedules.operate_view)
        return [
            path("engine/resources/", self.admin_view(resources.resources_view), name="jobs_resources"),
            path("engine/schedules/", self.admin_view(schedules.schedules_view), name="jobs_schedules"),
            path("engine/schedules/<int:id>/<str:verb>/", operate, name="jobs_schedule_operate"),
            *super().get_urls(),
        ]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Refuse with 405 what no page of the desk takes; Django's own would answer it like a GET."""
        return require_http_methods(TAKEN)(super().admin_view(view, cacheable))

    @property
    def login_form(self) -> Any:  # type: ignore[override]
        from jobs.sign_in.forms import DeskSignInForm  # not before the apps are loaded

        return DeskSignInForm

    @method_decorator(require_http_methods(TAKEN))
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from jobs.sign_in.forms import answer_too_many

        return answer_too_many(super().login(request, extra_context))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from jobs.admin.engine_room.glance import at_a_glance

        engine = at_a_glance() if request.user.has_perm("jobs.view_queuecontrol") else None
        return super().index(request, {"engine": engine, **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the rooms of the desk; of one app alone what belongs to it."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        rooms = {
            "jobs": self._room("jobs", _("Jobs")),
            "engine": self._room("engine", _("Engine room")),
            "records": self._room("records", _("What was done")),
        }
        people = self._room("people", _("People and access"))
        others = []
        for app in apps:
            if app["app_label"] in PEOPLE:
                people["models"] += app["models"]
            elif app["app_label"] == "jobs":
                for model in app["models"]:
                    name = model["object_name"]
                    room = people if name in OF_PEOPLE else rooms[ROOMS.get(name, "engine")]
                    room["models"].append(model)
            else:
                others.append({**app, "app_url": self._anchor(app["app_label"])})
        if request.user.has_perm("jobs.view_queuecontrol"):
            rooms["engine"]["models"] += [
                self._page("resources", _("Resources"), "admin:jobs_resources"),
                self._page("schedules", _("Schedules"), "admin:jobs_schedules"),
            ]
        rooms["engine"]["models"].sort(key=_place)
        return [room for room in [*rooms.values(), *others, people] if room["models"]]

    def _room(self, label: str, name: str) -> dict[str, Any]:
        url = self._anchor(label)
        return {"name": name, "app_label": label, "app_url": url, "has_module_perms": True, "models": []}

    def _anchor(self, label: str) -> str:
        return f"{reverse('admin:index', current_app=self.name)}#room-{label}"

    def _page(self, label: str, name: str, address: str) -> dict[str, Any]:
        """Return a page that is no model's list, as the menu lists it."""
        return {
            "name": name,
            "object_name": label,
            "perms": {"view": True},
            "admin_url": reverse(address, current_app=self.name),
            "add_url": None,
            "view_only": True,
        }


def _place(model: dict[str, Any]) -> int:
    return ORDER.index(model["object_name"]) if model["object_name"] in ORDER else len(ORDER)
