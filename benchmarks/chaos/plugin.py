"""The app of the watched system, by EXTRA_APPS: see `observing.py`."""

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    name = "benchmarks.chaos"
    label = "chaos"

    def ready(self) -> None:
        from benchmarks.chaos.observing import observe_all

        observe_all()
