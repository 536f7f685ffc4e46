"""An S3 server on loopback (moto's) that can be away, and that refuses on demand.

    with S3Server() as server:
        server.make_bucket("files")
        server.refusal = 403, "AccessDenied"   # whatever is asked, until it is None again
        server.stop(); server.start()          # away, and back on the same port with all that it had
        …  # server.keys("files")

By hand: python -m tests.standins.s3_server 8099
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

KEY_ID, SECRET = "stand-in", "stand-in-not-a-secret"
REGION = "us-east-1"


class S3Server:
    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.refusal: tuple[int, str] | None = None
        self.requests: list[tuple[str, str]] = []  # method and path
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server: BaseWSGIServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_there(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        self._server = make_server("127.0.0.1", self.port, self._answer, True, request_handler=_Quiet)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> S3Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if self.refusal is None:
            return self._app(environ, start_response)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status, code = self.refusal
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
        start_response(f"{status} No", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    # --- what tests ask for -----------------------------------------------------------------------------------
    @functools.cached_property
    def client(self) -> Any:
        return boto3.session.Session(KEY_ID, SECRET, region_name=REGION).client("s3", endpoint_url=self.url)

    def make_bucket(self, name: str) -> None:
        self.client.create_bucket(Bucket=name)

    def keys(self, bucket: str) -> list[str]:
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=bucket).get("Contents", [])]


class _Quiet(MotoRequestHandler):
    def log(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    with S3Server(int(sys.argv[1]) if len(sys.argv) > 1 else 8099) as server:
        print(server.url)  # noqa: T201
        threading.Event().wait()
