"""The tagger: what it may remember, how it decodes, where it keeps quiet, and how the rules use it."""

from __future__ import annotations

import builtins
import gzip
import itertools
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from parsers.cv.labelled import parse_labelled
from parsers.cv.local import parse_locally
from parsers.cv.tagger import MODEL, Model, joined, tags_of
from parsers.cv.tagger_features import MAX_TOKENS, Seen, Token, see
from parsers.cv.tagger_training import as_bytes, kept_features, personal_words, states_of
from parsers.cv.tags import Tag, Tags, trimmed

from .invented import BY_NAME, TODAY

MAX_BYTES = 250_000
CV = """<cv><label type="Name">Marlow Quince</label> <label type="Email Address">mq@copperleaf.example</label>
<label type="Designation">Software Engineer</label> at <label type="Companies worked at">Copperleaf LLC</label></cv>"""


def test_a_word_of_a_name_or_an_address_is_never_remembered_and_neither_is_a_rare_one() -> None:
    cv = parse_labelled("x.xml", CV.encode())
    features = see(cv.text, today=TODAY).features
    kept = kept_features([features, features, features], personal_words([cv]))
    assert "w=engineer" in kept
    assert not [one for one in kept if "marlow" in one or "quince" in one or "copperleaf" in one or "=mq" in one]
    assert kept_features([features, features], set()) == set()


def test_the_committed_model_is_small_and_says_where_it_comes_from() -> None:
    assert MODEL.stat().st_size <= MAX_BYTES
    about = json.loads(gzip.decompress(MODEL.read_bytes()))["about"]
    assert about["licence"] == "CC0-1.0"
    assert about["source"].startswith("dotin-inc/")


def test_a_label_opens_once_and_goes_on_to_its_end() -> None:
    cv = parse_labelled("x.xml", CV.encode())
    tokens = see(cv.text, today=TODAY).tokens
    states = {
        cv.text[token.start : token.end]: state for token, state in zip(tokens, states_of(cv, tokens), strict=True)
    }
    assert (states["Software"], states["Engineer"], states["at"]) == ("B-Title", "I-Title", "O")
    assert (states["Copperleaf"], states["LLC"]) == ("B-Company", "I-Company")


def test_the_same_model_gives_the_same_bytes_and_comes_back() -> None:
    moves = {("O", "B-Title"): 0.5, ("B-Title", "O"): -1.25}
    weights = {("w=engineer", "B-Title"): 2.0, ("w=at", "O"): 1.0, ("w=tiny", "O"): 0.001}
    data = as_bytes({}, moves, weights)
    assert data == as_bytes({}, dict(reversed(moves.items())), dict(reversed(weights.items())))
    model = Model.from_json(json.loads(gzip.decompress(data)))
    assert set(model.weights) == {"w=engineer", "w=at"}
    assert model.decode(Seen([], [0, 0], [["w=at"], ["w=engineer"]], [[]])) == ["O", "B-Title"]


@pytest.mark.parametrize("seed", range(20))
def test_the_beam_finds_the_best_path(seed: int) -> None:
    chance = random.Random(seed)
    states, length = ["O", "B-Title", "I-Title"], 5
    weights = {str(number): [(state, chance.uniform(-2, 2)) for state in range(3)] for number in range(length)}
    moves = [[chance.uniform(-1, 1) for _ in states] for _ in states]
    seen = Seen([], [0] * length, [[str(number)] for number in range(length)], [[]])

    def score(path: tuple[int, ...]) -> float:
        steps = sum(moves[one][two] for one, two in itertools.pairwise(path))
        return steps + sum(dict(weights[str(number)])[state] for number, state in enumerate(path))

    best = max(itertools.product(range(3), repeat=length), key=score)
    assert Model(states, weights, moves).decode(seen) == [states[state] for state in best]


