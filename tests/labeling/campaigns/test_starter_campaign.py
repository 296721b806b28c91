"""A fresh installation gets something to do; a second start changes nothing."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from pytest_django import Settings

from labeling.base.refusals import ModelRefused
from labeling.base.states import CampaignState, ModelState
from labeling.desk.services.assignments import claim_demonstration
from labeling.desk.services.leases import close_campaign
from labeling.model_versions.services.promotion import promote
from labeling.model_versions.services.trying import answer_check
from labeling.models import Campaign, Labeler, ModelVersion, Prompt
from lm.errors import UnusableModel
from tests.labeling.models_in_use import tried
from tests.tiny_models import make_tiny_model, make_tiny_reward_model

pytestmark = pytest.mark.django_db


def run(command: str, *arguments: object, **options: Any) -> str:
    out = StringIO()
    call_command(command, *(str(argument) for argument in arguments), stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "tiny")


@pytest.fixture(autouse=True)
def _a_laptop_without_models(settings: Settings, tmp_path: Path) -> None:
    settings.PRODUCTION = False
    settings.SFT_MODEL_PATH = ""
    settings.MODELS_DIR = tmp_path / "models"
    settings.DEMO_MODEL_DIR = settings.MODELS_DIR / "gemma-3-270m"


class TestLoadStarterCampaign:
    def test_makes_a_campaign_that_labelers_can_work_in(self) -> None:
        said = run("load_starter_campaign")

        campaign = Campaign.objects.get(slug="starter")
        assert (campaign.state, campaign.languages) == (CampaignState.ACTIVE, ["en", "zh"])
        assert (campaign.demonstrations_per_prompt, campaign.ranking_tasks_per_prompt) == (1, 2)
        assert Prompt.objects.filter(campaign=campaign).count() == 60
        assert (campaign.harvest_rule.share, campaign.harvest_rule.personal_data) == (1, "hold")
        assert "Campaign “Starter campaign” is open with 60 prompts." in said
        assert claim_demonstration(labeler=Labeler.objects.get(user__username="labeler1")) is not None

    def test_says_the_accounts_and_they_can_log_in(self) -> None:
        said = run("load_starter_campaign")

        assert [line for line in said.splitlines() if line.startswith("Account:")] == [
            f"Account: {name} / concord-demo" for name in ("admin", "labeler1", "labeler2", "labeler3")
        ]
        assert User.objects.get(username="admin").is_superuser
        assert Client().login(username="labeler3", password="concord-demo")

    def test_changes_nothing_and_says_nothing_the_second_time(self) -> None:
        run("load_starter_campaign")
        close_campaign(campaign=Campaign.objects.get())

        assert run("load_starter_campaign") == ""
        assert Campaign.objects.get().state == CampaignState.CLOSED
        assert (Prompt.objects.count(), User.objects.count()) == (60, 4)

    def test_does_not_show_a_password_that_was_changed(self) -> None:
        run("load_starter_campaign")
        admin = User.objects.get(username="admin")
        admin.set_password("a better one")
        admin.save()
        User.objects.get(username="labeler3").labeler.delete()
        User.objects.get(username="labeler3").delete()

        said = run("load_starter_campaign")

        assert [line for line in said.splitlines() if line.startswith("Account:")] == [
            f"Account: {name} / concord-demo" for name in ("labeler1", "labeler2", "labeler3")
        ]

    def test_registers_the_model_at_sft_model_path(self, settings: Settings, model: Path) -> None:
        settings.SFT_MODEL_PATH = str(model)

        said = run("load_starter_campaign")

        version = ModelVersion.objects.get()
        assert (version.kind, version.name, version.path, version.state) == ("sft", "tiny", str(model), "candidate")
        assert f"Completions are sampled from “tiny” ({model}), once a worker has tried it." in said
        assert run("load_starter_campaign") == ""
        tried(version).refresh_from_db()
        assert version.state == ModelState.CURRENT
        assert run("load_starter_campaign") == ""

    def test_registers_the_demo_model_once_it_is_there(self, settings: Settings, tmp_path: Path) -> None:
        assert "There is no language model at" in run("load_starter_campaign")
        make_tiny_model(tmp_path / "models" / "gemma-3-270m")

        said = run("load_starter_campaign")

        assert "Completions are sampled from “gemma-3-270m”" in said
        assert "Account: admin / concord-demo" in said

    def test_refuses_a_directory_that_is_no_model(self, settings: Settings, tmp_path: Path) -> None:
        settings.SFT_MODEL_PATH = str(tmp_path)

        with pytest.raises(CommandError, match=r"config\.json is missing"):
            run("load_starter_campaign")

    def test_makes_no_known_password_in_production(self, settings: Settings) -> None:
        settings.PRODUCTION = True

        with pytest.raises(CommandError, match="Give --password or --no-accounts"):
            run("load_starter_campaign")

        assert not Campaign.objects.exists()
        run("load_starter_campaign", "--no-accounts")
        assert not User.objects.exists()
        run("load_starter_campaign", "--password", "a long one nobody knows")
        assert User.objects.count() == 4


class TestRegisterModel:
    def test_registers_and_promotes_once(self, model: Path) -> None:
        said = run("register_model", "--kind", "sft", "--path", model, "--promote")

        registered, then = said.splitlines()
        assert registered == "Registered sft model “tiny”."
        assert then.startswith("A worker loads it and uses it once, and promotes it when that works")
        version = ModelVersion.objects.get()
        assert version.state == ModelState.CANDIDATE
        tried(version).refresh_from_db()
        assert version.state == ModelState.CURRENT
        assert run("register_model", "--kind", "sft", "--path", model, "--promote") == (
            "Already registered: sft model “tiny”.\n"
        )

    def test_promotes_what_was_a_candidate(self, tmp_path: Path) -> None:
        model = make_tiny_reward_model(tmp_path / "tiny-reward")
        run("register_model", "--kind", "reward", "--path", model, "--name", "rm-1")
        tried(ModelVersion.objects.get())
        assert ModelVersion.objects.get().state == ModelState.CANDIDATE

        said = run("register_model", "--kind", "reward", "--path", model, "--name", "rm-1", "--promote", "--wait", "5")

        assert "It works: Hello. “rm-1” is current now." in said
        assert ModelVersion.objects.get().state == ModelState.CURRENT

    def test_says_why_a_worker_could_not_use_it_and_has_it_tried_again(self, model: Path) -> None:
        run("register_model", "--kind", "sft", "--path", model, "--promote")
        version = ModelVersion.objects.get()

        def refuse(_: ModelVersion) -> str:
            raise UnusableModel("Its weights lack a layer.")

        answer_check(check_id=version.checks.get().pk, use=refuse)
        with pytest.raises(ModelRefused, match=r"the worker that tried it failed\. Its weights lack a layer"):
            promote(version=version, reason="nevertheless")
        run("register_model", "--kind", "sft", "--path", model)
        assert [check.state for check in version.checks.all()] == ["waiting", "failed"]

    def test_refuses_in_words(self, model: Path, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="does not exist"):
            run("register_model", "--kind", "sft", "--path", tmp_path / "gone")
        run("register_model", "--kind", "sft", "--path", model)
        other = make_tiny_model(tmp_path / "elsewhere" / "tiny")
        with pytest.raises(CommandError, match="There is a model version named “tiny” already"):
            run("register_model", "--kind", "sft", "--path", other)


class TestCreateCampaign:
    def test_takes_the_settings_numbers_and_the_starters_texts(self, settings: Settings) -> None:
        settings.K_MAX, settings.SAMPLING_TEMPERATURE = 6, 0.7

        said = run("create_campaign", "--slug", "new", "--name", "New one", "--rankings-per-task", "3")

        campaign = Campaign.objects.get()
        assert said == "Campaign “New one” is a draft.\n"
        assert (campaign.k_min, campaign.k_max, campaign.temperature, campaign.rankings_per_task) == (4, 6, 0.7, 3)
        assert set(campaign.instruction_versions.get().body) == {"en", "zh-hans"}
        assert "fails_task" in campaign.rubric_versions.get().flag_keys()

    def test_reads_instructions_and_opens(self, tmp_path: Path) -> None:
        (tmp_path / "en.md").write_text("# Be kind", encoding="utf-8")
        (tmp_path / "zh.md").write_text("# 善良", encoding="utf-8")

        run(
            "create_campaign", "--slug", "new", "--name", "New one", "--open", "--priority", "-2",
            "--instructions-en", tmp_path / "en.md", "--instructions-zh", tmp_path / "zh.md",
        )  # fmt: skip

        campaign = Campaign.objects.get()
        assert (campaign.state, campaign.priority) == (CampaignState.ACTIVE, -2)
        assert campaign.instruction_versions.get().body == {"en": "# Be kind", "zh-hans": "# 善良"}

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--slug", "taken"], "already exists"),
            (["--slug", "not a slug"], "slug"),
            (["--slug", "new", "--k-min", "3"], "greater than or equal to 4"),
            (["--slug", "new", "--k-max", "10"], "less than or equal to 9"),
            (["--slug", "new", "--k-min", "9", "--k-max", "5"], "campaign_k_range"),
            (["--slug", "new", "--instructions-en", "gone.md"], r"gone\.md can't be read: No such file"),
        ],
    )
    def test_refuses_in_words_and_makes_nothing(self, arguments: list[str], words: str) -> None:
        run("create_campaign", "--slug", "taken", "--name", "Taken")

        with pytest.raises(CommandError, match=words):
            run("create_campaign", "--name", "New one", *arguments)

        assert Campaign.objects.count() == 1
