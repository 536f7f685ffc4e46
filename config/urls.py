"""Every address of Sıra. The seeds own some root paths; they are JSON only. Pages are / and /app/…"""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from jobs.api.description import Health
from jobs.api.metrics import Metrics

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", Health.as_view(), name="healthz"),
    path("metrics", Metrics.as_view(), name="metrics"),
    path("api/v1/parser/", include("parsers.urls")),
    path("api/v1/", include("imaging.urls")),
    path("api/v1/", include("jobs.api.urls")),
    path("api/", include("parsers.ingestion.urls")),
    path("api/", include("orders.urls")),
    path("", include("classifier.urls")),
    path("", include("config.page_urls")),
]

handler400 = "jobs.api.problems.handler400"
handler403 = "jobs.api.problems.handler403"
handler404 = "jobs.api.problems.handler404"
handler500 = "jobs.api.problems.handler500"
