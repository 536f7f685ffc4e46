"""How each address is asked: what stands in its path, and a body that would do it if the role may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from tests.authorisation.routes import Route
from tests.authorisation.world import ACT, PICTURE, upload


@dataclass(frozen=True)
class Call:
    """path: for each part of the address the word of the world's thing, or "=text". body: with files as functions.

    also: statuses that are as good as 2xx, because nobody works here: the role got through.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    format: str = "json"
    also: tuple[int, ...] = ()
    #: Whether it writes nothing when it is let through, though it is no GET.
    only_asks: bool = False


#: What stands in a path unless its call says otherwise.
USUAL = {
    "job_id": "done",
    "file_id": "file",
    "doc_id": "document",
    "queue": "queue",
    "webhook_id": "webhook",
    "delivery_id": "delivery",
    "session_id": "session",
    "document_id": "kept",
    "conversation_id": "conversation",
    "message_id": "message",
    "mail_id": "mail",
    "schedule_id": "schedule",
    "code": "=job_not_found",
}
WHY = {"reason": "because"}


def a_file() -> Any:
    return upload("sent.txt")


FILES = {"file": a_file, "user_id": "me", "session_id": "s"}
BATCH = {"job_id": "batch"}

CALLS: dict[tuple[str, str], Call] = {
    ("api:jobs", "POST"): Call(body={"kind": ACT, "input": {"act": "ok"}}),
    ("api:jobs-bulk", "POST"): Call(body={"jobs": [{"kind": ACT, "input": {"act": "ok"}}]}),
    ("api:jobs-cancel", "POST"): Call(body={"filter": {"state": "queued"}, **WHY}),
    ("api:jobs-retry", "POST"): Call(body={"filter": {"state": "failed"}, **WHY}),
    ("api:jobs-delete", "POST"): Call(body={"filter": {"state": "succeeded"}, **WHY}),
    ("api:files", "POST"): Call(body={"file": a_file}, format="multipart"),
    ("api:file", "GET"): Call(),
    ("api:file", "DELETE"): Call({"file_id": "sent"}),
    ("api:schedule-run", "POST"): Call(body=WHY),
    ("api:schedule-pause", "POST"): Call(body=WHY),
    ("api:schedule-resume", "POST"): Call({"schedule_id": "paused_schedule"}, WHY),
    ("api:job-cancel", "POST"): Call({"job_id": "queued"}),
    ("api:job-retry", "POST"): Call({"job_id": "failed"}),
    ("api:job-take-resource", "POST"): Call({"job_id": "painting"}),
    ("api:queue-pause", "POST"): Call(body=WHY),
    ("api:queue-drain", "POST"): Call(body=WHY),
    ("api:queue-resume", "POST"): Call({"queue": "paused_queue"}, WHY),
    ("api:webhooks", "POST"): Call(body={"url": "https://example.com/new"}),
    ("api:webhook", "PATCH"): Call(body={"description": "new"}),
    ("parse-file-async", "POST"): Call(body=FILES, format="multipart"),
    ("parse-file", "POST"): Call(body=FILES, format="multipart", also=(504,)),
    ("parse-text-async", "POST"): Call(body={"text": "Engineer", "user_id": "me", "session_id": "s"}),
    ("parse-text", "POST"): Call(body={"text": "Engineer", "user_id": "me", "session_id": "s"}, also=(504,)),
    ("classify-upload", "POST"): Call(body={"file": a_file}, format="multipart"),
    ("classify", "POST"): Call(only_asks=True),
    ("classify-document", "DELETE"): Call(),
    ("classify-batch-upload", "POST"): Call(body={"files": a_file}, format="multipart"),
    ("classify-status", "GET"): Call(BATCH),
    ("classify-export", "GET"): Call(BATCH),
    ("classify-cancel", "POST"): Call(BATCH),
    ("classify-retry", "POST"): Call({"job_id": "failed_batch"}),
    ("ingestion:batch", "POST"): Call(body={"files": a_file, "session_id": "new"}, format="multipart"),
    ("ingestion:status", "GET"): Call({"job_id": "ingestion"}, query="session_id=canary-session"),
    ("ingestion:session", "DELETE"): Call(),
    ("ingestion:search", "GET"): Call(query="q=room"),
    ("imaging:conversations", "POST"): Call(body={"title": "new"}),
    ("imaging:conversation", "PATCH"): Call(body={"title": "new"}),
    ("imaging:conversation", "DELETE"): Call({"conversation_id": "finished"}),
    ("imaging:messages", "POST"): Call(body=PICTURE | {"prompt": "a quiet sea"}),
    ("imaging:message", "PATCH"): Call(body={"extra_metadata": {"mark": 1}}),
    ("imaging:message", "DELETE"): Call({"conversation_id": "finished", "message_id": "finished_message"}),
    ("orders:draft", "PATCH"): Call(body={"version": 1, "body": "Merhaba!"}),
    ("orders:mail", "DELETE"): Call({"mail_id": "bare_mail"}),
    ("orders:approve", "POST"): Call(body={"version": 1}),
    ("orders:resolve", "POST"): Call({"mail_id": "unsure_mail"}, {"outcome": "sent"}),
    ("orders:reopen", "POST"): Call({"mail_id": "aside_mail"}),
    ("orders:choose-order", "POST"): Call(body={"number": "1028"}),
    ("orders:confirm-order", "POST"): Call(body={"number": "1028"}),
    ("orders:generate-reply", "POST"): Call(body={"mail_id": "{bare_mail}"}, also=(503,)),
    ("orders:process", "POST"): Call(only_asks=True),
    # pages
    ("pages:batch", "GET"): Call(BATCH),
    ("pages:sign-in", "POST"): Call(body={"username": "nobody", "password": "wrong"}, only_asks=True),
    ("pages:sign-out", "POST"): Call(only_asks=True),
    ("pages:language", "POST"): Call(body={"language": "tr", "next": "/"}, only_asks=True),
    ("pages:tokens", "POST"): Call(body={"name": "nightly", "scopes": "read", "lasts": "90"}),
    ("pages:token-revoke", "POST"): Call({"prefix": "prefix"}),
    # the desk
    ("admin:jobs_apitoken_revoke", "GET"): Call(query="id={token}"),
    ("admin:jobs_apitoken_revoke", "POST"): Call(query="id={token}", body=WHY),
    ("admin:login", "POST"): Call(body={"username": "nobody", "password": "wrong"}, only_asks=True),
    ("admin:logout", "POST"): Call(only_asks=True),
    ("admin:password_change", "POST"): Call(body={"old_password": "wrong"}, only_asks=True),
    ("admin:autocomplete", "GET"): Call(
        query="app_label=classifier&model_name=recurringbatch&field_name=owner&term=canary"
    ),
    ("admin:view_on_site", "GET"): Call({"content_type_id": "content_type", "object_id": "failed"}),
    ("admin:app_list", "GET"): Call({"app_label": "=jobs"}),
    ("admin:jobs_job_operate", "GET"): Call({"name": "=requeue"}, query="id={failed}"),
    ("admin:jobs_job_operate", "POST"): Call({"name": "=requeue"}, {"id": "{failed}", **WHY}),
    ("admin:jobs_job_plan", "GET"): Call(query="operation=requeue&state=failed"),
    ("admin:jobs_job_plan", "POST"): Call(query="operation=requeue&state=failed"),
    ("admin:jobs_operationplan_carry_out", "GET"): Call({"plan_id": "plan"}),
    ("admin:jobs_operationplan_carry_out", "POST"): Call({"plan_id": "plan"}, {"shown": "", **WHY}),
    ("admin:jobs_schedule_operate", "GET"): Call({"id": "schedule", "verb": "=off"}),
    ("admin:jobs_schedule_operate", "POST"): Call({"id": "schedule", "verb": "=off"}, WHY),
    ("admin:jobs_queuecontrol_operate", "GET"): Call({"queue": "queue", "verb": "=pause"}),
    ("admin:jobs_queuecontrol_operate", "POST"): Call({"queue": "queue", "verb": "=pause"}, WHY),
    ("admin:jobs_ratelimit_reset", "GET"): Call({"key": "=shop"}),
    ("admin:jobs_ratelimit_reset", "POST"): Call({"key": "=shop"}, WHY),
    ("admin:jobs_webhookendpoint_do", "GET"): Call({"pk": "webhook", "deed": "=disable"}),
    ("admin:jobs_webhookendpoint_do", "POST"): Call({"pk": "webhook", "deed": "=disable"}, WHY),
    ("admin:jobs_webhookdelivery_do", "GET"): Call({"pk": "delivery", "deed": "=replay"}),
    ("admin:jobs_webhookdelivery_do", "POST"): Call({"pk": "delivery", "deed": "=replay"}, WHY),
    ("admin:auth_user_password_change", "GET"): Call({"id": "user"}),
    ("admin:auth_user_password_change", "POST"): Call({"id": "user"}, only_asks=True),
}


