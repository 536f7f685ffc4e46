"""The corpus, read in the sandbox: each file is read or refused for what it is, and no child takes more than it may."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from parsers.extraction.faults import SENTENCES
from tests.hostile.corpus import corpus
from tests.hostile.files import READ, Hostile
from tests.hostile.packages import package

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1024 * 1024
#: Tighter than the real ones, so that what takes too much takes it in seconds.
CPU_SECONDS, WALL_SECONDS, MEMORY = 3, 12, 600 * MEGABYTE
#: A process of its own, because Linux counts the memory of whoever starts a child as the child's.
READ_ALL = """
import json, resource, sys, time
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from jobs.errors import JobError
from parsers.extraction import Limits, extract_text
folder, cpu, wall, memory = Path(sys.argv[2]), *map(int, sys.argv[3:6])
limits = Limits(cpu=timedelta(seconds=cpu), wall=timedelta(seconds=wall), memory_bytes=memory)
for number, name in enumerate(json.loads((folder / "names").read_text())):
    code, sentence, began = "", "", time.monotonic()
    try:
        extract_text(folder / str(number), filename=name, limits=limits)
    except JobError as error:
        code, sentence = error.code, error.message
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps([code, sentence, time.monotonic() - began, peak]), flush=True)
"""


def documents() -> list[Hostile]:
    """Return the corpus without its names: they matter at the door alone, where all of them are sent."""
    return [file for file in corpus() if not file.trick.startswith("name: ")]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """How each file ended, by its trick: code, sentence, seconds, and the highest memory of a child until then."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "names").write_text(json.dumps([file.name for file in documents()]))
    for number, file in enumerate(documents()):
        (folder / str(number)).write_bytes(file.content)
    what = [str(ROOT), str(folder), str(CPU_SECONDS), str(WALL_SECONDS), str(MEMORY)]
    done = subprocess.run([sys.executable, "-c", READ_ALL, *what], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(documents()), done.stderr
    assert "could not be read" not in done.stderr, "a reader broke"
    return dict(zip([file.trick for file in documents()], lines, strict=True))


def test_every_file_ends_as_it_should(ends: dict[str, list[Any]]) -> None:
    wrong = {
        file.trick: ends[file.trick][0] or "read"
        for file in documents()
        # What is read at the real limits may be too much for these.
        if ends[file.trick][0] not in file.ends | ({"too_expensive"} if READ in file.ends else set())
    }
    assert wrong == {}


def test_every_refusal_says_what_to_do(ends: dict[str, list[Any]]) -> None:
    for trick, (code, sentence, *_) in ends.items():
        assert not code or (code in SENTENCES and len(sentence) > 20), trick


def test_no_child_takes_more_memory_than_it_may(ends: dict[str, list[Any]]) -> None:
    peaks = [peak for *_, peak in ends.values()]
    assert 20 * MEGABYTE < peaks[-1] < MEMORY


def test_no_file_takes_longer_than_it_may(ends: dict[str, list[Any]]) -> None:
    slowest = max(ends.items(), key=lambda item: item[1][2])
    assert slowest[1][2] < WALL_SECONDS + 1, slowest


def test_tricks_have_names_of_their_own() -> None:
    assert len({file.trick for file in corpus()}) == len(corpus())


def test_an_archive_is_the_same_on_another_day(monkeypatch: pytest.MonkeyPatch) -> None:
    made = package(("a", b"b"))
    monkeypatch.setattr(time, "localtime", lambda *_: time.struct_time((2001, 2, 3, 4, 5, 6, 0, 34, 0)))
    assert package(("a", b"b")) == made
