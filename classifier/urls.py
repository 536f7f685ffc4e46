"""Seed 003 owns these paths at the root; JSON only. A slash at the end is taken everywhere, and no part of them."""

from __future__ import annotations

from django.urls import re_path

from classifier import views

DOC_ID = r"(?P<doc_id>[^/]+)"
JOB_ID = r"(?P<job_id>[^/]+)"

urlpatterns = [
    re_path(r"^upload/?$", views.Upload.as_view(), name="classify-upload"),
    re_path(rf"^classify/{DOC_ID}/?$", views.Classify.as_view(), name="classify"),
    re_path(rf"^documents/{DOC_ID}/?$", views.Document.as_view(), name="classify-document"),
    re_path(r"^batch/upload/?$", views.UploadBatch.as_view(), name="classify-batch-upload"),
    re_path(rf"^status/{JOB_ID}/?$", views.Status.as_view(), name="classify-status"),
    re_path(r"^jobs/?$", views.Batches.as_view(), name="classify-batches"),
    re_path(rf"^jobs/{JOB_ID}/export/?$", views.Export.as_view(), name="classify-export"),
    re_path(rf"^cancel/{JOB_ID}/?$", views.Cancel.as_view(), name="classify-cancel"),
    re_path(rf"^retry/{JOB_ID}/?$", views.Retry.as_view(), name="classify-retry"),
]
