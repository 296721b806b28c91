"""Queues of waiting work: one for each combination of campaign, language, content warnings and skills, so that a search
reads no other.

Triggers (migration 0003) put a task or prompt into its queue whenever somebody may be given it who could not be given
it before. docs/decisions/the-next-task.md says why.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, OuterRef, Q
from django.db.models.lookups import IsNull
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.states import AssignmentKind, AssignmentState, CampaignState, LabelerGroup
from labeling.campaigns.models.campaigns import Campaign
from labeling.people.models import Labeler

HAS_MET = ~Q(state=AssignmentState.LAPSED.value, draft_version=0)
"""Of assignments: by which of them their labeler has met the work. Where the lease ran out before anything was entered,
they may be offered it again."""


class QuotaReached(Func):
    """Whether a labeler has done as much of a campaign's work as it takes from one person, or of all work as they may
    (migration 0003).
    """

    function = "concord_quota_reached"
    output_field = models.BooleanField()


class OwnQuotaReached(Func):
    """Whether a labeler has done as much as they may in all campaigns together (migration 0003)."""

    function = "concord_own_quota_reached"
    output_field = models.BooleanField()


def quota_reached(labeler: Labeler | OuterRef, *, campaign: str = "campaign") -> Q:
    """Of rows of a campaign, or of campaigns where `campaign` is empty: the labeler's quota there is reached, or their
    own for all work. `labeler`: one, or the key of those of the query around it.

    For labelers without a quota of their own, most of them, nothing is counted.
    """
    column, prefix = campaign or "pk", f"{campaign}__" if campaign else ""
    has_quota = Q(**{f"{prefix}daily_quota__isnull": False}) | Q(**{f"{prefix}weekly_quota__isnull": False})
    key = labeler if isinstance(labeler, OuterRef) else labeler.pk
    reached = has_quota & Q(QuotaReached(key, F(column)))
    if isinstance(labeler, OuterRef):
        has_own = Q(IsNull(OuterRef("daily_quota"), False)) | Q(IsNull(OuterRef("weekly_quota"), False))
        return reached | has_own & Q(OwnQuotaReached(key))
    has_none = labeler.daily_quota is None and labeler.weekly_quota is None
    return reached if has_none else reached | Q(OwnQuotaReached(key))


def for_group_of(labeler: Labeler, *, campaign: str = "campaign__") -> Q:
    """Of rows of a campaign, or of campaigns where `campaign` is empty: its work is for the labeler's group."""
    return Q() if labeler.group == LabelerGroup.HELD_OUT else Q(**{f"{campaign}held_out_only": False})


def suits(labeler: Labeler) -> Q:
    """Of rows of a campaign in a language: the campaign is open, of the labeler's stage, for their group, and asks for
    no skills that they lack; the language is one of theirs. Simulated labelers have campaigns of their own.
    """
    return for_group_of(labeler) & Q(
        campaign__state=CampaignState.ACTIVE,
        campaign__stage=labeler.works_in,
        campaign__simulated=labeler.simulated,
        language__in=labeler.languages,
        campaign__required_skills__contained_by=labeler.skills,
    )


class WorkQueueQuerySet(models.QuerySet["WorkQueue"]):
    def open_to(self, labeler: Labeler) -> "WorkQueueQuerySet":
        """The queues from which the labeler may be given work: those of open campaigns of their stage, in their
        languages, for which they have the skills, without the content that they opted out of, and until their quota is
        reached; held-out labelers have some of their own. Simulated labelers have campaigns of their own.
        """
        return self.filter(suits(labeler), skills__contained_by=labeler.skills).exclude(
            quota_reached(labeler) | Q(content_warnings__overlap=labeler.opt_outs)
        )


class WorkQueue(models.Model):
    """What waits for labelers in one campaign, of one kind, in one language, with the same content warnings, for which
    a prompt asks for the same skills.

    Two transactions that begin the same queue at once make two rows, and both are searched: a unique constraint would
    have one wait for the other, which may be an import of minutes.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="queues", db_index=False)
    kind = models.CharField(max_length=16, choices=AssignmentKind.choices)
    language = models.CharField(max_length=16)
    content_warnings = ArrayField(models.CharField(max_length=24), default=list, blank=True)
    skills = ArrayField(
        models.CharField(max_length=32), default=list, blank=True, help_text="Beside those that the campaign asks for."
    )
    returned = models.BooleanField(
        default=False, help_text="Holds what was given back, put back or wanted again, which is handed out first."
    )

    objects = WorkQueueQuerySet.as_manager()

    class Meta:
        verbose_name = _("work queue")
        verbose_name_plural = _("work queues")
        ordering = ["id"]
        constraints = [one_of("kind", AssignmentKind, name="work_queue_kind_known")]
        indexes = [models.Index(fields=["campaign", "kind", "language"], name="work_queue_of_campaign")]

    def __str__(self) -> str:
        return f"{self.kind}, {self.campaign}, {self.language}"


class QueueProgress(models.Model):
    """How far a labeler has come in a queue: what has a place up to `passed` and still waits, they have met.

    Derived: a row that is deleted costs one longer search.
    """

    labeler = models.ForeignKey(Labeler, on_delete=models.CASCADE, related_name="+", db_index=False)
    queue = models.ForeignKey(WorkQueue, on_delete=models.CASCADE, related_name="progress")
    passed = models.BigIntegerField()

    class Meta:
        verbose_name = _("progress in a queue")
        verbose_name_plural = _("progress in queues")
        constraints = [models.UniqueConstraint(fields=["labeler", "queue"], name="queue_progress_unique")]

    def __str__(self) -> str:
        return f"{self.labeler} in {self.queue}: {self.passed}"
