from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel, StatefulQuerySet
from labeling.base.states import AssignmentKind, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.models.queues import HAS_MET, WorkQueue, quota_reached, suits
from labeling.people.models import Labeler
from lm.snapshot.records.constants import DISTINCT_LOWEST, RANKED_HIGHEST, RANKED_LOWEST

HAS_A_FREE_PLACE = Q(state=TaskState.READY.value, rankings_needed__gt=F("rankings_open") + F("rankings_done"))
"""A task that wants a ranking which nobody is making yet."""
NOT_A_COPY = Q(copy_of=None)
"""A task of its own: not one that shows the completions of another again, as a check of one labeler."""
ALL_THE_SAME = "All models that are compared gave the same answer, so there is nothing to rank: they tie."
"""Why such a task is set aside. It counts as a tie (labeling/evaluations)."""
FREE_PLACES = F("rankings_needed") - F("rankings_open") - F("rankings_done")
"""Of a ready task: how many rankings could be begun."""


class RankingTaskQuerySet(StatefulQuerySet["RankingTask"]):
    def claimable_by(self, labeler: Labeler) -> "RankingTaskQuerySet":
        """Tasks that the labeler may be given: the rule, in words of the ORM.

        services/next_task.py finds the first of them without reading the others; tests hold it to this rule.
        """
        met = labeler.assignments.filter(HAS_MET, task=OuterRef("pk"), kind=AssignmentKind.RANKING)
        tasks = self.filter(
            HAS_A_FREE_PLACE,
            suits(labeler),
            Q(reserved_for=None) | Q(reserved_for=labeler),
            Q(written_by=None) | ~Q(written_by=labeler),
            ~Exists(met),
            prompt__required_skills__contained_by=labeler.skills,
        ).exclude(quota_reached(labeler))
        return tasks.exclude(prompt__content_warnings__overlap=labeler.opt_outs) if labeler.opt_outs else tasks


class RankingTask(StatefulModel):
    """A prompt with its 4 to 9 distinct completions and how many rankings it needs.

    Where 4 to 9 completions came in a file and some are the same, as few as 2 may be left: models that give the same
    answer tie by definition, and what remains is still a comparison. A task that compares models has one completion of
    each, which may be as few as 2.

    The counters are what claiming works on: Postgres refuses the row that would hand out one ranking too many.
    """

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="ranking_tasks")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="ranking_tasks")
    language = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=TaskState.choices, default=TaskState.SAMPLING)
    set_aside_reason = models.TextField(blank=True)
    k_requested = models.PositiveSmallIntegerField()
    k = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Completions it has, once it is ready.")
    given = models.BooleanField(default=False, editable=False, help_text="Its completions came in a file.")
    one_each = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="It has one completion of each model compared."
    )
    reserved_for = models.ForeignKey(
        Labeler,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reserved_tasks",
        help_text="Whose chat it came from, or who is checked by it: only they are offered it, before all else.",
    )
    copy_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="copies",
        help_text="Whose completions it shows again to one labeler, as a check. It counts as no work of its own.",
    )
    written_by = models.ForeignKey(
        Labeler,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Who wrote the demonstration among its completions. They are not offered it.",
    )
    shared = models.BooleanField(
        default=False, editable=False, help_text="Drawn to be ranked by several labelers, to see how well they agree."
    )
    rankings_needed = models.PositiveSmallIntegerField(default=1)
    rankings_open = models.PositiveSmallIntegerField(default=0, editable=False)
    rankings_done = models.PositiveSmallIntegerField(default=0, editable=False)
    dispatched_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last asked to sample it.")
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    # Kept by a trigger (migration 0003): where it waits for a ranking, if it does and is reserved for nobody.
    queue = models.ForeignKey(
        WorkQueue, null=True, editable=False, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False,
        db_index=False,
    )  # fmt: skip
    queue_place = models.BigIntegerField(null=True, editable=False)

    objects = RankingTaskQuerySet.as_manager()  # type: ignore[misc]  # more than StatefulModel has

    class Meta:
        verbose_name = _("ranking task")
        verbose_name_plural = _("ranking tasks")
        ordering = ["id"]
        constraints = [
            one_of("state", TaskState, name="task_state_known"),
            models.CheckConstraint(
                condition=Q(k_requested__gte=RANKED_LOWEST, k_requested__lte=RANKED_HIGHEST)
                | Q(one_each=True, k_requested__gte=DISTINCT_LOWEST, k_requested__lte=RANKED_HIGHEST),
                name="task_k_requested_range",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["ready", "done"])
                | Q(k__gte=RANKED_LOWEST, k__lte=RANKED_HIGHEST, k__isnull=False)
                | Q(Q(given=True) | Q(one_each=True), k__gte=DISTINCT_LOWEST, k__lte=RANKED_HIGHEST, k__isnull=False),
                name="task_ready_has_4_to_9_completions",
            ),
            models.CheckConstraint(
                condition=~Q(state="set_aside") | ~Q(set_aside_reason=""), name="task_set_aside_has_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(rankings_needed__gte=F("rankings_open") + F("rankings_done")),
                name="task_no_more_rankings_than_needed",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(rankings_done=F("rankings_needed")), name="task_done_is_fully_ranked"
            ),
            models.CheckConstraint(
                condition=Q(copy_of=None) | Q(reserved_for__isnull=False, rankings_needed=1, shared=False),
                name="task_copy_is_for_one_labeler",
            ),
        ]
        indexes = [
            # services/next_task.py takes the first task of a queue that has a free place.
            models.Index(
                fields=["queue", "queue_place"],
                condition=HAS_A_FREE_PLACE & Q(reserved_for=None),
                name="task_claimable",
            ),
            # services/next_task.py looks here first.
            models.Index(
                fields=["reserved_for", "id"],
                condition=HAS_A_FREE_PLACE & Q(reserved_for__isnull=False),
                name="task_reserved",
            ),
            # queries/available.py says how many are on their way.
            models.Index(
                fields=["campaign", "language"], condition=Q(state=TaskState.SAMPLING.value), name="task_on_its_way"
            ),
            # The outbox (services/sampling.py) catches up on tasks whose message was lost.
            models.Index(fields=["dispatched_at"], condition=Q(state="sampling"), name="task_sampling"),
            # The front page says what was set aside, by reason; reasons may be too long for an index.
            models.Index(fields=["id"], condition=Q(state="set_aside"), name="task_set_aside"),
        ]

    def __str__(self) -> str:
        return gettext("Ranking task %(number)s") % {"number": self.pk}
