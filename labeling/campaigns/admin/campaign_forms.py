"""Forms of a campaign: made with its first instructions and rubric, changed afterwards."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from labeling.base.admin.fields import choice, languages, several
from labeling.base.states import ModelKind
from labeling.campaigns.admin.version_forms import BODY_FIELDS, FlagsField, InstructionsForm
from labeling.campaigns.mixture.rules import BadMixture, lines_of, parts_of
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.services.campaigns import campaign_defaults
from labeling.campaigns.services.starter import starter_flags
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.people.skills.queries import named_skills

SETTINGS: tuple[str, ...] = (
    "name",
    "description",
    "languages",
    "required_skills",
    "priority",
    "daily_quota",
    "weekly_quota",
    "demonstrations_per_prompt",
    "ranking_tasks_per_prompt",
    "rankings_per_task",
    "shared_percent",
    "shared_rankings",
    "gold_percent",
    "gold_feedback",
    "repeat_percent",
    "repeat_after_days",
    "ask_dialogues",
    "suggestions_per_turn",
    "ask_chats",
    "ask_own_prompts",
    "use_case_statements",
    "k_min",
    "k_max",
    "temperature",
    "top_p",
    "max_new_tokens",
    "mixture",
    "best_of_percent",
    "best_of",
    "include_demonstration",
    "ready_minutes",
    "lease_minutes",
    "ask_strength",
    "ask_edit",
    "review_percent",
    "review_first",
    "review_below_percent",
    "use",
    "reward_models",
    "retrain_after_rankings",
    "retrain_after_days",
)

LABELS = {
    "slug": _("Slug"),
    "name": _("Name"),
    "description": _("Description"),
    "priority": _("Priority"),
    "daily_quota": _("Pieces of work a day, for one labeler"),
    "weekly_quota": _("Pieces of work a week, for one labeler"),
    "demonstrations_per_prompt": _("Demonstrations per prompt"),
    "ranking_tasks_per_prompt": _("Ranking tasks per prompt"),
    "rankings_per_task": _("Rankings per task"),
    "stage": _("For whom"),
    "shared_percent": _("Shared tasks, in a hundred rankings"),
    "shared_rankings": _("Rankings per shared task"),
    "gold_percent": _("Gold items, after a hundred rankings"),
    "gold_feedback": _("Show the right answer after gold"),
    "repeat_percent": _("Repeats, after a hundred rankings"),
    "repeat_after_days": _("Days until a repeat"),
    "ask_dialogues": _("Dialogues"),
    "suggestions_per_turn": _("Suggestions per turn"),
    "ask_chats": _("Chats, then rankings"),
    "ask_own_prompts": _("Own prompts"),
    "use_case_statements": _("Use cases shown for own prompts"),
    "k_min": _("Fewest completions (K)"),
    "k_max": _("Most completions (K)"),
    "temperature": _("Temperature"),
    "top_p": _("Top-p"),
    "max_new_tokens": _("Longest completion, in tokens"),
    "mixture": _("Sampled from"),
    "best_of_percent": _("Picked by the reward model, in percent"),
    "best_of": _("Best of so many"),
    "include_demonstration": _("A labeler's demonstration among them"),
    "ready_minutes": _("Minutes of work kept ready"),
    "lease_minutes": _("Lease, in minutes"),
    "ask_strength": _("Ask how much better"),
    "ask_edit": _("Ask to improve the best"),
    "review_percent": _("Reviewed by chance, in percent"),
    "review_first": _("First pieces of work reviewed"),
    "review_below_percent": _("Reviewed below so much agreement, in percent"),
    "use": _("Use of its labels"),
    "reward_models": _("Reward models"),
    "retrain_after_rankings": _("Retrain after so many rankings"),
    "retrain_after_days": _("Retrain after so many days"),
}

FIELDSETS: list[Any] = [
    (_("What it is"), {"fields": ["name", "description", "stage", "languages", "required_skills", "priority"]}),
    (
        _("How much is asked for"),
        {
            "fields": [
                "demonstrations_per_prompt",
                "ranking_tasks_per_prompt",
                "rankings_per_task",
                "apply_to_existing",
                "daily_quota",
                "weekly_quota",
                "ask_strength",
                "ask_edit",
                "lease_minutes",
            ]
        },
    ),
    (
        _("How well labelers agree"),
        {
            "fields": [
                "shared_percent",
                "shared_rankings",
                "gold_percent",
                "gold_feedback",
                "repeat_percent",
                "repeat_after_days",
            ]
        },
    ),
    (
        _("What labelers may begin by themselves"),
        {"fields": ["ask_dialogues", "suggestions_per_turn", "ask_chats", "ask_own_prompts", "use_case_statements"]},
    ),
    (
        _("How completions are sampled"),
        {
            "fields": [
                "k_min",
                "k_max",
                "temperature",
                "top_p",
                "max_new_tokens",
                "mixture",
                "best_of_percent",
                "best_of",
                "include_demonstration",
                "ready_minutes",
            ]
        },
    ),
    (_("What reviewers look at"), {"fields": ["review_percent", "review_first", "review_below_percent"]}),
    (
        _("What its labels are for"),
        {"fields": ["use", "reward_models", "retrain_after_rankings", "retrain_after_days"]},
    ),
]


class StatementsField(forms.CharField):
    """Use cases, one a line, each beginning with the code of its language."""

    def __init__(self) -> None:
        super().__init__(
            label=LABELS["use_case_statements"],
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
            help_text=_("One a line, each beginning with the code of its language, such as en: You plan a trip."),
        )

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        return "\n".join(f"{each['language']}: {each['text']}" for each in value or [])

    def to_python(self, value: Any) -> Any:
        return [self._statement(line) for line in (super().to_python(value) or "").splitlines() if line.strip()]

    def _statement(self, line: str) -> dict[str, str]:
        code, colon, text = line.partition(":")
        if not colon or not text.strip() or not code.strip().replace("-", "").isalnum() or len(code.strip()) > 16:
            raise forms.ValidationError(
                _("Begin each line with a language's code and a colon: %(line)s") % {"line": line}
            )
        return {"language": code.strip(), "text": text.strip()}


class MixtureField(forms.CharField):
    """The models that completions come from, one a line, with its share."""

    def __init__(self) -> None:
        super().__init__(
            label=LABELS["mixture"],
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "2 current\n1 policy-2 T=0.7 top-p=0.9"}),
            help_text=_(
                "One a line: a share and a model version's name, or current for whichever is current; after it, where "
                "they differ from the above, T=… and top-p=…. Labelers are not shown which is which. Empty: all from "
                "the current one."
            ),
        )

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        names = {part["model"] for part in value or [] if part["model"] is not None}
        return lines_of(value or [], names=dict(ModelVersion.objects.filter(pk__in=names).values_list("pk", "name")))

    def to_python(self, value: Any) -> Any:
        versions = dict(ModelVersion.objects.filter(kind=ModelKind.SFT).values_list("name", "pk"))
        try:
            return parts_of(super().to_python(value) or "", versions=versions)
        except BadMixture as bad:
            raise forms.ValidationError(str(bad)) from bad


EXISTING = [
    ("yes", _("Existing prompts and tasks ask for the new numbers, too")),
    ("no", _("Only what is added from now on")),
]


class CampaignForm(forms.ModelForm):  # type: ignore[type-arg]  # only the stubs are generic
    apply_to_existing = choice(
        _("If these numbers change"),
        EXISTING,
        initial="yes",
        required=False,
        help_text=_("What is done or held stays. Tasks that were done wait again where more rankings are asked for."),
    )
    use_case_statements = StatementsField()
    mixture = MixtureField()
    required_skills = several(
        _("Skills and topics that it asks for"),
        named_skills,
        help_text=_("Only labelers who have all of them are offered its work. A prompt may ask for more."),
    )
    languages = languages(help_text=_("For what labelers begin by themselves. Prompts have their own."))

    class Meta:
        model = Campaign
        fields = SETTINGS
        labels = LABELS
        widgets = {
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "reward_models": UnfoldAdminCheckboxSelectMultipleWidget(),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        lowest, highest = cleaned.get("k_min"), cleaned.get("k_max")
        if lowest and highest and lowest > highest:
            self.add_error("k_max", _("The most completions can't be less than the fewest."))
        return cleaned


class NewCampaignForm(InstructionsForm, CampaignForm):
    """A draft with version 1 of its instructions and rubric; the rubric begins as InstructGPT's Table 3."""

    flags = FlagsField(required=False)
    apply_to_existing = None  # type: ignore[assignment]  # Django leaves the field out: there is nothing yet

    class Meta(CampaignForm.Meta):
        fields = ("slug", "stage", *SETTINGS)
        help_texts = {"slug": _("A short name in exports, such as everyday-2. It can't change later.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        first = {"flags": starter_flags(), "reward_models": [default_reward_model()]}
        kwargs["initial"] = {**campaign_defaults(), **first, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)


NEW_FIELDSETS: list[Any] = [
    (FIELDSETS[0][0], {"fields": ["slug", *FIELDSETS[0][1]["fields"]]}),  # with the stage, which is chosen once
    (_("What labelers are told"), {"fields": list(BODY_FIELDS.values())}),
    (_("What labelers flag, beside the 1–7 quality"), {"fields": ["flags"]}),
    (
        FIELDSETS[1][0],
        {"fields": [name for name in FIELDSETS[1][1]["fields"] if name != "apply_to_existing"]},
    ),
    *FIELDSETS[2:],
]
