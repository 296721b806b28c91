"""Adds prompts, one or many at once, or refuses them with the reason; and what is changed of them later."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict, Unpack

from django.db import IntegrityError, transaction

from labeling.base.language import code_of
from labeling.base.refusals import PromptRefused, SkillRefused
from labeling.base.states import CampaignUse, ContentWarning, PromptSource, UseCase
from labeling.base.text import UnstorableText
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import PROMPTS_PER_SUBMITTER, Prompt, PromptOpening, Submitter
from labeling.campaigns.rules.messages import check_messages
from labeling.campaigns.rules.near_duplicates import prompt_key
from labeling.campaigns.rules.splits import split_of, submitter_name
from labeling.people.models import Labeler
from labeling.people.skills.services import checked_skills
from lm.prompt_format import Message
from lm.snapshot.openings import opening_key
from lm.snapshot.records.constants import TEST

Refused = PromptRefused | SkillRefused | UnstorableText


class NewPrompt(TypedDict):
    """A prompt that is to be added. What is left out is as the campaign asks, or empty.

    `whole_text_differs`: a prompt that only begins like another is none of its near-duplicates.
    """

    messages: Sequence[Mapping[str, object]]
    submitter: str
    source: PromptSource
    use_case: UseCase
    language: str
    author: NotRequired[Labeler | None]
    picked_message_id: NotRequired[int | None]
    content_warnings: NotRequired[Sequence[ContentWarning]]
    required_skills: NotRequired[Sequence[str]]
    ranking_tasks_needed: NotRequired[int | None]
    demonstrations_needed: NotRequired[int | None]
    whole_text_differs: NotRequired[bool]
    prompt_import_id: NotRequired[int | None]
    import_line: NotRequired[int | None]
    split: NotRequired[str | None]


@transaction.atomic
def add_prompt(*, campaign: Campaign, **new: Unpack[NewPrompt]) -> Prompt:
    """A new prompt of the campaign, with as much work wanted as the campaign asks for, or as is given.

    One that begins like a prompt of any campaign is in that one's split; any other in `split`, or in its submitter's,
    or in the split test where the campaign only evaluates.
    Raises SkillRefused, UnstorableText, and PromptRefused: not a conversation that ends with a user turn, a
    near-duplicate (the twin's id is named), or one too many of its submitter.
    """
    [added] = add_prompts(campaign=campaign, prompts=[new])
    if isinstance(added, Prompt):
        return added
    raise added


@transaction.atomic
def add_prompts(*, campaign: Campaign, prompts: Sequence[NewPrompt]) -> list[Prompt | Refused]:
    """The same of many, in order, by a number of statements that does not grow with them: for each the prompt, or why
    it is refused. What is refused takes nothing from the others.
    """
    try:
        with transaction.atomic():
            return _Adding(campaign, prompts).all()
    except IntegrityError:
        return _Adding(campaign, prompts).all()  # somebody added a twin in the same moment; now it is seen


@dataclass(kw_only=True)
class _Checked:
    """A prompt that is one, before anybody asked whether there is room for it."""

    new: NewPrompt
    messages: list[Message]
    language: str
    submitter: str
    key: str
    opening: str


class _Adding:
    def __init__(self, campaign: Campaign, prompts: Sequence[NewPrompt]) -> None:
        self.campaign = campaign
        self.skills_known: set[frozenset[str]] = {frozenset()}
        self.checked = [self._check(new) for new in prompts]

    def all(self) -> list[Prompt | Refused]:
        sound = [each for each in self.checked if isinstance(each, _Checked)]
        twins = dict(
            Prompt.objects.filter(campaign=self.campaign, dedupe_key__in={each.key for each in sound})
            .order_by("-pk")
            .values_list("dedupe_key", "pk")
        )
        submitters = _locked_submitters({each.submitter for each in sound if each.key not in twins})
        answers: list[_Checked | Refused] = []
        taken: dict[str, int] = {}
        for place, each in enumerate(self.checked):
            answer: _Checked | Refused = each
            if isinstance(each, _Checked):
                answer = self._refusal(each, twins.get(each.key), taken.get(each.key), submitters) or each
            if isinstance(answer, _Checked):
                taken[answer.key] = place
                submitters[answer.submitter].prompt_count += 1
            answers.append(answer)
        made = self._write([each for each in answers if isinstance(each, _Checked)], submitters)
        return [self._named(answer, answers, made) for answer in answers]

    def _check(self, new: NewPrompt) -> _Checked | Refused:
        try:
            messages = check_messages(new["messages"])
            self._check_skills(frozenset(new.get("required_skills", ())))
        except (PromptRefused, SkillRefused, UnstorableText) as refused:
            return refused
        if not new["submitter"].strip():
            return PromptRefused("The submitter's name is empty; the split hangs on it, so every prompt needs one.")
        code = code_of(new["language"])
        if code is None:
            return PromptRefused(f"“{new['language']}” is no language; give a code such as en or zh.")
        return _Checked(
            new=new,
            messages=messages,
            language=code,
            submitter=submitter_name(new["submitter"]),
            key=prompt_key(messages, whole=new.get("whole_text_differs", False)),
            opening=opening_key(messages),
        )

    def _check_skills(self, asked: frozenset[str]) -> None:
        """Looks each combination up once. Raises SkillRefused."""
        if asked not in self.skills_known:
            checked_skills(asked)
            self.skills_known.add(asked)

    def _refusal(
        self, each: _Checked, twin: int | None, earlier: int | None, submitters: Mapping[str, Submitter]
    ) -> PromptRefused | None:
        """`earlier`: the place among the new ones of the one that it repeats."""
        if twin is not None:
            return _near_duplicate(twin)
        if earlier is not None:
            return _RepeatsNew(earlier)
        if submitters[each.submitter].prompt_count >= PROMPTS_PER_SUBMITTER:
            return PromptRefused(
                f"Submitter “{each.submitter}” has {PROMPTS_PER_SUBMITTER} prompts already, the most that one "
                "submitter may have."
            )
        return None

    def _write(self, accepted: Sequence[_Checked], submitters: Mapping[str, Submitter]) -> dict[str, Prompt]:
        """By key."""
        if not accepted:
            return {}
        changed = {submitters[each.submitter].pk: submitters[each.submitter] for each in accepted}
        Submitter.objects.bulk_update(changed.values(), ["prompt_count"])
        openings = self._openings(accepted, submitters)
        made = Prompt.objects.bulk_create(
            self._prompt(each, submitters[each.submitter], openings[each.opening]) for each in accepted
        )
        return {prompt.dedupe_key: prompt for prompt in made}

    def _prompt(self, each: _Checked, submitter: Submitter, opening: PromptOpening) -> Prompt:
        new, campaign = each.new, self.campaign
        demonstrations = _or_default(new.get("demonstrations_needed"), campaign.demonstrations_per_prompt)
        return Prompt(
            campaign=campaign,
            submitter=submitter,
            messages=each.messages,
            opening=opening,
            dedupe_key=each.key,
            source=new["source"],
            use_case=new["use_case"],
            language=each.language,
            author=new.get("author"),
            picked_message_id=new.get("picked_message_id"),
            content_warnings=sorted(set(new.get("content_warnings", ()))),
            required_skills=sorted(set(new.get("required_skills", ()))),
            prompt_import_id=new.get("prompt_import_id"),
            import_line=new.get("import_line"),
            demonstrations_needed=campaign.labels_wanted(demonstrations),
            ranking_tasks_needed=_or_default(new.get("ranking_tasks_needed"), campaign.ranking_tasks_per_prompt),
        )

    def _openings(self, accepted: Sequence[_Checked], submitters: Mapping[str, Submitter]) -> dict[str, PromptOpening]:
        """By key. Of several new prompts that begin alike the first decides the split."""
        known = PromptOpening.objects.in_bulk([each.opening for each in accepted], field_name="key")
        splits: dict[str, str] = {}
        for each in accepted:
            if each.opening not in known:
                split = each.new.get("split") or _split_for(self.campaign, submitters[each.submitter])
                splits.setdefault(each.opening, split)
        if splits:
            PromptOpening.objects.bulk_create(
                (PromptOpening(key=key, split=split) for key, split in sorted(splits.items())), ignore_conflicts=True
            )
            known |= PromptOpening.objects.in_bulk(list(splits), field_name="key")
        return known

    def _named(
        self, answer: _Checked | Refused, answers: Sequence[_Checked | Refused], made: Mapping[str, Prompt]
    ) -> Prompt | Refused:
        if isinstance(answer, _Checked):
            return made[answer.key]
        if isinstance(answer, _RepeatsNew):
            first = answers[answer.place]
            assert isinstance(first, _Checked)  # only what is added is repeated
            return _near_duplicate(made[first.key].pk)
        return answer


class _RepeatsNew(PromptRefused):
    """It repeats a prompt that is added with it, at that place, which has no id yet."""

    def __init__(self, place: int) -> None:
        super().__init__("It starts like another new prompt (near-duplicate).")
        self.place = place


def _near_duplicate(twin: int) -> PromptRefused:
    return PromptRefused(
        f"It starts like prompt {twin}, which is in the campaign already (near-duplicate).", twin_id=twin
    )


def _locked_submitters(names: Collection[str]) -> dict[str, Submitter]:
    """By name, new ones added. Locked until the end of the transaction, so that their counts hold."""
    if not names:
        return {}
    locked = Submitter.objects.select_for_update(no_key=True).filter(name__in=names).order_by("pk")
    found = {submitter.name: submitter for submitter in locked}
    if missing := sorted(set(names) - set(found)):
        Submitter.objects.bulk_create(
            (Submitter(name=name, split=split_of(name)) for name in missing), ignore_conflicts=True
        )
        found |= {submitter.name: submitter for submitter in locked.filter(name__in=missing)}
    return found


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


def _or_default(value: int | None, default: int) -> int:
    return default if value is None else value
