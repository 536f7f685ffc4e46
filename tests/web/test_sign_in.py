"""Wrong passwords: who guesses has to wait, whatever process is asked; who knows the password never waits for long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import F
from django.test import Client, RequestFactory
from django.utils import timezone

from jobs.sign_in import limits
from jobs.sign_in.models import SignInTries
from tests.harness.threads import run_together

PAGES = ("/login/", "/admin/login/")
PASSWORD = "right-and-long"


@pytest.fixture(autouse=True)
def _few_tries(settings: Any) -> None:
    settings.SIGN_IN_TRIES, settings.SIGN_IN_TRIES_PER_ADDRESS = 3, 8
    settings.SIGN_IN_WINDOW = timedelta(minutes=3)


@pytest.fixture
def ada(db: None) -> Any:
    return get_user_model().objects.create_user("ada", password=PASSWORD, is_staff=True, is_superuser=True)


def sign_in(page: str = "/login/", name: str = "ada", password: str = "wrong", address: str = "192.0.2.1") -> Any:
    return Client().post(page, {"username": name, "password": password}, REMOTE_ADDR=address)


def let_pass(**time: float) -> None:
    """Let time go by, for the database."""
    SignInTries.objects.update(settled_at=F("settled_at") - timedelta(**time))


@pytest.mark.parametrize("page", PAGES)
def test_who_guesses_waits_and_is_told_how_long(ada: Any, page: str) -> None:
    assert [sign_in(page).status_code for _ in range(3)] == [200, 200, 200]
    refused = sign_in(page, password=PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 60
    assert f"Wait {refused['Retry-After']} seconds, then try again." in refused.content.decode()


def test_the_page_and_the_desk_count_together(ada: Any) -> None:
    for page in (*PAGES, PAGES[0]):
        sign_in(page)
    assert [sign_in(page).status_code for page in PAGES] == [429, 429]


def test_who_knows_the_password_gets_in_after_the_wait_however_often_they_were_refused(ada: Any) -> None:
    for _ in range(20):
        refused = sign_in()
    assert refused.status_code == 429
    let_pass(seconds=int(refused["Retry-After"]))
    assert sign_in(password=PASSWORD).status_code == 302


def test_the_right_password_gives_all_tries_back(ada: Any) -> None:
    for _ in range(4):
        assert [sign_in().status_code for _ in range(2)] == [200, 200]
        assert sign_in(password=PASSWORD).status_code == 302
        let_pass(seconds=60)  # of the address's: it gets none back for the wrong ones


def test_nobody_can_keep_somebody_out_who_is_elsewhere(ada: Any) -> None:
    for _ in range(6):
        sign_in(address="203.0.113.9")
    assert sign_in(password=PASSWORD).status_code == 302


def test_an_address_that_tries_many_names_waits_as_well(ada: Any) -> None:
    assert {sign_in(name=f"name-{number}").status_code for number in range(8)} == {200}
    assert sign_in(password=PASSWORD).status_code == 429
    assert sign_in(password=PASSWORD, address="192.0.2.2").status_code == 302


def test_a_name_that_does_not_exist_is_answered_as_one_that_does(ada: Any) -> None:
    get_user_model().objects.create_user("gone", password=PASSWORD, is_active=False)
    get_user_model().objects.create_user("plain", password=PASSWORD)

    def told(page: str, name: str, password: str, address: str) -> list[tuple[int, str]]:
        answers = [sign_in(page, name, password, address) for _ in range(4)]
        return [(answer.status_code, str(answer.context["form"].non_field_errors())) for answer in answers]

    for page in PAGES:
        expected = told(page, "ada", "wrong", "192.0.2.1")
        assert [status for status, _ in expected] == [200, 200, 200, 429]
        assert told(page, "nobody", "wrong", "192.0.2.2") == expected
        assert told(page, "gone", PASSWORD, "192.0.2.3") == expected
        if page == "/admin/login/":  # whose password is right, but who is not staff
            assert told(page, "plain", PASSWORD, "192.0.2.4") == expected
        SignInTries.objects.all().delete()


def test_an_unknown_name_costs_as_much_as_a_known_one(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    counts = []
    for name in ("ada", "nobody"):
        hashed.clear()
        sign_in(name=name)
        counts.append(len(hashed))
    assert counts == [1, 1]


def test_guesses_at_the_same_moment_do_not_get_past(any_database: str) -> None:
    def guess() -> int:
        passed = 0
        for _ in range(4):
            try:
                limits.begin("ada", "192.0.2.1")
                passed += 1
            except limits.TooManyTries:
                pass
        return passed

    assert sum(run_together([guess] * 4)) == 3


def test_the_table_names_nobody_and_forgets(ada: Any) -> None:
    sign_in(name="Ada.Lovelace")
    assert not any(word in row.key for row in SignInTries.objects.all() for word in ("ada", "192"))
    let_pass(hours=2)
    sign_in(name="somebody")
    assert SignInTries.objects.filter(settled_at__lt=timezone.now() - timedelta(hours=1)).count() == 0
    assert SignInTries.objects.count() == 2


def test_zero_is_no_limit(ada: Any, settings: Any) -> None:
    settings.SIGN_IN_TRIES = settings.SIGN_IN_TRIES_PER_ADDRESS = 0
    assert {sign_in().status_code for _ in range(6)} == {200}
    assert not SignInTries.objects.exists()


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "address"),
    [
        ("192.0.2.1", "", 0, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", 0, "192.0.2.1"),  # anybody can write it
        ("127.0.0.1", "198.51.100.7", 1, "198.51.100.7"),
        ("127.0.0.1", "10.9.9.9, 198.51.100.7", 1, "198.51.100.7"),  # the first one is the client's word
        ("127.0.0.1", "10.9.9.9, 198.51.100.7, 10.0.0.1", 2, "198.51.100.7"),
        ("127.0.0.1", "198.51.100.7", 3, "198.51.100.7"),
        ("127.0.0.1", "198.51.100.7:4711", 1, "198.51.100.7"),
        ("127.0.0.1", "", 1, "127.0.0.1"),
        ("127.0.0.1", "unknown", 1, ""),
        ("2001:db8:1:2:3:4:5:6", "", 0, "2001:db8:1:2::/64"),
        ("127.0.0.1", "[2001:db8:1:2::9]:443", 1, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "", 0, "192.0.2.1"),
        ("", "", 0, ""),
    ],
)
def test_the_address_is_the_one_that_our_own_proxy_saw(
    settings: Any, remote: str, forwarded: str, proxies: int, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert limits.address_of(RequestFactory().get("/", headers=headers, REMOTE_ADDR=remote)) == address