def test_tokens_of_one_kind_join_until_the_next_opens() -> None:
    text = "Data  Analyst Engineer Acme x"
    tokens = [Token(0, 4), Token(6, 13), Token(14, 22), Token(23, 27), Token(28, 29)]
    tags = joined(text, tokens, ["B-Title", "I-Title", "B-Title", "I-Company", "O"])
    assert [(tag.kind, tag.text) for tag in tags] == [
        ("Title", "Data Analyst"),
        ("Title", "Engineer"),
        ("Company", "Acme"),
    ]
    assert (tags[0].start, tags[0].end) == (0, 13)


def test_tags_are_found_by_place_and_kind() -> None:
    tags = Tags([Tag("Title", 0, 5, "a"), Tag("Company", 8, 12, "b"), Tag("Title", 12, 15, "c")])
    assert [tag.text for tag in tags.within(4, 9)] == ["a", "b"]
    assert [tag.text for tag in tags.within(5, 8)] == []
    assert [tag.text for tag in tags.within(0, 99, "Title")] == ["a", "c"]
    assert not Tags()


@pytest.mark.parametrize(
    ("text", "value"),
    [(" Acme, Inc. ", "Acme, Inc."), ("Data Analyst.", "Data Analyst"), ("Manager (", "Manager"), ("...", "")],
)
def test_a_value_loses_the_marks_at_its_ends_but_not_those_of_a_short_form(text: str, value: str) -> None:
    assert trimmed(text) == value


@pytest.mark.parametrize("text", [BY_NAME["tr_columns"].text, "", "12"])
def test_a_text_that_is_not_english_has_no_tags(text: str) -> None:
    assert not tags_of(text, today=TODAY)


def test_an_english_cv_has_tags() -> None:
    found = {(tag.kind, tag.text) for tag in tags_of(BY_NAME["en_classic"].text, today=TODAY).all}
    assert ("Title", "Senior Backend Developer") in found


def test_no_more_than_so_many_tokens_are_tagged_and_in_bounded_time() -> None:
    text = "Senior Software Engineer at Acme Inc. in London, worked with Java and Python since 2010.\n" * 20_000
    assert len(see(text, today=TODAY).tokens) == MAX_TOKENS
    started = time.process_time()
    assert tags_of(text, today=TODAY)
    assert time.process_time() - started < 10  # measured 0.5 s


def profile(text: str, **tagged: str) -> dict[str, Any]:
    tags = [Tag(kind, text.index(value), text.index(value) + len(value), value) for kind, value in tagged.items()]
    return parse_locally(text, mode="advanced", today=TODAY, tags=Tags(tags))


def test_a_title_and_a_company_that_only_the_tagger_saw_become_one_experience() -> None:
    jobs = profile(
        "PROFILE\nHappy as chief tinkerer of Bluewick ever since.", Title="chief tinkerer", Company="Bluewick"
    )
    assert [(job["title"], job["company"]) for job in jobs["professional_experiences"]] == [
        ("chief tinkerer", "Bluewick")
    ]


def test_a_referees_title_is_nobodys_experience() -> None:
    text = "REFERENCES\nMy former boss, chief tinkerer"
    assert profile(text, Title="chief tinkerer")["professional_experiences"] == []


def test_a_degree_goes_as_far_as_the_tagger_says() -> None:
    text = "EDUCATION\nNational Diploma in glass and light"
    (study,) = profile(text, Degree="National Diploma in glass and light")["education"]
    assert (study["degree"], study["field"]) == ("National Diploma", "glass and light")


def test_a_tool_that_no_lexicon_knows_is_a_skill_when_the_tagger_says_so() -> None:
    assert "Quuxware" in profile("PROFILE\nI like Quuxware a lot", Tool="Quuxware")["basics"]["skills"]


def test_training_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name == "pycrfsuite":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CommandError, match="python-crfsuite") as caught:
        call_command("train_cv_tagger", str(tmp_path))
    assert caught.value.returncode == 2
