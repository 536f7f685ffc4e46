"""HTML to the text that a reader would see. Nothing is fetched, run or followed."""

from __future__ import annotations

import re

from lxml import etree
from lxml import html as lxml_html

#: Characters of HTML that are read.
LONGEST_HTML = 1_000_000
#: A longer tag holds a picture, or makes the parser slow: its time grows with the square of a tag's attributes.
_LONGEST_TAG = 4_000
_SILENT = frozenset(
    {"script", "style", "head", "title", "noscript", "template", "object", "embed", "iframe", "svg", "math", "select"}
    | {"audio", "video", "canvas", "textarea"}
)
_BLOCKS = frozenset(
    {"p", "div", "br", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "section", "article"}
    | {"blockquote", "pre", "header", "footer", "address", "dl", "dt", "dd", "form", "center", "main", "aside", "nav"}
)
_CELLS = frozenset({"td", "th"})
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre"})  # with a blank line behind them
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|opacity\s*:\s*0(?![.\d])"
    r"|(?:font-size|max-height)\s*:\s*0(?![.\d])",
    re.IGNORECASE,
)
_LONG_TAG = re.compile(rf"<[a-z!/][^<>]{{{_LONGEST_TAG},}}>?", re.IGNORECASE)
#: For what the parser gives up on.
_SILENT_TEXT = re.compile(r"<(script|style)\b[^>]{0,1000}>[^<]{0,20000}", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,4000}>")


def html_to_text(html: str) -> str:
    """Return the visible text: a line for each block, of a picture its alternative text, quotes behind "> "."""
    # A tag that is taken out leaves a space, so that what stood around it does not become another tag.
    cleaned = _LONG_TAG.sub(" ", html[:LONGEST_HTML].replace("\x00", ""))
    root = _parse(cleaned)
    written = _Text()
    if root is not None:
        written.walk(root)
    text = written.text()
    if not text:
        text = _TAG.sub(" ", _SILENT_TEXT.sub(" ", cleaned))  # nested deeper than the parser goes
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _parse(html: str) -> etree._Element | None:
    # The encoding is given: a declaration inside would be believed over what has been decoded already.
    parser = lxml_html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        return lxml_html.document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError):
        return None  # nothing in it


class _Text:
    """What is written while the tree is walked, without recursion: how deep it is nested is its sender's choice."""

    def __init__(self) -> None:
        self._written: list[str] = []
        self._quotes = 0
        self._is_line_empty = True

    def text(self) -> str:
        text = "".join(self._written)
        return text if text.replace(">", "").strip() else ""

    def walk(self, root: etree._Element) -> None:
        stack: list[tuple[bool, etree._Element]] = [(True, root)]
        while stack:
            opens, element = stack.pop()
            if not opens:
                self._close(element)
                continue
            stack.append((False, element))
            self._open(element)
            if _is_shown(element):
                stack.extend((True, child) for child in reversed(element))

    def _open(self, element: etree._Element) -> None:
        if _is_quote(element):
            self._quotes += 1
            self._break()
        if not _is_shown(element):
            return
        if element.tag == "br":
            self._break()
        elif element.tag in _BLOCKS:
            self._end_line()
        if element.tag == "li":
            self._written.append("- ")
        elif element.tag == "img":
            self._inline(element.get("alt"), has_lines=False)
        self._inline(element.text, element.tag == "pre")

    def _close(self, element: etree._Element) -> None:
        if _is_quote(element):
            self._quotes -= 1
            self._break()
        if element.tag in _BLOCKS and element.tag != "br":
            self._end_line()
            if element.tag in _PARAGRAPHS:
                self._break()
        elif element.tag in _CELLS:
            self._written.append(" ")
        parent = element.getparent()
        self._inline(element.tail, parent is not None and parent.tag == "pre")

    def _end_line(self) -> None:
        if not self._is_line_empty:
            self._break()

    def _break(self) -> None:
        self._written.append("\n> " if self._quotes else "\n")
        self._is_line_empty = True

    def _inline(self, text: str | None, has_lines: bool) -> None:
        self._is_line_empty &= not (text and text.strip())
        if text and has_lines:
            for number, line in enumerate(text.split("\n")):
                if number:
                    self._break()
                self._written.append(line)
                self._is_line_empty &= not line.strip()
        elif text:
            self._written.append(text.replace("\n", " "))


def _is_shown(element: etree._Element) -> bool:
    if not isinstance(element.tag, str) or element.tag in _SILENT or element.get("hidden") is not None:
        return False
    return not _HIDDEN.search(element.get("style") or "")


def _is_quote(element: etree._Element) -> bool:
    """Return whether a mail program quotes another mail here; others indent with the same element."""
    if element.tag != "blockquote":
        return False
    return element.get("type") == "cite" or "quote" in (element.get("class") or "")