def call_of(route: Route, method: str) -> Call:
    if route.area == "desk" and route.name.endswith("_delete"):
        return Call(body={"post": "yes"})
    return CALLS.get((route.name, method)) or CALLS.get((route.name, "GET")) or CALLS.get((route.name, "POST"), Call())


def parts_of(route: Route, call: Call, ids: Mapping[str, str]) -> dict[str, str]:
    """Return what stands in the address's path, by the names of its parts."""
    if route.name == "admin:anything_else":
        return {"url": "nowhere/"}
    words = {name: call.path.get(name) or USUAL.get(name) or f"desk:{_model_of(route)}" for name in route.converters}
    return {name: word[1:] if word.startswith("=") else ids[word] for name, word in words.items()}


def path_of(route: Route, call: Call, ids: Mapping[str, str]) -> str:
    parts = parts_of(route, call, ids)
    query = f"?{call.query.format_map(ids)}" if call.query else ""
    if route.name == "admin:anything_else":
        return f"/admin/{parts['url']}"
    if route.name.endswith("_old_address"):
        app, model = _model_of(route).split(".")
        return f"/admin/{app}/{model}/{parts['object_id']}/{query}"
    return reverse(route.name, kwargs=parts) + query


def body_of(call: Call, ids: Mapping[str, str]) -> dict[str, Any]:
    """Return a body to send: files are made anew, {words} filled in."""
    return {name: _filled(value, ids) for name, value in call.body.items()}


def _filled(value: Any, ids: Mapping[str, str]) -> Any:
    if callable(value):
        return value()
    return value.format_map(ids) if isinstance(value, str) else value


def _model_of(route: Route) -> str:
    parts: Iterable[str] = route.name.removeprefix("admin:").split("_")
    app, model, *_ = parts
    return f"{app}.{model}"
