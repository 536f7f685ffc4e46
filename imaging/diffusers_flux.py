"""FLUX in this process, through diffusers; the extra `gpu`. Nothing is downloaded: the model lies in a local folder.

The model stays loaded between jobs. Loading takes minutes and 34 GB for FLUX.1 in bfloat16, so run one worker for it:
`Q_CLUSTER_NAME=gpu WORKERS=1`.
"""

from __future__ import annotations

import io
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imaging.painter import preview_of
from imaging.providers import DIFFUSERS, Painting, Prompt, Show
from jobs.errors import JobError, Unavailable

if TYPE_CHECKING:
    from diffusers import FluxPipeline

#: Below this much memory of the GPU, in bytes, parts of the model wait in the host's memory.
ROOMY_GPU = 40 * 1024**3
#: At most so many previews of one picture, decoded from latents of at most so many cells a side: a few milliseconds.
MOST_PREVIEWS, PREVIEW_CELLS = 8, 32
#: Tokens of the prompt that the two families read: FLUX.1-schnell has no guidance.
TOKENS_SCHNELL, TOKENS_DEV = 256, 512


class FluxProvider:
    """An ImageProvider. folder: what `FluxPipeline.save_pretrained` wrote, or a downloaded repository of FLUX."""

    name = DIFFUSERS

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def paint(self, prompt: Prompt, show: Show) -> Painting:
        """Paint in `prompt.steps` steps. Raises Unavailable (out_of_memory), or JobError for what is not installed."""
        pipe = load_flux(self.folder)
        import torch

        def step_done(pipe: Any, index: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            steps = pipe.num_timesteps
            show(index + 1, steps, _preview(pipe, tensors["latents"], prompt) if _is_shown(index, steps) else None)
            return tensors

        try:
            picture = pipe(
                prompt=prompt.text,
                width=prompt.width,
                height=prompt.height,
                num_inference_steps=prompt.steps,
                # On the CPU: a seed then paints the same picture on every GPU.
                generator=torch.Generator("cpu").manual_seed(prompt.seed),
                max_sequence_length=_tokens(pipe),
                callback_on_step_end=step_done,
            ).images[0]
        except torch.OutOfMemoryError:
            failure = Unavailable(
                "The GPU has not enough free memory for this picture. It is tried again; a smaller one may fit.",
                code="out_of_memory",
            )
        else:
            written = io.BytesIO()
            picture.save(written, "PNG", compress_level=1)
            return Painting(written.getvalue(), seed=prompt.seed, model=Path(self.folder).name, ai=True)
        finally:
            # Also when `show` ended the attempt: offloaded parts go back, and the next job finds the model in order.
            pipe.maybe_free_model_hooks()
        # Outside of `except`, whose traceback still holds the tensors that did not fit.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise failure


@cache
def load_flux(folder: str) -> FluxPipeline:
    """Load the pipeline of a local folder, once in each process. Raises JobError, which is not retried."""
    try:
        import torch
        from diffusers import FluxPipeline
    except ImportError:
        raise JobError(
            "FLUX needs packages that are not installed. The operator must install the extra `gpu`.",
            code="not_installed",
        ) from None
    on_gpu = torch.cuda.is_available()
    try:
        pipe = FluxPipeline.from_pretrained(
            folder, local_files_only=True, torch_dtype=torch.bfloat16 if on_gpu else torch.float32
        )
    except (OSError, ValueError) as error:
        raise JobError(
            "The FLUX model could not be loaded. The operator must check the folder in IMAGE_MODEL_DIR.",
            code="model_not_loaded",
        ) from error
    except torch.OutOfMemoryError:
        raise Unavailable("The GPU has not enough free memory for the model.", code="out_of_memory") from None
    pipe.set_progress_bar_config(disable=True)
    if on_gpu and torch.cuda.get_device_properties(0).total_memory >= ROOMY_GPU:
        pipe.to("cuda")
    elif on_gpu:
        pipe.enable_model_cpu_offload()
    return pipe


def _tokens(pipe: Any) -> int:
    return TOKENS_DEV if pipe.transformer.config.guidance_embeds else TOKENS_SCHNELL


def _is_shown(index: int, steps: int) -> bool:
    return (index + 1) % math.ceil(steps / MOST_PREVIEWS) == 0 or index + 1 == steps


def _preview(pipe: Any, latents: Any, prompt: Prompt) -> bytes | None:
    """Decode shrunken latents. None where parts of the model are offloaded: moving them costs more than a step."""
    if getattr(pipe.vae, "_hf_hook", None) is not None:
        return None
    import torch

    with torch.no_grad():
        cells = pipe._unpack_latents(latents, prompt.height, prompt.width, pipe.vae_scale_factor)
        shrink = min(1.0, PREVIEW_CELLS / max(cells.shape[-2:]))
        if shrink < 1:
            cells = torch.nn.functional.interpolate(cells, scale_factor=shrink, mode="area")
        cells = cells / pipe.vae.config.scaling_factor + pipe.vae.config.shift_factor
        decoded = pipe.vae.decode(cells.to(pipe.vae.dtype), return_dict=False)[0]
        return preview_of(pipe.image_processor.postprocess(decoded, output_type="pil")[0])
