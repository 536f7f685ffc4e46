from django.urls import path

from parsers import views

urlpatterns = [
    path("parse-file-async", views.ParseFileAsync.as_view(), name="parse-file-async"),
    path("parse-text-async", views.ParseTextAsync.as_view(), name="parse-text-async"),
    path("parse-file", views.ParseFile.as_view(), name="parse-file"),
    path("parse-text", views.ParseText.as_view(), name="parse-text"),
    path("job/<str:job_id>", views.JobStatus.as_view(), name="parser-job"),
    path("result/<str:job_id>", views.JobResult.as_view(), name="parser-result"),
    path("monitoring", views.Monitoring.as_view(), name="parser-monitoring"),
]
