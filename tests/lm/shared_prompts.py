"""Prompts with completions as bare token ids, and tiny models to score them with."""

from pathlib import Path

import torch
from transformers import PreTrainedModel

from lm.prefix_sharing.shared_prompt import SharedPrompt, share_prefix
from rm_trainer.model import load_base_model
from tests.tiny_models import make_tiny_model

CPU = torch.device("cpu")


def shared_prompt(prompt: int, completions: list[int]) -> SharedPrompt:
    """Random ids: a prompt of `prompt` tokens and completions of these lengths; completion k begins with token k."""
    chance = torch.Generator().manual_seed(prompt)
    opening = torch.randint(20, 250, (prompt,), generator=chance)
    endings = [torch.randint(20, 250, (length,), generator=chance) for length in completions]
    for number, ending in enumerate(endings):
        ending[0] = number
    return share_prefix([torch.cat([opening, ending]).int() for ending in endings])


def base_model(directory: Path, architecture: str, *, head_size: int = 8, sharpened_by: float = 5) -> PreTrainedModel:
    """Weights five times larger than fresh ones, so that attention is far from uniform and a wrong mask shows."""
    made = make_tiny_model(directory, architecture=architecture, head_size=head_size)
    model, _ = load_base_model(str(made), max_length=512, seed=0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and name != "score.weight":
                parameter.mul_(sharpened_by)
    return model
