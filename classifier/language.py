"""Turkish, English, or a language that the detectors here do not know."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

from parsers.language import detect_language
from parsers.privacy.folding import fold

# The small words that no running text does without. Folded.
_TURKISH = """ve bir bu ile icin de da olarak olan daha en ise gibi kadar sonra veya her cok ne mi ki var yok olan degil
tum uzere gore once ayrica ancak biz siz ben o"""
_ENGLISH = """the of and to in is for on with that this are as by be it an at from or was not have has will we you our
your i my no all can if"""
_THIRD = """der die das und ist nicht ein eine mit von den dem auf le la les et est une des dans pour que qui el los las
y es en por para con una del il lo gli che per non di sono het een van"""
_WORDS = {"tr": frozenset(_TURKISH.split()), "en": frozenset(_ENGLISH.split())}
_OTHERS = frozenset(_THIRD.split()) - _WORDS["tr"] - _WORDS["en"]
_HEAD_CHARS = 20_000
#: Fewer words are a title or a table, which may do without small words.
_ENOUGH_WORDS = 40
_LEAST_WORDS = 3  # fewer are a name or a heading in any language
_SHORT_WORDS = 8
_WORD = re.compile(r"[^\W\d_]+")
# Languages in Latin letters that a text may be mistaken for or be in. Azerbaijani reads as Turkish without its dots.
_LATIN = "en tr az de fr es it pt nl sv da no fi pl cs hu ro id hr sq"
_OURS = frozenset({"en", "tr", "az"})
_OUR_SHARE = 0.08  # of our small words above others, from which on a text is ours
_LETTERS_CHARS = 4_000
_SURE_LETTERS = 0.8
_MOST_OURS = 0.1
_SURE_SHARE = 0.08  # of small words of a third language that these two do not have


def language_of(text: str) -> str | None:
    """Return "tr" or "en"; None when the text is too short to say, or in neither."""
    return None if is_foreign(text) else detect_language(text)


def is_short(text: str) -> bool:
    """Say whether a text has too few words to be sure of anything that it does not say."""
    return len(_WORD.findall(text[:_HEAD_CHARS])) < _SHORT_WORDS


def is_foreign(text: str) -> bool:
    """Say whether a text is in a third language: by its small words, or, as far as one can tell, by its letters."""
    head = text[:_HEAD_CHARS]
    words = _WORD.findall(fold(head))
    if len(words) < _LEAST_WORDS:
        return False
    counts = Counter(words)
    ours = max(sum(counts[word] for word in known) for known in _WORDS.values())
    others = sum(counts[word] for word in _OTHERS)
    if len(words) >= _ENOUGH_WORDS and others > ours and others >= _SURE_SHARE * len(words):
        return True
    # Tables and lists do without small words; what has ours is ours.
    return ours - others < _OUR_SHARE * len(words) and _is_foreign_by_letters(head)


def _is_foreign_by_letters(text: str) -> bool:
    ranked = [(str(code), float(share)) for code, share in _identifier().rank(text[:_LETTERS_CHARS].lower())]
    ours = sum(share for code, share in ranked if code in _OURS)
    best, share = ranked[0]
    return best not in _OURS and share >= _SURE_LETTERS and ours <= _MOST_OURS


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # 60 ms and 12 MB: only for those who need it

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_LATIN.split())
    return identifier
