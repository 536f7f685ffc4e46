"""Keys and passwords: forms that their makers gave them, what is told beside a telling word, and random strings.

How sure a value must look depends on what stands before it: behind "Password:" nearly anything is one, behind the bare
word only what nobody writes otherwise, and behind a user's name as well. Every pattern begins at the edge of a word and
is bounded, so that time is linear in the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from . import credential_tables
from .credential_words import ADJACENT_PASSWORD, ASSIGNED, PASSWORD, is_placeholder, is_strong, is_term
from .page import PageText, Span

_FORMS = re.compile(
    r"(?<![\w-])(?:"
    r"(?:AKIA|ASIA|ABIA)[0-9A-Z]{16}(?!\w)"  # Amazon
    r"|gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_\w{22,251}|glpat-[\w-]{20,60}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Za-z0-9-]{10,250}"  # Slack
    r"|eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}\.[\w-]{10,2000}"  # JWT
    r"|sk-(?:proj-|ant-|live-)?[\w-]{20,200}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,120}"  # OpenAI and the like, Stripe
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,400}|SG\.[\w-]{16,40}\.[\w-]{30,60}|npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,60}"
    r"|dop_v1_[a-f0-9]{64}|shpat_[a-fA-F0-9]{32}"
    r")"
    r"|hooks\.slack\.com/services/[A-Za-z0-9/_-]{20,120}"
    # scheme://user:password@host
    r"|(?<![\w+.-])[a-zA-Z][a-zA-Z0-9+]{1,20}://[^\s:/@]{1,80}:(?P<told>[^\s/@]{3,120})@[\w.-]{1,120}"
)
_KEY_EDGE = re.compile(
    r"-----(?P<kind>BEGIN|END) (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"|---- BEGIN SSH2 \w{0,20} ?PRIVATE KEY ----"
)
_KEY_CHARS = 20_000  # between the two edges of a key; one of 8,192 bits has 6,500
#: What goes on behind an edge when the other one is missing: headers ("DEK-Info: …") and base64, a line or a run each.
_KEY_HEADER = re.compile(r"\s{0,4}(?:Proc-Type|DEK-Info|Comment|Version|Subject|Hash|Charset): ?[^\n]{0,100}")
_KEY_LINE = re.compile(
    r"(?:\s|\\n|\\r|>){0,8}(?:[A-Za-z0-9+/=]{16,100000}|[A-Za-z0-9+/]{2,15}={0,2}(?=\s*(?:$|\n|\\n)))"
)
_KEY_LINE_BEFORE = re.compile(
    r"[A-Za-z0-9+/=]{16,200}[ \t\r]{0,3}\n?$|^[ \t>]{0,4}[A-Za-z0-9+/]{1,200}={0,2}[ \t\r]{0,3}\n?$"
)

_COMMANDS = re.compile(
    # curl -u user:password, wget --user=…, http -a user:password
    r"(?<![\w-])(?:-u|-a|--user|--proxy-user|--auth"
    r"|--credentials?)[ =]{1,3}[\"']?[\w.@\\-]{1,60}:(?P<user>[^\s\"'@]{3,100})"
    # mysql -u root -pS3cret, sshpass -p S3cret, redis-cli -a S3cret
    r"|(?<![\w-])(?:mysql\w{0,8}|mariadb[\w-]{0,8}|sshpass|mongo(?:sh|dump)?|redis-cli|smbclient|ldapsearch|xfreerdp"
    r"|psexec|net use)(?!\w)[^\n]{0,80}?[ \t](?:-p|-a|-w|/p:"
    r"|-U [\w\\]{1,40}%)[ ]?[\"']?(?P<flag>[^\s\"'-][^\s\"']{2,100})"
    r"|(?<![\w-])(?:--(?:[a-z]{1,12}-)?(?:password|passwd|passphrase|pass|token|secret|api-key)"
    r"|/pass(?:word)?:|/p:)[ =]{0,2}"
    r"[\"']?(?P<long>[^\s\"'-][^\s\"']{2,200})"
    r"|(?<!\w)authorization[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?(?:basic|bearer"
    r"|token)[ \t]{1,3}(?P<header>[\w+/.=~-]{8,2000})"
    r"|(?<!\w)(?:ConvertTo-SecureString|IDENTIFIED BY|WITH PASSWORD)[ \t]{1,3}[\"']?(?P<quoted>[^\s\"']{3,100})",
    re.IGNORECASE,
)
#: "ssh root / Pa$$w0rd", "Kullanıcı: ali / Ankara06": somebody's name, a stroke, and what must look like a secret.
_PAIR = re.compile(
    r"(?<![^\W_])(?:ssh|s?ftp|vpn|rdp|smtp|imap|wifi|wi-fi|login|log-in|giris|oturum|kullanici(?: ?(?:adi"
    r"|kodu))?|user(?: ?(?:name|id))?"
    r"|uid|hesap|hesabi|account|root|admin(?:istrator)?|sa|credentials?|kimlik bilgileri|erisim(?: bilgileri)?)(?!\w)"
    r"[ \t]{0,3}[:=]?[ \t]{0,3}(?:[\w.@\\-]{1,60}[ \t]{0,3})?(?P<mark>[/|,;:]|->|=>|→"
    r"|-)[ \t]{0,3}(?P<value>[^\s\"',;|]{5,100})"
)
_WORDS = re.compile(r"(?:secret|token|key|anahtar|parola|sifre|credential|password|passwd|apikey|kimlik dogrulama)")
_RANDOM = re.compile(r"(?<![\w+/=.-])[A-Za-z0-9+/_-]{20,200}={0,2}(?![\w+/=-])")
_WORD_WITHIN = 40  # characters from the telling word to the random string
_LEAST_BITS = 3.5  # per character; hexadecimal has at most 4, English about 3 at these lengths
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")

#: Words that a pass phrase does without and a sentence about passwords hardly does.
_PROSE_WORDS = """
a an the is are was be been must may can should will not no yes of to in on at by for from with your you our we it
this that and or if when see please enter choose required optional reset change changed forgot forgotten never
minimum maximum least characters letters digits length policy field manager same as above below sent none unknown
expired protected default input text str string bytes int value type encrypted hashed invalid confirm confirmation
new ve veya ile icin bir bu en az cok olmali olmalidir olarak her ne var yok degil gibi kadar lutfen giriniz girin
karakter harf rakam zorunlu gerekli unuttum unutuldu degistir degistirildi yenile yeni eski ayni yukarida asagida
gonderildi belirleyin belirle seciniz secin hatali yanlis gecersiz tekrar politikasi kurallari alani bilgisi sizin
sistem tarafindan daha once sonra uzunluk isteyiniz isteyin sor bkz"""
_PROSE = frozenset(_PROSE_WORDS.split())
_QUOTES = frozenset("'\"`")
_ENCLOSED_CHARS = 200
_LEAST_TOLD = 3  # characters of what a colon or quotes give to a word for a password
_PHRASE = re.compile(r"[^\W\d_]{2,20}(?:[ -][^\W\d_]{2,20}){0,7}[ \t]*[.]?(?=[ \t]*(?:$|\n|[,;|<\"']|  ))")


def credentials(page: PageText) -> Iterator[Span]:
    """Find keys, tokens, private key blocks, connection strings with a password, and passwords that are told."""
    yield from _private_keys(page.text)
    for match in _FORMS.finditer(page.text):
        if not is_placeholder((match["told"] or "").lower()):
            yield match.span()
    yield from _assigned(page)
    yield from _adjacent(page)
    yield from _commands(page)
    yield from _pairs(page)
    yield from credential_tables.columns(page)
    for match in _RANDOM.finditer(page.text):
        start, end = match.span()
        if _WORDS.search(page.folded, max(0, start - _WORD_WITHIN), start) and _is_random(match.group()):
            yield start, end


def _private_keys(text: str) -> Iterator[Span]:
    """Find private keys from BEGIN to END; what a page's edge or a careless copy cut off is found as far as it goes."""
    opened: re.Match[str] | None = None
    for match in _KEY_EDGE.finditer(text):
        if match["kind"] != "END":
            if opened:
                yield opened.start(), _key_end(text, opened.end())
            opened = match
        elif opened and match.start() - opened.end() <= _KEY_CHARS:
            yield opened.start(), match.end()
            opened = None
        else:
            yield _key_start(text, match.start()), match.end()
    if opened:
        yield opened.start(), _key_end(text, opened.end())


