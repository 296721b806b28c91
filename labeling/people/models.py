from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import WORKS_IN, CampaignStage, ContentWarning, LabelerGroup, LabelerState


class Labeler(StatefulModel):
    """A person who writes and ranks, or a simulated one that follows a known rule."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="labeler")
    state = models.CharField(max_length=16, choices=LabelerState.choices, default=LabelerState.INVITED)
    group = models.CharField(max_length=16, choices=LabelerGroup.choices, default=LabelerGroup.TRAINING)
    simulated = models.BooleanField(default=False, editable=False)
    researcher = models.BooleanField(
        default=False, help_text=_("Their rankings are what those of labelers are held against.")
    )
    languages = ArrayField(models.CharField(max_length=16), default=list, help_text="For example en, zh.")
    time_zone = models.CharField(
        max_length=64, blank=True, help_text="Where this labeler's days begin, such as Asia/Shanghai. Empty: UTC."
    )
    break_minutes = models.PositiveSmallIntegerField(
        default=50, help_text="Active minutes after which a break is suggested; 0: never."
    )
    opt_outs = ArrayField(
        models.CharField(max_length=24),
        default=list,
        blank=True,
        help_text="Content warnings whose work this labeler is never offered.",
    )
    skills = ArrayField(
        models.CharField(max_length=32),
        default=list,
        blank=True,
        help_text="Slugs of the skills and topics (Skill) that this labeler has: work may ask for them.",
    )
    daily_quota = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How many pieces of work a day, in all campaigns together. Empty: as many as there are."),
    )
    weekly_quota = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How many a week, from Monday. Empty: as many as there are."),
    )
    first_campaign = models.ForeignKey(
        "labeling.Campaign",  # of labeling/campaigns, which comes later
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Its work comes first, as the labeler chose. Empty: campaigns take turns.",
    )
    reading = models.JSONField(default=dict, blank=True, editable=False, help_text="How this labeler reads (rules.py).")
    held_work_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Somebody who is suspended may hand in what they hold until then. Empty: they may not.",
    )
    unread_messages = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="Of admins and reviewers; every page of the desk says so."
    )
    practises_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="What was practised before, another time, ends no practice."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("labeler")
        verbose_name_plural = _("labelers")
        ordering = ["id"]
        constraints = [
            one_of("state", LabelerState, name="labeler_state_known"),
            one_of("group", LabelerGroup, name="labeler_group_known"),
            models.CheckConstraint(
                condition=Q(opt_outs__contained_by=[warning.value for warning in ContentWarning]),
                name="labeler_opt_outs_known",
            ),
            models.CheckConstraint(
                condition=Q(simulated=False) | Q(group=LabelerGroup.TRAINING.value),
                name="labeler_simulated_not_held_out",
            ),
            models.CheckConstraint(
                condition=(Q(daily_quota=None) | Q(daily_quota__gte=1))
                & (Q(weekly_quota=None) | Q(weekly_quota__gte=1)),
                name="labeler_quotas_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.user.get_username()

    @property
    def works_in(self) -> CampaignStage | None:
        """The stage of the campaigns whose work the labeler is given; None: they are given none."""
        return WORKS_IN.get(self.state)

    @property
    def finishing_until(self) -> datetime | None:
        """Until when somebody who is suspended may hand in what they hold; None for everybody else, and after that."""
        if self.state != LabelerState.SUSPENDED or self.held_work_until is None:
            return None
        return self.held_work_until if self.held_work_until > timezone.now() else None

    @property
    def pseudonym(self) -> str:
        """The name in exports: never the person's own."""
        return f"L{self.pk}"
