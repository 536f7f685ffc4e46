from __future__ import annotations

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        from jobs import checks, roles  # noqa: F401  checks registers itself

        post_migrate.connect(roles.ensure, dispatch_uid="sira-roles")

        # Every app's kinds are declared in its tasks.py; the web process needs them as much as the workers do.
        autodiscover_modules("tasks")
        autodiscover_modules("problem_types")  # what each app's errors mean, for the API
        from jobs.people import held  # noqa: F401  what the engine holds comes first: its workers would write anew

        autodiscover_modules("people")  # what each app keeps about people, to be exported and erased
        if apps.is_installed("django_q"):
            from jobs.engine import startup

            startup.connect()
