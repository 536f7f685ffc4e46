"""CVs with labels, as the dotin set writes them: `<cv>text <label type="Name">…</label> text</cv>`, one CV a file."""

from __future__ import annotations

import hashlib
import html
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lxml import etree

from jobs.errors import InvalidInput

MAX_FILE = 5_000_000  # bytes of one XML file
MAX_FILES = 5_000
HELD_OUT_SHARE = 5  # one CV in five
# The set was printed from Python bytes: "\xe2\x80\xa2" stands for "•", with the backslashes.
_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")
_PLAIN = {"\\n": "\n", "\\t": "\t", "\\'": "'", '\\"': '"'}


class Label(NamedTuple):
    """A labelled span: `cv.text[start:end]` is a `kind`, one of the set's twelve label types."""

    kind: str
    start: int
    end: int


@dataclass
class LabelledCV:
    """A CV's text without labels, and the labels. name: the file's name without folders."""

    name: str
    text: str = ""
    labels: list[Label] = field(default_factory=list)

    def values(self, kind: str) -> list[str]:
        """Return the labelled texts of one kind, each as often as it is labelled."""
        return [self.text[label.start : label.end] for label in self.labels if label.kind == kind]


def is_held_out(name: str) -> bool:
    """Say whether a file is of the fifth that nothing is tuned on; decided by the hash of its name."""
    return hashlib.sha256(name.encode("utf-8", "replace")).digest()[0] % HELD_OUT_SHARE == 0


def read_labelled(path: Path, *, held_out: bool = False, limit: int | None = None) -> Iterator[LabelledCV]:
    """Yield the CVs of a zip or a folder (with its folders), by file name.

    held_out: only those. limit: at most so many. Raises InvalidInput with codes `no_such_path`, `not_a_zip`,
    `no_labelled_cvs`, `bad_xml` (names the file), `file_too_large`.
    """
    names = _entries(path)
    chosen = [name for name in sorted(names) if not held_out or is_held_out(PurePosixPath(name).name)][:limit]
    if not chosen:
        raise InvalidInput("There are no labelled CVs (*.xml) in that path.", code="no_labelled_cvs")
    if path.is_dir():
        for name in chosen:
            file = path / name
            if file.stat().st_size > MAX_FILE:
                raise _too_large(name)
            yield parse_labelled(PurePosixPath(name).name, file.read_bytes())
        return
    with zipfile.ZipFile(path) as archive:
        for name in chosen:
            with archive.open(name) as member:
                data = member.read(MAX_FILE + 1)  # the header's size may lie
            if len(data) > MAX_FILE:
                raise _too_large(name)
            yield parse_labelled(PurePosixPath(name).name, data)


def _entries(path: Path) -> list[str]:
    if path.is_dir():
        return [str(file.relative_to(path).as_posix()) for file in path.rglob("*.xml") if file.is_file()][:MAX_FILES]
    if not path.exists():
        raise InvalidInput("That path does not exist. Give a zip or a folder of labelled CVs.", code="no_such_path")
    try:
        with zipfile.ZipFile(path) as archive:
            return [name for name in archive.namelist() if name.endswith(".xml") and not name.startswith("__MACOSX/")][
                :MAX_FILES
            ]
    except (zipfile.BadZipFile, OSError) as error:
        raise InvalidInput("That file is not a zip of labelled CVs.", code="not_a_zip") from error


def _too_large(name: str) -> InvalidInput:
    return InvalidInput(f"{PurePosixPath(name).name} is larger than {MAX_FILE // 1_000_000} MB.", code="file_too_large")


def parse_labelled(name: str, data: bytes) -> LabelledCV:
    """Read one file. Entities are not resolved, nothing is fetched. Raises InvalidInput (`bad_xml`)."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidInput(f"{name} is not well-formed XML.", code="bad_xml") from error
    cv = LabelledCV(name)
    pieces: list[str] = []
    length = 0

    def add(text: str | None) -> None:
        nonlocal length
        if text:
            plain = _decoded(text)
            pieces.append(plain)
            length += len(plain)

    open_labels: list[tuple[str, int]] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str):
            continue
        if event == "start":
            open_labels.append((element.get("type", "") if element.tag == "label" else "", length))
            add(element.text)
        else:
            kind, start = open_labels.pop()
            if kind and length > start:
                cv.labels.append(Label(kind, start, length))
            if element is not root:
                add(element.tail)
    cv.text = "".join(pieces)
    return cv


def _decoded(text: str) -> str:
    text = _ESCAPED.sub(lambda match: bytes.fromhex(match.group().replace("\\x", "")).decode("utf-8", "replace"), text)
    for escape, plain in _PLAIN.items():
        text = text.replace(escape, plain)
    return html.unescape(text)
