"""Forms with files, read so that no part is lost: what cannot be kept is refused, whole.

Django's parser drops a part without a word when its headers are not UTF-8 (a file name from an old Windows), and takes
a body that breaks off for one that has ended. It gets what it reads from here: headers are mended before it sees them,
and a form that does not end as a form does never gets to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import BadRequest
from django.core.files.uploadhandler import FileUploadHandler
from django.http import QueryDict
from django.http.multipartparser import MultiPartParser
from django.utils.datastructures import MultiValueDict
from django.utils.http import parse_header_parameters
from rest_framework.request import Request

from jobs.api.problems import Problem
from jobs.errors import InvalidInput
from jobs.files import safe_name

#: What a body is read in; large enough to hold any part's headers.
PIECE = 64 * 1024
#: What a part's headers may have, as django.http.multipartparser has it.
MAX_TOTAL_HEADER_SIZE = 1024
END_OF_HEADERS = b"\r\n\r\n"
#: Django cuts longer ones, and where the extension is long it leaves nothing of the stem.
LONGEST_FILE_NAME = 255


class BrokenForm(InvalidInput, BadRequest):
    """400, also on pages."""


def read_form(
    input_data: Any, meta: Any, boundary: bytes, handlers: list[FileUploadHandler], encoding: str | None
) -> tuple[QueryDict, MultiValueDict]:
    """Return the fields and the files of a multipart/form-data body. Raises BrokenForm."""
    mended: Any = _Mended(input_data, boundary)
    try:
        return _Parser(meta, mended, handlers, encoding).parse()
    except BaseException:
        for handler in handlers:  # the file that was being received: Django itself closes only whole ones
            handler.upload_interrupted()
        raise


def refuse_several(request: Request, fields: Iterable[str], *, hint: str = "Send one file.") -> None:
    """Raise a 400 problem if one of these fields came with more than one file: all but the last would be lost."""
    for name in fields:
        if (count := len(request.FILES.getlist(name))) > 1:
            raise Problem(400, f"There are {count} files in `{name}`, which takes one. {hint}", code="too_many_files")


class _Parser(MultiPartParser):
    """Django's, but for a file whose name is nothing but dots and unprintable signs: that one is kept as well."""

    def sanitize_file_name(self, file_name: str) -> str:
        name = super().sanitize_file_name(file_name) or "file"
        return name if len(name) <= LONGEST_FILE_NAME else safe_name(name)


class _Mended:
    """A form's body as a stream, its headers in UTF-8. Raises BrokenForm for what a parser would pass over."""

    def __init__(self, source: Any, boundary: bytes) -> None:
        self._source = source
        self._delimiter = b"--" + boundary
        self._pieces = self._mend()
        self._surplus = b""

    def read(self, size: int) -> bytes:
        # Always as much as was asked for: Django takes many small pieces for an attack.
        pieces, length = [self._surplus], len(self._surplus)
        while length < size and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            length += len(piece)
        data = b"".join(pieces)
        self._surplus = data[size:]
        return data[:size]

    def _mend(self) -> Iterator[bytes]:
        waiting, part, closed = b"", 0, False
        while True:
            # Up to the next delimiter, of which a beginning may be at the end of what is there.
            while (at := waiting.find(self._delimiter)) < 0:
                more = self._source.read(PIECE)
                if not more:
                    if not closed:
                        raise _truncated()
                    yield waiting
                    return
                known = max(0, len(waiting) - len(self._delimiter) + 1)
                yield waiting[:known]
                waiting = waiting[known:] + more
            at += len(self._delimiter)
            yield waiting[:at]
            waiting = self._at_least(2, waiting[at:])
            closed = waiting.startswith(b"--")
            if closed:  # what follows is nothing, as a rule
                yield waiting[:2]
                waiting = waiting[2:]
                continue
            part += 1
            waiting = self._at_least(MAX_TOTAL_HEADER_SIZE, waiting)
            headers, end, rest = waiting[:MAX_TOTAL_HEADER_SIZE].partition(END_OF_HEADERS)
            if not end and len(waiting) < MAX_TOTAL_HEADER_SIZE:
                raise _truncated()
            mended = _mend_headers(headers)
            if not end or len(mended) + len(end) > MAX_TOTAL_HEADER_SIZE:
                raise _broken(part, f"its headers do not end within {MAX_TOTAL_HEADER_SIZE:,} bytes")
            if self._delimiter in mended:
                raise _broken(part, "its headers contain the boundary")
            if not _is_named(mended):
                raise _broken(part, 'it has no `Content-Disposition: form-data; name="…"` that can be read')
            yield mended + end
            waiting = rest + waiting[MAX_TOTAL_HEADER_SIZE:]

    def _at_least(self, size: int, data: bytes) -> bytes:
        """Return `data` with so much of what follows, unless the body ends before."""
        while len(data) < size and (more := self._source.read(PIECE)):
            data += more
        return data


def _truncated() -> BrokenForm:
    return BrokenForm(
        "The request breaks off: the boundary that ends a form is missing. Nothing of it was kept; send it again.",
        code="truncated_body",
    )


def _broken(part: int, what: str) -> BrokenForm:
    return BrokenForm(
        f"Part {part} of the form cannot be read: {what}. Nothing of the request was kept.", code="malformed_part"
    )


def _mend_headers(headers: bytes) -> bytes:
    """Return headers in UTF-8. What is not is a file name in the code page of its machine: Turkish, or Latin-1."""
    for encoding in ("utf-8", "cp1254", "latin-1"):
        try:
            return headers.decode(encoding).encode()
        except UnicodeDecodeError:
            continue
    raise AssertionError("latin-1 reads everything")


def _is_named(headers: bytes) -> bool:
    """Whether Django's parser would find out of which field this part is."""
    name = ""
    for line in headers.decode().split("\r\n"):
        if not line.lower().startswith("content-disposition:"):
            continue
        try:
            parameters = parse_header_parameters(line)[1]
            name = parameters.get("name", "")
            "".join(parameters.values()).encode()
        except ValueError:  # a character set that nobody knows, half a surrogate pair
            return False
    return bool(name.strip())
