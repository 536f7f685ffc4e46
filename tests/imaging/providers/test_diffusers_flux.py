"""FLUX through diffusers, with a tiny pipeline: on the CPU, and on a GPU where there is one."""

from __future__ import annotations

import io
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from imaging.diffusers_flux import FluxProvider, load_flux
from imaging.operations import generate
from imaging.providers import Prompt
from jobs.errors import Interrupt, JobError, Unavailable
from tests.imaging.providers import tiny_flux
from tests.requirements import missing

# What these packages say about themselves when they are imported is not ours to mend.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

PROMPT = Prompt("a red kite over the sea", 32, 16, 4, 7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if any(find_spec(package) is None for package in ("torch", "diffusers", "transformers")):
        missing("torch, diffusers and transformers are not installed (pip install -r requirements-gpu.txt)")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tiny_flux.build(tmp_path_factory.mktemp("flux"))


@pytest.fixture
def flux(folder: Path) -> FluxProvider:
    return FluxProvider(str(folder))


def nothing(*_: object) -> None: ...


def pixels(flux: FluxProvider, prompt: Prompt = PROMPT) -> bytes:
    return Image.open(io.BytesIO(flux.paint(prompt, nothing).image)).tobytes()


def test_each_step_is_shown_and_the_picture_has_the_size_that_was_asked_for(flux: FluxProvider) -> None:
    shown: list[tuple[int, int, bool]] = []
    painting = flux.paint(PROMPT, lambda step, steps, preview=None: shown.append((step, steps, bool(preview))))
    assert shown == [(1, 4, True), (2, 4, True), (3, 4, True), (4, 4, True)]
    with Image.open(io.BytesIO(painting.image)) as picture:
        assert (picture.format, picture.size) == ("PNG", (32, 16))
    assert (painting.seed, painting.model, painting.ai) == (7, "model", True)


def test_previews_are_small_and_few(flux: FluxProvider) -> None:
    previews: list[bytes] = []
    large = Prompt("sea", 64, 48, 20, 1)  # this VAE shrinks nothing: 64 cells a side
    flux.paint(large, lambda _step, _steps, preview=None: previews.append(preview) if preview else None)
    assert 5 <= len(previews) <= 8
    with Image.open(io.BytesIO(previews[0])) as preview:
        assert (preview.format, preview.size) == ("WEBP", (32, 24))


def test_the_same_seed_paints_the_same_pixels(flux: FluxProvider) -> None:
    assert pixels(flux) == pixels(flux)
    assert pixels(flux) != pixels(flux, Prompt(PROMPT.text, 32, 16, 4, 8))


def test_the_model_stays_loaded(flux: FluxProvider, folder: Path) -> None:
    pipe, loads = load_flux(str(folder)), load_flux.cache_info().misses
    flux.paint(PROMPT, nothing)
    assert load_flux(str(folder)) is pipe
    assert load_flux.cache_info().misses == loads


def test_an_interrupt_stops_at_the_step_and_the_next_job_paints(flux: FluxProvider) -> None:
    before = pixels(flux)
    steps: list[int] = []

    def stop(step: int, *_: object) -> None:
        steps.append(step)
        if step == 2:
            raise Interrupt

    with pytest.raises(Interrupt):
        flux.paint(PROMPT, stop)
    assert steps == [1, 2]
    assert pixels(flux) == before


def test_too_little_memory_is_tried_again(flux: FluxProvider, folder: Path) -> None:
    import torch

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = load_flux(str(folder)).transformer.register_forward_pre_hook(full)
    try:
        with pytest.raises(Unavailable) as raised:
            flux.paint(PROMPT, nothing)
    finally:
        hook.remove()
    assert raised.value.code == "out_of_memory"
    assert pixels(flux)


def test_what_came_from_a_model_says_so(flux: FluxProvider) -> None:
    picture = generate(flux, PROMPT, refused=[], show=lambda *_, **__: None)
    assert Image.open(io.BytesIO(picture.png)).info["AI-Generated"] == "yes"


def test_a_folder_without_a_model_is_the_operators_to_repair(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(JobError) as raised:
        FluxProvider(str(tmp_path)).paint(PROMPT, nothing)
    assert (type(raised.value), raised.value.code) == (JobError, "model_not_loaded")


def test_without_the_packages_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(JobError) as raised:
        load_flux("elsewhere")
    assert raised.value.code == "not_installed"
