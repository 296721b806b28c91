"""The engine where steps are recorded and replayed: what the library draws, whatever is sampled beside it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from sampler.engine import Engine, OutOfMemory
from sampler.protocol import SampleRequest
from sampler.rows import Job
from tests.tiny_models import ARCHITECTURES, make_tiny_model

pytestmark = pytest.mark.gpu

NEW = 70
"""Tokens; gemma's window is 64."""


@pytest.fixture(params=sorted(ARCHITECTURES))
def model(tmp_path: Path, request: pytest.FixtureRequest) -> PreTrainedModel:
    make_tiny_model(tmp_path, architecture=request.param)
    loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    return nn.Module.eval(nn.Module.cuda(loaded))


def job(prompt: int, *, k: int, seed: int, temperature: float = 0.0, new: int = NEW) -> Job:
    chance = torch.Generator().manual_seed(prompt)
    request = SampleRequest(
        messages=[{"role": "user", "content": "-"}], num_completions=k, seed=seed, temperature=temperature,
        max_new_tokens=new,
    )  # fmt: skip
    return Job(request=request, prompt=torch.randint(1, 250, (prompt,), generator=chance).tolist())


def run(engine: Engine, *jobs: Job) -> None:
    for one in jobs:
        engine.submit(one)
    while not engine.is_idle:
        engine.step()


def drawn(one: Job) -> list[list[int]]:
    return [list(one.done[index].tokens) for index in range(one.request.num_completions)]


def test_greedy_rows_are_the_librarys_own_and_recorded(model: PreTrainedModel) -> None:
    engine = Engine(model, end_tokens=[])
    jobs = [job(9, k=1, seed=1), job(90, k=3, seed=2), job(20, k=2, seed=3), job(21, k=2, seed=4, new=12)]
    recorded = 0
    for one in jobs:
        engine.submit(one)
    while not engine.is_idle:
        engine.step()
        recorded += engine._recorder._recording is not None
    assert recorded > NEW / 2
    for one in jobs:
        prompt = torch.tensor([one.prompt], device="cuda")
        output = model.generate(  # type: ignore[operator]
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=one.request.max_new_tokens,
            do_sample=False, pad_token_id=0, eos_token_id=None,
        )  # fmt: skip
        expected = output[0, prompt.shape[1] :].tolist()
        assert drawn(one) == [expected] * one.request.num_completions


def test_a_seed_gives_what_it_gives_alone_and_probabilities_are_the_models(model: PreTrainedModel) -> None:
    asked = [(9, 1, 100), (90, 3, 200), (20, 2, 300), (33, 4, 400)]
    together = [job(length, k=k, seed=seed, temperature=1.0) for length, k, seed in asked]
    run(Engine(model, end_tokens=[]), *together)
    for one, (length, k, seed) in zip(together, asked, strict=True):
        alone = job(length, k=k, seed=seed, temperature=1.0)
        run(Engine(model, end_tokens=[]), alone)
        assert drawn(one) == drawn(alone)
        for row in one.done.values():
            ids = torch.tensor([[*one.prompt, *row.tokens]], device="cuda")
            with torch.inference_mode():
                logs = model(ids).logits.log_softmax(dim=-1)[0, :-1]
            chosen = logs.gather(1, ids[0, 1:, None])[-len(row.tokens) :, 0]
            assert row.logprobs == pytest.approx(chosen.tolist(), abs=1e-3)


def test_a_recording_serves_prompts_that_come_later(model: PreTrainedModel) -> None:
    """When others leave, and when nobody was there."""
    asked = [(90, 3, 100, 30), (20, 1, 200, 9), (60, 1, 300, 20), (33, 2, 400, 15)]
    engine = Engine(model, end_tokens=[], max_rows=4)
    together = [job(length, k=k, seed=seed, temperature=1.0, new=new) for length, k, seed, new in asked]
    run(engine, *together)
    for one, (length, k, seed, new) in zip(together, asked, strict=True):
        again = job(length, k=k, seed=seed, temperature=1.0, new=new)
        run(engine, again)
        alone = job(length, k=k, seed=seed, temperature=1.0, new=new)
        run(Engine(model, end_tokens=[], records=False), alone)
        assert drawn(one) == drawn(again) == drawn(alone)
    assert engine._recorder.is_worth_keeping


@pytest.fixture
def little_memory() -> Iterator[Callable[[int], None]]:
    """`little_memory(n)`: from then on PyTorch may take n bytes more than it holds."""
    card = torch.cuda.get_device_properties(0).total_memory

    def leave(spare: int) -> None:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + spare) / card)

    yield leave
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("model", ["llama"], indirect=True)
def test_steps_that_cannot_be_recorded_are_computed_and_memory_is_given_back(
    model: PreTrainedModel, little_memory: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Where the model waits for the GPU in the middle of a pass."""
    usual = torch.cuda.current_stream()
    handle = model.register_forward_hook(lambda *_: torch.cuda.synchronize())
    one = job(20, k=2, seed=3, temperature=1.0)
    run(Engine(model, end_tokens=[]), one)
    handle.remove()
    assert "cannot be recorded" in caplog.text
    alone = job(20, k=2, seed=3, temperature=1.0)
    run(Engine(model, end_tokens=[], records=False), alone)
    assert drawn(one) == drawn(alone)
    assert torch.cuda.current_stream() == usual
    little_memory(100 * 2**20)
    with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
        torch.empty(60 * 2**20, dtype=torch.uint8, device="cuda")
    torch.empty(60 * 2**20, dtype=torch.uint8, device="cuda")  # which needs what the other stream kept


@pytest.mark.parametrize("model", ["gptj", "llama"], indirect=True)
def test_a_full_card_halves_the_rows_and_changes_no_completion(
    model: PreTrainedModel, little_memory: Callable[[int], None]
) -> None:
    def jobs() -> list[Job]:
        return [job(100 + 7 * number, k=5, seed=10 * number, temperature=1.0) for number in range(40)]

    plain = jobs()
    run(Engine(model, end_tokens=[], records=False), *plain)
    halved = 0
    for spare in (12, 24, 32, 48, 64, 80, 96, 128):
        engine, squeezed = Engine(model, end_tokens=[]), jobs()
        little_memory(spare * 2**20)
        try:
            run(engine, *squeezed)
        except OutOfMemory:
            continue
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        assert [drawn(one) for one in squeezed] == [drawn(one) for one in plain]
        halved += engine.sight.halvings > 0
    assert halved
