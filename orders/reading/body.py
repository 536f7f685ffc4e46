"""The text of a mail and the list of its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from orders.reading.charsets import to_text
from orders.reading.encodings import decode, decoded_size
from orders.reading.headers import Headers
from orders.reading.html import LONGEST_HTML, html_to_text
from orders.reading.mime import BROKEN, TOO_MANY_PARTS, Opened, Part
from orders.reading.words import clean, one_line

LONGEST_TEXT = 200_000  # characters
MOST_ATTACHMENTS = 100
_LONGEST_FILE_NAME = 200
_WIDEST_CHARACTER = 4  # bytes, in UTF-8 and UTF-16

TEXT_CUT, UNKNOWN_CHARSET = "text_cut", "unknown_charset"
PLAIN, HTML = "text/plain", "text/html"

Note = Callable[[str], None]


@dataclass
class Body:
    text: str = ""
    attachments: list[dict[str, Any]] = field(default_factory=list)


def read_body(opened: Opened, note: Note) -> Body:
    """Return the text that a mail program would show, plain where the sender sent that, and the files beside it."""
    reader = _Reader(opened, note)
    text = clean(reader.text_of(opened.root, 0, wanted=True))
    if len(text) > LONGEST_TEXT:
        note(TEXT_CUT)
    return Body(text[:LONGEST_TEXT], reader.attachments)


class _Reader:
    def __init__(self, opened: Opened, note: Note) -> None:
        self.attachments: list[dict[str, Any]] = []
        self._opened = opened
        self._note = note
        #: What may still be decoded: of a mail, not of each of its parts.
        self._characters_left = LONGEST_TEXT
        self._html_left = LONGEST_HTML

    def text_of(self, part: Part, depth: int, *, wanted: bool) -> str:
        """Return a part's text, "" when it is not `wanted`; its files are listed in any case."""
        if part.media_type.startswith("multipart/"):
            children = list(self._opened.children(part, depth))
            if children:
                combine = self._one_of if part.media_type == "multipart/alternative" else self._all_of
                return combine(children, depth + 1, wanted)
            # Without a boundary that occurs there are no parts: what is there is shown as it is.
            self._note(BROKEN)
            return self._plain(part) if wanted else ""
        is_root = depth == 0
        if part.disposition == "attachment" or (part.file_name and not is_root):
            self._list(part)
        elif part.media_type not in (PLAIN, HTML):
            self._list(part)  # also a mail inside of the mail: that is not what this sender wrote
        elif wanted:
            return self._plain(part) if part.media_type == PLAIN else self._html(part)
        return ""

    def _all_of(self, children: list[Part], depth: int, wanted: bool) -> str:
        texts = [self.text_of(child, depth, wanted=wanted) for child in children]
        return "\n\n".join(text for text in texts if text.strip())

    def _one_of(self, children: list[Part], depth: int, wanted: bool) -> str:
        """Return the plain one of several versions of a text, else the first that holds anything."""
        text = ""
        for child in sorted(children, key=lambda child: child.media_type != PLAIN):
            version = self.text_of(child, depth, wanted=wanted and not text)
            text = text or (version if version.strip() else "")
        return text

    def _plain(self, part: Part) -> str:
        text = self._decoded(part, self._characters_left * _WIDEST_CHARACTER)
        if len(text) > self._characters_left:
            self._note(TEXT_CUT)
        text = text[: self._characters_left]
        self._characters_left -= len(text)
        return text

    def _html(self, part: Part) -> str:
        html = self._decoded(part, self._html_left)
        self._html_left -= min(len(html), self._html_left)
        return html_to_text(html)

    def _decoded(self, part: Part, most: int) -> str:
        """Return the letters of the first `most` bytes of a part."""
        content, is_well_formed, is_cut = decode(part.body, part.encoding, most)
        text, is_known = to_text(content, part.headers.parameter("content-type", "charset"))
        for is_so, problem in ((not is_well_formed, BROKEN), (is_cut, TEXT_CUT), (not is_known, UNKNOWN_CHARSET)):
            if is_so:
                self._note(problem)
        return text

    def _list(self, part: Part) -> None:
        if len(self.attachments) >= MOST_ATTACHMENTS:
            self._note(TOO_MANY_PARTS)
            return
        name = one_line(Headers().decoded(part.file_name), 4 * _LONGEST_FILE_NAME)
        self.attachments.append(
            {
                "name": name.replace("/", "_").replace("\\", "_")[:_LONGEST_FILE_NAME],
                "media_type": part.media_type,
                "size": decoded_size(part.body, part.encoding),
            }
        )
