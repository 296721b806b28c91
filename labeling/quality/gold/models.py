"""Gold items, whose right answer is known, and checks: tasks that show again what is gold or what was ranked before."""

from typing import TypedDict

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import CheckKind, GoldState
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.tasks import RankingTask


class GoldAnswer(TypedDict):
    """`tiers`: completion ids of the item's task, the best tier first, equal ones together. `flags`: of some of them,
    the keys of the flags that are right."""

    tiers: list[list[int]]
    flags: dict[str, list[str]]


class GoldItem(StatefulModel):
    """A ranking task whose right answer is known. The answer is that of its last version."""

    task = models.OneToOneField(RankingTask, on_delete=models.PROTECT, related_name="gold_item")
    state = models.CharField(max_length=16, choices=GoldState.choices, default=GoldState.ACTIVE)

    class Meta:
        verbose_name = _("gold item")
        verbose_name_plural = _("gold items")
        ordering = ["-id"]
        constraints = [one_of("state", GoldState, name="gold_item_state_known")]

    def __str__(self) -> str:
        return gettext("Gold item %(number)s") % {"number": self.pk}


class GoldVersion(models.Model):
    """The right answer as somebody wrote it. It never changes: an edit makes a further version."""

    item = models.ForeignKey(GoldItem, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    answer = models.JSONField(help_text="GoldAnswer: tiers of completion ids, the best first, and flags.")
    must_hold = ArrayField(
        ArrayField(models.BigIntegerField(), size=2),
        default=list,
        blank=True,
        help_text="Pairs [better, worse] of completion ids. A ranking that has one otherwise, or as equal, fails.",
    )
    reason = models.TextField(blank=True, help_text="Why this is right, for labelers to read.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("version of a gold item")
        verbose_name_plural = _("versions of gold items")
        ordering = ["item", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["item", "version"], name="gold_version_unique"),
            models.CheckConstraint(condition=Q(version__gte=1), name="gold_version_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.item} v{self.version}"


class Check(models.Model):
    """One labeler's look at what is gold (GOLD), or at what they ranked before (REPEAT), and what it came to.

    Its task is a copy, made for them; in screening and practice it is the gold item's own. What was measured is never
    measured anew: an edit of the gold item changes nothing of it.
    """

    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="checks")
    task = models.ForeignKey(RankingTask, on_delete=models.PROTECT, related_name="checks")
    kind = models.CharField(max_length=16, choices=CheckKind.choices)
    item = models.ForeignKey(GoldItem, null=True, blank=True, on_delete=models.PROTECT, related_name="checks")
    earlier = models.ForeignKey(
        Ranking,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The ranking that a repeat is held against.",
    )
    drawn_by = models.OneToOneField(
        Assignment,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The piece of work after which it was drawn.",
    )
    planned_at = models.DateTimeField(default=timezone.now, editable=False)
    # What it came to, once it was handed in.
    ranking = models.OneToOneField(
        Ranking, null=True, blank=True, on_delete=models.PROTECT, related_name="check_result"
    )
    version = models.ForeignKey(
        GoldVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="checks",
        help_text="The version that was in force when it was handed in.",
    )
    pairs = models.PositiveSmallIntegerField(default=0, help_text="Pairs that the answer has in an order.")
    pairs_held = models.PositiveSmallIntegerField(default=0, help_text="Those of them that were put in the same order.")
    flags = models.PositiveSmallIntegerField(default=0, help_text="Flags that the answer or the labeler set.")
    flags_agreed = models.PositiveSmallIntegerField(default=0, help_text="Those of them that both set.")
    passed = models.BooleanField(null=True, help_text="Of gold: whether all pairs held that must.")
    measured_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("check")
        verbose_name_plural = _("checks")
        ordering = ["-id"]
        constraints = [
            one_of("kind", CheckKind, name="check_kind_known"),
            models.UniqueConstraint(fields=["task", "labeler"], name="check_task_once_per_labeler"),
            models.CheckConstraint(
                condition=Q(kind="gold", item__isnull=False, earlier=None)
                | Q(kind="repeat", item=None, earlier__isnull=False, version=None, passed=None),
                name="check_kind_has_its_answer",
            ),
            models.CheckConstraint(
                condition=Q(ranking=None, measured_at=None, version=None, passed=None)
                | Q(ranking__isnull=False, measured_at__isnull=False, kind="repeat")
                | Q(ranking__isnull=False, measured_at__isnull=False, version__isnull=False, passed__isnull=False),
                name="check_is_measured_whole",
            ),
            models.CheckConstraint(
                condition=Q(pairs__gte=F("pairs_held"), flags__gte=F("flags_agreed")), name="check_held_of_all"
            ),
        ]
        indexes = [
            models.Index(fields=["labeler", "kind", "measured_at"], name="check_of_labeler"),
            models.Index(fields=["planned_at"], condition=Q(ranking=None), name="check_outstanding"),
        ]

    def __str__(self) -> str:
        return gettext("%(kind)s for %(labeler)s") % {"kind": self.get_kind_display(), "labeler": self.labeler}