def _key_end(text: str, at: int) -> int:
    last = min(len(text), at + _KEY_CHARS)
    while match := (_KEY_HEADER.match(text, at, last) or _KEY_LINE.match(text, at, last)):
        at = match.end()
    return at


def _key_start(text: str, at: int) -> int:
    """Go back over the lines of base64 before an END whose BEGIN is on the page before."""
    least = max(0, at - _KEY_CHARS)
    while at > least:
        line = text.rfind("\n", max(least, at - 201), at - 1) + 1 or (0 if at <= 200 else at)
        if line >= at or not _KEY_LINE_BEFORE.search(text[line:at]):
            break
        at = line
    return at


def _assigned(page: PageText) -> Iterator[Span]:
    """Find what a colon, an arrow, a tag or the like gives to a word for a secret."""
    for match in ASSIGNED.finditer(page.folded):
        told, loosely = bool(PASSWORD.match(match["word"])), match["mark"].strip()[-1:] in (":", "=", ">", "→")
        at = match.end()
        opening = page.text[at : at + 1]
        if opening in _QUOTES:
            span = _enclosed(page, at + 1, opening, told=told) or _value_at(page, at + 1, told=told, loosely=loosely)
        elif match["mark"].endswith(">") and match["mark"][0] not in "-=":  # <password>…</password>
            span = _enclosed(page, at, "<", told=told) or _value_at(page, at, told=told, loosely=loosely)
        else:
            span = _value_at(page, at, told=told, loosely=loosely)
        if span:
            yield span


