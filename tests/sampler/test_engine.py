"""Many completions together, each as if it were alone; and what the engine does while people come, go and wait."""

import gc
import itertools
import math
import weakref
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lm.prompt_format import Message
from sampler import engine_attention
from sampler.engine import Engine, OutOfMemory
from sampler.live_pass import Recording, recorded
from sampler.protocol import SampledCompletion, SampleRequest
from sampler.rows import Job, LiveRow
from sampler.shared_keys import OwnKeys, PromptKeys, one_block
from sampler.transformers_sampler import TransformersSampler
from tests.sampler.conftest import SamplerOf
from tests.tiny_models import ARCHITECTURES, make_tiny_model


def asking(text: str = "Hi", *, k: int = 1, seed: int = 1, **settings: Any) -> SampleRequest:
    messages = [Message(role="user", content=text)]
    return SampleRequest(messages=messages, num_completions=k, seed=seed, **{"max_new_tokens": 12, **settings})


@pytest.fixture
def sampler(sampler_of: SamplerOf) -> TransformersSampler:
    """With an engine of its own, for which no token ends a turn."""
    return replace(sampler_of(), end_tokens=[])


def job_of(sampler: TransformersSampler, request: SampleRequest, **how: Any) -> Job:
    return Job(request=request, prompt=sampler._prompt_tokens(request), **how)


def run(engine: Engine, *jobs: Job) -> None:
    """Until all are done."""
    for job in jobs:
        engine.submit(job)
    finish(engine, *jobs)


def finish(engine: Engine, *jobs: Job) -> None:
    for _ in range(10_000):
        if all(job.is_done for job in jobs):
            return
        engine.step()
    raise AssertionError("it did not come to an end")


def whole_of(growing: Generator[str, None, SampledCompletion]) -> SampledCompletion:
    while True:
        try:
            next(growing)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]


def tokens(job: Job) -> list[list[int]]:
    return [job.done[index].tokens for index in range(job.request.num_completions)]


