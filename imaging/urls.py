"""Below /api/v1/. Addresses are taken with and without a slash at the end."""

from __future__ import annotations

from django.urls import re_path

from imaging import views

app_name = "imaging"

UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
CONVERSATION = rf"^conversations/(?P<conversation_id>{UUID})"
MESSAGE = rf"{CONVERSATION}/messages/(?P<message_id>{UUID})"

urlpatterns = [
    re_path(r"^conversations/?$", views.Conversations.as_view(), name="conversations"),
    re_path(rf"{CONVERSATION}/?$", views.OneConversation.as_view(), name="conversation"),
    re_path(rf"{CONVERSATION}/messages/?$", views.Messages.as_view(), name="messages"),
    re_path(rf"{MESSAGE}/?$", views.OneMessage.as_view(), name="message"),
    re_path(rf"{MESSAGE}/preview/?$", views.MessagePreview.as_view(), name="preview"),
]