def _enclosed(page: PageText, start: int, closing: str, *, told: bool) -> Span | None:
    """Return the secret between here and the closing sign in the same line; in quotes it may be any words."""
    end = page.text.find(closing, start, start + _ENCLOSED_CHARS)
    if end <= start or "\n" in page.text[start:end]:
        return None
    value, folded = page.text[start:end], page.folded[start:end]
    plain = told and len(value) >= _LEAST_TOLD and _is_no_prose(folded)
    return (start, end) if _looks_told(value, folded) or plain else None


_VALUE = re.compile(r"[^\s\"',;|<]{3,200}")


def _value_at(page: PageText, at: int, *, told: bool, loosely: bool) -> Span | None:
    """Return the secret that begins here. told: behind a word for a password. loosely: and a colon or the like."""
    match = _VALUE.match(page.text, at)
    if match is None:
        return None
    value = match.group().rstrip(".):]}")
    folded = page.folded[at : at + len(value)]
    if _looks_told(value, folded):
        return at, at + len(value)
    if not (told and loosely) or is_placeholder(folded):
        return None
    phrase = _PHRASE.match(page.text, at, at + 200)
    if phrase and _is_no_prose(page.folded[at : phrase.end()]):
        words = re.findall(r"[^\W\d_]+", phrase.group())
        # "Password: Secret word of a user" begins like a sentence; a pass phrase is written one way throughout.
        if len(words) == 1 or len({(word[0].isupper(), word[-1].isupper()) for word in words}) == 1:
            return at, at + len(phrase.group().rstrip(" \t."))
    return None


def _is_no_prose(folded: str) -> bool:
    return _PROSE.isdisjoint(re.findall(r"[^\W\d_]+", folded)) and not is_placeholder(folded.strip(" \t."))


def _adjacent(page: PageText) -> Iterator[Span]:
    """Find "parola Kedi1234!" and "the password for root is Kedi1234!": no colon, but a value that tells itself."""
    for match in ADJACENT_PASSWORD.finditer(page.folded):
        near = True
        at, last = match.end(), min(len(page.text), match.end() + _WORD_WITHIN)
        bridge = False
        while token := _TOKEN.match(page.text, at, last + 60):
            if token.start("value") > last:
                break
            value = token["value"].rstrip(".,;:)]}'\"")
            folded = page.folded[token.start("value") : token.start("value") + len(value)]
            if value and not is_term(folded) and not is_placeholder(folded):
                surely = is_strong(value) and (near or bridge or bool(_SPECIAL.search(value)))
                digits = match["pin"] and value.isdigit() and 4 <= len(value) <= 8
                digits = digits or (near and value.isdigit() and 6 <= len(value) <= 12)
                if surely or (digits and (near or bridge)):
                    yield token.start("value"), token.start("value") + len(value)
                    break
            near = False
            bridge = folded in _BRIDGES or token["value"][-1] in ":=>→"
            at = token.end()


_TOKEN = re.compile(r"[ \t]{0,4}\n?[ \t\"'(\[]{0,4}(?P<value>\S{1,100})")
_SPECIAL = re.compile(r"[!@#$%^&*?+~]")
_BRIDGES = frozenset(["is", "was", "olarak", "sudur", "soyle", "artik", "=", "-", "–", "->", "=>", ":", "ise"])


def _commands(page: PageText) -> Iterator[Span]:
    for match in _COMMANDS.finditer(page.text):
        group = str(match.lastgroup)
        start, end = match.span(group)
        value = page.text[start:end]
        if is_placeholder(page.folded[start:end]) or value.startswith(("$", "/", "-")):
            continue
        if group != "flag" or is_strong(value):
            yield start, end


def _pairs(page: PageText) -> Iterator[Span]:
    for match in _PAIR.finditer(page.folded):
        start, end = match.span("value")
        value = page.text[start:end].rstrip(".):]}")
        folded = page.folded[start : start + len(value)]
        apart = page.text[match.start("mark") - 1 : match.start("mark")].isspace() or match["mark"] in ":;,"
        if "/" in value or ("@" in value[1:] and "." in value.rpartition("@")[2]):
            continue
        surely = is_strong(value) and not is_term(folded) and not is_placeholder(folded)
        if surely and (apart or _SPECIAL.search(value)):
            yield start, start + len(value)


def _looks_told(value: str, folded: str) -> bool:
    """Tell "Parola: Kedi1234!" from "Password: required" and "Şifre: en az 8 karakter"."""
    if len(value) < 4 or is_placeholder(folded) or folded.startswith("my "):
        return False
    kinds = (
        any(char.islower() for char in value)
        + any(char.isupper() for char in value)
        + any(char.isdigit() for char in value)
        + any(not char.isalnum() for char in value)
    )
    digits = sum(char.isdigit() for char in value)
    return (kinds >= 2 and len(value) >= 6 and (digits > 0 or kinds >= 3)) or (
        digits == len(value) and len(value) <= 12
    )


def _is_random(value: str) -> bool:
    """Tell a key from a long name in a program, and from a fingerprint or a hash, which are no secrets."""
    if _HEXADECIMAL.fullmatch(value):
        return False
    mixed = any(char.islower() for char in value) and any(char.isupper() for char in value)
    if not mixed or not any(map(str.isdigit, value)):
        return False
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())
    return bits >= _LEAST_BITS
