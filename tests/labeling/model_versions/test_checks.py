"""A model is registered when its files look whole, and promoted only after a worker has used it once."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from safetensors.torch import load_file, save_file

from labeling import tasks, worker_models
from labeling.alerts.queries.notices import notices
from labeling.base.refusals import ModelRefused, NoRewardModel
from labeling.base.states import CheckState, ModelKind, ModelState, TaskState
from labeling.model_versions.queries import why_unusable
from labeling.model_versions.services.checks import CHECKS, check_again, check_broken_again, give_up_late_checks
from labeling.model_versions.services.promotion import promote, promote_when_checked, roll_back
from labeling.model_versions.services.registration import register_model
from labeling.model_versions.services.trying import answer_check, score_once
from labeling.models import ModelCheck, ModelVersion, RankingTask, SamplingRun
from labeling.ranking_tasks.services.tasks import top_up
from labeling.rewards.services.scoring_requests import ScoringItem, request_scores
from rm_trainer.protocol import Scored
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.models_in_use import promoted
from tests.tiny_models import make_tiny_model, make_tiny_reward_model

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_models, "_warm", {})
    monkeypatch.setattr(worker_models, "_warm_samplers", {})


def without(model: Path, *names: str) -> Path:
    weights = load_file(model / "model.safetensors")
    save_file({name: one for name, one in weights.items() if name not in names}, model / "model.safetensors")
    return model


def asked(version: ModelVersion) -> ModelCheck:
    check = version.last_check
    assert check is not None
    return check


def break_(version: ModelVersion) -> None:
    """Its directory is there and nothing in it can be loaded: code in config.json."""
    config = json.loads((Path(version.path) / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (Path(version.path) / "config.json").write_text(json.dumps(config))


class TestRegistering:
    @pytest.mark.parametrize(
        ("kind", "make"),
        [
            (ModelKind.SFT, lambda path: without(make_tiny_model(path), "lm_head.weight")),
            (ModelKind.SFT, make_tiny_reward_model),
            (ModelKind.REWARD, make_tiny_model),
        ],
    )
    def test_what_the_files_tell_is_refused_at_once(
        self, tmp_path: Path, kind: ModelKind, make: Callable[[Path], Path]
    ) -> None:
        with pytest.raises(ModelRefused):
            register_model(kind=kind, name="no", path=make(tmp_path / "model"))
        assert not ModelVersion.objects.exists()

    def test_nothing_is_promoted_before_a_worker_has_used_it(self, tmp_path: Path) -> None:
        version = register_model(kind=ModelKind.SFT, name="tiny", path=make_tiny_model(tmp_path))
        with pytest.raises(ModelRefused, match="a worker loads it and uses it once first"):
            promote(version=version, reason="now")
        client = admin_browser()
        page = client.get(reverse("admin:labeling_modelversion_change", args=[version.pk])).text
        assert reverse("admin:labeling_modelversion_promote", args=[version.pk]) not in page
        address = reverse("admin:labeling_modelversion_promote", args=[version.pk])
        assert client.post(address, {"reason": "now"}).status_code == 422

        tasks.model_versions.sample_once(asked(version).pk)

        check = asked(version)
        assert check.state == CheckState.PASSED
        assert "mean log-probability" in check.result
        page = client.get(reverse("admin:labeling_modelversion_change", args=[version.pk])).text
        assert reverse("admin:labeling_modelversion_promote", args=[version.pk]) in page
        assert "mean log-probability" in page
        promote(version=version, reason="now")

    def test_a_reward_model_is_scored_with_and_then_promoted_if_that_was_asked(self, tmp_path: Path) -> None:
        version = register_model(kind=ModelKind.REWARD, name="tiny", path=make_tiny_reward_model(tmp_path))
        promote_when_checked(version=version, reason="it was trained well")
        tasks.model_versions.score_once(asked(version).pk)
        version.refresh_from_db()
        assert (version.state, version.state_reason) == (ModelState.CURRENT, "it was trained well")
        assert "“Go away.” →" in asked(version).result

    def test_a_promotion_asked_for_while_a_worker_tries_the_model_is_not_forgotten(self, tmp_path: Path) -> None:
        version = register_model(kind=ModelKind.SFT, name="tiny", path=make_tiny_model(tmp_path))

        def loads(tried: ModelVersion) -> str:
            promote_when_checked(version=tried, reason="asked for meanwhile")
            return "Hello"

        answer_check(check_id=asked(version).pk, use=loads)
        version.refresh_from_db()
        assert (version.state, version.state_reason) == (ModelState.CURRENT, "asked for meanwhile")

    def test_what_only_loading_tells_is_kept_with_its_reason_and_not_promoted(self, tmp_path: Path) -> None:
        """A lone norm is gone: nothing in the headers tells, and transformers would draw it at random."""
        model = without(make_tiny_model(tmp_path), "model.norm.weight")
        version = register_model(kind=ModelKind.SFT, name="tiny", path=model)
        promote_when_checked(version=version, reason="now")
        tasks.model_versions.sample_once(asked(version).pk)
        version.refresh_from_db()
        assert version.state == ModelState.CANDIDATE
        assert "lack model.norm.weight" in asked(version).failure
        with pytest.raises(ModelRefused, match=r"the worker that tried it failed.*lack model\.norm\.weight"):
            promote(version=version, reason="now")
        (notice,) = [one for one in notices() if "can't be used" in one.text]
        assert notice.urgent
        assert "lack model.norm.weight" in notice.detail
        page = admin_browser().get(notice.link).text
        assert "lack model.norm.weight" in page

    def test_rewards_that_leave_the_answer_out_are_no_pass(self) -> None:
        class Deaf:
            def score(self, items: Any) -> list[Scored]:
                return [Scored(0.5) for _ in items]

        with pytest.raises(ModelRefused, match=r"the rewards 0\.5 and 0\.5"):
            score_once(Deaf())


class TestChecks:
    @pytest.fixture
    def version(self, tmp_path: Path) -> ModelVersion:
        return register_model(kind=ModelKind.SFT, name="tiny", path=make_tiny_model(tmp_path))

    def test_each_kind_is_sent_to_its_workers_once(self, version: ModelVersion, tmp_path: Path) -> None:
        reward = register_model(kind=ModelKind.REWARD, name="rm", path=make_tiny_reward_model(tmp_path / "rm"))
        sampling, scoring = CHECKS
        assert (sampling.task, scoring.task) == ("labeling.tasks.sample_once", "labeling.tasks.score_once")
        assert (sampling.take(), scoring.take()) == ([asked(version).pk], [asked(reward).pk])
        assert (sampling.take(), scoring.take()) == ([], [])

    def test_one_that_no_worker_takes_up_ends_visibly_and_can_be_asked_again(self, version: ModelVersion) -> None:
        ModelCheck.objects.update(asked_at=timezone.now() - timedelta(hours=2))
        give_up_late_checks()
        assert "No sampling worker tried it within 60 minutes" in asked(version).failure
        client = admin_browser()
        address = reverse("admin:labeling_modelversion_check_again", args=[version.pk])
        client.post(address)
        assert asked(version).state == CheckState.WAITING
        assert check_again(version=version) == asked(version)  # nobody is asked twice

    def test_an_answered_one_is_not_answered_again(self, version: ModelVersion) -> None:
        check = asked(version)
        answer_check(check_id=check.pk, use=lambda _: "first")
        answer_check(check_id=check.pk, use=lambda _: "second")
        assert asked(version).result == "first"


class TestACurrentModelThatBreaks:
    def test_sampling_waits_the_admin_says_why_and_it_is_tried_again(self, tmp_path: Path) -> None:
        version = promoted(make_tiny_model(tmp_path / "tiny"))
        campaign = make_campaign(ranking_tasks_per_prompt=1)
        make_prompt(campaign)
        top_up(campaign=campaign)
        task = RankingTask.objects.get()
        break_(version)

        tasks.sampling.sample_completions([task.pk])

        task.refresh_from_db()
        assert (task.state, task.dispatched_at) == (TaskState.SAMPLING, None)
        assert "running code that lies in it" in why_unusable(version)
        (notice,) = [one for one in notices() if "can't be used" in one.text]
        assert "running code that lies in it" in notice.detail
        tasks.sampling.top_up_ready_queues()
        task.refresh_from_db()
        assert task.dispatched_at is None  # no worker is asked to do what can't be done

        check_broken_again()
        assert asked(version).state == CheckState.FAILED  # not at once
        ModelCheck.objects.filter(pk=asked(version).pk).update(finished_at=timezone.now() - timedelta(minutes=6))
        check_broken_again()
        assert asked(version).state == CheckState.WAITING
        answer_check(check_id=asked(version).pk, use=lambda _: "Hello")
        assert not [one for one in notices() if "can't be used" in one.text]

    def test_nothing_rolls_back_to_a_model_that_broke_meanwhile(self, tmp_path: Path) -> None:
        first = promoted(make_tiny_model(tmp_path / "first"))
        promoted(make_tiny_model(tmp_path / "second"))
        check = check_again(version=first)
        break_(first)
        tasks.model_versions.sample_once(check.pk)
        with pytest.raises(ModelRefused, match="the worker that tried it failed"):
            roll_back(kind=ModelKind.SFT)
        assert ModelVersion.objects.get(name="second").state == ModelState.CURRENT

    def test_scoring_ahead_says_it_too(self, tmp_path: Path) -> None:
        version = promoted(make_tiny_reward_model(tmp_path / "rm"), kind=ModelKind.REWARD)
        make_ready_task(make_prompt(make_campaign()))
        without(Path(version.path), "score.weight")
        tasks.scoring.score_completions()
        assert "lack score.weight" in why_unusable(version)

    def test_programs_are_told_why_instead_of_waiting(self, tmp_path: Path) -> None:
        version = promoted(make_tiny_reward_model(tmp_path / "rm"), kind=ModelKind.REWARD)
        petra = make_labeler("petra").user
        item = ScoringItem(prompt=[{"role": "user", "content": "Hi"}], completions=["Hello!"])
        waiting = request_scores(user=petra, items=[item], per_minute=10)
        without(Path(version.path), "score.weight")

        tasks.scoring.score_request(waiting.pk)

        waiting.refresh_from_db()
        assert waiting.state == "failed"
        assert "lack score.weight" in waiting.failure
        make_ready_task(make_prompt(make_campaign()))
        tasks.scoring.score_completions()  # nothing is loaded for what can wait
        with pytest.raises(NoRewardModel, match=r"can't be used: .*lack score\.weight"):
            request_scores(user=petra, items=[item], per_minute=10)


def test_a_kind_of_work_that_fails_again_and_again_is_told_with_its_reason(tmp_path: Path) -> None:
    model = promoted(make_tiny_model(tmp_path / "tiny"))
    campaign = make_campaign(ranking_tasks_per_prompt=1)
    make_prompt(campaign)
    top_up(campaign=campaign)

    def run(error: str) -> None:
        SamplingRun.objects.create(
            task=RankingTask.objects.get(), model_version=model, requested=4, temperature=1, top_p=1, max_new_tokens=8,
            seed=1, state="failed" if error else "done", error=error, finished_at=timezone.now(),
        )  # fmt: skip

    for _ in range(2):
        run("CUDA error: out of memory")
    assert not [one for one in notices() if "in a row" in one.text]
    run("CUDA error: out of memory")
    (notice,) = [one for one in notices() if "in a row" in one.text]
    assert (notice.text, notice.detail) == ("Sampling failed 3 times in a row", "CUDA error: out of memory")
    run("")
    assert not [one for one in notices() if "in a row" in one.text]
