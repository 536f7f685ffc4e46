"""Who the CV is about: names by context. There is no model here; a name is where a CV puts a name.

A name is looked for in the first lines, after labels ("Ad Soyad:", "Name:"), beside the e-mail, in the local part
of the e-mail, in profile links, in the file name, and in the references section; a title of courtesy ("Dr.",
"Sayın", "Mr.") or a known first name marks other people. What stands there is believed when its words are not
words of CVs in general (lexicons/not_names.txt).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .contacts import emails, urls
from .findings import NAME, Finding
from .folding import fold

LEXICONS = Path(__file__).parent / "lexicons"
HEAD_CHARS = 600  # where a CV's owner is named
HEAD_LINES = 8
BESIDE_CHARS = 120  # how far before an e-mail address its owner's name may stand
MAX_NAME_WORDS = 20  # some people bear many names
MIN_PART_LETTERS = 3  # shorter parts ("Al", "Su") are purged only inside the whole name
MAX_NAMES = 300  # a text with more is no CV; each costs time in every string of the output
MAX_TEXT = 400_000  # names are looked for in this much of the text

_WORD = r"[^\W\d_][^\W\d_'’.-]{0,24}(?:['’.-][^\W\d_]{1,24}){0,2}\.?"
_NAME_RUN = re.compile(rf"(?<![\w@.])(?:{_WORD})(?:[ ]{_WORD}){{1,5}}")
_LABEL = re.compile(
    r"(?:^|(?<=[\n\t|(\"•*]))[ ]{0,4}(?:ad[ıi]?,? ?(?:ve|/|&|-)? ?soyad[ıi]?|isim,? ?(?:ve|/|-)? ?soyisim|ad[ıi]"
    r"|soyad[ıi]|full name|first name|last name|surname|given name|candidate(?: name)?|name)"
    r"[ \t]{0,12}[:：-][ \t]{0,4}(?P<value>[^\n:|]{2,60})"
)
_COURTESY = re.compile(
    rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sayın|Sn|Av|Öğr\.? ?Gör|Doç|Arş\.? ?Gör|Supervisor|Reporting to|Reported to"
    rf"|Danışman|Advisor)\.?(?: ?(?:Dr|Prof|Doç)\.?){{0,2}}[ :]{{1,3}}(?P<name>{_WORD}(?: {_WORD}){{0,3}})"
)
_COURTESY_WORD = re.compile(r" (?:Bey|Hanım|Hanim)\b")
_WORD_AT_END = re.compile(rf"{_WORD}$")
_LONGEST_WORD = 80  # that _WORD can match
_WORDS_BEFORE = 3
_REFERENCES = re.compile(
    r"(?:^|(?<=[\n ]{2})|(?<=\n))[ ]{0,4}(?:references?|referees?|referanslar(?:ım)?|referans)\b[ :]{0,4}",
    re.IGNORECASE,
)
REFERENCES_CHARS = 1_500
_ADDRESSES = re.compile(r"(?<!\S)\S{0,80}[@/]\S{1,200}")
_SLUG = re.compile(
    r"(?:indeed\.com/r|linkedin\.com/in|linkedin\.com/pub|xing\.com/profile)/([\w%.-]{3,80})", re.IGNORECASE
)
_ROLE_MAILBOXES = frozenset(
    [
        "info",
        "contact",
        "mail",
        "email",
        "e-mail",
        "admin",
        "hello",
        "job",
        "jobs",
        "cv",
        "resume",
        "iletisim",
        "ik",
        "hr",
        "office",
        "sales",
        "support",
        "noreply",
        "name",
        "isim",
        "example",
        "test",
        "me",
        "my",
        "your",
        "abc",
        "xyz",
        "john.doe",
    ]
)


@cache
def words_of(name: str) -> frozenset[str]:
    """Read one of this package's lexicons as a set of folded words."""
    lines = (LEXICONS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def names(text: str) -> Iterator[Finding]:
    """Find people's names by context: labels, courtesy titles, references, and known first names with a surname."""
    for match in _LABEL.finditer(_lower_keep(text)):
        value = text[match.start("value") : match.end("value")]
        for start, end in _name_runs(value, least=1):
            yield _finding(text, match.start("value") + start, match.start("value") + end)
            break
    for start, end in _courtesy_spans(text):
        if start < end and text[start].isupper():
            yield _finding(text, start, end)
    first_names = words_of("first_names")
    for match in _NAME_RUN.finditer(text):
        if first_names.isdisjoint(word.strip(".") for word in fold(match.group()).split()):
            continue
        for start, end in _name_runs(match.group(), least=2):
            words = fold(match.group()[start:end]).split()
            if words[0].strip(".") in first_names or (len(words) > 2 and words[1].strip(".") in first_names):
                yield _finding(text, match.start() + start, match.start() + end)


def name_like(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of two or more capitalised words in a row that are no words of CVs: names, and many a title.

    Far too many for a finding; right for what is to be shown to others.
    """
    return _name_runs(text, least=2)


def name_candidates(text: str, *, file_name: str = "") -> set[str]:
    """Return the names that the CV's owner and their referees likely bear, as written, whole names.

    Looked for in labels, header lines, the words beside and inside the e-mail, profile links, references and the file
    name. A set of strings such as {"Ayşe Yılmaz"}; it may hold a few wrong ones and may miss some.
    """
    text = text[:MAX_TEXT]
    found: set[str] = set()
    for match in _LABEL.finditer(_lower_keep(text)):
        value = text[match.start("value") : match.end("value")].split("  ")[0]
        found.update(value[start:end] for start, end in _name_runs(value, least=1))
    found |= _header_names(text)
    found |= _address_names(text)
    found |= _names_beside_addresses(text)
    found |= _reference_names(text)
    found |= _courtesy_names(text)
    found |= _file_names(file_name, text)
    kept = {name.strip(" .,'-") for name in found if len(name.strip(" .,'-")) >= MIN_PART_LETTERS}
    return kept if len(kept) <= MAX_NAMES else set(sorted(kept)[:MAX_NAMES])


def _lower_keep(text: str) -> str:
    """Lower-case without changing offsets ("İ".lower() is two characters long)."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else fold(text)


def _finding(text: str, start: int, end: int) -> Finding:
    return Finding(NAME, start, end, text[start:end])


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Cut a run where it stops looking like a name: at a small letter or at a word of CVs."""
    stop = start
    for word in re.finditer(r"\S+", text[start:end]):
        if not word.group()[0].isupper() or _is_not_a_name(word.group()):
            break
        stop = start + word.end()
        if word.group().endswith(".") and len(word.group()) > 3:
            break
    return start, stop


def _is_not_a_name(word: str) -> bool:
    folded = fold(word)
    return folded in words_of("not_names") or folded.rstrip(".,") in words_of("not_names")


def _name_runs(line: str, *, least: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of `least` to MAX_NAME_WORDS words in a row that are capitalised and are no words of CVs."""
    run: list[tuple[int, int]] = []
    for match in re.finditer(rf"{_WORD}|\S", line):
        word = match.group()
        fits = word[0].isalpha() and word[0].isupper() and (len(word) > 1) and not _is_not_a_name(word)
        fits = fits or (bool(run) and len(word.rstrip(".")) == 1 and word[0].isupper())  # an initial in the middle
        apart = bool(run) and match.start() - run[-1][1] > 1
        if not fits or apart:
            if least <= len(run) <= MAX_NAME_WORDS and _is_name_like(line, run):
                yield run[0][0], run[-1][1]
            run = []
        if fits:
            run.append(match.span())
    if least <= len(run) <= MAX_NAME_WORDS and _is_name_like(line, run):
        yield run[0][0], run[-1][1]


def _is_name_like(line: str, run: list[tuple[int, int]]) -> bool:
    return any(end - start >= MIN_PART_LETTERS for start, end in run) and not line[run[0][0] : run[-1][1]].endswith(
        "'s"
    )


def _segments(text: str) -> list[str]:
    """Cut text into lines; in flattened text two spaces stand for a line break."""
    return [part.strip(" \t\"'•|-_*") for part in re.split(r"[\n\r\f\t|]|  +|_{2,}", text)]


def _header_names(text: str) -> set[str]:
    """Return runs in the first lines whose words are written nowhere in small letters in this CV."""
    head = text[:HEAD_CHARS]
    # A mailbox and a link are written in small letters too, and made of the very name.
    ordinary = set(re.findall(r"\b[a-zçğıöşü]{3,}\b", _ADDRESSES.sub(" ", text)))
    segments = [segment for segment in _segments(head) if any(char.isalpha() for char in segment)][:HEAD_LINES]
    found: list[str] = []
    for number, segment in enumerate(segments):
        for start, end in _name_runs(segment, least=2):
            words = segment[start:end].split()
            known = fold(words[0]) in words_of("first_names")
            rare = [word for word in words if fold(word) not in ordinary and word.lower() not in ordinary]
            # The first two lines are the owner's; below a name has its line alone, or a known first name.
            alone = start == 0 and end == len(segment) and number < HEAD_LINES // 2
            if (len(rare) == len(words) and (number < 2 or alone)) or (known and (start == 0 or number < 2)):
                found.append(segment[start:end])
    singles = [segment for segment in segments[:2] if re.fullmatch(_WORD, segment) and segment[0].isupper()]
    found += [single for single in singles if not _is_not_a_name(single) and fold(single) not in ordinary]
    return set(found)


def _address_names(text: str) -> set[str]:
    """Return the words of mailboxes and profile links that the text writes with a capital."""
    parts: set[str] = set()
    for found in emails(text):
        local = re.split(r"[@\[({ ]", found.text)[0]
        if fold(local) not in _ROLE_MAILBOXES:
            parts.update(_parts(local))
    slugs: set[str] = set()
    for match in _SLUG.finditer(text):
        words = _parts(match.group(1))
        parts.update(words)
        slugs.add(" ".join(words))
    for found in urls(text):
        if "github.com/" in found.text or "twitter.com/" in found.text:
            parts.update(_parts(found.text.rstrip("/").rsplit("/", 1)[-1]))
    capitalised = {fold(word): word for word in re.findall(r"[^\W\d_]{4,}", text) if word[0].isupper()}
    names_found = {slug for slug in slugs if " " in slug}
    names_found |= {capitalised[part] for part in parts if part in capitalised and not _is_not_a_name(part)}
    return names_found


def _names_beside_addresses(text: str) -> set[str]:
    """Return whole names on the line of an e-mail address made of a part of them: "Ada Poe, ada@example.com"."""
    found: set[str] = set()
    for address in emails(text):
        local = fold(re.split(r"[@\[({ ]", address.text)[0])
        nearest = max(0, address.start - BESIDE_CHARS)
        begin = max(text.rfind("\n", nearest, address.start) + 1, nearest)
        line = text[begin : address.start]
        for start, end in _name_runs(line, least=2):
            words = [word for word in re.split(r"\W+", fold(line[start:end])) if len(word) >= MIN_PART_LETTERS]
            if any(word in local for word in words):
                found.add(line[start:end])
    return found


def _parts(handle: str) -> list[str]:
    """Split "ayse.yilmaz90" and "AyseYilmaz" into {"ayse", "yilmaz"}, folded."""
    handle = re.sub(r"%[0-9A-Fa-f]{2}", "-", handle)
    handle = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", handle)
    words = [fold(word) for word in re.split(r"[\W\d_]+", handle)]
    return [word for word in words if len(word) >= MIN_PART_LETTERS]


def _reference_names(text: str) -> set[str]:
    found: set[str] = set()
    reached = 0
    for match in _REFERENCES.finditer(text):
        if match.start() < reached:
            continue
        reached = match.end() + REFERENCES_CHARS
        for segment in _segments(text[match.end() : match.end() + REFERENCES_CHARS]):
            for start, end in _name_runs(segment[:120], least=2):
                words = segment[start:end].split()
                if len(words) <= 3 and (start == 0 or fold(words[0]) in words_of("first_names")):
                    found.add(segment[start:end])
    return found


def _courtesy_names(text: str) -> set[str]:
    return {
        text[start:end]
        for start, end in _courtesy_spans(text)
        if end - start > MIN_PART_LETTERS and text[start].isupper()
    }


def _courtesy_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield what stands behind "Dr." and "Sayın", and the up to three words before "Bey" and "Hanım"."""
    for match in _COURTESY.finditer(text):
        yield _trim(text, *match.span("name"))
    for match in _COURTESY_WORD.finditer(text):
        yield _trim(text, _start_of_words(text, match.start()), match.start())


def _start_of_words(text: str, end: int) -> int:
    """Return where the up to three capitalised words begin that end at `end`, each one space apart."""
    start = end
    for word in reversed(text[max(0, end - _WORDS_BEFORE * _LONGEST_WORD) : end].split(" ")[-_WORDS_BEFORE:]):
        found = _WORD_AT_END.search(word[-_LONGEST_WORD:])
        if not found or not found.group()[0].isupper():
            break
        start = (start if start == end else start - 1) - len(found.group())
        if len(found.group()) < len(word):
            break
    return start


def _file_names(file_name: str, text: str) -> set[str]:
    """Believe the words of a file name that are no words of CVs: "Ayse_Yilmaz_CV.pdf"."""
    stem = re.sub(r"\.\w{1,5}$", "", file_name.replace("\\", "/").rsplit("/", 1)[-1])
    words = [word for word in _parts(stem) if not _is_not_a_name(word)]
    # A file name alone is weak ("staj_basvuru.pdf"): a word counts when the head holds it or it is a first name.
    head = set(re.findall(r"\w+", fold(text[:HEAD_CHARS])))
    known = [word for word in words if word in words_of("first_names")]
    return {word for word in words if word in head or known}
