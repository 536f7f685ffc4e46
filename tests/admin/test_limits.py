"""Rate limits and breakers on the desk: in words that are true, and reset on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from jobs import lifecycle
from jobs.admin.engine_room import limits
from jobs.engine import claiming
from jobs.errors import RateLimited
from jobs.kinds import job_kind, registry
from jobs.models import AuditEntry, Job, RateLimit
from jobs.positions import DEVICE_BUSY
from jobs.providers import rates

LIMITS = reverse("admin:jobs_ratelimit_changelist")
KIND = "limits.ask_shop"


@pytest.fixture
def kind(db):
    @job_kind(KIND, rate_limit="shop")
    def ask_shop(job):
        """Ask the shop."""

    yield KIND
    registry.remove(KIND)


def open_breaker(key="shop"):
    for _ in range(rates.BREAKER_THRESHOLD):
        rates.record_failure(key)


def reset(client, key="shop", reason="the shop is back"):
    return client.post(reverse("admin:jobs_ratelimit_reset", args=[key]), {"reason": reason}, follow=True)


def on_page(client, key="shop"):
    (limit,) = [limit for limit in client.get(LIMITS).context["limits"] if limit.row.key == key]
    return limit


@pytest.mark.parametrize(
    ("reason", "seconds", "failures", "word", "says"),
    [
        ("", -5, 0, "closed", "Requests go out."),
        ("", -5, 3, "closed", "3 failures in a row."),
        ("", 60, 0, "limited", "The limit is used up until"),
        ("told_to_wait", 60, 0, "told to wait", "The other side asked to wait until"),
        ("told_to_wait", -5, 0, "closed", "Requests go out."),
        (rates.OPEN, 60, 6, "breaker open", "6 failures in a row."),
        (rates.OPEN, -5, 6, "on trial", "Its rest is over"),
        (rates.PROBED, 60, 6, "on trial", "the rest wait"),
        (rates.UNDER_WAY, 60, 0, "under way", "follows its answer"),
        (DEVICE_BUSY, -1, 0, "device busy", "still on the device"),
        (DEVICE_BUSY, -60, 0, "closed", "Requests go out."),
    ],
)
def test_a_limit_is_told_in_words(viewer, reason, seconds, failures, word, says):
    at = Now() + timedelta(seconds=seconds)
    RateLimit.objects.create(key="shop", theoretical_arrival_at=at, ready_at=at, failures=failures, reason=reason)
    limit = on_page(viewer)
    assert limit.word == word
    assert says in limit.sentence


def test_a_limit_says_what_it_holds_back_and_how_many_wait(viewer, kind):
    open_breaker()
    lifecycle.submit(KIND)
    limit = on_page(viewer)
    assert ([kind.name for kind in limit.kinds], limit.waiting) == ([KIND], 1)


def test_a_reset_lets_requests_and_jobs_go_on_and_is_recorded(operator, kind, messages_of):
    open_breaker()
    job = lifecycle.submit(KIND)
    assert claiming.claim("w") is None
    assert "was reset" in messages_of(reset(operator))
    assert claiming.claim("w").pk == job.pk
    with rates.guarded("shop"):
        pass
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target_type, entry.target, entry.reason) == (
        "reset_rate_limit", "rate_limit", "shop", "the shop is back",
    )  # fmt: skip
    assert (entry.before["reason"], entry.before["failures"]) == (rates.OPEN, rates.BREAKER_THRESHOLD)
    assert (entry.after["reason"], entry.after["failures"]) == ("", 0)


def test_a_reset_empties_the_bucket_of_a_used_up_limit(operator, db):
    slow = rates.Rate(1, timedelta(hours=1))
    rates.take("shop", slow)
    with pytest.raises(RateLimited):
        rates.take("shop", slow)
    reset(operator)
    rates.take("shop", slow)


def test_a_reset_that_cannot_be_recorded_does_not_happen(admin_user, monkeypatch):
    def broken(*_args, **_options):
        raise RuntimeError("no room")

    open_breaker()
    monkeypatch.setattr("jobs.audit.record", broken)
    with pytest.raises(RuntimeError):
        limits.reset("shop", actor=admin_user, reason="x")
    assert RateLimit.objects.get().reason == rates.OPEN


@pytest.mark.parametrize(
    ("reason", "risk"),
    [
        (rates.OPEN, "use up attempts"),
        (rates.UNDER_WAY, "a second one would go out beside it"),
        (DEVICE_BUSY, "only if the process on the device is gone"),
        ("told_to_wait", "may refuse what comes too early"),
    ],
)
def test_the_question_tells_the_risk(operator, reason, risk):
    RateLimit.objects.create(key="shop", theoretical_arrival_at=Now(), ready_at=Now(), reason=reason)
    assert risk in operator.get(reverse("admin:jobs_ratelimit_reset", args=["shop"])).content.decode()


def test_a_reset_needs_a_reason_and_its_permission(operator, viewer, db):
    open_breaker()
    assert reset(viewer).status_code == 403
    assert "say why first" in reset(operator, reason=" ").content.decode()
    assert RateLimit.objects.get().failures == rates.BREAKER_THRESHOLD
    assert reset(operator, key="nobody").status_code == 404


def test_the_key_of_a_device_is_reset_like_another(operator, db):
    rates.block("resource:gpu", timedelta(hours=1), reason=DEVICE_BUSY)
    assert reset(operator, key="resource:gpu").status_code == 200
    assert RateLimit.objects.get().reason == ""
    assert not Job.objects.exists()
