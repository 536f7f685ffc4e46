"""The child process: lock the doors, read one document from stdin, write one JSON object to stdout.

Run by `sandbox.py` in a fresh interpreter. It never imports Django, and its answer never holds more than text and
fault codes:

{"pages": [[number, clean text, ocr], ...], "page_count": n, "embedded_images": n,
 "warnings": [[code, page number], ...], "unguarded": [guard]}
{"fault": code, "unguarded": [...]}
{"bug": "ValueError in pdf.py:81", "unguarded": [...]}
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from datetime import timedelta
from types import ModuleType
from typing import Any

from .faults import Fault
from .limits import Limits
from .lockdown import die_with_parent, limit_resources, lock
from .media import MediaType
from .text import check_length, clean_text

_SYSTEM_READABLE = (
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/fonts",
    "/etc/alternatives",
    "/dev/null",
    "/dev/zero",
    "/dev/urandom",
    "/sys/devices/system/cpu",
)


def main(order: dict[str, Any]) -> None:
    """Read the document as `order` says and end the process. order: as `sandbox.run` writes it."""
    wanted = order["limits"]
    durations = {name: timedelta(seconds=wanted[name]) for name in ("cpu", "wall")}
    limits = Limits(**(wanted | durations))
    # What the parent has open is none of our business, nor is where it stands.
    os.closerange(3, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 16))
    os.chdir("/")
    die_with_parent(order["parent"])
    limit_resources(limits)
    # Libraries print where they like; only we may write to the pipe.
    pipe = os.dup(1)
    os.dup2(2, 1)

    answer: dict[str, Any]
    unguarded: list[str] = []
    try:
        # Imports come first: afterwards the interpreter's own files may be out of reach, and no byte of the document
        # has been seen yet.
        reader = _reader(MediaType(order["media_type"]))
        ocr = order["ocr"]
        if ocr is not None:
            importlib.import_module("parsers.extraction.ocr")
        unguarded = lock([*_SYSTEM_READABLE, sys.prefix, sys.base_prefix, *order["readable"]])
        answer = _cleaned(reader.read(sys.stdin.buffer.read(limits.upload_bytes + 1), limits, ocr), limits)
    except Fault as fault:
        answer = {"fault": fault.code}
    except MemoryError:
        answer = {"fault": "too_expensive"}
    except Exception as error:
        answer = {"bug": _describe(error)}
    _send(pipe, {"embedded_images": 0} | answer | {"unguarded": unguarded})


def _reader(media_type: MediaType) -> ModuleType:
    """Import the one reader that this document needs, and with it its libraries.

    A reader is a module with `read(data, limits, ocr)`, which returns the answer but for "unguarded", its text not yet
    cleaned; "embedded_images" is 0 where it does not say.
    """
    name = {MediaType.PDF: "pdf", MediaType.DOCX: "docx", MediaType.TEXT: "plain"}.get(media_type, "images")
    return importlib.import_module(f"parsers.extraction.{name}")


def _cleaned(answer: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Clean the text of every page: here, where the limits on time and memory hold. Raises Fault too_much_text."""
    pages = [[number, clean_text(text), ocr] for number, text, ocr in answer["pages"]]
    # One sign may become three letters.
    check_length("\n".join(text for _, text, _ in pages), limits)
    return answer | {"pages": pages}


def _describe(error: Exception) -> str:
    """Say what broke and where, without the error's own message: it may quote the document."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno}" if place else "?"
    return f"{type(error).__name__} in {where}"


def _send(pipe: int, answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode()
    while data:
        data = data[os.write(pipe, data) :]
    os._exit(0)  # the parent waits for nothing but the end of the pipe