def test_each_row_knows_when_its_first_and_last_token_came(
    sampler: TransformersSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since its job was submitted, by a clock that the test turns; the second waits for a place. A step begins a row
    with two tokens and goes on with one."""
    now = 100.0
    monkeypatch.setattr("sampler.engine.time", SimpleNamespace(monotonic=lambda: now))
    sampler = replace(sampler, max_rows=1)
    job = job_of(sampler, asking(k=2, max_new_tokens=4))
    sampler.engine.submit(job)
    for _ in range(20):
        now += 1.5
        if not job.is_done:
            sampler.engine.step()
    assert job.is_done
    first, second = (sampler.completion(job.done[index]) for index in (0, 1))
    assert (first.first_token_seconds, first.seconds) == (1.5, 4.5)
    assert (second.first_token_seconds, second.seconds) == (6.0, 9.0)
    assert first == replace(first, seconds=0.0), "two that say the same are equal, however long they took"


def has_let_go_of_all(engine: Engine) -> bool:
    """But for a small recording."""
    holds_nothing = not engine._own.keys or engine._recorder.is_worth_keeping
    return engine.is_idle and not engine._own.count and holds_nothing and not engine._begun


@pytest.mark.usefixtures("no_collector")
def test_who_is_done_or_leaves_holds_no_keys_and_an_engine_that_nobody_has_is_gone(
    sampler: TransformersSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: whoever submits many jobs keeps them until the last is done, and a rollout's copy of the weights stood
    beside the update until Python next looked for cycles."""
    done, leaving, half_read = (job_of(sampler, asking(k=2, seed=seed)) for seed in (1, 20, 40))
    engine = Engine(sampler.model, end_tokens=[], has_stopped=lambda _: False, max_tokens=4096, records=True)
    engine.submit(done)
    engine.submit(leaving)
    for _ in range(4):
        engine.step()
    assert {row.job for row in engine.live} == {done, leaving}
    monkeypatch.setattr("sampler.engine.READ_AT_ONCE", 2)
    engine.submit(half_read)
    engine.step()
    kept = [weakref.ref(job.keys) for job in (done, leaving, half_read)]
    assert len(half_read.keys) == 2
    leaving.cancel()
    half_read.cancel()
    finish(engine, done)
    assert [keys() for keys in kept] == [None] * 3
    assert [job.logits for job in (done, leaving, half_read)] == [None] * 3
    assert len(tokens(done)[1]) == 12
    nobodys = weakref.ref(engine)
    del engine
    assert nobodys() is None


def test_who_hangs_up_while_the_last_tokens_are_drawn_takes_nothing_from_the_rows_that_are_left(
    sampler: TransformersSampler,
) -> None:
    """Two rows end in one step, and the second still looks at the prompt's keys, to keep them for the next turn."""

    def hang_up(row: LiveRow) -> None:
        if len(row.tokens) == 12:
            row.job.cancel()

    dialogue = job_of(sampler, asking(k=2), scope="alice", on_token=hang_up)
    run(sampler.engine, dialogue)
    assert len(dialogue.done) == 2
    assert has_let_go_of_all(sampler.engine)


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_a_prompt_is_read_once_for_all_its_completions(sampler: TransformersSampler) -> None:
    job = job_of(sampler, asking("Why is the sky blue?", k=9))
    run(sampler.engine, job)
    assert sampler.engine.sight.prompt_tokens == len(job.prompt)
    assert sampler.engine.sight.new_tokens == 9 * 12
    assert sampler.engine.sight.rows_in_steps == 9 * sampler.engine.sight.steps  # all nine in every step
    assert has_let_go_of_all(sampler.engine)


class TestPromptsThatComeTogether:
    """Are read in one pass, up to READ_AT_ONCE tokens."""

    @pytest.fixture
    def passes(self, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
        """Tokens of each prompt, pass by pass."""
        found: list[list[int]] = []
        real = Engine._network

        def network(engine: Engine, of_pass: Any, *given: Any, **more: Any) -> torch.Tensor:
            if isinstance(of_pass, engine_attention.Reading):
                found.append(list(of_pass.counts))
            return real(engine, of_pass, *given, **more)

        monkeypatch.setattr(Engine, "_network", network)
        return found

    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    def test_of_the_last_of_them_a_piece(
        self, sampler_of: SamplerOf, architecture: str, passes: list[list[int]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sampler = replace(sampler_of(architecture), end_tokens=[])
        requests = [asking("a" * 20, k=2, seed=1), asking("bc", seed=20), asking("d" * 45, seed=40)]
        alone = [[[*one.token_ids] for one in sampler.sample([request])[0]] for request in requests]
        jobs = [job_of(sampler, request) for request in requests]
        first, second, third = (len(job.prompt) for job in jobs)
        monkeypatch.setattr("sampler.engine.READ_AT_ONCE", first + second + 5)
        passes.clear()
        run(sampler.engine, *jobs)
        assert passes == [[first, second, 5], [third - 5]]
        assert [tokens(job) for job in jobs] == alone
        assert has_let_go_of_all(sampler.engine)

    def test_but_who_is_waited_for_is_not_kept_by_what_is_queued(
        self, sampler: TransformersSampler, passes: list[list[int]]
    ) -> None:
        queued, *waited_for = (
            job_of(sampler, asking(seed=seed), interactive=seed > 1) for seed in (1, 20, 40)
        )  # fmt: skip
        run(sampler.engine, queued, *waited_for)
        assert passes == [[len(job.prompt) for job in waited_for], [len(queued.prompt)]]

    def test_but_none_of_which_no_row_could_begin(self, sampler: TransformersSampler, passes: list[list[int]]) -> None:
        """Keys of prompts that wait for their turn would take memory for nothing."""
        jobs = [job_of(sampler, asking(k=2, seed=seed)) for seed in (1, 20, 40)]
        run(replace(sampler, max_rows=3).engine, *jobs)
        assert [len(own) for own in passes] == [2, 1]
        passes.clear()
        wide = [job_of(sampler, asking(k=2, seed=seed)) for seed in (1, 20, 40)]
        run(replace(sampler, max_batch_tokens=len(wide[0].prompt) + 3 * 12).engine, *wide)
        assert [len(own) for own in passes] == [1, 1, 1]


def test_a_row_that_has_ended_is_replaced_at_once(sampler: TransformersSampler) -> None:
    """Room for two rows: the short ones run through beside the long one, which nobody waits for."""
    sampler = replace(sampler, max_rows=2)
    long, short = job_of(sampler, asking(max_new_tokens=60)), job_of(sampler, asking(k=10, seed=9, max_new_tokens=6))
    run(sampler.engine, long, short)
    sight = sampler.engine.sight
    assert sight.steps <= 60 + 2
    assert sight.rows_in_steps / sight.steps > 1.8


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_little_room_and_small_pieces_change_nothing(
    sampler_of: SamplerOf, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row at a time, prompts read by seven tokens, more of them than gemma's window of 64."""
    requests = [asking("x" * 90, k=3, max_new_tokens=80), asking("y", k=2, seed=5), asking("é" * 40, seed=8, top_p=0.8)]
    together = sampler_of(architecture).sample(requests)
    monkeypatch.setattr("sampler.engine.READ_AT_ONCE", 7)
    narrow = replace(sampler_of(architecture), max_batch_tokens=1, max_rows=1)
    apart = narrow.sample(requests)
    assert [[one.token_ids for one in group] for group in together] == [
        [one.token_ids for one in group] for group in apart
    ]
    assert has_let_go_of_all(narrow.engine)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whoever_comes_when_gets_what_they_would_alone(sampler: TransformersSampler, data: st.DataObject) -> None:
    requests = [
        asking(
            data.draw(st.text("abcé ", min_size=1, max_size=30)) + "?",
            k=data.draw(st.integers(1, 4)),
            seed=seed * 10,
            max_new_tokens=data.draw(st.integers(1, 9)),
            temperature=data.draw(st.sampled_from([0.0, 0.7, 1.0])),
            top_p=data.draw(st.sampled_from([0.8, 1.0])),
        )
        for seed in range(data.draw(st.integers(1, 5)))
    ]
    alone = [[one.token_ids for one in sampler.sample([request])[0]] for request in requests]
    engine = replace(
        sampler, max_rows=data.draw(st.integers(1, 6)), max_batch_tokens=data.draw(st.integers(1, 200))
    ).engine
    engine._records = data.draw(st.booleans())  # as on a GPU; here a recording computes what it has noted
    jobs = [job_of(sampler, request, interactive=data.draw(st.booleans())) for request in requests]
    for job in jobs:
        engine.submit(job)
        for _ in range(data.draw(st.integers(0, 6))):
            engine.step()
    finish(engine, *jobs)
    assert [[tuple(row) for row in tokens(job)] for job in jobs] == alone
    assert has_let_go_of_all(engine)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_who_is_alone_on_a_prompt_looks_back_in_one_product_with_others(
    sampler_of: SamplerOf, architecture: str
) -> None:
    """Prompts of many lengths, one with three completions among them, some beyond gemma's window of 64: each row's
    probabilities are those that it has alone."""
    sampler = sampler_of(architecture)
    texts = ["y", "x" * 20, "é" * 30, "z" * 45, "w" * 90, "x" * 150]
    jobs = [
        job_of(sampler, asking(text, k=3 if text[0] == "z" else 1, seed=seed, max_new_tokens=8 + 8 * seed))
        for seed, text in enumerate(texts)
    ]
    alone = [job_of(sampler, job.request) for job in jobs]
    for job in alone:
        run(sampler.engine, job)
    gathered = []
    for job in jobs:
        sampler.engine.submit(job)
    while not all(job.is_done for job in jobs):
        sampler.engine.step()
        if sampler.engine._live_pass:
            gathered.append([len(group.lengths) for group in sampler.engine._live_pass.groups])
    assert max(max(groups) for groups in gathered) >= 3
    for together, apart in zip(jobs, alone, strict=True):
        assert tokens(together) == tokens(apart)
        for index in range(together.request.num_completions):
            assert together.done[index].logprobs == pytest.approx(apart.done[index].logprobs, abs=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("wide_at_once", "rooms"), [(0, [64, 70]), (512, [70])])
def test_a_recorded_step_serves_the_rows_of_its_prompts_while_others_leave(
    sampler_of: SamplerOf, architecture: str, wide_at_once: int, rooms: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of three prompts that end one after the other: one recording until their own tokens need more room, if they
    have not got all of it at once."""
    monkeypatch.setattr("sampler.engine.WIDE_AT_ONCE", wide_at_once)
    sampler = replace(sampler_of(architecture), end_tokens=[])
    requests = [asking("x" * 90, seed=seed, k=2, max_new_tokens=20 + seed) for seed in (1, 30, 50)]
    expected = [[[*one.token_ids] for one in group] for group in sampler.sample(requests)]
    made: list[Recording] = []

    def recorded(*given: Any) -> Recording:
        made.append(Recording(*given))
        return made[-1]

    monkeypatch.setattr("sampler.live_pass.Recording", recorded)
    recording = replace(sampler, end_tokens=[]).engine
    recording._records = True
    jobs = [job_of(sampler, request) for request in requests]
    run(recording, *jobs)
    assert [tokens(job) for job in jobs] == expected
    assert [one._room for one in made] == rooms
    assert has_let_go_of_all(recording)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_recorded_step_serves_prompts_that_come_when_others_have_left(
    sampler_of: SamplerOf, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts of many lengths, each with as many completions as it likes, stand in one product; shorter ones take the
    places of those that have left, without another recording. All is as when each is alone."""
    sampler = replace(sampler_of(architecture), end_tokens=[])
    first = [asking("x" * 90, k=3, seed=1, max_new_tokens=40), asking("y" * 80, k=1, seed=10, max_new_tokens=12),
             asking("z" * 60, k=2, seed=20, max_new_tokens=30)]  # fmt: skip
    later = [asking("w" * 70, k=2, seed=30, max_new_tokens=15), asking("v" * 20, k=3, seed=40, max_new_tokens=9),
             asking("u" * 85, k=1, seed=50, max_new_tokens=20)]  # fmt: skip
    alone = [[[*one.token_ids] for one in sampler.sample([request])[0]] for request in first + later]
    made: list[Recording] = []

    def recorded(*given: Any) -> Recording:
        made.append(Recording(*given))
        return made[-1]

    monkeypatch.setattr("sampler.live_pass.Recording", recorded)
    engine = replace(sampler, end_tokens=[]).engine
    engine._records, engine.max_rows = True, 6
    jobs = [job_of(sampler, request) for request in first]
    for job in jobs:
        engine.submit(job)
    while not any(job.is_done for job in jobs):
        engine.step()
    assert len(made) == 1
    assert [len(group.lengths) for group in made[0]._groups] == [3]
    coming = [job_of(sampler, request) for request in later]
    run(engine, *coming)
    assert [tokens(job) for job in jobs + coming] == alone
    assert len(made) == 1
    assert has_let_go_of_all(engine)


def test_a_small_recording_serves_who_comes_when_nobody_was_there(
    sampler_of: SamplerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the prompt's length, up to the recording's room; of many rows nothing is kept."""
    sampler = replace(sampler_of(), end_tokens=[])
    asked = (("x" * 60, 3, 1), ("y" * 150, 2, 10), ("z", 3, 20), ("w" * 40, 18, 30))
    requests = [asking(text, k=k, seed=seed, max_new_tokens=12) for text, k, seed in asked]
    alone = [[[*one.token_ids] for one in sampler.sample([request])[0]] for request in requests]
    made: list[Recording] = []

    def recorded(*given: Any) -> Recording:
        made.append(Recording(*given))
        return made[-1]

    monkeypatch.setattr("sampler.live_pass.Recording", recorded)
    engine = replace(sampler, end_tokens=[]).engine
    engine._records = True
    for request, expected, so_far in zip(requests, alone, (1, 1, 1, 2), strict=True):
        job = job_of(sampler, request)
        run(engine, job)
        assert (tokens(job), len(made)) == (expected, so_far)
    assert not engine._own.keys


def test_a_prompt_that_waits_for_room_keeps_its_keys_while_another_is_recorded(sampler_of: SamplerOf) -> None:
    """Two rows at a time: somebody's question goes ahead of a prompt's second completion, when its first has left."""
    sampler = replace(sampler_of(), end_tokens=[])
    requests = [asking("z" * 50, seed=5, max_new_tokens=50), asking("x" * 60, k=2, seed=1, max_new_tokens=12),
                asking("y" * 40, seed=9, max_new_tokens=12)]  # fmt: skip
    alone = [[[*one.token_ids] for one in sampler.sample([request])[0]] for request in requests]
    engine = replace(sampler, end_tokens=[]).engine
    engine._records, engine.max_rows, engine._most_rows = True, 2, 2
    *jobs, ahead = [job_of(sampler, one, interactive=one is requests[-1]) for one in requests]
    for job in jobs:
        engine.submit(job)
    for _ in range(10):
        engine.step()
    run(engine, ahead)
    finish(engine, *jobs)
    assert [tokens(job) for job in (*jobs, ahead)] == alone


def test_who_waits_goes_ahead_of_what_is_queued(sampler: TransformersSampler) -> None:
    sampler = replace(sampler, max_rows=1)
    queued = [job_of(sampler, asking(seed=seed)) for seed in range(5)]
    for job in queued:
        sampler.engine.submit(job)
    sampler.engine.step()
    waited_for = job_of(sampler, asking(seed=70), interactive=True)
    run(sampler.engine, waited_for)
    assert [job.is_done for job in queued] == [True, False, False, False, False]  # what had begun is not thrown away


def test_what_is_streamed_while_others_are_sampled_comes_first_and_changes_nothing(
    sampler: TransformersSampler,
) -> None:
    batch, coming = [asking(seed=1, k=3), asking("x" * 40, seed=30)], asking("Hm", seed=70, max_new_tokens=5)
    expected, alone = sampler.sample(batch), sampler.sample([coming])[0][0]
    found: list[SampledCompletion] = []
    drawn_before: list[int] = []

    def meanwhile() -> None:
        if not found:
            found.append(whole_of(sampler.stream(coming)))
            drawn_before.append(sum(len(row.tokens) for row in sampler.engine.live))

    assert sampler.sample(batch, meanwhile=meanwhile) == expected
    assert found == [alone]
    assert drawn_before[0] > 0  # others were on their way then
    assert has_let_go_of_all(sampler.engine)


def test_what_is_cancelled_leaves_before_the_next_token_and_nobody_is_told(sampler: TransformersSampler) -> None:
    told: list[LiveRow] = []
    leaving, staying = job_of(sampler, asking(k=4), on_token=told.append), job_of(sampler, asking(seed=50))
    sampler.engine.submit(leaving)
    sampler.engine.submit(staying)
    for _ in range(3):
        sampler.engine.step()
    so_far = len(told)
    leaving.cancel()
    finish(sampler.engine, staying)
    assert len(told) == so_far > 0
    assert tokens(staying) == [list(sampler.sample([staying.request])[0][0].token_ids)]
    assert has_let_go_of_all(sampler.engine)
    never_begun = job_of(sampler, asking())
    never_begun.cancel()
    run(sampler.engine, never_begun, job_of(sampler, asking()))


def test_a_job_is_submitted_once(sampler: TransformersSampler) -> None:
    job = job_of(sampler, asking())
    sampler.engine.submit(job)
    with pytest.raises(ValueError, match="submitted already"):
        sampler.engine.submit(job)


def test_out_of_memory_halves_the_rows_and_costs_nothing_else(
    sampler: TransformersSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a pass, when some layers have kept the new token's keys and others have not."""
    request = asking(k=8)
    expected = [list(one.token_ids) for one in sampler.sample([request])[0]]
    sampler = replace(sampler)  # another engine
    layer, asked = sampler.model.model.layers[1], 0
    forward = layer.forward

    def small(hidden: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked > 4 and hidden.shape[1] in (8, 4):
            raise torch.OutOfMemoryError
        return forward(hidden, *args, **kwargs)

    monkeypatch.setattr(layer, "forward", small)
    job = job_of(sampler, request)
    run(sampler.engine, job)
    assert tokens(job) == expected
    assert (sampler.engine.sight.halvings, sampler.engine.max_rows) == (2, 2)
    assert has_let_go_of_all(sampler.engine)


@pytest.mark.parametrize("records", [False, True])
def test_where_memory_ends_anywhere_fewer_rows_go_on_and_nothing_else_changes(
    sampler_of: SamplerOf, records: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of keys over a size that hold a few rows are refused, now and then smaller ones, too: in the middle of
    laying out layers, of gathering prompts, of a recording."""
    sampler = replace(sampler_of(), end_tokens=[])
    asked = [("x" * 90, 4, 1), ("y" * 70, 3, 10), ("z" * 60, 5, 20), ("w" * 30, 2, 30)]
    requests = [asking(text, k=k, seed=seed, max_new_tokens=20) for text, k, seed in asked]
    alone = [[[*one.token_ids] for one in sampler.sample([request])[0]] for request in requests]
    new_zeros, asks = torch.Tensor.new_zeros, itertools.count(1)

    def refusing(like: torch.Tensor, shape: tuple[int, ...], **more: Any) -> torch.Tensor:
        if len(shape) == 4 and (shape[0] > 6 or (shape[0] > 1 and next(asks) % 13 == 0)):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return new_zeros(like, shape, **more)

    monkeypatch.setattr(torch.Tensor, "new_zeros", refusing)
    engine = replace(sampler, end_tokens=[]).engine
    engine._records = records
    jobs = [job_of(sampler, request) for request in requests]
    run(engine, *jobs)
    assert [tokens(job) for job in jobs] == alone
    assert engine.sight.halvings >= 2
    assert has_let_go_of_all(engine)


def test_where_there_is_no_memory_for_a_recording_steps_are_launched_piece_by_piece(
    sampler_of: SamplerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU says of a recording that ran out of memory that it was broken off. Fewer rows are recorded again."""
    sampler = replace(sampler_of(), end_tokens=[])
    requests = [asking("x" * 50, k=k, seed=1, max_new_tokens=14) for k in (9, 3)]
    alone = [[[*one.token_ids] for one in sampler.sample([request])[0]] for request in requests]
    made = []

    def recorded(network: Any, live: Any, own: OwnKeys, device: torch.device) -> Recording:
        if own.count > 4:
            broken_off = RuntimeError("CUDA error: operation failed due to a previous error during capture")
            broken_off.__context__ = torch.OutOfMemoryError("CUDA out of memory")
            raise broken_off
        made.append(own.count)
        return Recording(network, live, own, device)

    monkeypatch.setattr("sampler.live_pass.Recording", recorded)
    engine = replace(sampler, end_tokens=[]).engine
    engine._records = True
    jobs = [job_of(sampler, request) for request in requests]
    for job in jobs:
        run(engine, job)
    assert [tokens(job) for job in jobs] == alone
    assert (made, engine.sight.halvings) == ([3], 0)


def test_what_a_pass_without_memory_had_computed_is_gone_before_rows_are_halved(
    sampler: TransformersSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what is laid out anew finds no memory either."""
    layer = sampler.model.model.layers[1]
    held: list[weakref.ref[torch.Tensor]] = []
    found: list[torch.Tensor | None] = []
    forward, halve = layer.forward, Engine._halve

    def full(hidden: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if hidden.shape[1] != 4 or held:
            return forward(hidden, *args, **kwargs)
        computed = hidden + 1
        held.append(weakref.ref(computed))
        raise torch.OutOfMemoryError("CUDA out of memory")

    def looking(engine: Engine, said: str) -> None:
        found.append(held[0]())
        halve(engine, said)

    monkeypatch.setattr(layer, "forward", full)
    monkeypatch.setattr(Engine, "_halve", looking)
    sampler = replace(sampler)  # another engine
    run(sampler.engine, job_of(sampler, asking(k=4)))
    assert found == [None]


def test_a_recording_that_breaks_off_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch 2.11 does not where the end of a capture fails; later versions refuse to end it twice."""
    pool = (0, 7)
    told: list[tuple[str, tuple[Any, ...]]] = []

    @contextmanager
    def breaking_off(_graph: object, **_: object) -> Iterator[None]:
        yield
        raise RuntimeError("operation failed due to a previous error during capture")

    def refused(*_: object) -> None:
        raise RuntimeError("endAllocatePool: not currently recording to mempool_id")

    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: pool)
    monkeypatch.setattr(torch.cuda, "graph", breaking_off)
    stream: Any = SimpleNamespace(device_index=3)
    graph: Any = object()
    for end in (lambda *given: told.append(("ended", given)), refused):
        monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", end, raising=False)
        monkeypatch.setattr(
            torch._C, "_cuda_releasePool", lambda *given: told.append(("released", given)), raising=False
        )
        with pytest.raises(RuntimeError, match="during capture"), recorded(graph, stream):
            pass
    assert told == [("ended", (3, pool)), ("released", (3, pool))]


def test_where_not_even_one_row_fits_it_says_so(sampler: TransformersSampler, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(sampler.model.model.layers[1], "forward", full)
    with pytest.raises(OutOfMemory, match="Not even one completion fits"):
        sampler.sample([asking()])


def test_what_is_kept_of_dialogues_goes_before_anybody_is_turned_away(
    sampler: TransformersSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sampler.engine
    run(engine, job_of(sampler, asking("How do swifts sleep?"), scope="alice"))
    assert engine._prefixes.tokens > 0
    forward, asked = sampler.model.model.layers[1].forward, 0

    def once(*args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise torch.OutOfMemoryError
        return forward(*args, **kwargs)

    monkeypatch.setattr(sampler.model.model.layers[1], "forward", once)
    running, coming = job_of(sampler, asking()), job_of(sampler, asking("And terns?", seed=7))
    engine.submit(running)
    engine.step()
    run(engine, coming)
    finish(engine, running)
    assert (engine.sight.halvings, engine._prefixes.tokens, engine.max_rows) == (1, 0, sampler.max_rows)
    assert tokens(coming) == [list(sampler.sample([coming.request])[0][0].token_ids)]


def test_after_a_shortage_there_is_room_for_one_more_with_each_new_start(sampler: TransformersSampler) -> None:
    sampler.engine.max_rows = 2
    for _ in range(3):
        run(sampler.engine, job_of(sampler, asking()))
    assert sampler.engine.max_rows == 5


def test_short_completions_beside_a_long_one_are_admitted_by_the_room_that_they_take(
    sampler: TransformersSampler,
) -> None:
    """Rows stand in one block, as wide as the widest of them."""
    sampler = replace(sampler, max_batch_tokens=1000)
    engine = sampler.engine
    long = job_of(sampler, asking(max_new_tokens=90))
    short = [job_of(sampler, asking(k=4, seed=10 * n, max_new_tokens=3)) for n in range(1, 9)]
    for job in (long, *short):
        engine.submit(job)
    most = 0
    while not all(job.is_done for job in (long, *short)):
        engine.step()
        if len(engine.live) > 1:
            rows = len(engine.live) * max(row.job.request.max_new_tokens for row in engine.live)
            assert rows + sum(len(job.prompt) for job in {row.job for row in engine.live}) <= 1000
            assert engine._own.keys[0].shape[2] <= 90
        most = max(most, len(engine.live))
    assert most > 4


def test_another_failure_is_no_lack_of_memory(sampler: TransformersSampler, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("shape mismatch")

    with monkeypatch.context() as patch:
        patch.setattr(sampler.model.model.layers[1], "forward", broken)
        with pytest.raises(RuntimeError, match="shape mismatch"):
            sampler.sample([asking(k=3)])
    assert len(sampler.sample([asking(k=3)])[0]) == 3  # what failed has left nothing behind


class TestTheNextTurnOfADialogue:
    """Begins where the last one ended, and reads only what is new."""

    def dialogue(self, sampler: TransformersSampler, *scopes: str) -> Iterator[tuple[Job, int]]:
        """Two turns; of each the job and how many tokens of its prompt were read."""
        messages = [Message(role="user", content="Tell me about the old lighthouse.")]
        for scope in scopes:
            request = SampleRequest(messages=messages, num_completions=1, seed=3, max_new_tokens=12)
            job = job_of(sampler, request, scope=scope)
            before = sampler.engine.sight.prompt_tokens
            run(sampler.engine, job)
            yield job, sampler.engine.sight.prompt_tokens - before
            text = sampler.tokenizer.decode(job.done[0].tokens, skip_special_tokens=True)
            more = [Message(role="assistant", content=text), Message(role="user", content="And then?")]
            messages = [*messages, *more]

    def test_of_the_same_person(self, sampler: TransformersSampler) -> None:
        (first, read_first), (second, read_second) = self.dialogue(sampler, "alice", "alice")
        assert read_first == len(first.prompt)
        assert read_second < len(second.prompt) - len(first.prompt) + 1
        alone = replace(sampler).sample([second.request])[0][0]
        assert tokens(second) == [list(alone.token_ids)]

    @pytest.mark.parametrize("scopes", [("alice", "bob"), ("alice", ""), ("", "")])
    def test_never_of_somebody_else(self, sampler: TransformersSampler, scopes: tuple[str, str]) -> None:
        """Neither the text nor the time tells what others have written."""
        (_, _), (second, read_second) = self.dialogue(sampler, *scopes)
        assert read_second == len(second.prompt)

    def test_what_is_kept_stays_within_its_share(self, sampler: TransformersSampler) -> None:
        sampler = replace(sampler, max_batch_tokens=400)
        for number in range(9):
            run(
                sampler.engine,
                job_of(sampler, asking(f"{number} is a number that I like.", seed=number), scope="alice"),
            )
        assert 0 < sampler.engine._prefixes.tokens <= 100
        run(sampler.engine, job_of(sampler, asking("x" * 300)))  # which needs the room
        assert sampler.engine._prefixes.tokens <= 400 - 300


def test_a_stream_says_what_the_whole_completion_says(sampler_of: SamplerOf) -> None:
    """Whole characters only, no beginning of a stop, and nothing that is taken back."""
    for chat in (True, False):
        sampler = sampler_of(chat_template=chat)
        for seed in range(6):
            request = asking("写一首诗", seed=seed, max_new_tokens=60)
            (whole,) = sampler.sample([request])[0]
            assert "".join(sampler.stream(request)) == whole.text


def test_whoever_stops_listening_to_a_stream_frees_its_row(sampler: TransformersSampler) -> None:
    stream = sampler.stream(asking(max_new_tokens=40), scope="alice")
    next(stream)
    stream.close()
    sampler.engine.step()
    assert has_let_go_of_all(sampler.engine)


class TestStops:
    def stopped(self, sampler: TransformersSampler, *stop: str) -> SampledCompletion:
        return sampler.sample([asking(stop=stop, temperature=0.0, max_new_tokens=30)])[0][0]

    def test_the_completion_ends_before_the_first_of_them(self, sampler: TransformersSampler) -> None:
        whole = self.stopped(sampler)
        ascii_part = next(word for word in (whole.text[at : at + 2] for at in range(3, 20)) if word.isascii())
        ended = self.stopped(sampler, "never written", ascii_part)
        assert ended.finish_reason == "stop"
        assert ended.text == whole.text[: whole.text.index(ascii_part)].rstrip()
        assert ended.token_ids == whole.token_ids[: ended.token_count]
        stream = "".join(sampler.stream(asking(stop=[ascii_part], temperature=0.0, max_new_tokens=30)))
        assert stream == ended.text

    def test_one_that_never_comes_changes_nothing(self, sampler: TransformersSampler) -> None:
        assert self.stopped(sampler, "never written") == self.stopped(sampler)


def test_first_tokens_are_drawn_from_the_models_own_distribution(sampler: TransformersSampler) -> None:
    """Chi-square over the tokens that are expected 5 times or more of 4,000, and the rest together. At a temperature
    that makes some tokens likely: draws at another one fail it by far."""
    request = asking(k=4000, max_new_tokens=1, seed=10)
    prompt = torch.tensor([sampler._prompt_tokens(request)])
    with torch.inference_mode():
        logits = sampler.model(prompt).logits[0, -1]

    def chi_square(*, drawn_at: float, expected_at: float) -> float:
        drawn = [one.token_ids[0] for one in sampler.sample([replace(request, temperature=drawn_at)])[0]]
        counts = torch.bincount(torch.tensor(drawn), minlength=len(logits)).float()
        expected = 4000 * (logits / expected_at).softmax(dim=-1)
        often = expected >= 5
        parts = [*zip(counts[often], expected[often], strict=True), (counts[~often].sum(), expected[~often].sum())]
        squares = [float((seen - wanted) ** 2 / wanted) for seen, wanted in parts if wanted > 0]
        degrees = len(squares) - 1
        return (sum(squares) - degrees) / math.sqrt(2 * degrees)  # standard deviations above its mean

    assert chi_square(drawn_at=0.1, expected_at=0.1) < 4
    assert chi_square(drawn_at=0.1, expected_at=0.13) > 8


TOGETHER = [asking(text, k=120, seed=10_000 * n) for n, text in enumerate(["Hi", "é" * 20, "w" * 70], start=1)]
ALONE = [asking("abcdefghij"[n % 10] * (5 + n % 10), seed=100_000 + 10 * n) for n in range(200)]


def test_later_tokens_of_a_mixed_batch_are_drawn_from_the_models_own_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second and third token, given what the row drew before: of rows that continue one prompt together, and of
    rows that are alone on theirs, gathered in one product; all of them at once.

    A token's place in the cumulative distribution of its own condition, likelier tokens first, is uniform between 0 and
    1 whatever the condition (the probability integral transform; within the token's own step a random number says
    where). So all conditions go into one chi-square. Keys of another row or another prompt fail it by far.
    """
    put = OwnKeys.put

    def into_the_next_row(own: OwnKeys, layer: int, rows: torch.Tensor, *given: torch.Tensor) -> None:
        put(own, layer, rows.roll(1), *given)

    def of_the_next_prompt(
        prompts: Sequence[PromptKeys], *, room: int
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        keys, values = one_block(prompts, room=room)
        return [each.roll(1, dims=0) for each in keys], [each.roll(1, dims=0) for each in values]

    sampler = looking_back(tmp_path)

    def both(**fault: Any) -> tuple[float, float]:
        with monkeypatch.context() as patch:
            for name, faulty in fault.items():
                patch.setattr(OwnKeys if name == "put" else engine_attention, name, faulty)
            drawn = drawn_together(sampler)
        return excess(sampler, drawn, TOGETHER), excess(sampler, drawn, ALONE)

    together, alone = both()
    assert max(together, alone) < 4
    assert min(both(put=into_the_next_row)) > 8
    faulty_together, faulty_alone = both(one_block=of_the_next_prompt)
    assert (faulty_together, faulty_alone > 8) == (together, True)


def looking_back(directory: Path) -> TransformersSampler:
    """A tiny model that attends to what is far from its last token: of random weights attention changes next to
    nothing."""
    weights = make_tiny_model(directory) / "model.safetensors"
    tensors = load_file(weights)
    save_file(
        {name: tensor * (30 if "self_attn" in name else 1) for name, tensor in tensors.items()}, weights,
        metadata={"format": "pt"},
    )  # fmt: skip
    return replace(TransformersSampler.load(directory, device="cpu", dtype="float32"), end_tokens=[])


Drawn = list[tuple[SampleRequest, Job]]


def drawn_together(sampler: TransformersSampler) -> Drawn:
    """Three tokens of every row, at a temperature that makes some tokens likely."""
    requests = [replace(each, temperature=0.05, max_new_tokens=3) for each in (*TOGETHER, *ALONE)]
    jobs = [job_of(sampler, each) for each in requests]
    run(sampler.engine, *jobs)
    return list(zip((*TOGETHER, *ALONE), jobs, strict=True))


def excess(sampler: TransformersSampler, drawn: Drawn, of: list[SampleRequest], *, temperature: float = 0.05) -> float:
    """How many standard deviations chi-square, of 20 bins, is above its mean."""
    rows: dict[tuple[int, ...], list[list[int]]] = {}
    for request, job in drawn:
        if any(request is each for each in of):
            rows.setdefault(tuple(job.prompt), []).extend(tokens(job))
    places = torch.cat([places_of(sampler, prompt, of_prompt, temperature) for prompt, of_prompt in rows.items()])
    counts, expected = torch.histc(places, bins=20, min=0, max=1), len(places) / 20
    return (float(((counts - expected) ** 2 / expected).sum()) - 19) / math.sqrt(2 * 19)


def places_of(
    sampler: TransformersSampler, prompt: Sequence[int], drawn: list[list[int]], temperature: float
) -> torch.Tensor:
    """[2 · rows], between 0 and 1: of the second and third token of each row, by the library's own pass."""
    with torch.inference_mode():
        logits = sampler.model(torch.tensor([[*prompt, *row[:2]] for row in drawn])).logits[:, -2:]
    chances = (logits / temperature).double().softmax(dim=-1)
    chosen = torch.tensor([row[1:] for row in drawn])[..., None]
    own = chances.gather(-1, chosen)
    likelier = (chances * (chances > own)).sum(dim=-1, keepdim=True)
    uniform = torch.rand(own.shape, generator=torch.Generator().manual_seed(1), dtype=own.dtype)
    places: torch.Tensor = likelier + uniform * own
    return places.flatten()
