"""SIGKILL of the whole cluster while events go out: each arrives, under one id, however often it has to be sent."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from jobs import lifecycle
from jobs.models import Job, WebhookDelivery
from jobs.webhooks import endpoints
from tests.engine.test_workers import QUICK_LEASE
from tests.harness.waiting import wait_until
from tests.standins.webhook_receiver import WebhookReceiver
from tests.webhooks.conftest import INPUT, KIND

JOBS = 16


def test_no_event_is_lost_when_the_cluster_is_killed_while_it_sends(server_stack, any_database_url, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    env = QUICK_LEASE | {"WORKER_QUEUES": "default,webhooks", "WEBHOOK_ALLOW_PRIVATE": "true"}
    with WebhookReceiver(seconds=0.15) as receiver:
        stack = server_stack(web=False, database_url=any_database_url, env=env)
        with stack.database():
            # The processes of the stack have a secret of their own; they must be able to read what is sealed here.
            settings.SECRET_KEY = (stack.data_dir / "secret-key").read_text().strip()
            ada = get_user_model().objects.create_user("ada")
            _, secret = endpoints.create(ada, receiver.url)
            for _ in range(JOBS):
                lifecycle.submit(KIND, INPUT, owner=ada)
            wait_until(lambda: len(receiver.messages) >= 4, timeout=60, message="some were sent")
            stack.kill_whole("sira")
            assert WebhookDelivery.objects.filter(state="delivered").count() < JOBS, "it was still sending"
            stack.start("sira")

            def states() -> set[str]:
                return set(WebhookDelivery.objects.values_list("state", flat=True))

            wait_until(
                lambda: WebhookDelivery.objects.count() == JOBS and states() == {"delivered"},
                timeout=90,
                message=lambda: f"all are delivered: {WebhookDelivery.objects.count()}, {states()}",
            )
            assert Job.objects.filter(kind=KIND, state="succeeded").count() == JOBS
            sent = {row.message_id: row.data["job_id"] for row in WebhookDelivery.objects.all()}
        assert len(set(sent.values())) == JOBS
        arrived = {message.id: message.payload["data"]["job_id"] for message in receiver.messages}
        assert arrived == sent, "every event, and each under one id"
        assert all(message.is_signed_with(secret) for message in receiver.messages)
        assert len(receiver.messages) < 2 * JOBS, "sent again only what was cut off"
