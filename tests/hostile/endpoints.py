"""Every address that takes a file, and a form as somebody writes it who means harm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BOUNDARY = b"hostile-4f1c"
LABELS = {"user_id": "u", "session_id": "hostile"}


@dataclass(frozen=True)
class Endpoint:
    """An address.

    name: in tables. part: of the form, where the file goes. form: the other parts. by_page: sent as a page's script
    does it, with a session instead of a token.
    """

    name: str
    path: str
    part: str = "file"
    form: Mapping[str, str] = field(default_factory=dict)
    by_page: bool = False


ENDPOINTS = (
    Endpoint("cv", "/api/v1/parser/parse-file-async", form=LABELS),
    Endpoint("cv, waiting", "/api/v1/parser/parse-file", form=LABELS | {"parse_mode": "basic"}),
    Endpoint("job: cv", "/api/v1/jobs/", form={"kind": "parsers.parse_cv"}),
    Endpoint("job: classify", "/api/v1/jobs/", form={"kind": "classifier.classify_document"}),
    Endpoint("job: ingest", "/api/v1/jobs/", form={"kind": "parsers.ingest_document", "session_id": "hostile-job"}),
    Endpoint("files", "/api/v1/files/"),
    Endpoint("classify", "/upload", form=LABELS),
    Endpoint("classify, batch", "/batch/upload", part="files"),
    Endpoint("ingest, batch", "/api/documents/process-and-store-batch", part="files", form={"session_id": "hostile"}),
    Endpoint("page: classify", "/batch/upload", part="files", by_page=True),
)
#: The kind that is asked to take a file that was sent to "files".
TAKES_SENT = "classifier.classify_document"


def form(endpoint: Endpoint, name: str, content: bytes) -> tuple[bytes, str]:
    """Return a form's body and its content type. The name goes in as it is, line ends and NULs with it; only what would
    end the quotes is escaped."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').encode()
    lines = [
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (BOUNDARY, key.encode(), value.encode())
        for key, value in endpoint.form.items()
    ]
    about = b'Content-Disposition: form-data; name="%s"; filename="%s"' % (endpoint.part.encode(), quoted)
    lines.append(b"--%s\r\n%s\r\nContent-Type: text/html\r\n\r\n%s\r\n" % (BOUNDARY, about, content))
    return b"".join(lines) + b"--%s--\r\n" % BOUNDARY, f"multipart/form-data; boundary={BOUNDARY.decode()}"


def job_in(body: Any) -> str | None:
    """Return the id of the job that an answer names, if it names one."""
    if not isinstance(body, dict):
        return None
    if "size" in body and "role" in body:  # a file
        return None
    return next((str(body[key]) for key in ("job_id", "doc_id", "id") if body.get(key)), None)
