"""Recurring batches on the desk."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from classifier.models import CollectedFile, RecurringBatch
from jobs import lifecycle
from jobs.models import AuditEntry, Job, new_id

LIST = reverse("admin:classifier_recurringbatch_changelist")
ADD = reverse("admin:classifier_recurringbatch_add")


def client_with(name, *permissions):
    user = get_user_model().objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(db):
    return client_with(
        "oya", "view_recurringbatch", "add_recurringbatch", "change_recurringbatch", "view_collectedfile", "view_user"
    )


@pytest.fixture
def row(ada):
    return RecurringBatch.objects.create(name="scans", owner=ada, location="/srv/scans")


def run_now(client, row, **reason):
    data = {"action": "run_now", "_selected_action": [row.pk], **reason}
    return client.post(LIST, data, follow=True)


def test_a_recurring_batch_is_written_by_people_and_checked_when_saved(operator, ada, settings, tmp_path):
    settings.CLASSIFIER_FOLDERS = [tmp_path]
    form = {"name": "scans", "owner": ada.pk, "source": "folder", "every": 5, "priority": 0, "is_enabled": "on"}
    refused = operator.post(ADD, form | {"location": "/etc"})
    assert "not below one of those" in refused.content.decode()
    zero = operator.post(ADD, form | {"location": str(tmp_path), "every": 0})
    assert "greater than or equal to 1" in zero.content.decode()
    assert not RecurringBatch.objects.exists()
    assert operator.post(ADD, form | {"location": str(tmp_path)}).status_code == 302
    assert RecurringBatch.objects.get().location == str(tmp_path)


def test_saving_a_form_keeps_what_a_run_wrote_while_it_was_open(operator, row, ada, settings, tmp_path, monkeypatch):
    settings.CLASSIFIER_FOLDERS = [tmp_path]
    clean = RecurringBatch.clean

    def clean_while_a_run_ends(self):
        clean(self)
        RecurringBatch.objects.update(last_problem="The folder does not exist.")

    monkeypatch.setattr(RecurringBatch, "clean", clean_while_a_run_ends)
    form = {"name": "scans", "owner": ada.pk, "source": "folder", "every": 5, "priority": 0, "location": str(tmp_path)}
    operator.post(reverse("admin:classifier_recurringbatch_change", args=[row.pk]), form)
    row.refresh_from_db()
    assert (row.every, row.is_enabled, row.last_problem) == (5, False, "The folder does not exist.")


def test_run_now_asks_for_a_reason_submits_a_run_and_is_recorded(operator, row):
    asked = run_now(operator, row).content.decode()
    assert "Run these recurring batches now?" in asked
    assert "say why first" in run_now(operator, row, reason="").content.decode()
    assert not Job.objects.exists()
    done = run_now(operator, row, reason="a late delivery")
    job = Job.objects.get()
    assert (job.kind, job.input) == ("classifier.collect_recurring", {"recurring_batch": row.pk})
    assert job.owner.username == "oya"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.reason) == ("run_now", str(row.pk), "a late delivery")
    assert entry.after == {"job": str(job.pk)}
    assert str(job.pk) in done.content.decode()


def test_who_may_only_look_may_not_run(row):
    viewer = client_with("vera", "view_recurringbatch", "view_collectedfile")
    row.last_job = lifecycle.submit("classifier.collect_recurring")
    row.save()
    assert f"/admin/jobs/job/{row.last_job_id}/" in viewer.get(LIST).content.decode()
    run_now(viewer, row, reason="because")
    assert Job.objects.count() == 1


def test_what_was_collected_is_only_looked_at(operator, row):
    CollectedFile.objects.create(
        recurring=row, name="a.txt", fingerprint="f" * 64, size=1, modified_ns=1, doc_id=new_id()
    )
    collected = reverse("admin:classifier_collectedfile_changelist")
    assert "a.txt" in operator.get(collected).content.decode()
    assert operator.get(reverse("admin:classifier_collectedfile_add")).status_code == 403
    page = operator.get(reverse("admin:classifier_recurringbatch_change", args=[row.pk])).content.decode()
    assert "collectedfile" in page
    assert 'name="last_problem"' not in page
