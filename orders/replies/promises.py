"""What a shop would owe its customer if a reply said it. No field of an order says so; only a person can."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TURKISH_FUTURE = r"(?:ecek|acak|eceg|acag)\w*"
#: Verbs of giving, which in the present tense promise as well.
_GIVE_TR = "gonder|yoll[au]|ver|od[eu]|aktar|ilet|yatir|birak|gecir|karsil|sun|sagl|ulastir|teslim ed|arar"
_PATTERNS = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        # money and goods, in Turkish
        r"\b(?:iade|geri ode|hediye|kupon|indirim|ucretsiz|bedava|telafi|tazmin|yenisi|yenisini|degisim|"
        r"degistir|garanti|"
        r"taahhut|jest|bonus|kampanya|puan|bakiye|bagis|havale|yatir|onayl|hesabiniz|kabul ed)\w*",
        r"\bsoz ver\w*",
        r"\b(?:paraniz|parasi|paran|ucret(?:i|iniz|in)|zarar|masraf|kartiniz|para ust|ikram|cayma|sorumlulu|ustlen)\w*",
        r"\b(?:yarisi|tamami|ceyre[kg]|iki kati)\w*|\b(?:size|sana) (?:bizden|yeni)\b|\bbizden (?:olsun|size)\b|"
        r"\byeni (?:bir )?(?:tane|urun|paket)\w*",
        rf"\b(?:{_GIVE_TR})\w{{0,6}}?(?:iyor|uyor|[aeiu]?r[iu][zm]\b|[ae]lim\b)\w*",
        # money and goods, in English
        r"\b(?:refund|reimburs|compensat|voucher|coupon|discount|replac|exchang|guarante|promis|gift|bonus|rebate|cashback|"
        r"chargeback|complimentary|warrant|waive|transferr|approv|authori[sz]|settle|apolog\w* with)\w*",
        r"\b(?:money|cash|amount) back\b",
        r"(?<!feel )\bfree\b",
        r"\breturn(?:ed|ing|s)?\b|\b(?:half|special|reduced) price\b|\byari fiyat\w*|\bgeri (?:ver|gonder|al)\w*",
        r"\bstore credit\b|\bcredit (?:note|your|you)\b|\ba new (?:one|item|product|package)\b",
        r"\byour money\b|\bfull amount\b|\b(?:half|double|twice|quarter)\b|\bon the house\b|"
        r"\bour (?:treat|fault|expense)\b|\bno (?:charge|cost|fee)s?\b|\bliab\w*|\bowe\w*|\bkeep it\b|"
        r"\bcall (?:you|back)\b|\bmake it (?:right|up)\b",
        r"\b(?:we|i)(?:'re|'m| are| am)?\s+(?:\w+\s+){0,5}?(?:send|wir|credit|pay|giv|ship|return|transfer|issu|offer|"
        r"cover|deduct)\w*",
        # what is going to happen
        # … but not that somebody will look at it
        rf"\b(?!ilgilen|incele|bakacak)\w{{2,}}?{_TURKISH_FUTURE}",
        rf"\bed{_TURKISH_FUTURE}",
        r"(?:\b(?:will|shall|going to|gonna)\b|'ll\b)(?!\s+(?:look into|check|be (?:happy|glad)))",
    )
)


#: Words that promise by themselves, also in pieces: "re-fund", "i.a.d.e", "in dirim".
_STEMS = (
    "refund", "reimburse", "compensat", "voucher", "coupon", "discount", "cashback", "iade", "hediye", "indirim",
    "kupon", "ucretsiz", "bedava", "tazmin", "telafi", "garanti",
)  # fmt: skip
_IN_PIECES = re.compile(r"(?<![^\W_])(?:" + "|".join(r"[\W_]{0,2}".join(stem) for stem in _STEMS) + ")", re.ASCII)


def find_promises(folded: str) -> Iterator[tuple[int, int]]:
    """Yield where a folded text promises something."""
    for pattern in (*_PATTERNS, _IN_PIECES):
        for match in pattern.finditer(folded):
            yield match.span()
