"""A reward model that stays loaded: prompts read once, order kept, nothing depends on its neighbours."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from torch import Tensor
from transformers import PreTrainedModel

from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prefix_sharing.strategy import Strategy
from lm.prompt_format import Message
from rm_trainer.protocol import Item, Scored
from rm_trainer.scorer import Scorer
from tests.rm_trainer.commands import train

Passes = list[list[int]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, zebra_snapshot: Path, tiny_base: Path) -> Path:
    output = tmp_path_factory.mktemp("trained") / "model"
    assert train(zebra_snapshot, tiny_base, output, "--epochs", "1") == 0
    return output


def items(*pairs: tuple[str, str]) -> list[Item]:
    return [Item((Message(role="user", content=prompt),), completion) for prompt, completion in pairs]


def rewards(scored: Sequence[Scored]) -> list[float]:
    assert all(one.reward is not None for one in scored), scored
    return [one.reward for one in scored if one.reward is not None]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    """How many completions each prompt of each pass through the network has."""
    seen: Passes = []

    read = Strategy.last_hidden_states

    def watched(self: Strategy, model: PreTrainedModel, prompts: Sequence[SharedPrompt]) -> Tensor:
        seen.append([len(one.completions) for one in prompts])
        return read(self, model, prompts)

    monkeypatch.setattr(Strategy, "last_hidden_states", watched)
    return seen


def test_completions_of_one_prompt_have_it_read_once_wherever_they_stand(trained: Path, passes: Passes) -> None:
    """Two prompts, their five completions mixed: one pass of two groups, and the rewards in the order asked."""
    asked = items(("Hi", "zebra"), ("Bye", "cat"), ("Hi", "dog"), ("Bye", "a zebra"), ("Hi", "cow"))
    together = rewards(Scorer.load(str(trained), batch_size=8).score(asked))
    assert passes == [[3, 2]]
    alone = Scorer.load(str(trained), batch_size=1)
    assert together == pytest.approx([rewards(alone.score([one]))[0] for one in asked], abs=1e-5)
    assert len(set(together)) == 5


def test_no_pass_holds_more_completions_than_the_batch_size(trained: Path, passes: Passes) -> None:
    asked = items(
        *[("Hi", f"zebra {number}") for number in range(5)], *[("Bye", f"cat {number}") for number in range(3)]
    )
    Scorer.load(str(trained), batch_size=4).score(asked)
    assert [sorted(one) for one in passes] == [[4], [1, 3]]


def test_a_reward_does_not_depend_on_what_else_is_scored(trained: Path) -> None:
    """The long completion costs the prompt tokens; the short one beside it keeps them all."""
    prompt = "x" * 460
    short, long = items((prompt, "zebra"), (prompt, "dog " * 40))
    scorer = Scorer.load(str(trained), batch_size=8)
    both = scorer.score([short, long])
    assert [one.dropped > 0 for one in both] == [False, True]
    assert rewards(both) == pytest.approx([*rewards(scorer.score([short])), *rewards(scorer.score([long]))], abs=1e-5)


def test_what_cannot_be_scored_says_why_and_holds_up_nobody(trained: Path) -> None:
    scored = Scorer.load(str(trained), batch_size=8).score(items(("Hi", "x" * 600), ("Hi", "zebra")))
    assert scored[0].reward is None
    assert "a completion is never cut" in scored[0].problem
    assert scored[1].reward is not None
    assert Scorer.load(str(trained), batch_size=8).score([]) == []
