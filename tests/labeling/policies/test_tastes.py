"""How often a known taste prefers one policy to another, and the commands of the demo."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from labeling.base.states import CampaignState, CheckState, ModelKind, RunState
from labeling.imports.services.starter import FILE, load_starter_demonstrations
from labeling.model_versions.services.promotion import promote, promote_when_checked
from labeling.model_versions.services.registration import register_model
from labeling.model_versions.services.reward_models import create_reward_model, default_reward_model
from labeling.models import Campaign, Demonstration, ModelCheck, PolicyRun
from labeling.policies.queries import held_out_prompts
from labeling.policies.rules.tastes import compare
from labeling.simulation.rules.preferences import rule_named
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.policies.scripted_trainer import ScriptedTrainer, named, step
from tests.labeling.scripted_sampler import ScriptedSampler


def test_ties_are_halves_and_the_interval_knows_that_answers_of_one_prompt_belong_together() -> None:
    found = compare([["a", "bb"], ["a", "a"]], [["bb", "bb"], ["a", "bb"]], rule_named("shorter"))
    assert (found.prompts, found.pairs, found.won, found.tied) == (2, 4, 2, 2)
    assert found.win_rate == 0.75
    assert found.interval is None  # two prompts that are alike tell nothing
    assert (found.first, found.second) == (-1.25, -1.75)
    many = compare([["a"], ["a"], ["a"], ["ccc"]] * 5, [["bb"]] * 20, rule_named("shorter"))
    assert many.interval is not None
    assert many.interval[0] < many.win_rate == 0.75 < many.interval[1]


@pytest.mark.django_db
class TestCommands:
    def run(self, *words: str, **options: Any) -> str:
        out = io.StringIO()
        call_command(*words, stdout=out, **options)
        return out.getvalue()

    def test_the_starter_demonstrations_come_in_once_and_nobody_is_given_work_of_them(self) -> None:
        lines = len(FILE.read_text(encoding="utf-8").splitlines())
        assert load_starter_demonstrations() == lines
        assert load_starter_demonstrations() == 0
        assert Campaign.objects.get().state == CampaignState.CLOSED
        assert Demonstration.objects.filter(labeler=None).count() == lines
        splits = set(Demonstration.objects.values_list("prompt__opening__split", flat=True))
        assert splits == {"train", "valid"}

    def test_sft_is_trained_here_on_the_starter_demonstrations(self, trainer: ScriptedTrainer) -> None:
        named("base", state="current")
        trainer.says([step(1)], method="sft")
        said = self.run("train_policy", "sft", now=True, starter_demonstrations=True)
        assert "starter demonstrations taken in" in said
        assert f"Policy run {PolicyRun.objects.get().pk}: sft-" in said
        assert "promoted by hand" in said

    def test_ppo_says_how_often_the_taste_prefers_it_to_where_it_began(
        self, trainer: ScriptedTrainer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load_starter_demonstrations()
        named("sft", state="current")
        with pytest.raises(CommandError, match="No version of the default reward model is current"):
            self.run("train_policy", "ppo", now=True)
        named("rm-sim", kind="reward", reward_model=default_reward_model(), simulated=True)
        watcher = create_reward_model(slug="watcher", name="Watcher", watches=default_reward_model())
        watching = named("rm-watching", kind="reward", reward_model=watcher, simulated=True)
        trainer.says([step(1, reward=1.0)])

        def sampler(version: Any) -> ScriptedSampler:
            return ScriptedSampler(*["short" if version.name.startswith("ppo-") else "a long answer"] * 200)

        monkeypatch.setattr("labeling.management.commands.compare_policies.loaded_sampler", sampler)
        said = self.run("train_policy", "ppo", now=True, include_simulated=True, taste="shorter")
        assert "the latest candidate is taken: “rm-sim”" in said
        run = PolicyRun.objects.get(stage="ppo")
        assert run.state == RunState.DONE
        assert run.watched_by == watching
        assert run.model_version is not None
        assert run.model_version.simulated  # its reward model learned from simulated labelers
        assert "prefers “ppo-" in said
        assert "in 100% of them" in said

    def test_a_model_that_a_worker_is_about_to_try_is_waited_for(
        self, trainer: ScriptedTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A machine that was started a moment ago: the model has passed a moment before it is current."""
        first = register_model(kind=ModelKind.SFT, name="first", path=tmp_path / "made")
        promote_when_checked(version=first, reason="The first model to sample from.")
        passed = {"state": CheckState.PASSED, "finished_at": timezone.now()}
        happens: Iterator[Callable[[], object]] = iter(
            [
                lambda: ModelCheck.objects.update(**passed),
                lambda: promote(version=first, reason="It has passed."),
            ]
        )
        monkeypatch.setattr("labeling.management.commands.train_policy.time.sleep", lambda _seconds: next(happens)())
        trainer.says([step(1)], method="sft")
        said = self.run("train_policy", "sft", now=True, starter_demonstrations=True)
        assert "tries the first language model" in said
        assert PolicyRun.objects.get().start == first

    def test_what_is_missing_is_named(self) -> None:
        with pytest.raises(CommandError, match="need the finished model"):
            self.run("train_policy", "ppo", taste="shorter")
        with pytest.raises(CommandError, match="There is no SFT model “x”; there are: none yet"):
            self.run("train_policy", "dpo", start="x")
        with pytest.raises(CommandError, match="There is no rule “nicer”"):
            self.run("compare_policies", "a", "b", taste="nicer")
        named("a")
        with pytest.raises(CommandError, match="There is no language model “b”; there are: a"):
            self.run("compare_policies", "b", "a", taste="shorter")

    def test_held_out_prompts_are_of_real_work_and_each_once(self) -> None:
        campaign, simulated = make_campaign(), make_campaign(simulated=True)
        kept = make_prompt(campaign, text="Why?", submitter="submitter-50")
        make_prompt(simulated, text="Why?", submitter="submitter-50")
        make_prompt(campaign, text="Train?", submitter="submitter-1")
        assert held_out_prompts(most=10) == [kept]
