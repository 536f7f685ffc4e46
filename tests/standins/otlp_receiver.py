"""A collector on loopback that takes traces by OTLP over HTTP (protobuf) and keeps the spans.

with OTLPReceiver() as collector:
    …  # collector.endpoint for OTEL_EXPORTER_OTLP_ENDPOINT; collector.spans() as they came
"""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True)
class Span:
    """ids: in hex. service: of the resource, with process: its pid. begin, end: seconds since 1970. error: its code."""

    name: str
    role: str
    trace_id: str
    id: str
    parent: str
    service: str
    process: int
    begin: float
    end: float
    error: str
    attributes: dict[str, Any]


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


def _attributes(of: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in of.attributes}


class OTLPReceiver:
    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> OTLPReceiver:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def spans(self, trace_id: str = "") -> list[Span]:
        return sorted(
            (span for span in self._spans if not trace_id or span.trace_id == trace_id), key=lambda span: span.begin
        )

    def take(self, body: bytes) -> None:
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _attributes(of_resource.resource)
            for of_scope in of_resource.scope_spans:
                for span in of_scope.spans:
                    self._spans.append(
                        Span(
                            name=span.name,
                            role=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                            trace_id=span.trace_id.hex(),
                            id=span.span_id.hex(),
                            parent=span.parent_span_id.hex(),
                            service=resource["service.name"],
                            process=resource["process.pid"],
                            begin=span.start_time_unix_nano / 1e9,
                            end=span.end_time_unix_nano / 1e9,
                            error=span.status.message if span.status.code == trace_pb2.Status.STATUS_CODE_ERROR else "",
                            attributes=_attributes(span),
                        )
                    )


def _handler_of(receiver: OTLPReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            right = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
            if right:
                receiver.take(body)
            self.send_response(200 if right else 400)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
