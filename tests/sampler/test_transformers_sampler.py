"""Sampling with real (tiny) models of five architectures, with and without a chat template."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lm.errors import RefusedByTemplate, UnusableModel
from lm.prompt_format import Message, plain_prompt
from sampler.protocol import ModelFault, PromptTooLong, Sampler, SampleRequest
from sampler.transformers_sampler import TransformersSampler
from tests.sampler.conftest import SamplerOf
from tests.tiny_models import ARCHITECTURES, END_OF_TURN, SPECIAL_TOKENS, make_tiny_model

SHORT: list[Message] = [{"role": "user", "content": "Hi"}]
LONG: list[Message] = [
    {"role": "user", "content": "写一首关于秋天的诗，写得短一点。"},
    {"role": "assistant", "content": "秋风起，叶落满庭。"},
    {"role": "user", "content": "再写一首，这次关于冬天。"},
]


def request(messages: Sequence[Message] = SHORT, *, k: int = 1, seed: int = 1, **settings: float) -> SampleRequest:
    settings = {"max_new_tokens": 24, **settings}
    return SampleRequest(messages=messages, num_completions=k, seed=seed, **settings)  # type: ignore[arg-type]


def without_end(sampler: TransformersSampler) -> TransformersSampler:
    """The same sampler, for which no token ends a turn."""
    return replace(sampler, end_tokens=[])


@pytest.mark.parametrize("chat_template", [True, False], ids=["chat", "plain"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_samples_k_completions(
    sampler_of: SamplerOf, architecture: str, chat_template: bool
) -> None:
    sampler: Sampler = sampler_of(architecture, chat_template=chat_template)
    english, chinese = sampler.sample([request(k=4, seed=10), request(LONG, k=5, seed=20, temperature=0.7, top_p=0.9)])
    assert [completion.seed for completion in english] == [10, 11, 12, 13]
    assert [completion.seed for completion in chinese] == [20, 21, 22, 23, 24]
    for completion in english + chinese:
        assert 1 <= completion.token_count <= 24
        assert completion.finish_reason == "stop" or completion.token_count == 24
        assert -20 < completion.mean_logprob < 0
        assert completion.text == completion.text.rstrip()
        assert not any(token in completion.text for token in SPECIAL_TOKENS)
    assert len({completion.text for completion in english + chinese}) == 9


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_completion_does_not_depend_on_its_companions(
    sampler_of: SamplerOf, architecture: str, temperature: float
) -> None:
    """The short prompt is padded on the left beside the long one, and its text stays the same."""
    sampler = sampler_of(architecture)
    alone = sampler.sample([request(k=2, seed=3, temperature=temperature)])[0]
    together = sampler.sample([request(LONG, k=3), request(k=2, seed=3, temperature=temperature), request(k=1, seed=9)])
    for one, other in zip(alone, together[1], strict=True):
        assert (one.text, one.token_count, one.finish_reason) == (other.text, other.token_count, other.finish_reason)
        assert one.mean_logprob == pytest.approx(other.mean_logprob, abs=1e-4)


def test_one_completion_can_be_sampled_again_from_its_own_seed(sampler_of: SamplerOf) -> None:
    sampler = sampler_of()
    third = sampler.sample([request(k=4, seed=100)])[0][2]
    assert sampler.sample([request(k=1, seed=third.seed)])[0][0].text == third.text


def test_batches_do_not_change_the_answer_or_its_order(sampler_of: SamplerOf) -> None:
    """With room for one row at a time, and with different max_new_tokens, completions come back where they belong."""
    requests = [request(LONG, k=2), request(k=3, seed=50, max_new_tokens=7), request(LONG, k=1, seed=8)]
    together = sampler_of().sample(requests)
    one_by_one = replace(sampler_of(), max_batch_tokens=1).sample(requests)
    assert [[one.text for one in group] for group in together] == [[one.text for one in group] for group in one_by_one]
    assert [len(group) for group in together] == [2, 3, 1]
    assert max(one.token_count for one in together[1]) == 7


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_greedy_sampling_is_transformers_own_greedy_search(sampler_of: SamplerOf, architecture: str) -> None:
    """Alone and beside others, of prompts and answers longer than gemma's window of 64 tokens."""
    sampler = without_end(sampler_of(architecture, chat_template=False))
    asked = [request(one, k=2, temperature=0.0, max_new_tokens=90) for one in (SHORT, LONG)]
    for group, one in zip(sampler.sample([*asked, request(k=3)]), asked, strict=False):
        prompt = torch.tensor([sampler._prompt_tokens(one)])
        output = sampler.model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=90, do_sample=False, pad_token_id=0
        )
        expected = tuple(output[0, prompt.shape[1] :].tolist())
        assert [completion.token_ids for completion in group] == [expected, expected]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_log_probabilities_are_the_models_own(sampler_of: SamplerOf, architecture: str) -> None:
    """Against one plain forward pass over the prompt and the sampled tokens, though these were drawn at 0.7 and 0.8."""
    sampler = sampler_of(architecture)
    asked = request(LONG, k=2, temperature=0.7, top_p=0.8, max_new_tokens=80)  # more than gemma's window of 64
    for completion in sampler.sample([request(), asked])[1]:
        tokens = torch.tensor([[*sampler._prompt_tokens(asked), *completion.token_ids]])
        with torch.inference_mode():
            logprobs = sampler.model(tokens).logits.log_softmax(dim=-1)[0, :-1]  # [length - 1, vocabulary]
            chosen = logprobs.gather(1, tokens[0, 1:, None])[-completion.token_count :, 0]
        assert completion.logprobs == pytest.approx(chosen.tolist(), abs=1e-4)
        assert completion.mean_logprob == pytest.approx(chosen.mean().item(), abs=1e-4)


