"""How many tokens fit into memory, against numbers worked out by hand, and what the engine really holds."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import Gemma3Config, Gemma3TextConfig, GPTJConfig, LlamaConfig

from lm.prompt_format import Message
from sampler.memory_budget import bytes_per_token, tokens_that_fit
from sampler.protocol import SampleRequest
from sampler.rows import Job
from tests.sampler.conftest import SamplerOf
from tests.tiny_models import ARCHITECTURES

GPT_J: Any = GPTJConfig()
"""6B: 28 layers, 16 heads of 4096 / 16 = 256, each with keys of its own; a context of 2048."""
GEMMA: Any = Gemma3TextConfig(
    num_hidden_layers=18, hidden_size=640, num_attention_heads=4, num_key_value_heads=1, head_dim=256,
    sliding_window=512, max_position_embeddings=32768,
)  # fmt: skip
"""Gemma 3 270M: heads of 256, though 640 / 4 = 160; five of six layers look back 512 tokens."""
LLAMA: Any = LlamaConfig(
    num_hidden_layers=32, hidden_size=4096, num_attention_heads=32, num_key_value_heads=8, max_position_embeddings=8192
)
"""Llama 3 8B: four heads share the keys of one; heads of 4096 / 32 = 128."""
CPU, GPU = torch.device("cpu"), torch.device("cuda")
GIB = 2**30


@pytest.mark.parametrize(
    ("config", "dtype", "expected"),
    [
        (GPT_J, torch.bfloat16, 458_752),  # 2 · 28 · 16 · 256 · 2
        (GPT_J, torch.float32, 917_504),  # · 4
        (GEMMA, torch.bfloat16, 18_432),  # 2 · 18 · 1 · 256 · 2: a window makes it no less
        (LLAMA, torch.float16, 131_072),  # 2 · 32 · 8 · 128 · 2
    ],
)
def test_bytes_of_a_token(config: Any, dtype: torch.dtype, expected: int) -> None:
    assert bytes_per_token(config, dtype) == expected


def test_of_a_model_that_reads_pictures_the_language_model_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    text = {"num_hidden_layers": 34, "hidden_size": 2560, "num_attention_heads": 8, "num_key_value_heads": 4}
    gemma_4b = Gemma3Config(text_config=text | {"head_dim": 256, "max_position_embeddings": 131_072})
    assert bytes_per_token(gemma_4b, torch.bfloat16) == 139_264  # 2 · 34 · 4 · 256 · 2
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=0))
    assert tokens_that_fit(gemma_4b, torch.bfloat16, CPU) == 131_072


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_is_what_the_engine_holds_of_a_prompt(sampler_of: SamplerOf, architecture: str) -> None:
    """Longer than the tiny Gemma's window of 64."""
    sampler = sampler_of(architecture)
    request = SampleRequest(
        messages=[Message(role="user", content="x" * 90)], num_completions=1, seed=1, max_new_tokens=8
    )
    job = Job(request=request, prompt=sampler.prompt_tokens(request.messages))
    sampler.engine.submit(job)
    sampler.engine.step()
    held = sum(tensor.nbytes for tensor in (*job.keys.keys, *job.keys.values))
    job.cancel()
    sampler.engine.step()
    assert held == bytes_per_token(sampler.model.config, torch.float32) * len(job.prompt) > 0


@pytest.mark.parametrize(
    ("config", "free", "expected"),
    [
        (GPT_J, 10 * GIB, 11_702),  # 5 GiB = 5 368 709 120 bytes: 11 702.9 tokens of 458 752 bytes
        (GPT_J, GIB, 2048),  # 1 170 would be less than a context
        (GEMMA, 10 * GIB, 291_271),  # 291 271.1 tokens of 18 432 bytes
        (LLAMA, 16 * GIB, 65_536),  # 8 GiB / 128 KiB
    ],
)
def test_half_of_the_free_memory_and_at_least_a_context(
    config: Any, free: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=free, total=1000 * GIB))
    assert tokens_that_fit(config, torch.bfloat16, CPU) == expected


def test_on_a_gpu_its_own_memory_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1000 * GIB))
    free = {GPU: 10 * GIB}
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (free[device], 80 * GIB))
    assert tokens_that_fit(GPT_J, torch.bfloat16, GPU) == 11_702
