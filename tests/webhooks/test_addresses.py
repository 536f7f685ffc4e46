"""Where a webhook may go, and above all where it may not."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from jobs.webhooks import addresses, sender
from jobs.webhooks.addresses import AddressRefused, UrlRefused, check_url, is_public, resolve

PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:2800:220:1:248:1893:25c8:1946"

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "2002:7f00:1::", "2002:0a00:0001::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1",
    "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "5f00::1", "3fff::1",
]  # fmt: skip


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the name server will answer, one list of addresses for each question; the last one stays."""
    answers: list[Any] = []

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(found, Exception):
            raise found
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that connections went to; none is made."""
    to: list[str] = []

    def create_connection(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        to.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", create_connection)
    return to


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_on_the_internet_is_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, PUBLIC_6, f"::ffff:{PUBLIC}", "8.8.8.8", "2002:0808:0808::"])
def test_an_address_on_the_internet_is_called(address):
    assert is_public(address)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://example.com/hook", "https://example.com/hook"),
        ("HTTPS://Example.COM/Hook?Key=A", "https://example.com/Hook?Key=A"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("http://example.com:80/a", "http://example.com:80/a"),
        (f"https://{PUBLIC}/a", f"https://{PUBLIC}/a"),
        (f"https://[{PUBLIC_6}]/a", f"https://[{PUBLIC_6}]/a"),
        ("https://xn--zgrm-5qa6e.example/a", "https://xn--zgrm-5qa6e.example/a"),
    ],
)
def test_a_url_that_may_be_told(given, kept):
    assert check_url(given) == kept


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "/hook", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "https://",
        "https:///hook", "https://user@example.com/", "https://user:pass@example.com/", "https://@example.com/",
        "https://example.com:22/", "https://example.com:25/", "https://example.com:0/", "https://example.com:99999/",
        "https://example.com:x/", "https://example.com/#fragment", "https://example.com/a b", "https://example.com\\@127.0.0.1/",
        "https://example.com/\r\nX: 1", "https://özgür.example/", "https://exa mple.com/", "https://-a.example/",
        "https://localhost/", "https://localhost./", "https://a.localhost/", "https://2130706433/", "https://0x7f.1/",
        "https://0177.0.0.1/", "https://127.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/",
        "https://127.0.0.1/", "https://10.1.2.3/", "https://169.254.169.254/latest/meta-data/", "https://[::1/",
        "https://example.com/" + "a" * 1000,
    ],
)  # fmt: skip
def test_a_url_that_is_refused_at_the_door(url):
    with pytest.raises(UrlRefused) as refused:
        check_url(url)
    assert refused.value.message.endswith(".")


def test_plain_http_is_refused_where_it_is_not_allowed(settings):
    settings.WEBHOOK_ALLOW_HTTP = False
    with pytest.raises(UrlRefused, match="https://"):
        check_url("http://example.com/")
    assert check_url("https://example.com/") == "https://example.com/"


def test_this_machine_may_be_told_where_that_is_allowed(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    assert check_url("http://127.0.0.1:8097/hook") == "http://127.0.0.1:8097/hook"
    assert check_url("http://localhost:8097/hook") == "http://localhost:8097/hook"
    assert resolve("127.0.0.1", 80) == ["127.0.0.1"]


def test_a_name_that_means_this_machine_is_not_called(resolver, connected):
    resolver.append(["127.0.0.1"])
    answer = sender.post("https://innocent.example/", {}, b"{}")
    assert (answer.error, answer.status, connected) == ("address_refused", None, [])


def test_one_private_address_among_public_ones_is_enough_to_refuse_the_name(resolver, connected):
    resolver.append([PUBLIC, "10.0.0.1"])
    assert sender.post("https://innocent.example/", {}, b"{}").error == "address_refused"
    assert connected == []


def test_a_name_that_changes_its_mind_after_the_check_gains_nothing(resolver, connected):
    resolver.extend([[PUBLIC], ["127.0.0.1"]])
    assert sender.post("http://rebinding.example/", {}, b"{}").error == "unreachable"
    assert connected == [PUBLIC], "the connection goes to the address that was looked at, not to the name"
    assert sender.post("http://rebinding.example/", {}, b"{}").error == "address_refused"
    assert connected == [PUBLIC]


def test_another_address_of_the_name_is_tried_when_the_first_does_not_answer(resolver, connected):
    resolver.append([PUBLIC_6, PUBLIC])
    assert sender.post("https://two.example/", {}, b"{}").error == "unreachable"
    assert connected == [PUBLIC_6, PUBLIC]


def test_a_name_without_an_address_could_not_be_reached(resolver, connected):
    resolver.append(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    assert sender.post("https://nowhere.example/", {}, b"{}").error == "unreachable"


def test_a_silent_name_server_holds_nobody(monkeypatch):
    import threading

    release = threading.Event()
    monkeypatch.setattr(addresses, "RESOLVE_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(5) and [])
    try:
        assert sender.post("https://slow.example/", {}, b"{}").error == "timed_out"
    finally:
        release.set()


def test_a_refused_address_raises_before_any_packet(resolver):
    resolver.append(["169.254.169.254"])
    with pytest.raises(AddressRefused):
        resolve("metadata.example", 80)
