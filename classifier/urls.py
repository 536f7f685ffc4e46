"""Seed 003 owns these paths at the root; JSON only."""

from django.urls import path

from classifier import views

urlpatterns = [
    path("upload", views.Upload.as_view(), name="classify-upload"),
    path("classify/<str:doc_id>", views.Classify.as_view(), name="classify"),
    path("documents/<str:doc_id>", views.Document.as_view(), name="classify-document"),
    path("batch/upload", views.UploadBatch.as_view(), name="classify-batch-upload"),
    path("status/<str:job_id>", views.Status.as_view(), name="classify-status"),
    path("jobs", views.Batches.as_view(), name="classify-batches"),
    path("jobs/<str:job_id>/export", views.Export.as_view(), name="classify-export"),
    path("cancel/<str:job_id>", views.Cancel.as_view(), name="classify-cancel"),
    path("retry/<str:job_id>", views.Retry.as_view(), name="classify-retry"),
]
