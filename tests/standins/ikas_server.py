"""A server on loopback that speaks İkas's Admin API: tokens, listOrder, a rate limit, and whatever goes wrong.

    with IkasServer(orders=orders_for(10), limit=(5, 1.0)) as server:
        server.will(server_error(), dropped())
        server.outage = True
        …  # server.calls says when each request came, for what, and how it was answered

It checks what the real one checks: the client, the token, that the query asks for fields that there are. `limit` is a
sliding window (requests, seconds) over what arrives, so a caller that is too quick gets a 429 and is on record.

By hand: python -m tests.standins.ikas_server 8098
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
import secrets
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

CLIENT_ID, CLIENT_SECRET = "stand-in-client", "stand-in-not-a-secret"
TOKEN_PATH, API_PATH = "/api/admin/oauth/token", "/api/v1/admin/graphql"

Behaviour = Callable[["_Handler"], bool]

#: What can be asked of an order, as İkas's schema has it.
ORDER_FIELDS = {
    "id", "orderNumber", "status", "orderPaymentStatus", "orderPackageStatus", "orderedAt", "createdAt", "updatedAt",
    "cancelledAt", "cancelReason", "currencyCode", "totalPrice", "totalFinalPrice", "note", "shippingMethod",
    "customer", "email", "firstName", "lastName", "fullName", "phone", "shippingAddress", "addressLine1", "postalCode",
    "city", "district", "country", "name", "orderLineItems", "quantity", "price", "finalPrice", "variant", "sku",
    "orderPackages", "orderPackageNumber", "orderPackageFulfillStatus", "orderLineItemIds", "trackingInfo", "barcode",
    "cargoCompany", "trackingNumber", "trackingLink",
}  # fmt: skip
LIST_FIELDS = {"count", "data", "hasNext", "limit", "page"}


@dataclass(frozen=True)
class Call:
    """A request to GraphQL. at: time.monotonic() of its arrival. asked: {"orderNumber" | "customerEmail": value}."""

    at: float
    asked: dict[str, str]
    status: int


# --- Behaviours: each answers one request to GraphQL, or returns False to let it be answered as usual -------------
def server_error(status: int = 503) -> Behaviour:
    return lambda handler: handler.send_json(status, {"message": "Service Unavailable"})


def html_page() -> Behaviour:
    return lambda handler: handler.send(200, b"<html>Bakimdayiz</html>", {"content-type": "text/html"})


def redirect(location: str) -> Behaviour:
    """Send the question on to another address, which would get it with its token."""
    return lambda handler: handler.send(307, b"", {"location": location})


def garbage(body: Any) -> Behaviour:
    """Answer 200 with this JSON."""
    return lambda handler: handler.send_json(200, body)


def errors_in_200(code: str | None, **extensions: Any) -> Behaviour:
    error: dict[str, Any] = {"message": "It went wrong."}
    if code is not None:
        error["extensions"] = {"code": code, **extensions}
    return lambda handler: handler.send_json(200, {"errors": [error], "data": None})


def partial_with_errors() -> Behaviour:
    body = {"errors": [{"message": "half"}], "data": {"listOrder": {"count": 0, "data": []}}}
    return lambda handler: handler.send_json(200, body)


def rate_limited(retry_after: float | None = None, header: str | None = None) -> Behaviour:
    headers = {} if header is None else {"retry-after": header}
    body = {"message": "Too many requests"} | ({} if retry_after is None else {"retryAfter": retry_after})
    return lambda handler: handler.send_json(429, body, headers)


def unauthorized() -> Behaviour:
    return lambda handler: handler.send_json(401, {"message": "Unauthorized"})


def ignores_filters() -> Behaviour:
    """Answer with every order, whatever was asked."""

    def behave(handler: _Handler) -> bool:
        orders = handler.shop.orders
        return handler.send_json(200, {"data": {"listOrder": {"count": len(orders), "data": orders}}})

    return behave


def slow(seconds: float) -> Behaviour:
    def behave(handler: _Handler) -> bool:
        handler.shop.released.wait(seconds)
        return False

    return behave


def dropped() -> Behaviour:
    """Close the connection with a reset before an answer."""

    def behave(handler: _Handler) -> bool:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()
        return True

    return behave


# --- Orders -------------------------------------------------------------------------------------------------------
def order_of(number: str, email: str, **changes: Any) -> dict[str, Any]:
    """Return an order as İkas tells it: shipped, paid, with one package."""
    now = int(time.time() * 1000)
    return {
        "id": f"order-{number}",
        "orderNumber": number,
        "status": "CREATED",
        "orderPaymentStatus": "PAID",
        "orderPackageStatus": "FULFILLED",
        "orderedAt": now - 3 * 86_400_000,
        "updatedAt": now - 86_400_000,
        "cancelledAt": None,
        "cancelReason": None,
        "currencyCode": "TRY",
        "totalPrice": 250.5,
        "totalFinalPrice": 250.5,
        "customer": {"id": "c1", "email": email, "firstName": "Deniz", "lastName": "Örnek", "fullName": "Deniz Örnek"},
        "shippingAddress": {"city": {"name": "İzmir"}, "addressLine1": "Örnek Sokak", "phone": "0"},
        "orderLineItems": [
            {
                "id": "l1",
                "quantity": 1,
                "price": 250.5,
                "finalPrice": 250.5,
                "status": "FULFILLED",
                "variant": {"name": "Defter"},
            }
        ],
        "orderPackages": [
            {
                "id": "p1",
                "orderPackageNumber": f"{number}-P1",
                "orderPackageFulfillStatus": "FULFILLED",
                "orderLineItemIds": ["l1"],
                "trackingInfo": {
                    "cargoCompany": "Yurtiçi Kargo",
                    "trackingNumber": f"YK{number}900",
                    "trackingLink": f"https://kargo.example.com/{number}",
                },
            }
        ],
    } | changes


def orders_for(count: int, first: int = 5000) -> list[dict[str, Any]]:
    """Return this many orders, each of a customer of its own: customer<number>@example.com."""
    return [order_of(str(first + n), f"customer{first + n}@example.com") for n in range(count)]


def webhook(
    order: dict[str, Any], *, id: str = "", secret: str = CLIENT_SECRET, scope: str = "store/order/updated"
) -> bytes:
    """Return the signed body of a webhook."""
    data = json.dumps(order, ensure_ascii=False)
    envelope = {
        "id": id or secrets.token_hex(8),
        "createdAt": "2026-11-20T10:00:00Z",
        "scope": scope,
        "merchantId": "m1",
        "data": data,
        "signature": hmac.new(secret.encode(), data.encode(), hashlib.sha256).hexdigest(),
        "authorizedAppId": "a1",
    }
    return json.dumps(envelope, ensure_ascii=False).encode()


# --- The server ---------------------------------------------------------------------------------------------------
@dataclass
class IkasServer:
    """calls: every request to GraphQL that had a token; minted: how many tokens were given out."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    limit: tuple[int, float] | None = None
    expires_in: int = 14_400
    host: str = "127.0.0.1"
    port: int = 0
    latency: float = 0.0
    outage: bool = False
    calls: list[Call] = field(default_factory=list)
    minted: int = 0
    behaviours: deque[Behaviour] = field(default_factory=deque)
    released: threading.Event = field(default_factory=threading.Event)
    tokens: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def will(self, *behaviours: Behaviour) -> None:
        self.behaviours.extend(behaviours)

    def revoke_tokens(self) -> None:
        self.tokens.clear()

    @property
    def environment(self) -> dict[str, str]:
        """The settings that make Sıra ask this server."""
        return {
            "ORDER_PROVIDER": "ikas",
            "IKAS_TOKEN_URL": f"http://{self.host}:{self.port}{TOKEN_PATH}",
            "IKAS_API_URL": f"http://{self.host}:{self.port}{API_PATH}",
            "IKAS_CLIENT_ID": CLIENT_ID,
            "IKAS_CLIENT_SECRET": CLIENT_SECRET,
        }

    def __enter__(self) -> IkasServer:
        self.server = _Server((self.host, self.port), _Handler)
        self.server.shop = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def is_within_limit(self, now: float) -> bool:
        if self.limit is None:
            return True
        requests, seconds = self.limit
        return sum(now - call.at < seconds for call in self.calls) < requests


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    shop: IkasServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def shop(self) -> IkasServer:
        return self.server.shop

    def do_POST(self) -> None:
        at = time.monotonic()
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path == TOKEN_PATH:
            self._mint(body)
        elif self.path == API_PATH:
            self._graphql(at, body)
        else:
            self.send_json(404, {"message": "Not Found"})

    def _mint(self, body: bytes) -> None:
        if self.shop.outage:
            self.send_json(503, {"message": "Service Unavailable"})
            return
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        wanted = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        if form != wanted:
            self.send_json(401, {"error": "invalid_client"})
            return
        token = secrets.token_hex(16)
        self.shop.tokens.add(token)
        self.shop.minted += 1
        self.send_json(200, {"access_token": token, "token_type": "Bearer", "expires_in": self.shop.expires_in})

    def _graphql(self, at: float, body: bytes) -> None:
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            request = json.loads(body)
        except ValueError:
            self.send_json(400, {"message": "Bad Request"})
            return
        variables = request.get("variables") or {}
        asked = {
            name: filter["eq"] for name, filter in variables.items() if isinstance(filter, dict) and "eq" in filter
        }
        with self.shop.lock:
            within = self.shop.is_within_limit(at)
            status = 503 if self.shop.outage else 401 if token not in self.shop.tokens else 200 if within else 429
            self.shop.calls.append(Call(at, asked, status))
            behaviour = self.shop.behaviours.popleft() if status == 200 and self.shop.behaviours else None
        if self.shop.latency:
            self.shop.released.wait(self.shop.latency)
        if status == 503:
            self.send_json(503, {"message": "Service Unavailable"})
        elif status == 401:
            self.send_json(401, {"message": "Unauthorized"})
        elif status == 429:
            assert self.shop.limit is not None
            self.send_json(429, {"message": "Too many requests", "retryAfter": self.shop.limit[1]})
        elif behaviour is None or not behaviour(self):
            self._list_orders(request.get("query", ""), variables)

    def _list_orders(self, query: str, variables: dict[str, Any]) -> None:
        problem = find_problem(query)
        if problem is not None:
            error = {"message": problem, "extensions": {"code": "ARGUMENT_VALIDATION_ERROR"}}
            self.send_json(200, {"errors": [error], "data": None})
            return
        found = [order for order in self.shop.orders if _fits(order, variables)]
        found.sort(key=lambda order: order["orderedAt"], reverse='sort: "-orderedAt"' in query)
        page = variables.get("pagination") or {}
        limit, number = page.get("limit", 50), page.get("page", 1)
        shown = found[(number - 1) * limit : number * limit]
        self.send_json(200, {"data": {"listOrder": {"count": len(found), "data": shown}}})

    def send_json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> bool:
        return self.send(status, json.dumps(body).encode(), {"content-type": "application/json"} | (headers or {}))

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> bool:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        return True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _fits(order: dict[str, Any], variables: dict[str, Any]) -> bool:
    """Evaluate the StringFilterInputs that we use."""
    values = {"orderNumber": order["orderNumber"], "customerEmail": (order.get("customer") or {}).get("email") or ""}
    for name, value in values.items():
        wanted = variables.get(name) or {}
        if "eq" in wanted and wanted["eq"].lower() != value.lower():
            return False
        if "in" in wanted and value not in wanted["in"]:
            return False
    return True


def find_problem(query: str) -> str | None:
    """Return what the real server would complain about in a query, or None."""
    found = re.search(r"listOrder\s*\((?P<arguments>[^)]*)\)\s*\{(?P<fields>.*)\}\s*\}\s*$", query, re.DOTALL)
    if found is None:
        return 'Cannot query anything but "listOrder".'
    arguments = set(re.findall(r"(\w+)\s*:", found["arguments"]))
    if unknown := arguments - {"orderNumber", "customerEmail", "pagination", "sort", "id", "search", "updatedAt"}:
        return f'Unknown argument "{sorted(unknown)[0]}".'
    if unknown := set(re.findall(r"\w+", found["fields"])) - ORDER_FIELDS - LIST_FIELDS:
        return f'Cannot query field "{sorted(unknown)[0]}" on type "Order".'
    return None


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8098
    with IkasServer(orders=orders_for(100), limit=(50, 10.0), port=port) as server:
        sys.stdout.write(" ".join(f"{name}={value}" for name, value in server.environment.items()) + "\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            server.thread.join()


if __name__ == "__main__":
    main()
