"""/api/v1/"""

from __future__ import annotations

from django.urls import path

from jobs.api import views

app_name = "api"

urlpatterns = [
    path("jobs/", views.Jobs.as_view(), name="jobs"),
    path("jobs/<uuid:job_id>/", views.OneJob.as_view(), name="job"),
    path("jobs/<uuid:job_id>/events/", views.Events.as_view(), name="job-events"),
    path("jobs/<uuid:job_id>/result/", views.Result.as_view(), name="job-result"),
    path("jobs/<uuid:job_id>/cancel/", views.Cancel.as_view(), name="job-cancel"),
    path("jobs/<uuid:job_id>/retry/", views.Retry.as_view(), name="job-retry"),
    path("jobs/<uuid:job_id>/files/<uuid:file_id>/", views.File.as_view(), name="job-file"),
    path("queues/", views.Queues.as_view(), name="queues"),
    path("kinds/", views.Kinds.as_view(), name="kinds"),
]
