"""The İkas client against a server that speaks the real protocol."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from jobs.errors import JobError, RateLimited, Unavailable
from orders.shops import ikas
from orders.shops.ikas import Ikas
from orders.shops.ikas_orders import snapshot_of
from orders.shops.sample_store import SampleStore
from tests.standins import ikas_server
from tests.standins.ikas_server import CLIENT_ID, CLIENT_SECRET, IkasServer, order_of, orders_for


@pytest.fixture
def server() -> Iterator[IkasServer]:
    own = [order_of("1028", "ayse.demir@example.com"), order_of("1029", "Ayse.Demir@example.com", orderedAt=1)]
    with IkasServer(orders=[*own, *orders_for(3)]) as running:
        yield running
    ikas._tokens.clear()


def shop(server: IkasServer, **changes: Any) -> Ikas:
    given = {
        "token_url": server.environment["IKAS_TOKEN_URL"],
        "api_url": server.environment["IKAS_API_URL"],
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "timeout": timedelta(seconds=1),
        "guard": nullcontext,
    }
    return Ikas(**given | changes)


def test_an_order_is_found_by_its_number(server: IkasServer) -> None:
    (order,) = shop(server).find_by_number("1028")
    assert (order["number"], order["package_status"], order["total"]) == ("1028", "FULFILLED", "250.50")
    assert order["packages"][0]["tracking_number"] == "YK1028900"
    assert order["packages"][0]["lines"] == [0]
    assert order["ordered_at"].endswith("Z")


def test_a_customers_orders_come_newest_first(server: IkasServer) -> None:
    found = shop(server).find_by_email("ayse.demir@example.com", 5)
    assert [order["number"] for order in found] == ["1028", "1029"]


def test_nothing_found_is_an_empty_answer(server: IkasServer) -> None:
    assert shop(server).find_by_number("9999") == []
    assert shop(server).find_by_email("nobody@example.com", 5) == []


def test_no_address_or_phone_of_the_customer_is_taken_over(server: IkasServer) -> None:
    assert "Örnek Sokak" not in str(shop(server).find_by_number("1028"))


def test_one_token_serves_many_requests_and_is_renewed_early(server: IkasServer) -> None:
    store = shop(server)
    store.find_by_number("1028")
    store.find_by_number("5000")
    assert server.minted == 1
    server.expires_in = 60
    ikas._tokens.clear()
    store.find_by_number("1028")
    store.find_by_number("1028")
    assert server.minted == 3, "a token within a minute of its end was used"


@pytest.mark.parametrize("how", ["401", "errors in a 200"])
def test_a_token_that_is_not_taken_is_minted_once_and_the_question_asked_once_more(
    server: IkasServer, how: str
) -> None:
    store = shop(server)
    store.find_by_number("1028")
    if how == "401":
        server.revoke_tokens()
    else:
        server.will(ikas_server.errors_in_200("UNAUTHENTICATED"))
    (order,) = store.find_by_number("1028")
    assert order["number"] == "1028"
    assert (server.minted, len(server.calls)) == (2, 3)


def test_a_token_that_is_never_taken_is_the_operators_to_repair(server: IkasServer) -> None:
    server.will(*[ikas_server.unauthorized()] * 2)
    with pytest.raises(JobError) as raised:
        shop(server).find_by_number("1028")
    assert (raised.value.code, isinstance(raised.value, Unavailable)) == ("provider_refused_key", False)
    assert len(server.calls) == 2


def test_a_wrong_secret_is_the_operators_to_repair_and_stays_secret(server: IkasServer, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "-".join(["my", "very", "secret"])  # a traceback quotes this file
    with pytest.raises(JobError) as raised:
        shop(server, client_secret=secret).find_by_number("1028")
    assert raised.value.code == "provider_refused_key"
    told = "".join(traceback.format_exception(raised.value)) + caplog.text
    assert secret not in told


@pytest.mark.parametrize(
    ("behaviour", "wait"),
    [
        (ikas_server.rate_limited(retry_after=7), 7),
        (ikas_server.rate_limited(header="12"), 12),
        (ikas_server.rate_limited(), 10),
        (ikas_server.errors_in_200("TOO_MANY_REQUESTS", retryAfter=4), 4),
    ],
    ids=["in-the-body", "in-the-header", "not-said", "in-a-200"],
)
def test_too_many_requests_wait_as_told(server: IkasServer, behaviour: Any, wait: float) -> None:
    server.will(behaviour)
    with pytest.raises(RateLimited) as raised:
        shop(server).find_by_number("1028")
    assert raised.value.retry_after == timedelta(seconds=wait)


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (ikas_server.server_error(), "provider_unavailable"),
        (ikas_server.dropped(), "provider_unreachable"),
        (ikas_server.slow(5), "provider_timed_out"),
        (ikas_server.html_page(), "provider_bad_answer"),
        (ikas_server.garbage([]), "provider_bad_answer"),
        (ikas_server.garbage({"data": None}), "provider_bad_answer"),
        (ikas_server.garbage({"data": {"listOrder": None}}), "provider_bad_answer"),
        (ikas_server.garbage({"data": {"listOrder": {"data": [{"id": 1}]}}}), "provider_bad_answer"),
        (ikas_server.garbage({"data": {"listOrder": {"data": ["order"]}}}), "provider_bad_answer"),
        (ikas_server.garbage({}), "provider_bad_answer"),
        (ikas_server.errors_in_200("INTERNAL_SERVER_ERROR"), "provider_unavailable"),
        (ikas_server.errors_in_200(None), "provider_unavailable"),
        (ikas_server.partial_with_errors(), "provider_unavailable"),
    ],
    ids=[
        "503", "dropped", "slow", "html", "list", "data-null", "list-null", "no-order", "text", "empty", "internal",
        "without-code", "partial",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_tried_again_and_never_not_found(server: IkasServer, behaviour: Any, code: str) -> None:
    server.will(behaviour)
    with pytest.raises(Unavailable) as raised:
        shop(server).find_by_number("1028")
    assert raised.value.code == code
    server.released.set()


@pytest.mark.parametrize("code", ["ARGUMENT_VALIDATION_ERROR", "FORBIDDEN"])
def test_what_we_ask_wrongly_is_never_asked_again(server: IkasServer, code: str) -> None:
    server.will(ikas_server.errors_in_200(code))
    with pytest.raises(JobError) as raised:
        shop(server).find_by_number("1028")
    assert not isinstance(raised.value, Unavailable)


def test_a_redirect_does_not_carry_the_token_elsewhere(server: IkasServer) -> None:
    with IkasServer(orders=orders_for(3)) as elsewhere:
        server.will(ikas_server.redirect(elsewhere.environment["IKAS_API_URL"]))
        with pytest.raises(JobError):
            shop(server).find_by_number("1028")
        assert elsewhere.calls == []


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    with IkasServer() as server, pytest.raises(Unavailable) as raised:
        shop(server, token_url=url).find_by_number("1")
    assert raised.value.code == "provider_unreachable"


def test_a_filter_that_is_ignored_hands_out_no_strangers_order(server: IkasServer) -> None:
    server.will(ikas_server.ignores_filters(), ikas_server.ignores_filters())
    assert [order["number"] for order in shop(server).find_by_number("5001")] == ["5001"]
    assert shop(server).find_by_email("nobody@example.com", 5) == []


def test_unknown_statuses_and_missing_parts_are_kept_as_they_are() -> None:
    order = order_of("1", "a@example.com", orderPackageStatus="TELEPORTED", customer=None, orderPackages=None)
    snapshot = snapshot_of(order | {"shippingAddress": None, "updatedAt": None})
    assert snapshot["package_status"] == "TELEPORTED"
    assert (snapshot["customer"]["email"], snapshot["packages"], snapshot["city"]) == (None, [], None)


def test_a_tracking_link_that_is_no_web_address_is_left_out() -> None:
    order = order_of("1", "a@example.com")
    order["orderPackages"][0]["trackingInfo"]["trackingLink"] = "javascript:alert(1)"
    assert snapshot_of(order)["packages"][0]["tracking_url"] is None


def test_the_sample_store_has_orders_of_these_days() -> None:
    store = SampleStore()
    assert store.find_by_number("1028")[0]["customer"]["first_name"] == "Ayşe"
    assert [order["number"] for order in store.find_by_email("AYSE.DEMIR@example.com", 5)] == ["1028", "1057"]
    assert store.find_by_number("1028") == store.find_by_number("1028")


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"id": "x"}]'])
def test_a_sample_file_that_cannot_be_read_says_so(tmp_path: Any, content: str) -> None:
    path = tmp_path / "orders.json"
    path.write_text(content)
    if content == "{}":
        assert SampleStore(path).find_by_number("1") == []
        return
    with pytest.raises(JobError) as raised:
        SampleStore(path).find_by_number("1")
    assert raised.value.code == "bad_sample_file"
