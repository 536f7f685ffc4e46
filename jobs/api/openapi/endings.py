"""Why jobs end without a result: what operations that wait for one, or show one, answer besides their own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.api.openapi.faults import Fault

#: By code: what the engine says of a job of any kind.
OF_ENGINE = {
    "cancelled": "The job was cancelled.",
    "timed_out": "An attempt took longer than its kind may take, and it was the last one.",
    "worker_lost": "The worker that ran the job died or froze, and it was the last attempt.",
    "deadline_exceeded": "The job could not be finished before its deadline.",
    "resource_taken": "An operator took the resource away that the job held.",
    "database_unavailable": "The database did not answer while the job ran.",
    "storage_unavailable": "The storage of files did not answer while the job ran.",
    "storage_refused": "The storage of files refused the job its file; the operator has to check the settings.",
    "storage_full": "There was no room left for files while the job ran.",
    "internal_error": "An error of ours stopped the job. It was logged.",
}
#: What a service says that a kind asks.
OF_PROVIDERS = {
    "provider_unreachable": "The service could not be reached.",
    "provider_unavailable": "The service could not answer.",
    "provider_timed_out": "The service did not answer in time.",
    "provider_bad_answer": "The service gave an answer that cannot be used.",
    "provider_rate_limited": "The service takes no more requests for now.",
    "provider_quota": "The service's account has no credit left.",
    "provider_refused_key": "The service refused our key; the operator has to check it.",
    "provider_refused_request": "The service refused the request; the operator has to check the settings.",
    "circuit_open": "The service failed too often and is left alone for a moment.",
}


def endings(status: int, meanings: Mapping[str, str], more: Any = None) -> tuple[Fault, ...]:
    """Return a fault of this status for each code. meanings: sentences by code."""
    return tuple(Fault(status, code, meaning, more) for code, meaning in meanings.items())
