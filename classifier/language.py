"""Turkish, English, or a language that the detectors here do not know."""

from __future__ import annotations

import re
from collections import Counter

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
_SURE_SHARE = 0.08  # of small words of a third language that these two do not have


def language_of(text: str) -> str | None:
    """Return "tr" or "en"; None when the text is too short to say, or in neither."""
    return None if is_foreign(text) else detect_language(text)


def is_foreign(text: str) -> bool:
    """Say whether a text uses the small words of a third language more than those of Turkish or English."""
    words = re.findall(r"[^\W\d_]+", fold(text[:_HEAD_CHARS]))
    if len(words) < _ENOUGH_WORDS:
        return False
    counts = Counter(words)
    ours = max(sum(counts[word] for word in known) for known in _WORDS.values())
    others = sum(counts[word] for word in _OTHERS)
    return others > ours and others >= _SURE_SHARE * len(words)
