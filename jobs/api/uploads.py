"""Many files in one request: written one after another into a single temporary file, so memory stays flat.

    class Upload(BatchView):
        def post(self, request):
            job = accept_batch(request, uploads=self.uploads(request, "files"), …)

An upload is then a slice of that file. Django's own handlers would hold a descriptor, or a megabyte, for each.
"""

from __future__ import annotations

import io
import tempfile
import weakref
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api.forms import read_form
from jobs.api.problems import Problem, printable
from jobs.api.views import View
from jobs.errors import InvalidInput

#: What an address that is not made for batches takes; Django's own default.
FEW_FILES = 100
#: Headers and boundaries of the largest batch, generously: what a body may be larger than its files.
ROOM_FOR_HEADERS = 16 * 1024**2


class TooManyFiles(InvalidInput):
    """413."""

    code = "too_many_files"

    def __init__(self) -> None:
        super().__init__(
            f"A batch takes at most {settings.MAX_BATCH_FILES:,} files. Send the rest as another batch; nothing of "
            "this one was kept."
        )


class BatchTooLarge(InvalidInput):
    """413."""

    code = "batch_too_large"

    def __init__(self) -> None:
        super().__init__(
            f"The files of a batch may have {settings.MAX_BATCH_BYTES // 1024**2:,} MB together. Send them as several "
            "batches; nothing of this one was kept."
        )


class EmptyBatch(InvalidInput):
    """400."""

    code = "empty_batch"


class BatchView(View):
    """A view that takes many files: multipart/form-data only, at most MAX_BATCH_FILES and MAX_BATCH_BYTES.

    Its files come in the field `files`, as every seed has it.
    """

    parser_classes = [MultiPartParser]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Before anybody reads the body: to check a session's CSRF token is to parse the form.
        request.upload_handlers = [SpoolHandler(request)]
        return super().initialize_request(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, UnsupportedMediaType):
            exc = Problem(415, "A batch comes as a form: send multipart/form-data with the files in the field `files`.")
        return super().handle_exception(exc)

    def uploads(self, request: Request, field: str) -> list[UploadedFile]:
        """Return the files of a form's field, in order. Raises InvalidInput, which says what was sent instead."""
        found = request.FILES.getlist(field)
        others = ", ".join(sorted(printable(name) for name in request.FILES if name != field)[:3])
        # Browsers send a part without name and content for an input that was left empty; that one means nothing.
        if any(request.POST.getlist(field)):
            raise InvalidInput(f"`{field}` came as text, not as a file: each part needs a filename.", code="not_a_file")
        if found and others:
            detail = f"Some files came as {others}, but this address reads `{field}`. Rename the field; none was kept."
            raise InvalidInput(detail, code="unexpected_files")
        if found:
            return found
        if others:
            raise EmptyBatch(f"The files came as {others}, but this address reads `{field}`. Rename the field.")
        raise EmptyBatch(f"There is no file in `{field}`. Send at least one.")


class FewFiles(FileUploadHandler):
    """The first of FILE_UPLOAD_HANDLERS: keeps the addresses that are not made for batches at Django's limit.

    DATA_UPLOAD_MAX_NUMBER_FILES has to be as large as a batch, and Django opens a temporary file for each. It also sees
    to it that `read_form` reads, for those behind it.
    """

    count = 0
    reading = False

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: str | None = None
    ) -> tuple[QueryDict, MultiValueDict] | None:
        if self.reading:
            return None  # the call of the parser below
        self.reading = True
        assert self.request is not None
        return read_form(input_data, META, boundary, list(self.request.upload_handlers), encoding)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        self.count += 1
        if self.count > FEW_FILES:
            raise TooManyFilesSent(f"more than {FEW_FILES} files")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data  # for the next handler

    def file_complete(self, file_size: int) -> None:
        return None


class SpoolHandler(FileUploadHandler):
    """Write every file of a request into one spool. Raises TooManyFiles and BatchTooLarge as soon as that is known."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._spool: _Spool | None = None
        self._count = 0
        self._begin = 0  # of the file that is being received

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: str | None = None
    ) -> tuple[QueryDict, MultiValueDict] | None:
        if self._spool is not None:
            return None  # the call of the parser below
        if content_length > settings.MAX_BATCH_BYTES + ROOM_FOR_HEADERS:
            raise BatchTooLarge
        self._spool = _Spool()
        try:
            return read_form(input_data, META, boundary, [self], encoding)
        finally:
            self._spool = None  # from now on the uploads hold it

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._count += 1
        if self._count > settings.MAX_BATCH_FILES:
            raise TooManyFiles
        self._begin = self._open_spool.size

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._open_spool.size + len(raw_data) > settings.MAX_BATCH_BYTES:
            raise BatchTooLarge
        self._open_spool.append(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        size = self._open_spool.size - self._begin
        content: Any = _Slice(self._open_spool, self._begin, size)
        return UploadedFile(content, self.file_name, self.content_type, size, self.charset, self.content_type_extra)

    @property
    def _open_spool(self) -> _Spool:
        assert self._spool is not None
        return self._spool


class _Spool:
    """The temporary file. It is closed, and so gone, with the last slice that refers to it."""

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def append(self, data: bytes) -> None:
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def read(self, begin: int, size: int) -> bytes:
        self._file.seek(begin)
        return self._file.read(size)


class _Slice(io.RawIOBase):
    """One file of the spool, read-only."""

    def __init__(self, spool: _Spool, begin: int, size: int) -> None:
        self._spool: _Spool | None = spool
        self._begin, self._size, self._at = begin, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self._read(self._size)

    def _read(self, size: int) -> bytes:
        if self._spool is None:
            raise ValueError("I/O operation on closed file.")
        data = self._spool.read(self._begin + self._at, max(0, min(size, self._size - self._at)))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("negative seek position")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._spool = None
        super().close()
