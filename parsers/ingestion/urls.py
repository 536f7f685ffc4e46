"""The seed's own addresses have no slash at the end, our lists have one: both are taken everywhere."""

from __future__ import annotations

from django.urls import re_path

from parsers.ingestion import views

app_name = "ingestion"

BATCH = r"^documents/process-and-store-batch"
SESSION = r"^sessions/(?P<session_id>[^/]+)"

urlpatterns = [
    re_path(rf"{BATCH}/?$", views.ProcessAndStoreBatch.as_view(), name="batch"),
    re_path(rf"{BATCH}/status/(?P<job_id>[^/]+)/?$", views.BatchStatus.as_view(), name="status"),
    re_path(r"^sessions/?$", views.Sessions.as_view(), name="sessions"),
    re_path(rf"{SESSION}/?$", views.OneSession.as_view(), name="session"),
    re_path(rf"{SESSION}/documents/?$", views.Documents.as_view(), name="documents"),
    re_path(rf"{SESSION}/documents/(?P<document_id>\d{{1,18}})/?$", views.OneDocument.as_view(), name="document"),
    re_path(rf"{SESSION}/chunks/?$", views.Chunks.as_view(), name="chunks"),
    re_path(rf"{SESSION}/search/?$", views.Search.as_view(), name="search"),
]
