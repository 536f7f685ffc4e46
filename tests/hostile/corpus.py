"""The whole corpus: every run makes the same files, and none lies in the repository."""

from __future__ import annotations

import functools
from itertools import chain

from tests.hostile.files import Hostile
from tests.hostile.packages import packages
from tests.hostile.pdfs import pdfs
from tests.hostile.pictures import pictures
from tests.hostile.texts import names, polyglots, texts


@functools.cache
def corpus() -> tuple[Hostile, ...]:
    """Return every file, in the order of its room. Making them takes some seconds, once."""
    return tuple(chain(pdfs(), packages(), pictures(), texts(), polyglots(), names()))
