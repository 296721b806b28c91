"""Which tokens SFT learns."""

from pathlib import Path

import pytest

from lm.prompt_format import Message
from lm.snapshot.records.demonstrations import Demonstration
from policy_trainer.examples import Example, example_of
from policy_trainer.few_shot import with_other_sets
from policy_trainer.model import Policy, load_policy
from rm_trainer.usable import Remarking
from tests.tiny_models import make_tiny_model

DIALOGUE = (
    Message(role="user", content="Hi"),
    Message(role="assistant", content="Hello."),
    Message(role="user", content="Bye"),
)


def made(policy: Policy, *, source: str = "labeler", completion: str = "再见 <|im_end|>") -> Example:
    example = example_of(Demonstration(1, DIALOGUE, completion, source), policy, Remarking())
    assert example is not None
    return example


def learned_texts(policy: Policy, example: Example) -> list[str]:
    """Runs of learned tokens, decoded."""
    runs: list[list[int]] = []
    before = False
    for token, own in zip(example.ids.tolist(), example.learned.tolist(), strict=True):
        if own and not before:
            runs.append([])
        if own:
            runs[-1].append(token)
        before = own
    return [policy.renderer.tokenizer.decode(run) for run in runs]


def test_the_answer_and_its_end_are_learned_and_nothing_else(policy: Policy) -> None:
    """S12, S18: to the end-of-turn token, and not the line break that the template puts behind it. A special token's
    name inside an answer is text, and ends nothing.
    """
    example = made(policy)
    assert learned_texts(policy, example) == ["再见 <|im_end|><|im_end|>"]
    assert example.ids[example.learned][-1].item() in policy.end_tokens
    assert example.count < len(example.ids)


def test_of_a_dialogue_every_turn_of_the_assistant_is_learned(policy: Policy) -> None:
    assert learned_texts(policy, made(policy, source="dialogue", completion="See you")) == [
        "Hello.<|im_end|>",
        "See you<|im_end|>",
    ]


def test_a_base_model_learns_the_plain_format_with_the_end_of_sequence(tmp_path: Path) -> None:
    policy = load_policy(str(make_tiny_model(tmp_path, chat_template=False)), max_length=512)
    assert learned_texts(policy, made(policy, completion="See you")) == [" See you<eos>"]
    assert learned_texts(policy, made(policy, source="dialogue", completion="x")) == [" Hello.", " x<eos>"]


def test_what_is_too_long_loses_its_start_and_an_answer_is_never_cut(tiny_base: Path) -> None:
    short = load_policy(str(tiny_base), max_length=60)
    example = made(short, completion="See you")
    assert len(example.ids) == 60
    assert example.dropped > 0
    assert learned_texts(short, example) == ["See you<|im_end|>"]
    remarking = Remarking()
    assert example_of(Demonstration(1, DIALOGUE, "long " * 20), short, remarking) is None
    assert example_of(Demonstration(2, DIALOGUE, " \n"), short, remarking) is None
    assert set(remarking.remarks) == {"too_long", "empty"}


@pytest.mark.parametrize("source", ["labeler", "dialogue"])
def test_the_first_token_is_never_learned(policy: Policy, source: str) -> None:
    assert not made(policy, source=source).learned[0]


def few_shot(pairs: int, *, few_shot: bool = True) -> Demonstration:
    """Of a prompt with so many other pairs."""
    turns = [
        Message(role=role, content=f"{text} {number}")
        for number in range(pairs)
        for role, text in (("user", "query"), ("assistant", "response"))
    ]
    prompt = (Message(role="system", content="Translate."), *turns, Message(role="user", content="the query"))
    return Demonstration(7, prompt, "the response", few_shot=few_shot)


def test_a_few_shot_demonstration_is_shown_behind_other_sets_of_its_own_pairs() -> None:
    """Appendix A.3: the instruction, the query and the answer stay; queries go with their responses."""
    ideal = few_shot(3)
    made = with_other_sets(ideal, sets=5, seed=1)
    assert made[0] == ideal
    assert len({str(one.prompt) for one in made}) == 5
    for one in made:
        assert (one.prompt[0], one.prompt[-1], one.completion) == (ideal.prompt[0], ideal.prompt[-1], "the response")
        numbers = [message["content"].split()[1] for message in one.prompt[1:-1]]
        assert numbers[::2] == numbers[1::2]
        assert len(set(numbers)) == len(numbers[::2])
    assert made == with_other_sets(ideal, sets=5, seed=1)
    assert made != with_other_sets(ideal, sets=5, seed=2)


def test_there_are_no_more_sets_than_its_pairs_allow_and_other_demonstrations_stay_as_they_are() -> None:
    assert len(with_other_sets(few_shot(1), sets=9, seed=1)) == 2
    assert with_other_sets(few_shot(0), sets=9, seed=1) == [few_shot(0)]
    assert with_other_sets(few_shot(3, few_shot=False), sets=9, seed=1) == [few_shot(3, few_shot=False)]
    assert with_other_sets(few_shot(3), sets=1, seed=1) == [few_shot(3)]
