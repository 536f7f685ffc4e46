"""Ways to reach a person: e-mail, phone, links to profiles, IP addresses.

Every pattern is bounded: no quantifier can run past a few dozen characters, so time is linear in the text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import phonenumbers

from .findings import EMAIL, IP, PHONE, URL, Finding
from .folding import fold

# `\w` takes letters of every script, so unicode mailboxes and domains match too.
_EMAIL = re.compile(
    r"(?<![\w.+'-])[\w.+'’%&/=^`{}~-]{1,64}@(?:[\w-]{1,63}\.){1,6}[^\W\d_][\w-]{1,24}"
    # "name [at] domain [dot] com": only with brackets or a spelled dot, else "works at google.com" would match
    r"|(?<![\w.+'-])[\w.+'-]{1,64} ?(?:[\[({<] ?(?:at|@|et) ?[\])}>]) ?(?:[\w-]{1,63} ?(?:\.|[\[({<] ?(?:dot|nokta"
    r"|\.) ?[\])}>]) ?){1,4}[^\W\d_]{2,24}"
    r"|(?<![\w.+'-])[\w.+'-]{1,64} at (?:[\w-]{1,63} (?:dot|nokta) ){1,4}[^\W\d_]{2,24}"
    # a space that line breaks or OCR put around the at sign
    r"|(?<![\w.+'-])[\w.+'-]{1,64} ?@ ?(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24}"
    # a line that ends behind the at sign; a mailbox in quotes
    r"|(?<![\w.+'-])[\w.+'-]{1,64}@[ \t\r]{0,2}\n[ \t]{0,2}(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24}"
    r"|\"[\w.+' -]{1,64}\"@(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24}",
    re.IGNORECASE,
)


def emails(text: str) -> Iterator[Finding]:
    """Find e-mail addresses, also unicode ones and those written with [at] and [dot]."""
    lowered = text.lower()
    if "@" not in text and "at" not in lowered and "et" not in lowered:
        return
    for match in _EMAIL.finditer(text):
        yield Finding(EMAIL, match.start(), match.end(), match.group())


_NETWORKS = (
    "linkedin|github|gitlab|bitbucket|twitter|facebook|instagram|medium|stackoverflow|behance|dribbble|kaggle|indeed"
    "|xing"
    "|youtube|t|wa|telegram|researchgate|academia|orcid|scholar|tiktok|vimeo|pinterest|quora|skype|x"
)
_URL = re.compile(
    r"(?:https?://|ftp://|www\.)[^\s<>\"')\]]{1,300}"
    rf"|(?<![\w@.-])(?:[\w-]{{1,40}}\.){{0,3}}(?:{_NETWORKS})\.(?:com|org|net|io|me|in|tr|co|de)"
    rf"(?:\.tr)?/[^\s<>\"')\],;]{{1,200}}"
    # somebody's own page: name.github.io, name.medium.com, name.com/cv
    r"|(?<![\w@.-])[\w-]{2,60}\.(?:github\.io|gitlab\.io|medium\.com|wordpress\.com|blogspot\.com|behance\.net"
    r"|netlify\.app|vercel\.app)(?:/[^\s<>\"')\],;]{0,200})?",
    re.IGNORECASE,
)
_HANDLE = re.compile(
    r"\b(?:skype|telegram|twitter|instagram|github|linkedin|whatsapp|discord)(?: ?(?:id|name|user|kullanici adi))? ?:"
    r" ?(@?[\w.\-/]{3,60})",
    re.IGNORECASE,
)
_AT_HANDLE = re.compile(r"(?<![\w@./])@[A-Za-z_][\w.]{2,29}\b")


def urls(text: str) -> Iterator[Finding]:
    """Find links and handles that lead to a person: any URL, linkedin.com/in/x, "GitHub: x", @x."""
    for match in _URL.finditer(text):
        end = match.end()
        while end > match.start() and text[end - 1] in ".,;:":
            end -= 1
        yield Finding(URL, match.start(), end, text[match.start() : end])
    for match in _HANDLE.finditer(text):
        # "GitHub: Actions" is a skill; a handle carries an @, a slash, a digit or a mark, or stands in lower case
        handle = match.group(1)
        if handle.islower() or any(char in "@/._-0123456789" for char in handle[:-1]):
            yield Finding(URL, match.start(1), match.end(1), handle)
    for match in _AT_HANDLE.finditer(text):
        yield Finding(URL, match.start(), match.end(), match.group())


_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d]|\.\d)")
_VERSION_BEFORE = re.compile(
    r"(?<![^\W_])(?:v|ver|version|surum|surumu|release|build|section|chapter|bolum|madde|rfc)\.?[ :=-]{0,3}$"
)
# Weaker words: what is upgraded is a version, unless the number is none that a version would have.
_UPGRADE_BEFORE = re.compile(
    r"(?<![^\W_])(?:(?:upgrad|updat|downgrad|migrat|patch)\w{0,6}(?: \w{1,12}){0,2} (?:from|to|past|of)"
    r"|kernel|driver|firmware|changelog"
    r"|guncelle\w{0,12}|yukselt\w{0,12})[ :=-]{0,3}$"
)
_VERSION_AFTER = re.compile(
    r"^[ ,)]{0,2}(?:(?:or|and) (?:later|newer|higher|above|up)|(?:is|are) (?:un)?supported|release|(?:ve"
    r"|veya) (?:uzeri|sonrasi)"
    r"|surum\w{0,8}|version)(?!\w)"
)
_MOST_OF_A_VERSION = 99  # in the first place; Chrome is past it and says "version"
# Eight groups, or a "::" with at least three groups: a time (12:30:45) has neither.
_IPV6 = re.compile(r"(?<![\w:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")


def ip_addresses(text: str) -> Iterator[Finding]:
    """Find IPv4 and IPv6 addresses; version numbers such as 1.2.0.0 and times do not count."""
    for match in _IPV4.finditer(text):
        parts = [int(part) for part in match.group().split(".")]
        before = fold(text[max(0, match.start() - CONTEXT_CHARS) : match.start()])
        if _VERSION_BEFORE.search(before):
            continue
        after = fold(text[match.end() : match.end() + CONTEXT_CHARS])
        upgrade = _UPGRADE_BEFORE.search(before) or _VERSION_AFTER.search(after)
        if upgrade and parts[0] <= _MOST_OF_A_VERSION and parts[0] != 10:  # 10.x is an inner network's
            continue
        if all(part <= 255 for part in parts) and sum(part > 9 for part in parts) >= 2:
            yield Finding(IP, match.start(), match.end(), match.group())
    if text.count(":") < 2:
        return
    for match in _IPV6.finditer(text):
        value = match.group()
        groups = [group for group in value.split(":") if group]
        # A time such as 12:30:45 or 00::30 has no hexadecimal letter and few groups.
        if len(groups) < 3 or (value.count(":") < 7 and not ("::" in value and re.search("[a-fA-F]", value))):
            continue
        try:
            ipaddress.IPv6Address(value)
        except ValueError:
            continue
        yield Finding(IP, match.start(), match.end(), value)


# A run of digits in groups. The separators inside are spaces, dots, dashes, slashes and brackets, never a comma.
_PHONE_RUN = re.compile(
    r"(?<![\w.$€£₺%/-])(?<!\d,)(?:\+ ?|00 )?[(\[]?\d{1,16}+[)\]]?(?:(?:[ .\-/–]{1,2}|(?<=[)\]])|(?=[(\[]))[(\[]?"
    r"\d{1,16}+[)\]]?){0,7}"
    r"(?P<extension> ?(?:x|ext\.?|extension|dahili|#) ?:?\d{1,6})?(?![\w%]|[.,]\d)",
    re.IGNORECASE,
)
_PHONE_BEFORE = re.compile(
    r"(?:\b(?:tel|telefon|telephone|phone|ph|mobile|mobil|mob|cell|cellphone|answering at|call(?: me)?(?: at| on)?"
    r"|gsm|cep|cep tel|fax|faks|facsimile|call|whatsapp|reach(?:ed)?|contact|iletisim|irtibat|"
    r"ev|is|no|number|numara|numarasi|m|t|p|c|h|f|at)\b|☎|📞|✆)[^0-9+(]{0,14}$"
)
_PHONE_BEFORE_STRONG = re.compile(
    r"(?:\b(?:tel|telefon|telephone|phone|mobile|mobil|cell|gsm|cep|fax|faks|whatsapp|call)\b|☎|📞|✆)[^0-9+(]{0,14}$"
)
_WEAK_BEFORE = re.compile(r"\b(?:ev|is|no|number|numara|numarasi|m|t|p|c|h|f|at)\b[^0-9+(]{0,14}$")
_PHONE_AFTER = re.compile(
    r"^[ \-,(\\]{0,3}(?:office|fax|mobile|cell|home|work|gsm|faks|tel|phone|\(?[mhcwo]\)?(?![\w]))"
)
_ID_BEFORE = re.compile(
    r"\b(?:id|sicil|vergi|tax|kimlik|tckn|t\.?c\.?|patent|suite|sayfa|page|isbn|issn|doi|card|kart|iban|hesap|account"
    r"|license|licence|belge|ssn|invoice|order|ticket|siparis|ref|version)\b"
    r"[^0-9]{0,18}$"
)
# The tax office and its town may stand between: "Vergi Dairesi ve No: Kadıköy / 1234567890"
_TAX_BEFORE = re.compile(r"\b(?:vergi|vkn|v\.? ?d\.?|tax|vat|mersis)\b[^0-9\n]{0,40}\n?[^0-9\n]{0,6}$")
_TAX_CHARS = 64
_TAX_DIGITS = (10, 16)  # VKN, MERSIS
_YEAR = re.compile(r"^(?:19|20)\d\d$")
_MONTH, _DAY, _ANY_YEAR = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])", r"(?:(?:19|20)\d\d)"
_SHORT_DATE = (
    rf"(?:{_DAY}[./-]{_DAY}[./-](?:19|20)?\d\d|{_MONTH} ?[./-] ?(?:19|20)?\d\d|{_ANY_YEAR} ?[./-] ?{_MONTH}"
    rf"|{_ANY_YEAR})"
)
_DATE_LIKE = re.compile(
    # a date, perhaps with the hour that the run took along; two dates of a range
    rf"^(?:{_ANY_YEAR}[ .\-/]{_MONTH}[ .\-/]{_DAY}(?: \d{{1,2}})?|{_DAY}[ .\-/]{_DAY}[ .\-/]{_ANY_YEAR}(?: "
    rf"\d{{1,2}})?|{_SHORT_DATE} ?[-–/ ]{{1,3}} ?{_SHORT_DATE})$"
)
# 1.000.000 and 1 250 000 are amounts
_AMOUNT = re.compile(r"^\d{1,3}(?:[. ]000){1,4}$|^\d{1,3}(?:\.\d{3}){2,4}$")

MIN_PHONE_DIGITS = 6  # the shortest local numbers, and only beside a word such as "Tel"
LEAST_DIGITS = 7  # without such a word
MAX_PHONE_DIGITS = 15  # ITU E.164
LEAST_BARE_DIGITS = 9  # without a context word, fewer digits are more often something else
CONTEXT_CHARS = 32
HOME_REGIONS = ("TR", "US", "GB", "DE", "IN")


def phones(text: str) -> Iterator[Finding]:
    """Find phone numbers: Turkish, international, or of any country when a word such as "Tel" stands beside."""
    folded = fold(text)
    for match in _PHONE_RUN.finditer(text):
        value = match.group()
        digits = sum(char.isdigit() for char in value)
        if digits < MIN_PHONE_DIGITS:
            continue
        start, end = match.start(), match.end()
        before = folded[max(0, start - CONTEXT_CHARS) : start]
        after = folded[end : end + CONTEXT_CHARS // 2]
        if digits in _TAX_DIGITS and _is_tax_number(folded, start):
            continue
        if _is_phone(value, match.group("extension") or "", before, after):
            yield Finding(PHONE, start, end, value)


def _is_tax_number(folded: str, start: int) -> bool:
    before = folded[max(0, start - _TAX_CHARS) : start]
    return bool(_TAX_BEFORE.search(before)) and not _PHONE_BEFORE_STRONG.search(before)


def _is_phone(value: str, extension: str, before: str, after: str) -> bool:
    number = value.removesuffix(extension).strip()
    groups = re.findall(r"\d+", number)
    digits = "".join(groups)
    if not MIN_PHONE_DIGITS <= len(digits) <= MAX_PHONE_DIGITS + 1:
        return False
    if _DATE_LIKE.match(number) or _AMOUNT.match(number) or _ID_BEFORE.search(before):
        return False
    if sum(bool(_YEAR.match(group)) for group in groups) >= 2 and len(groups) <= 4:
        return False
    strong = bool(_PHONE_BEFORE.search(before)) and not _WEAK_BEFORE.search(before)
    if strong or _PHONE_AFTER.match(after) or extension:
        return True
    if number.startswith("+") or (number.startswith("00") and len(groups) > 1):
        return _is_possible(number) or (len(groups) >= 3 and len(digits) >= LEAST_BARE_DIGITS)
    if len(digits) < LEAST_DIGITS:
        return False
    weak = bool(_WEAK_BEFORE.search(before))
    if len(groups) == 1:
        # A bare run is a phone only when it is a mobile number in Turkey, or a valid one after a weak word.
        if re.match(r"^0?5\d{9}$", digits):
            return _is_valid(digits, ("TR",))
        return weak and len(digits) <= 12 and _is_valid(digits, HOME_REGIONS)
    if any(_YEAR.match(group) for group in groups) and len(groups) <= 2 and not number.startswith("("):
        return weak and len(digits) >= LEAST_BARE_DIGITS
    if number.startswith("(") and len(groups[0]) in (2, 3, 4):
        return True
    if max(map(len, groups)) > 8 or (len(groups) > 2 and min(map(len, groups[1:])) < 2):
        return False
    if len(digits) >= LEAST_BARE_DIGITS and len(groups) >= 3 and len(groups) <= 6:
        return len(digits) >= 10 or number[0] == "0" or weak
    if number[0] == "0" and len(digits) >= LEAST_BARE_DIGITS:
        return True
    return weak


def _is_possible(number: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(re.sub(r"^00", "+", number), None))
    except phonenumbers.NumberParseException:
        return False


def _is_valid(digits: str, regions: tuple[str, ...]) -> bool:
    for region in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(digits, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
