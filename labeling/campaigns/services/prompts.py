"""Adds prompts, or refuses them with the reason."""

from collections.abc import Mapping, Sequence

from django.db import IntegrityError, transaction
from django.db.models import F

from labeling.base.language import code_of
from labeling.base.refusals import PromptRefused
from labeling.base.states import CampaignUse, ContentWarning, PromptSource, UseCase
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import PROMPTS_PER_SUBMITTER, Prompt, PromptOpening, Submitter
from labeling.campaigns.rules.messages import check_messages
from labeling.campaigns.rules.near_duplicates import prompt_key
from labeling.campaigns.rules.splits import split_of, submitter_name
from labeling.people.models import Labeler
from labeling.people.skills.services import checked_skills
from lm.prompt_format import Message
from lm.snapshot.openings import opening_key
from lm.snapshot.records import TEST


@transaction.atomic
def add_prompt(
    *,
    campaign: Campaign,
    messages: Sequence[Mapping[str, object]],
    submitter: str,
    source: PromptSource,
    use_case: UseCase,
    language: str,
    author: Labeler | None = None,
    picked_message_id: int | None = None,
    content_warnings: Sequence[ContentWarning] = (),
    required_skills: Sequence[str] = (),
    ranking_tasks_needed: int | None = None,
    demonstrations_needed: int | None = None,
    whole_text_differs: bool = False,
    prompt_import_id: int | None = None,
    import_line: int | None = None,
    split: str | None = None,
) -> Prompt:
    """A new prompt of the campaign, with as much work wanted as the campaign asks for, or as is given.

    One that begins like a prompt of any campaign is in that one's split; any other in `split`, or in its submitter's,
    or in the split test where the campaign only evaluates.
    `whole_text_differs`: a prompt that only begins like another is none of its near-duplicates.
    Raises PromptRefused: not a conversation that ends with a user turn, a near-duplicate (the twin's id is named), or
    one too many of its submitter.
    """
    clean = check_messages(messages)
    if not submitter.strip():
        raise PromptRefused("The submitter's name is empty; the split hangs on it, so every prompt needs one.")
    code = code_of(language)
    if code is None:
        raise PromptRefused(f"“{language}” is no language; give a code such as en or zh.")
    key = prompt_key(clean, whole=whole_text_differs)
    _refuse_twin(campaign, key)
    counted = _count_in(submitter_name(submitter))
    try:
        with transaction.atomic():
            return Prompt.objects.create(
                campaign=campaign,
                submitter=counted,
                messages=clean,
                opening=_opening_of(clean, split or _split_for(campaign, counted)),
                dedupe_key=key,
                source=source,
                use_case=use_case,
                language=code,
                author=author,
                picked_message_id=picked_message_id,
                content_warnings=sorted(set(content_warnings)),
                required_skills=checked_skills(required_skills),
                prompt_import_id=prompt_import_id,
                import_line=import_line,
                demonstrations_needed=campaign.labels_wanted(
                    _or_default(demonstrations_needed, campaign.demonstrations_per_prompt)
                ),
                ranking_tasks_needed=_or_default(ranking_tasks_needed, campaign.ranking_tasks_per_prompt),
            )
    except IntegrityError:
        _refuse_twin(campaign, key)  # somebody added the twin in the same moment
        raise


@transaction.atomic
def warn_of_content(*, prompt: Prompt, warnings: Sequence[ContentWarning]) -> Prompt:
    """Says what the prompt holds; from now on it is offered only to labelers who opted out of none of it."""
    prompt = Prompt.objects.select_for_update(no_key=True).get(pk=prompt.pk)
    prompt.content_warnings = sorted(set(warnings))
    prompt.save(update_fields=["content_warnings"])
    return prompt


@transaction.atomic
def ask_for_skills(*, prompt: Prompt, skills: Sequence[str]) -> Prompt:
    """From now on it is offered only to labelers who have all of these, beside those that the campaign asks for.

    Raises SkillRefused.
    """
    prompt = Prompt.objects.select_for_update(no_key=True).get(pk=prompt.pk)
    prompt.required_skills = checked_skills(skills)
    prompt.save(update_fields=["required_skills"])
    return prompt


def split_where_begun(prompts: Sequence[Sequence[Message]]) -> str | None:
    """The split of the first prompt that begins like one of these; None where none does."""
    keys = [opening_key(messages) for messages in prompts]
    return PromptOpening.objects.filter(key__in=keys).order_by("pk").values_list("split", flat=True).first()


def _split_for(campaign: Campaign, submitter: Submitter) -> str:
    return TEST if campaign.use == CampaignUse.EVALUATE_ONLY else submitter.split


def _opening_of(messages: Sequence[Message], split: str) -> PromptOpening:
    opening, _ = PromptOpening.objects.get_or_create(key=opening_key(messages), defaults={"split": split})
    return opening


def _or_default(value: int | None, default: int) -> int:
    return default if value is None else value


def _refuse_twin(campaign: Campaign, key: str) -> None:
    twin = Prompt.objects.filter(campaign=campaign, dedupe_key=key).values_list("pk", flat=True).first()
    if twin is not None:
        raise PromptRefused(
            f"It starts like prompt {twin}, which is in the campaign already (near-duplicate).", twin_id=twin
        )


def _count_in(name: str) -> Submitter:
    submitter, _ = Submitter.objects.get_or_create(name=name, defaults={"split": split_of(name)})
    counted = Submitter.objects.filter(pk=submitter.pk, prompt_count__lt=PROMPTS_PER_SUBMITTER).update(
        prompt_count=F("prompt_count") + 1
    )
    if not counted:
        raise PromptRefused(
            f"Submitter “{name}” has {PROMPTS_PER_SUBMITTER} prompts already, the most that one submitter may have."
        )
    return submitter
