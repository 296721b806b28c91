from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.states import PromptSource, UseCase
from labeling.campaigns.models.prompts import Prompt
from labeling.writing.models import Composition

LABELER_KINDS = (PromptSource.LABELER_PLAIN, PromptSource.LABELER_FEW_SHOT, PromptSource.LABELER_USER_BASED)


class OwnPrompt(models.Model):
    """A prompt as its labeler wrote it, before it was expanded. Rows are only ever added."""

    composition = models.OneToOneField(Composition, on_delete=models.PROTECT, related_name="own_prompt")
    source = models.CharField(max_length=24, choices=PromptSource.choices)
    use_case = models.CharField(max_length=24, choices=UseCase.choices)
    language = models.CharField(max_length=16)
    text = models.TextField(help_text="The prompt; of a few-shot prompt the instruction.")
    pairs = models.JSONField(default=list, blank=True, help_text="Of a few-shot prompt: list of {query, response}.")
    statement = models.TextField(blank=True, help_text="Of a user-based prompt: the use case that was shown.")
    submitted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("own prompt")
        verbose_name_plural = _("own prompts")
        ordering = ["-id"]
        constraints = [
            one_of("source", LABELER_KINDS, name="own_prompt_source_known"),
            one_of("use_case", UseCase, name="own_prompt_use_case_known"),
            not_blank("text", name="own_prompt_not_blank"),
            not_blank("language", name="own_prompt_language_not_blank"),
            models.CheckConstraint(
                condition=Q(source="labeler_few_shot") & ~Q(pairs=[]) | ~Q(source="labeler_few_shot") & Q(pairs=[]),
                name="own_prompt_pairs_where_few_shot",
            ),
            models.CheckConstraint(
                condition=Q(source="labeler_user_based") & ~Q(statement="")
                | ~Q(source="labeler_user_based") & Q(statement=""),
                name="own_prompt_statement_where_user_based",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:60]


class OwnPromptExample(models.Model):
    """A prompt that an own prompt became: one, or of K pairs K."""

    own_prompt = models.ForeignKey(OwnPrompt, on_delete=models.PROTECT, related_name="examples")
    number = models.PositiveSmallIntegerField(help_text="Of the pair that is asked, from 1.")
    prompt = models.OneToOneField(Prompt, on_delete=models.PROTECT, related_name="own_prompt_example")

    class Meta:
        verbose_name = _("example of an own prompt")
        verbose_name_plural = _("examples of own prompts")
        ordering = ["own_prompt", "number"]
        constraints = [
            models.UniqueConstraint(fields=["own_prompt", "number"], name="own_prompt_example_number_unique"),
            models.CheckConstraint(condition=Q(number__gte=1), name="own_prompt_example_number_positive"),
        ]

    def __str__(self) -> str:
        return f"example {self.number}"
