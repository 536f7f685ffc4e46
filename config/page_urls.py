"""The addresses of the pages. The API and the seeds own the others."""

from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language

from config import job_list, own_tokens, pages

app_name = "pages"

urlpatterns = [
    path("", pages.home, name="home"),
    path("login/", require_http_methods(["GET", "HEAD", "POST"])(pages.SignIn.as_view()), name="sign-in"),
    path("logout/", LogoutView.as_view(), name="sign-out"),
    path("app/language/", require_POST(set_language), name="language"),
    path("app/cv/", pages.cv, name="cv"),
    path("app/classify/", pages.classify, name="classify"),
    path("app/classify/<uuid:job_id>/", pages.batch, name="batch"),
    path("app/sessions/", pages.sessions, name="sessions"),
    path("app/sessions/<str:session_id>/", pages.session, name="session"),
    path("app/images/", pages.images, name="images"),
    path("app/images/<uuid:conversation_id>/", pages.conversation, name="conversation"),
    path("app/inbox/", pages.inbox, name="inbox"),
    path("app/inbox/<uuid:mail_id>/", pages.mail, name="mail"),
    path("app/jobs/", job_list.jobs, name="jobs"),
    path("app/jobs/newest/", job_list.newest, name="jobs-newest"),
    path("app/jobs/<uuid:job_id>/", pages.job, name="job"),
    path("app/tokens/", own_tokens.tokens, name="tokens"),
    path("app/tokens/<slug:prefix>/revoke/", own_tokens.revoke, name="token-revoke"),
]
