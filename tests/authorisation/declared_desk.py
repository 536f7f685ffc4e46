"""Who may do what at the desk. The six addresses of each model come from what kind of a model it is.

Rows as in `declared.py`. Who is not staff is sent to the desk's page to sign in. A model that is registered and not
named here fails a test.
"""

from __future__ import annotations

NOT_STAFF = "login login login"
VIEW = f"{NOT_STAFF} 2xx 2xx 2xx"
OPERATE = f"{NOT_STAFF} 403 2xx 2xx"
#: The same, for what leads on to another page when it is done.
OPERATE_POST = f"{NOT_STAFF} 403 3xx 3xx"
ADMINISTER = f"{NOT_STAFF} 403 403 2xx"
ADMINISTER_POST = f"{NOT_STAFF} 403 403 3xx"
NOBODY = f"{NOT_STAFF} 403 403 403"
LED_ON = f"{NOT_STAFF} 3xx 3xx 3xx"

#: For each kind of model what its addresses answer. A POST to a list is an action; without one it shows the list.
KINDS: dict[str, dict[tuple[str, str], str]] = {
    # rows that only the engine writes: to look at
    "read only": {
        ("changelist", "GET"): VIEW,
        ("changelist", "POST"): VIEW,
        ("add", "GET"): NOBODY,
        ("add", "POST"): NOBODY,
        ("change", "GET"): VIEW,
        ("change", "POST"): NOBODY,
        ("delete", "GET"): NOBODY,
        ("delete", "POST"): NOBODY,
        ("history", "GET"): VIEW,
    },
    # staff look, administrators write
    "edited": {
        ("changelist", "GET"): VIEW,
        ("changelist", "POST"): VIEW,
        ("add", "GET"): ADMINISTER,
        ("add", "POST"): ADMINISTER,
        ("change", "GET"): VIEW,
        ("change", "POST"): ADMINISTER,
        ("delete", "GET"): ADMINISTER,
        ("delete", "POST"): ADMINISTER_POST,
        ("history", "GET"): VIEW,
    },
    # people and access: for administrators only
    "administration": {
        ("changelist", "GET"): ADMINISTER,
        ("changelist", "POST"): ADMINISTER,
        ("add", "GET"): ADMINISTER,
        ("add", "POST"): ADMINISTER,
        ("change", "GET"): ADMINISTER,
        ("change", "POST"): ADMINISTER,
        ("delete", "GET"): ADMINISTER,
        ("delete", "POST"): ADMINISTER_POST,
        ("history", "GET"): ADMINISTER,
    },
    # for administrators, who make and revoke them; nobody changes or deletes one
    "tokens": {
        ("changelist", "GET"): ADMINISTER,
        ("changelist", "POST"): ADMINISTER,
        ("add", "GET"): ADMINISTER,
        ("add", "POST"): ADMINISTER,
        ("change", "GET"): ADMINISTER,
        ("change", "POST"): NOBODY,
        ("delete", "GET"): NOBODY,
        ("delete", "POST"): NOBODY,
        ("history", "GET"): ADMINISTER,
    },
}
for _rows in KINDS.values():
    _rows["old_address", "GET"] = LED_ON

MODELS = {
    "auth_group": "administration",
    "auth_user": "administration",
    "jobs_apitoken": "tokens",
    "jobs_job": "read only",
    "jobs_ratelimit": "read only",
    "jobs_queuecontrol": "read only",
    "jobs_receipt": "read only",
    "jobs_worker": "read only",
    "jobs_auditentry": "read only",
    "jobs_operationplan": "read only",
    "jobs_webhookendpoint": "read only",
    "jobs_webhookdelivery": "read only",
    "parsers_documentsession": "read only",
    "parsers_document": "read only",
    "parsers_chunk": "read only",
    "classifier_recurringbatch": "edited",
    "classifier_collectedfile": "read only",
    "imaging_conversation": "read only",
    "imaging_message": "read only",
    "orders_mailfolder": "read only",
    "orders_mail": "read only",
    "orders_order": "read only",
    "orders_draft": "read only",
}

#: Addresses of the desk that are no model's own six, and deeds.
DESK: dict[tuple[str, str], str] = {
    ("admin:index", "GET"): VIEW,
    ("admin:login", "GET"): "2xx 2xx 2xx 3xx 3xx 3xx",
    ("admin:login", "POST"): "2xx 2xx 2xx 2xx 2xx 2xx",
    ("admin:logout", "POST"): "3xx 3xx 3xx login login login",
    ("admin:password_change", "GET"): VIEW,
    ("admin:password_change", "POST"): VIEW,
    ("admin:password_change_done", "GET"): VIEW,
    ("admin:autocomplete", "GET"): f"{NOT_STAFF} 403 403 2xx",
    ("admin:jsi18n", "GET"): VIEW,
    ("admin:view_on_site", "GET"): f"{NOT_STAFF} 404 404 404",
    ("admin:app_list", "GET"): VIEW,
    ("admin:anything_else", "GET"): f"{NOT_STAFF} 404 404 404",
    # jobs and plans
    ("admin:jobs_job_operate", "GET"): OPERATE,
    ("admin:jobs_job_operate", "POST"): OPERATE_POST,
    ("admin:jobs_job_plan", "GET"): OPERATE,
    ("admin:jobs_job_plan", "POST"): OPERATE_POST,
    ("admin:jobs_operationplan_carry_out", "GET"): NOBODY,
    ("admin:jobs_operationplan_carry_out", "POST"): OPERATE_POST,
    # the engine room
    ("admin:jobs_resources", "GET"): VIEW,
    ("admin:jobs_schedules", "GET"): VIEW,
    ("admin:jobs_schedule_operate", "GET"): OPERATE,
    ("admin:jobs_schedule_operate", "POST"): OPERATE_POST,
    ("admin:jobs_queuecontrol_operate", "GET"): OPERATE,
    ("admin:jobs_queuecontrol_operate", "POST"): OPERATE_POST,
    ("admin:jobs_ratelimit_reset", "GET"): ADMINISTER,
    ("admin:jobs_ratelimit_reset", "POST"): ADMINISTER_POST,
    # webhooks
    ("admin:jobs_webhookendpoint_do", "GET"): OPERATE,
    ("admin:jobs_webhookendpoint_do", "POST"): OPERATE_POST,
    ("admin:jobs_webhookdelivery_do", "GET"): OPERATE,
    ("admin:jobs_webhookdelivery_do", "POST"): OPERATE_POST,
    # people and their tokens
    ("admin:jobs_apitoken_revoke", "GET"): ADMINISTER,
    ("admin:jobs_apitoken_revoke", "POST"): ADMINISTER_POST,
    ("admin:auth_user_password_change", "GET"): ADMINISTER,
    ("admin:auth_user_password_change", "POST"): ADMINISTER,
}
#: What staff without a role get where it is not as a viewer in the API, and not 403 at the desk.
CLERK = {
    "admin:index": "2xx",
    "admin:password_change": "2xx",
    "admin:password_change_done": "2xx",
    "admin:jsi18n": "2xx",
    "admin:app_list": "404",
    "api:schedules": "403",
    "api:schedule": "403",
}


def rows() -> dict[tuple[str, str], str]:
    """Return the whole table of the desk: (name of the address, method) to row."""
    of_models = {
        (f"admin:{model}_{page}", method): row
        for model, kind in MODELS.items()
        for (page, method), row in KINDS[kind].items()
    }
    return of_models | DESK
