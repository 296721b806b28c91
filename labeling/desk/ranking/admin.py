"""Rankings as they were handed in: the completions side by side, best first. Nothing can be changed."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import excerpt
from labeling.base.admin.filters import by_choice, by_day, by_relation, yes_or_no
from labeling.base.admin.model_admins import RecordAdmin, column, shown
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import turns_of
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.campaigns.queries import flags_of
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.desk.ranking.rules.pairs import usable_pairs
from labeling.ranking_tasks.models.sampling import SamplingRun


class RankingAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("task__campaign",)
    list_display = (
        "number",
        "opening",
        shown("labeler", lazy("Labeler")),
        "campaign",
        "k",
        "who",
        "seconds",
        shown("submitted_at", lazy("Handed in")),
    )
    list_display_links = ("number", "opening")
    list_filter: ClassVar[tuple[Any, ...]] = (
        *by_relation("task__campaign"),
        *by_choice("labeler_group"),
        *yes_or_no("simulated"),
        *by_day("submitted_at"),
    )
    list_select_related = ("labeler__user", "task__prompt", "task__campaign")
    search_fields = ("labeler__user__username", "task__prompt__messages")
    search_help_text = lazy("A labeler's name, or words of the prompt")
    ordering = ("-id",)
    list_per_page = 50
    change_form_outer_before_template = "desk/ranking/admin/ranking.html"
    fields: ClassVar[tuple[str, ...]] = (
        "task", "labeler", "labeler_group", "simulated", "revision", "fixed_by", "seconds", "submitted_at",
        "none_acceptable", "instruction_version", "rubric_version", "assignment",
    )  # fmt: skip
    readonly_fields: ClassVar[tuple[str, ...]] = ("seconds",)

    def page_context(self, request: HttpRequest, ranking: Ranking) -> dict[str, Any]:
        ranked = list(
            ranking.ranked_completions.select_related("completion__run__model_version").order_by(
                "rank", "shown_position"
            )
        )
        labels = {flag.key: flag.label for flag in flags_of(ranking.rubric_version, get_language() or "en")}
        return super().page_context(request, ranking) | {
            "ranking": ranking,
            "edit": getattr(ranking, "edit", None),
            "turns": turns_of(ranking.task.prompt.messages),
            "tiers": [
                (rank, [_shown(each, labels) for each in together], ranking.strength_in_words(rank))
                for rank, together in groupby(ranked, key=lambda each: each.rank)
            ],
            "pairs": len(usable_pairs([each.rank for each in ranked])),
            "revisions": Ranking.objects.filter(task=ranking.task_id, labeler=ranking.labeler_id).order_by("revision"),
        }

    @column("#", ordering="pk")
    def number(self, ranking: Ranking) -> str:
        return f"{ranking.pk}" if ranking.revision == 1 else f"{ranking.pk} (r{ranking.revision})"

    @column(lazy("Prompt"))
    def opening(self, ranking: Ranking) -> str:
        prompt = ranking.task.prompt
        return excerpt(prompt.last_user_text(), language=prompt.language)

    @column(lazy("Campaign"), ordering="task__campaign")
    def campaign(self, ranking: Ranking) -> str:
        return str(ranking.task.campaign)

    @column("K", ordering="task__k")
    def k(self, ranking: Ranking) -> int | None:
        return ranking.task.k

    @column(lazy("Group"), label={"held_out": "info", "simulated": "warning"})
    def who(self, ranking: Ranking) -> tuple[str, str]:
        if ranking.simulated:
            return "simulated", str(lazy("Simulated"))
        return ranking.labeler_group, str(ranking.get_labeler_group_display())

    @column(lazy("Seconds"), ordering="active_seconds")
    def seconds(self, ranking: Ranking) -> str:
        return f"{ranking.active_seconds:,.0f}"


@dataclass(frozen=True, kw_only=True)
class ShownCompletion:
    """A ranked completion with where it came from; `flags` are their labels, `model_link` is "" for imported ones."""

    ranked: RankedCompletion
    html: str
    flags: list[str]
    run: SamplingRun
    model: str
    model_link: str
    seed: int | None


def _shown(ranked: RankedCompletion, labels: dict[str, str]) -> ShownCompletion:
    run = ranked.completion.run
    return ShownCompletion(
        ranked=ranked,
        html=render_markdown(ranked.completion.text, headings_from=TEXT_HEADINGS_FROM),
        flags=[labels.get(key, key) for key in ranked.flags],
        run=run,
        model=run.model_name(),
        model_link=reverse("admin:labeling_modelversion_change", args=[run.model_version_id])
        if run.model_version_id
        else "",
        seed=run.seed if ranked.completion.seed is None else ranked.completion.seed,
    )
