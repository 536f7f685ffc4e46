"""/api/v1/"""

from __future__ import annotations

from django.urls import path

from jobs.api import (
    bulk,
    catalogue,
    description,
    exports,
    files,
    operations,
    overview,
    schedules,
    views,
    webhooks,
)
from jobs.queue_modes import VERBS

app_name = "api"

urlpatterns = [
    path("jobs/", views.Jobs.as_view(), name="jobs"),
    path("jobs/bulk/", bulk.BulkSubmit.as_view(), name="jobs-bulk"),
    path("jobs/results/", exports.Results.as_view(), name="jobs-results"),
    path("jobs/cancel/", operations.CancelMany.as_view(), name="jobs-cancel"),
    path("jobs/retry/", operations.RetryMany.as_view(), name="jobs-retry"),
    path("jobs/delete/", operations.DeleteMany.as_view(), name="jobs-delete"),
    path("jobs/<uuid:job_id>/", views.OneJob.as_view(), name="job"),
    path("jobs/<uuid:job_id>/events/", views.Events.as_view(), name="job-events"),
    path("jobs/<uuid:job_id>/attempts/", views.Attempts.as_view(), name="job-attempts"),
    path("jobs/<uuid:job_id>/input/", views.Input.as_view(), name="job-input"),
    path("jobs/<uuid:job_id>/result/", exports.Result.as_view(), name="job-result"),
    path("jobs/<uuid:job_id>/cancel/", views.Cancel.as_view(), name="job-cancel"),
    path("jobs/<uuid:job_id>/retry/", views.Retry.as_view(), name="job-retry"),
    path("jobs/<uuid:job_id>/take-resource/", views.TakeResource.as_view(), name="job-take-resource"),
    path("jobs/<uuid:job_id>/files/<uuid:file_id>/", views.File.as_view(), name="job-file"),
    path("files/", files.Files.as_view(), name="files"),
    path("files/<uuid:file_id>/", files.OneFile.as_view(), name="file"),
    path("files/<uuid:file_id>/content/", files.Content.as_view(), name="file-content"),
    path("overview/", overview.Overview.as_view(), name="overview"),
    path("queues/", views.Queues.as_view(), name="queues"),
    *(
        path(f"queues/<str:queue>/{verb}/", views.SwitchQueue.as_view(), {"verb": verb}, name=f"queue-{verb}")
        for verb in VERBS
    ),
    path("resources/", views.Resources.as_view(), name="resources"),
    path("kinds/", views.Kinds.as_view(), name="kinds"),
    path("schema/", description.Schema.as_view(), name="schema"),
    path("docs/", description.Docs.as_view(), name="docs"),
    path("problems/", catalogue.ProblemTypes.as_view(), name="problems"),
    path("problems/<slug:code>/", catalogue.OneProblemType.as_view(), name="problem"),
    path("schedules/", schedules.Schedules.as_view(), name="schedules"),
    path("schedules/<int:schedule_id>/", schedules.OneSchedule.as_view(), name="schedule"),
    path("schedules/<int:schedule_id>/run/", schedules.RunSchedule.as_view(), name="schedule-run"),
    *(
        path(
            f"schedules/<int:schedule_id>/{verb}/",
            schedules.SwitchSchedule.as_view(),
            {"verb": verb},
            name=f"schedule-{verb}",
        )
        for verb in schedules.SWITCHES
    ),
    path("webhooks/", webhooks.Webhooks.as_view(), name="webhooks"),
    path("webhooks/<uuid:webhook_id>/", webhooks.OneWebhook.as_view(), name="webhook"),
    path("webhooks/<uuid:webhook_id>/rotate-secret/", webhooks.RotateSecret.as_view(), name="webhook-rotate-secret"),
    path("webhooks/<uuid:webhook_id>/test/", webhooks.Test.as_view(), name="webhook-test"),
    path("webhooks/<uuid:webhook_id>/deliveries/", webhooks.Deliveries.as_view(), name="webhook-deliveries"),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/",
        webhooks.OneDelivery.as_view(),
        name="webhook-delivery",
    ),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay/",
        webhooks.Replay.as_view(),
        name="webhook-replay",
    ),
]
