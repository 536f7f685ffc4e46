"""The embedded painter, and what every painting goes through."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from django.test import override_settings
from PIL import Image, ImageChops, ImageStat

from imaging.checks import provider_can_be_used
from imaging.operations import contains_word, generate
from imaging.painter import Painter
from imaging.providers import Prompt
from jobs.errors import Interrupt, InvalidInput, Unavailable
from tests.imaging.playing import Obedient


def paint(text: str = "a quiet sea at sunset", *, width: int = 128, height: int = 96, steps: int = 6, seed: int = 7):
    previews: list[bytes] = []
    painting = Painter().paint(
        Prompt(text, width, height, steps, seed), lambda _s, _n, preview: previews.append(preview)
    )
    return Image.open(io.BytesIO(painting.image)).convert("RGB"), previews


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far apart two pictures are, 0–255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def test_the_same_prompt_and_seed_paint_the_same_pixels():
    assert paint()[0].tobytes() == paint()[0].tobytes()


@pytest.mark.parametrize("change", [{"seed": 8}, {"text": "a forest in snow"}, {"width": 144}], ids=str)
def test_another_wish_paints_another_picture(change):
    one, other = paint()[0], paint(**change)[0].resize((128, 96))
    assert difference(one, other) > 3


def test_every_step_adds_to_the_picture():
    _, previews = paint(steps=6)
    pictures = [Image.open(io.BytesIO(preview)).convert("RGB") for preview in previews]
    assert len(pictures) == 6
    assert all(difference(before, after) > 0.2 for before, after in pairwise(pictures))


@pytest.mark.parametrize(
    ("turkish", "english"),
    [
        ("gün batımında sakin bir deniz", "a calm sea at sunset"),
        ("KARLI BİR ORMAN", "a forest in the snow"),
        ("gece İstanbul", "Istanbul at night"),
        ("kırmızı lale bahçesi", "a garden of red tulips"),
    ],
)
def test_turkish_words_mean_what_english_ones_mean(turkish, english):
    from imaging.painter import imagine

    def scene(text):
        imagined = imagine(Prompt(text, 64, 64, 1, 1))
        return imagined.motifs, imagined.palette

    assert scene(turkish) == scene(english)
    assert scene(turkish)[0]


@pytest.mark.parametrize(("width", "height", "steps"), [(64, 2048, 1), (2048, 64, 3), (64, 64, 100), (2048, 2048, 2)])
def test_every_allowed_size_is_painted(width, height, steps):
    picture, previews = paint(width=width, height=height, steps=steps)
    assert (picture.size, len(previews)) == ((width, height), steps)


def test_an_interrupt_stops_the_painting_at_once():
    steps = []

    def show(step: int, *_: object) -> None:
        steps.append(step)
        raise Interrupt

    with pytest.raises(Interrupt):
        Painter().paint(Prompt("sea", 64, 64, 10, 1), show)
    assert steps == [1]


# --- what every painting goes through -----------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["Bir SİLAH çiz", "a gun-fight", "ÇIPLAK ADAM", "ciplak  adam resmi"])
def test_a_prompt_with_a_refused_word_is_not_painted(text):
    refused = ["silah", "gun", "çıplak adam"]
    with pytest.raises(InvalidInput, match="word that this installation refuses"):
        generate(Painter(), Prompt(text, 64, 64, 1, 1), refused=refused, show=lambda *_, **__: None)


@pytest.mark.parametrize("text", ["gunfire at dawn", "begun", "çıplak bir dağ", "adam çıplak"])
def test_only_whole_words_are_refused(text):
    assert not contains_word(text, ["gun", "silah", "çıplak adam", "", "  "])


def test_what_is_no_picture_is_not_passed_on():
    with pytest.raises(Unavailable) as raised:
        generate(Obedient(), Prompt("broken", 64, 64, 1, 1), refused=[], show=lambda *_, **__: None)
    assert raised.value.code == "provider_bad_answer"


# --- at the start -------------------------------------------------------------------------------------------------
class NoPainter:
    name = "none"


@pytest.mark.parametrize(
    ("provider", "problem"),
    [
        ("painter", None),
        ("openai", None),
        ("tests.imaging.playing.Obedient", None),
        ("paintr", "imaging.E003"),
        ("no.such.Provider", "imaging.E004"),
        ("tests.imaging.providers.test_painter.NoPainter", "imaging.E005"),
    ],
)
def test_a_provider_that_cannot_be_used_stops_the_start(provider, problem):
    with override_settings(IMAGE_PROVIDER=provider):
        assert [found.id for found in provider_can_be_used()] == ([problem] if problem else [])


def test_flux_needs_its_folder(tmp_path):
    with override_settings(IMAGE_PROVIDER="diffusers", IMAGE_MODEL_DIR=str(tmp_path)):
        assert "imaging.E002" in [found.id for found in provider_can_be_used()]
