import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import SurveyState
from labeling.pay.surveys.rules import SCALE, STATEMENTS
from labeling.people.models import Labeler


class Survey(StatefulModel):
    """One round of the satisfaction survey. At most one is open at a time."""

    name = models.CharField(max_length=100, help_text=_("Such as: Autumn 2026. Labelers read it."))
    state = models.CharField(max_length=16, choices=SurveyState.choices, default=SurveyState.OPEN)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("survey")
        verbose_name_plural = _("surveys")
        ordering = ["-id"]
        constraints = [
            one_of("state", SurveyState, name="survey_state_known"),
            not_blank("name", name="survey_name_not_blank"),
            models.UniqueConstraint(fields=["state"], condition=Q(state="open"), name="survey_one_open"),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None) | Q(state="closed", closed_at__isnull=False),
                name="survey_closed_at_matches_state",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SurveyParticipation(models.Model):
    """That a labeler answered, so that nobody answers twice. What they said is not here, nor when."""

    survey = models.ForeignKey(Survey, on_delete=models.PROTECT, related_name="participations")
    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("participation in a survey")
        verbose_name_plural = _("participations in surveys")
        constraints = [models.UniqueConstraint(fields=["survey", "labeler"], name="survey_answered_once")]

    def __str__(self) -> str:
        return f"{self.labeler} answered {self.survey}"


def _says() -> models.PositiveSmallIntegerField[Any, Any]:
    return models.PositiveSmallIntegerField(help_text="1 strongly disagree … 5 strongly agree.")


class SurveyAnswer(models.Model):
    """What somebody said. Neither the row nor its random number tells who, or in which order."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    survey = models.ForeignKey(Survey, on_delete=models.PROTECT, related_name="answers")
    clear = _says()
    enjoyable = _says()
    repetitive = _says()
    fair = _says()
    glad = _says()
    comment = models.TextField(blank=True)

    class Meta:
        verbose_name = _("answer to a survey")
        verbose_name_plural = _("answers to surveys")
        constraints = [
            models.CheckConstraint(
                condition=Q(**{f"{statement}__in": list(SCALE) for statement in STATEMENTS}),
                name="survey_answer_on_the_scale",
            )
        ]

    def __str__(self) -> str:
        return f"answer to {self.survey}"
