"""A FLUX of half a megabyte with random weights, built without a network: real code, meaningless pictures."""

from __future__ import annotations

import json
from pathlib import Path


def build(folder: Path) -> Path:
    """Write the pipeline to `folder`, as `save_pretrained` does, and return it."""
    import torch
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

    torch.manual_seed(0)
    clip, t5 = _clip_tokenizer(folder / "clip"), _t5_tokenizer(folder / "t5")
    vae = AutoencoderKL(
        sample_size=32, in_channels=3, out_channels=3, block_out_channels=(4,), layers_per_block=1, latent_channels=1,
        norm_num_groups=1, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.0609, scaling_factor=1.5035,
    )  # fmt: skip
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=[4, 4, 8],
    )  # fmt: skip
    clip_config = CLIPTextConfig(
        vocab_size=514, hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=77, projection_dim=32, bos_token_id=512, eos_token_id=513,
    )  # fmt: skip
    t5_config = T5Config(vocab_size=len(t5), d_model=32, d_ff=37, d_kv=8, num_layers=1, num_heads=4)
    pipe = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        text_encoder=CLIPTextModel(clip_config).eval(),
        text_encoder_2=T5EncoderModel(t5_config).eval(),
        tokenizer=clip,
        tokenizer_2=t5,
        transformer=transformer.eval(),
        vae=vae.eval(),
    )
    pipe.save_pretrained(folder / "model")
    return folder / "model"


def _clip_tokenizer(folder: Path):
    """CLIP's own kind: bytes, bytes that end a word, and two marks."""
    from transformers import CLIPTokenizer

    letters = _byte_letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77)


def _byte_letters() -> list[str]:
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [256 + number for number in range(256 - len(printable))]
    return [chr(number) for number in [*printable, *others]]


def _t5_tokenizer(folder: Path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import T5TokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(chr(code), -3.0) for code in range(ord("a"), ord("z") + 1)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    folder.mkdir(parents=True)
    return T5TokenizerFast(tokenizer_object=tokenizer, extra_ids=0, model_max_length=512)
