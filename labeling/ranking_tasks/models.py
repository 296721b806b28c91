from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel, StatefulQuerySet
from labeling.base.states import AssignmentKind, CampaignState, SamplingFailure, SamplingState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.models.queues import HAS_MET, WorkQueue, for_group_of, quota_reached
from labeling.model_versions.models import ModelVersion
from labeling.people.models import Labeler
from lm.snapshot.records import DISTINCT_LOWEST, RANKED_HIGHEST, RANKED_LOWEST

HAS_A_FREE_PLACE = Q(state=TaskState.READY.value, rankings_needed__gt=F("rankings_open") + F("rankings_done"))
"""A task that wants a ranking which nobody is making yet."""
NOT_A_COPY = Q(copy_of=None)
"""A task of its own: not one that shows the completions of another again, as a check of one labeler."""
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
            for_group_of(labeler),
            Q(reserved_for=None) | Q(reserved_for=labeler),
            Q(written_by=None) | ~Q(written_by=labeler),
            ~Exists(met),
            campaign__state=CampaignState.ACTIVE,
            campaign__stage=labeler.works_in,
            campaign__simulated=labeler.simulated,
            language__in=labeler.languages,
            campaign__required_skills__contained_by=labeler.skills,
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


ALL_THE_SAME = "All models that are compared gave the same answer, so there is nothing to rank: they tie."
"""Why such a task is set aside. It counts as a tie (labeling/evaluations)."""
FINISH_REASONS = ("stop", "length", "imported", "written")
"""WRITTEN: a labeler's demonstration."""


class SamplingRun(StatefulModel):
    """One request for completions of a task, with all that is needed to sample them again."""

    task = models.ForeignKey(RankingTask, on_delete=models.PROTECT, related_name="sampling_runs")
    model_version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="sampling_runs"
    )
    imported_model_name = models.CharField(max_length=200, blank=True, help_text="For completions that came in a file.")
    requested = models.PositiveSmallIntegerField()
    temperature = models.FloatField(null=True, blank=True)
    top_p = models.FloatField(null=True, blank=True)
    max_new_tokens = models.PositiveIntegerField(null=True, blank=True)
    seed = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=SamplingState.choices, default=SamplingState.RUNNING)
    error = models.TextField(blank=True)
    failure = models.CharField(max_length=16, blank=True, choices=SamplingFailure.choices)
    worker = models.CharField(max_length=200, blank=True)
    duplicates_dropped = models.PositiveSmallIntegerField(default=0)
    repeated_key = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        help_text="text_key of the completion that it gave again, where models are compared: they tie.",
    )
    best_of = models.PositiveSmallIntegerField(
        default=1, help_text="Each completion was picked among so many samples. 1: none was."
    )
    picked_by = models.ForeignKey(
        ModelVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The reward model that picked them.",
    )
    demonstration = models.ForeignKey(
        "labeling.Demonstration",  # of labeling/desk, which comes later
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The ideal answer that is its completion; then no model was asked.",
    )
    new_tokens = models.PositiveIntegerField(
        null=True, blank=True, help_text="Sampled, those of samples that were not kept among them."
    )
    seconds = models.FloatField(
        null=True, blank=True, help_text="Its share, by tokens, of the time that its worker took."
    )
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("sampling run")
        verbose_name_plural = _("sampling runs")
        ordering = ["-id"]
        constraints = [
            one_of("state", SamplingState, name="sampling_state_known"),
            one_of("failure", ["", *SamplingFailure], name="sampling_failure_known"),
            models.CheckConstraint(
                condition=Q(imported_model_name="", model_version__isnull=False, seed__isnull=False, demonstration=None)
                | Q(model_version=None, seed=None, demonstration=None) & ~Q(imported_model_name="")
                | Q(model_version=None, seed=None, imported_model_name="", demonstration__isnull=False),
                name="sampling_run_names_its_model",
            ),
            models.CheckConstraint(
                condition=Q(best_of=1, picked_by=None) | Q(best_of__gte=2, picked_by__isnull=False),
                name="sampling_run_names_what_picked",
            ),
        ]
        indexes = [
            models.Index(fields=["started_at"], condition=Q(state="running"), name="sampling_run_running"),
            # Whether the last ones failed, and how many there were within the hour (the front page).
            models.Index(fields=["finished_at"], condition=Q(imported_model_name=""), name="sampling_run_finished"),
        ]

    def __str__(self) -> str:
        return gettext("Sampling run %(number)s") % {"number": self.pk}

    def model_name(self) -> str:
        """In the admin, in the reader's language where no model wrote it."""
        if self.demonstration_id is not None:
            return gettext("Demonstration")
        return self.imported_model_name or str(self.model_version)


class SamplerReport(models.Model):
    """What the sampler in a worker's memory has done and holds, as the worker said it last."""

    worker = models.CharField(max_length=255, unique=True)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    sight = models.JSONField(help_text="SamplerSight of sampler/protocol.py.")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("sampler report")
        verbose_name_plural = _("sampler reports")
        ordering = ["worker"]

    def __str__(self) -> str:
        return f"{self.worker}: {self.model_version}"


class Completion(models.Model):
    """One sampled answer. It never changes (a trigger refuses)."""

    task = models.ForeignKey(RankingTask, on_delete=models.PROTECT, related_name="completions")
    run = models.ForeignKey(SamplingRun, on_delete=models.PROTECT, related_name="completions")
    text = models.TextField()
    text_key = models.CharField(max_length=64, help_text="sha256 of the normalised text: distinct within a task.")
    token_count = models.PositiveIntegerField(null=True, blank=True)
    finish_reason = models.CharField(max_length=16)
    mean_logprob = models.FloatField(null=True, blank=True, help_text="Per token, natural logarithm, untempered.")
    seed = models.BigIntegerField(null=True, blank=True)
    token_ids = ArrayField(
        models.IntegerField(),
        null=True,
        blank=True,
        editable=False,
        help_text="What was drawn: in bfloat16 the same seed beside other completions can draw another token.",
    )
    logprobs = ArrayField(
        models.FloatField(), null=True, blank=True, editable=False, help_text="Of each token, as the mean is."
    )

    class Meta:
        verbose_name = _("completion")
        verbose_name_plural = _("completions")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["task", "text_key"], name="completion_distinct_within_task"),
            one_of("finish_reason", FINISH_REASONS, name="completion_finish_reason_known"),
        ]

    def __str__(self) -> str:
        return self.text[:60]


class RenderedCompletion(models.Model):
    """A completion as safe HTML, made when its task became ready, so that no labeler waits for a parser.

    Saves 8.2 ± 1.2 ms of processor time an operation, which takes 16.8 ms with it (docs/architecture.md, Speed).
    Derived: rows may be deleted at any time, and those of another renderer than today's are passed over.
    """

    completion = models.OneToOneField(Completion, primary_key=True, on_delete=models.CASCADE, related_name="rendered")
    renderer = models.CharField(max_length=16, help_text="RENDERER of labeling/markdown.py when it was made.")
    html = models.TextField()
    raw = models.TextField(help_text="As it was written, every character shown.")

    class Meta:
        verbose_name = _("rendered completion")
        verbose_name_plural = _("rendered completions")

    def __str__(self) -> str:
        return f"HTML of completion {self.pk}"
