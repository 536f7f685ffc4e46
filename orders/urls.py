"""Below /api/. Addresses are taken with and without a slash at the end."""

from __future__ import annotations

from django.urls import re_path

from orders import views

app_name = "orders"

UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
MAIL = rf"^mails/(?P<mail_id>{UUID})"

urlpatterns = [
    re_path(r"^mails/?$", views.Mails.as_view(), name="mails"),
    re_path(r"^mails/fetch/?$", views.FetchMails.as_view(), name="fetch"),
    re_path(rf"{MAIL}/?$", views.OneMail.as_view(), name="mail"),
    re_path(rf"{MAIL}/source/?$", views.Source.as_view(), name="source"),
    re_path(rf"{MAIL}/refresh-order/?$", views.RefreshOrder.as_view(), name="refresh-order"),
    re_path(rf"{MAIL}/choose-order/?$", views.ChooseOrder.as_view(), name="choose-order"),
    re_path(rf"{MAIL}/confirm-order/?$", views.ConfirmOrder.as_view(), name="confirm-order"),
    re_path(rf"{MAIL}/draft/?$", views.OneDraft.as_view(), name="draft"),
    re_path(rf"{MAIL}/draft/approve/?$", views.Approve.as_view(), name="approve"),
    re_path(rf"{MAIL}/draft/resolve/?$", views.Resolve.as_view(), name="resolve"),
    re_path(rf"{MAIL}/dismiss/?$", views.Dismiss.as_view(), name="dismiss"),
    re_path(rf"{MAIL}/reopen/?$", views.Reopen.as_view(), name="reopen"),
    re_path(r"^queue/process/?$", views.ProcessQueue.as_view(), name="process"),
    re_path(r"^ai/generate-reply/?$", views.GenerateReply.as_view(), name="generate-reply"),
    re_path(r"^ikas/webhook/?$", views.IkasWebhook.as_view(), name="ikas-webhook"),
]
