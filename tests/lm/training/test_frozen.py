"""What never trains is kept in less memory, and says the same."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from shutil import copytree

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from lm.prefix_sharing.shared_prompt import SharedPrompt, share_prefix
from lm.prefix_sharing.strategy import choose_strategy
from lm.training.frozen import keep_rounded, share_frozen
from lm.training.runtime import Runtime
from policy_trainer.log_probs import completion_log_probs
from policy_trainer.model import load_policy
from rm_trainer.model import load_base_model, score_hidden
from tests.tiny_models import ARCHITECTURES, make_tiny_model

BFLOAT16 = Runtime(device=torch.device("cpu"), dtype=torch.bfloat16)


def said(models: Sequence[PreTrainedModel], prompt: SharedPrompt) -> tuple[Tensor, Tensor]:
    """The first one's log-probabilities and the second's rewards, as the trainer asks for them."""
    language_model, reward_model = models
    readings = [choose_strategy(model, BFLOAT16.device) for model in models]
    with torch.no_grad(), BFLOAT16.autocast():
        log_probs = completion_log_probs(language_model, readings[0], [prompt])
        return log_probs, score_hidden(reward_model, readings[1].predicting_states(reward_model, [prompt]))


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_products_by_rounded_weights_are_the_same_to_the_bit(tmp_path: Path, architecture: str) -> None:
    make_tiny_model(tmp_path, architecture=architecture)
    models = [load_policy(str(tmp_path), max_length=64).model, load_base_model(str(tmp_path), max_length=64, seed=0)[0]]
    prompt = share_prefix(
        [torch.tensor([7, 8, 9, *answer], dtype=torch.int32) for answer in ([1, 2], [3], [200, 4, 5])]
    )
    expected = said(models, prompt)
    kept = [keep_rounded(deepcopy(model).requires_grad_(requires_grad=False), torch.bfloat16) for model in models]
    for before, after in zip(expected, said(kept, prompt), strict=True):
        assert torch.equal(before, after)
    for model, other in zip(models, kept, strict=True):
        products = [one for one in model.base_model.modules() if type(one) is nn.Linear]
        assert size(model) - size(other) == sum(size(one) for one in products) / 2 > 0


def size(module: nn.Module) -> int:
    return sum(weight.nbytes for weight in module.parameters())


def test_what_trains_stays_as_it_is(tmp_path: Path) -> None:
    model = load_policy(str(make_tiny_model(tmp_path)), max_length=64).model.requires_grad_(requires_grad=False)
    model.get_parameter("model.norm.weight").requires_grad_()
    assert {weight.dtype for weight in keep_rounded(model, torch.bfloat16).parameters()} == {torch.float32}


def test_what_does_not_train_and_is_the_same_has_one_memory() -> None:
    policy, reference, value, other = (nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 1)) for _ in range(4))
    for model in (reference, value):
        model.load_state_dict(policy.state_dict())
    for model in (policy, reference, value, other):
        model.get_submodule("0").requires_grad_(requires_grad=False)
    value.get_submodule("0").requires_grad_(requires_grad=True)
    share_frozen(policy, reference, value, other)
    places = [model.get_parameter("0.weight").data_ptr() for model in (policy, reference, value, other)]
    assert places[0] == places[1]
    assert len(set(places)) == 3, "one trains its own, and one has others"
    assert policy.get_parameter("1.weight").data_ptr() != reference.get_parameter("1.weight").data_ptr(), "these train"


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="says what is mapped")
def test_a_model_that_gave_its_embeddings_away_lets_go_of_its_file(tmp_path: Path) -> None:
    """Its norms alone, which are no others', would keep all of the file in memory."""
    make_tiny_model(tmp_path / "base")
    policy = load_policy(str(tmp_path / "base"), max_length=64).model.requires_grad_(requires_grad=False)
    copytree(tmp_path / "base", tmp_path / "other")
    other, _ = load_base_model(str(tmp_path / "other"), max_length=64, seed=0)
    with torch.no_grad():
        other.get_parameter("model.norm.weight").add_(1)
    file = str(tmp_path / "other" / "model.safetensors")
    assert file in Path("/proc/self/maps").read_text()
    share_frozen(policy, other.requires_grad_(requires_grad=False))
    assert file not in Path("/proc/self/maps").read_text()
    assert torch.equal(other.get_parameter("model.norm.weight"), policy.get_parameter("model.norm.weight") + 1)


def test_a_rounded_weight_has_the_memory_of_what_it_was_rounded_from() -> None:
    """Of a policy whose lower layers are frozen, the reference's are no copy."""
    policy, other = (nn.Sequential(nn.Linear(2, 1)).requires_grad_(requires_grad=False) for _ in range(2))
    reference = deepcopy(policy).to(torch.bfloat16)
    share_frozen(policy, reference, other)
    weights = [model.get_parameter("0.weight") for model in (policy, reference, other)]
    assert weights[0].data_ptr() == weights[1].data_ptr() != weights[2].data_ptr()
    assert weights[1].dtype == torch.float32
