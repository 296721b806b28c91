"""Prompts changed after they were added: what they hold, and what they ask for."""

from collections.abc import Sequence

from django.db import transaction

from labeling.base.states import ContentWarning
from labeling.campaigns.models.prompts import Prompt, PromptOpening
from labeling.people.skills.services import checked_skills
from lm.prompt_format import Message
from lm.snapshot.openings import opening_key


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
