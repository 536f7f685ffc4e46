from django.apps import AppConfig


class WorkloadConfig(AppConfig):
    name = "tests.workload"
    label = "workload"

    def ready(self) -> None:
        from django_q.signals import post_execute_in_worker

        from tests.workload.tasks import die_if_told

        post_execute_in_worker.connect(die_if_told)