def test_the_turn_ends_at_an_end_token_which_is_counted_and_not_shown(sampler_of: SamplerOf) -> None:
    """The model's own greedy tokens, and again with the first new one among them as an end token."""
    sampler = without_end(sampler_of())
    (whole,) = sampler.sample([request(temperature=0.0)])[0]
    assert (whole.finish_reason, whole.token_count) == ("length", 24)
    tokens = whole.token_ids
    end = next(index for index in range(1, 24) if tokens[index] not in tokens[:index])
    with_end = replace(sampler, end_tokens=[300, tokens[end]])
    (ended,) = with_end.sample([request(temperature=0.0)])[0]
    assert (ended.finish_reason, ended.token_count) == ("stop", end + 1)
    assert ended.token_ids == tokens[: end + 1]
    assert whole.text.startswith(ended.text)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model that has learned one text by heart, in which the user speaks after the assistant."""
    directory = make_tiny_model(tmp_path_factory.mktemp("taught"), chat_template=False)
    _teach(directory, f"{plain_prompt(SHORT)} Hello,\n\nyou!\n\nUser: More")
    return directory


def _teach(directory: Path, text: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(directory)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    tokens = tokenizer(text, return_tensors="pt")["input_ids"]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        model(tokens, labels=tokens).loss.backward()
        optimizer.step()
    model.save_pretrained(directory)


@pytest.mark.training
def test_a_base_models_turn_ends_where_the_users_begins(taught: Path) -> None:
    sampler = TransformersSampler.load(taught, device="cpu", dtype="float32")
    (completion,) = sampler.sample([request(temperature=0.0, max_new_tokens=60)])[0]
    assert completion.text == "Hello,\n\nyou!"
    assert completion.finish_reason == "stop"
    assert completion.token_count == len(" Hello,\n\nyou!\n\nUser:")  # a byte is a token


@pytest.mark.parametrize("chat_template", [True, False], ids=["chat", "plain"])
@pytest.mark.training
def test_a_model_that_says_nothing_gives_an_empty_completion(tmp_path: Path, chat_template: bool) -> None:
    directory = make_tiny_model(tmp_path, chat_template=chat_template)
    chat = f"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n{END_OF_TURN}"
    _teach(directory, chat if chat_template else f"{plain_prompt(SHORT)}<eos>")
    (completion,) = TransformersSampler.load(directory, device="cpu").sample([request(temperature=0.0)])[0]
    assert (completion.text, completion.token_count, completion.finish_reason) == ("", 1, "stop")


def test_chat_models_end_turns_as_their_template_and_their_generation_config_say(sampler_of: SamplerOf) -> None:
    ends = {chat: list(sampler_of(chat_template=chat).end_tokens) for chat in (True, False)}
    tokenizer = sampler_of().tokenizer
    assert tokenizer.convert_ids_to_tokens(ends[True]) == ["<eos>", "<|im_end|>"]
    assert tokenizer.convert_ids_to_tokens(ends[False]) == ["<eos>"]


def test_the_template_names_the_end_of_turn_when_generation_config_does_not(tmp_path: Path) -> None:
    make_tiny_model(tmp_path)
    (tmp_path / "generation_config.json").unlink()
    sampler = TransformersSampler.load(tmp_path, device="cpu")
    assert END_OF_TURN in sampler.tokenizer.convert_ids_to_tokens(list(sampler.end_tokens))


def test_a_models_own_sampling_settings_are_left_out(sampler_of: SamplerOf, tmp_path: Path) -> None:
    make_tiny_model(tmp_path)
    own = '{"do_sample": true, "top_k": 1, "repetition_penalty": 9.0, "temperature": 0.1, "eos_token_id": [258, 260]}'
    (tmp_path / "generation_config.json").write_text(own)
    sampler = TransformersSampler.load(tmp_path, device="cpu", dtype="float32")
    assert sampler.sample([request(k=3)]) == sampler_of().sample([request(k=3)])


@pytest.mark.parametrize("chat_template", [True, False], ids=["chat", "plain"])
def test_a_prompt_may_fill_the_context_to_the_last_token_and_no_more(
    sampler_of: SamplerOf, chat_template: bool
) -> None:
    sampler = sampler_of("gptj", chat_template=chat_template)  # its positions are a table, which ends at the context
    fits, too_long = ([Message(role="user", content="é" * 100 + "x" * extra)] for extra in _fill(sampler))
    assert sampler.sample([request(fits, max_new_tokens=30)])[0][0].token_count <= 30
    with pytest.raises(PromptTooLong, match=r"483 tokens; at most 482 fit.*context is 512.*30 of them") as refusal:
        sampler.sample([request(SHORT), request(too_long, max_new_tokens=30)])
    assert (refusal.value.tokens, refusal.value.limit) == (483, 482)


def _fill(sampler: TransformersSampler) -> tuple[int, int]:
    """How many one-token characters make a prompt of 482 and of 483 tokens."""
    empty = len(sampler._prompt_tokens(request([{"role": "user", "content": "é" * 100}])))
    return 482 - empty, 483 - empty


def test_a_conversation_that_the_chat_template_refuses_is_refused_in_its_words(tmp_path: Path) -> None:
    make_tiny_model(tmp_path)
    template = tmp_path / "chat_template.jinja"
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    template.write_text(refusing + template.read_text())
    sampler = TransformersSampler.load(tmp_path, device="cpu")
    with pytest.raises(RefusedByTemplate, match="refuses the conversation: System role not supported"):
        sampler.sample([request([{"role": "system", "content": "Be brief."}, *SHORT])])


def test_a_model_whose_weights_are_damaged_is_called_so(tmp_path: Path) -> None:
    make_tiny_model(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    model.lm_head.weight.data.fill_(float("nan"))
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelFault, match=r"no usable probabilities in torch\.float32"):
        TransformersSampler.load(tmp_path, device="cpu", dtype="float32").sample([request()])


def test_a_directory_without_a_model_is_refused_before_torch_reads_it(tmp_path: Path) -> None:
    with pytest.raises(UnusableModel, match="does not exist"):
        TransformersSampler.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"num_completions": 0}, "num_completions is 0"),
        ({"messages": []}, "no messages"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63 - 1}, "seed is 9223372036854775807"),
        ({"temperature": -0.5}, "temperature is -0.5"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_k": -1}, "top_k is -1"),
        ({"min_p": 1.1}, "min_p is 1.1"),
        ({"end_logit": 1e9}, "end_logit is 1000000000.0"),
        ({"stop": ["."] * 5}, "stop has 5 texts"),
        ({"stop": [""]}, "stop has an empty text"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(wrong: dict[str, object], words: str) -> None:
    sound: dict[str, object] = {"messages": SHORT, "num_completions": 4, "seed": 1}
    with pytest.raises(ValueError, match=words):
        SampleRequest(**(sound | wrong))  # type: ignore[arg-type]


def test_what_it_has_done_and_holds_is_counted(sampler_of: SamplerOf) -> None:
    sampler = without_end(sampler_of())
    (completions,) = sampler.sample([request(k=3, max_new_tokens=8)])
    list(sampler.stream(request(max_new_tokens=8), scope="alice"))
    list(sampler.stream(request(max_new_tokens=8), scope="alice"))
    sight = sampler.sight()
    assert sight["new_tokens"] == sum(each.token_count for each in completions) + 2 * 8
    assert (sight["first_tokens"], sight["steps"], sight["rows_in_steps"]) == (3, 21, 35)
    assert sight["first_token_seconds"] > 0
    prompt = len(sampler._prompt_tokens(request()))
    assert sight["prompt_tokens"] + sight["prefix_tokens"] == 3 * prompt
    assert sight["prefix_tokens"] == prompt - 1
    assert 0 < sight["cache_bytes"] < sight["cache_limit_bytes"]
