"""What staff see of conversations and of the GPU, what they may take, and what others learn."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from jobs import lifecycle
from jobs.models import AuditEntry, Job
from tests.imaging.conftest import ask, claim, client_of, open_conversation, see, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(django_user_model: Any) -> Any:
    user = django_user_model.objects.create_user("oya", is_staff=True)
    names = ["take_resource", "pause_queue", "view_job", "view_queuecontrol", "view_conversation", "view_message"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return user


@pytest.fixture
def desk(operator: Any) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def gpu(client: Any) -> dict[str, Any]:
    found = client.get("/api/v1/resources/").json()["results"]
    return next(resource for resource in found if resource["name"] == "gpu")


def test_everybody_learns_that_the_gpu_is_held_and_only_some_by_whom(api, chat, bob, operator):
    assert gpu(api) == {"name": "gpu", "capacity": 1, "waiting": 0, "holders": []}
    ask(api, chat, prompt="my secret garden"), ask(api, chat)
    job = claim()
    (mine,) = gpu(api)["holders"]
    assert (mine["mine"], mine["job"], mine["owner"], mine["held_long"]) == (True, str(job.pk), "ada", False)
    other = gpu(client_of(bob))
    assert other["waiting"] == 1
    (held,) = other["holders"]
    assert held["since"]
    assert (held["mine"], held["job"], held["owner"], held["worker"]) == (False, None, None, None)
    (known,) = gpu(client_of(operator))["holders"]
    assert (known["job"], known["owner"], known["worker"]) == (str(job.pk), "ada", "worker-1")
    answers = [client.get("/api/v1/resources/").content for client in (api, client_of(bob), client_of(operator))]
    assert not any(b"secret" in answer for answer in answers)


def test_an_operator_takes_the_gpu_over_on_record(api, chat, operator, desk):
    message = ask(api, chat)
    job = claim()
    page = desk.get(reverse("admin:jobs_resources")).content.decode()
    assert "ada" in page
    take = reverse("admin:jobs_job_operate", args=["take-resource"])
    assert f"{take}?id={job.pk}" in page
    assert "holds the gpu since" in desk.get(f"{take}?id={job.pk}").content.decode()
    desk.post(take, {"id": str(job.pk), "reason": "it hangs"})
    told = see(api, message)
    assert (told["status"], told["error"]["code"]) == ("pending", "resource_taken")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target, entry.via) == (operator, "take_resource", str(job.pk), "desk")
    assert (entry.before["state"], entry.after["state"], entry.reason) == ("processing", "pending", "it hangs")
    again = desk.post(take, {"id": str(job.pk), "reason": "it hangs"}, follow=True).content.decode()
    assert "nothing was done" in again


def test_an_operator_takes_the_gpu_over_by_api(api, chat, bob, operator):
    message = ask(api, chat)
    path = f"{message['links']['job']}take-resource/"
    assert client_of(operator).post(path).json()["code"] == "holds_nothing"
    claim()
    assert (api.post(path).status_code, client_of(bob).post(path).status_code) == (403, 404)
    taken = client_of(operator).post(path, {"reason": "it hangs"}, format="json")
    assert (taken.status_code, taken.json()["state"]) == (200, "pending")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.via, entry.reason) == (operator, "api", "it hangs")


def test_the_desk_lists_conversations_without_prompts(api, chat, desk):
    message = ask(api, chat, prompt="my secret garden")
    work()
    for model in ("conversation", "message"):
        answer = desk.get(reverse(f"admin:imaging_{model}_changelist"))
        assert answer.status_code == 200
        assert "ada" in answer.content.decode()
        assert "secret" not in answer.content.decode()
    assert desk.get(reverse("admin:imaging_message_change", args=[message["id"]])).status_code == 200
    assert desk.post(reverse("admin:imaging_message_change", args=[message["id"]]), {"content": "x"}).status_code == 403


def test_positions_and_events_tell_nothing_of_other_people(api, chat, bob):
    ask(api, chat, prompt="my secret garden")

    eve = client_of(bob)
    mine = ask(eve, open_conversation(eve), prompt="a mill")
    described = eve.get(mine["links"]["self"]).content.decode() + eve.get("/api/v1/queues/").content.decode()
    assert see(eve, mine)["queue_position"] == 2
    assert "secret" not in described
    assert '"ada"' not in described
    other = Job.objects.exclude(pk=mine["job"]["id"]).get()
    assert str(other.pk) not in described


def test_a_cancelled_holder_frees_the_gpu_for_the_next(api, chat):
    first, second = ask(api, chat), ask(api, chat)
    job = claim()
    assert api.post(f"{first['links']['job']}cancel/").status_code == 202
    assert see(api, first)["status"] == "processing"
    lifecycle.acknowledge_cancel(job)
    told = see(api, first)
    assert (told["status"], told["error"]) == ("error", {"code": "cancelled", "message": "cancelled"})
    assert str(claim().pk) == second["job"]["id"]
