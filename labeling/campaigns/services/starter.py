"""The campaign that a fresh installation starts with: prompts, instructions and rubric out of starter_campaign/."""

import json
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from labeling.base.states import CampaignState, CheckState, LabelerState, ModelKind, PromptSource, UseCase
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.rules.rubric import RubricFlag
from labeling.campaigns.services.campaigns import change_campaign_state, create_campaign
from labeling.campaigns.services.prompts import add_prompt
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.services.promotion import promote_when_checked
from labeling.model_versions.services.registration import find_or_register, local_model
from labeling.people.services import create_labeler

STARTER = Path(__file__).parents[1] / "starter_campaign"
SLUG = "starter"
USE_CASE_STATEMENTS = [
    {"language": "en", "text": "A small shop wants help answering its customers' emails in a friendly tone."},
    {"language": "en", "text": "A teacher prepares reading exercises for twelve-year-olds."},
    {"language": "en", "text": "A hobby gardener keeps notes and wants them summarised at the end of each month."},
    {"language": "zh", "text": "一家小店想用友好的语气回复顾客的邮件。"},
    {"language": "zh", "text": "一位老师在为十二岁的学生准备阅读练习。"},
    {"language": "zh", "text": "一位园艺爱好者做了许多记录，想在每月末得到一份总结。"},
]
LANGUAGES = ("en", "zh")
ADMIN, LABELERS = "admin", ("labeler1", "labeler2", "labeler3")


def starter_instructions() -> dict[str, str]:
    """Markdown by interface language."""
    return {
        "en": (STARTER / "instructions.en.md").read_text(encoding="utf-8"),
        "zh-hans": (STARTER / "instructions.zh.md").read_text(encoding="utf-8"),
    }


def starter_flags() -> list[RubricFlag]:
    """InstructGPT's Table 3, the binary fields."""
    flags: list[RubricFlag] = json.loads((STARTER / "rubric.json").read_text(encoding="utf-8"))["flags"]
    return flags


@transaction.atomic
def load_campaign() -> Campaign | None:
    """The new, open campaign with its prompts; None when there is one already, whatever became of it."""
    if Campaign.objects.filter(slug=SLUG).exists():
        return None
    campaign = create_campaign(
        slug=SLUG,
        name="Starter campaign",
        description="Everyday requests in English and Chinese, to try Concord on: write answers and rank completions.",
        languages=LANGUAGES,
        instructions=starter_instructions(),
        flags=starter_flags(),
        demonstrations_per_prompt=1,
        ranking_tasks_per_prompt=2,
        rankings_per_task=1,
        ask_dialogues=True,
        ask_chats=True,
        ask_own_prompts=True,
        use_case_statements=USE_CASE_STATEMENTS,
    )
    for line in (STARTER / "prompts.jsonl").read_text(encoding="utf-8").splitlines():
        prompt = json.loads(line)
        add_prompt(
            campaign=campaign,
            messages=prompt["messages"],
            submitter=prompt["submitter"],
            source=PromptSource(prompt["source"]),
            use_case=UseCase(prompt["use_case"]),
            language=prompt["language"],
        )
    change_campaign_state(campaign=campaign, state=CampaignState.ACTIVE)
    return campaign


@transaction.atomic
def create_accounts(*, password: str) -> list[str]:
    """The names of the accounts that were missing: one admin, three labelers."""
    missing = [name for name in (ADMIN, *LABELERS) if not User.objects.filter(username=name).exists()]
    for name in missing:
        if name == ADMIN:
            User.objects.create_superuser(username=name, password=password)
        else:
            create_labeler(username=name, password=password, languages=LANGUAGES, state=LabelerState.ACTIVE)
    return missing


def accounts_with(*, password: str) -> list[str]:
    """Those of the starter accounts that this password opens."""
    users = User.objects.filter(username__in=(ADMIN, *LABELERS)).order_by("username")
    return [user.username for user in users if user.check_password(password)]


def first_model_path() -> Path:
    return Path(settings.SFT_MODEL_PATH or settings.DEMO_MODEL_DIR)


@transaction.atomic
def register_first_model() -> ModelVersion | None:
    """The model to sample from, registered; current as soon as a worker has sampled from it once. None where one is
    current, one waits for that, or the directory isn't there.

    Raises ModelRefused when the directory is no checkpoint, or the Hugging Face id can't be fetched.
    """
    if ModelVersion.objects.current(ModelKind.SFT).exists():
        return None
    path = local_model(model=str(first_model_path()), models_dir=Path(settings.MODELS_DIR))
    if not path.is_dir():
        return None
    version, _ = find_or_register(kind=ModelKind.SFT, name=path.resolve().name, path=path)
    check = version.last_check
    if check is not None and check.state == CheckState.WAITING and check.promotion_reason:
        return None
    return promote_when_checked(version=version, reason="The first model to sample from.")
