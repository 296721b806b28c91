"""Ranking tasks: how far each is, what it holds, who works at it; set aside and put back, or with their prompt."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db.models import Count, F, OuterRef, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import bar, excerpt, measured_per
from labeling.base.admin.filters import DropdownFilter, LanguageFilter, by_choice, by_relation
from labeling.base.admin.model_admins import BaseAdmin, column, shown
from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.admin.setting_aside import SetAsideAdmin
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import turns_of
from labeling.base.states import CampaignStage, CampaignState, TaskState
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.campaigns.models.campaigns import EVERYBODY, Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.ranking_tasks.models.tasks import NOT_A_COPY, RankingTask
from labeling.ranking_tasks.services.amounts import amounts_of, apply_to_existing
from labeling.ranking_tasks.services.setting_aside import (
    restore_prompt,
    restore_task,
    set_prompt_aside,
    set_task_aside,
)


class CampaignStateFilter(DropdownFilter):
    """Tasks by the state of their campaign: those of an open one are handed out."""

    title = lazy("campaign's state")
    parameter_name = "campaign_state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return list(CampaignState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[RankingTask]) -> QuerySet[RankingTask]:  # noqa: ARG002
        return queryset.filter(campaign__state=self.value()) if self.value() else queryset


class RankingTaskAdmin(OfCampaigns, SetAsideAdmin):
    list_display = (
        "number",
        "opening",
        shown("campaign", lazy("Campaign")),
        "show_state",
        "completions",
        "places",
        "holding",
        "reason",
    )
    list_display_links = ("number", "opening")
    list_filter = (*by_choice("state"), *by_relation("campaign"), CampaignStateFilter, LanguageFilter)
    list_select_related = ("campaign", "prompt")
    search_fields = ("prompt__messages", "set_aside_reason")
    search_help_text = lazy("Words of the prompt or of the reason")
    list_per_page = 50
    change_form_outer_before_template = "ranking_tasks/admin/ranking_task.html"
    fields = (
        "campaign", "prompt", "language", "state", "reason", "k_requested", "k", "rankings_needed",
        "rankings_open", "rankings_done", "created_at", "dispatched_at", "ready_at",
    )  # fmt: skip
    readonly_fields = ("reason",)
    consequences = (lazy("No labeler is offered it any more. Whoever holds it now may finish; it can be put back."),)

    def page_context(self, request: HttpRequest, task: RankingTask) -> dict[str, Any]:
        completions = task.completions.select_related("run__model_version").order_by("pk")
        return super().page_context(request, task) | {
            "task": task,
            "turns": turns_of(task.prompt.messages),
            "completions": [
                (completion, render_markdown(completion.text, headings_from=TEXT_HEADINGS_FROM))
                for completion in completions
            ],
            "assignments": task.assignments.select_related("labeler__user").order_by("-id"),
            "set_aside": note_in_words(task.set_aside_reason),
            "sampling_runs": [
                (run, note_in_words(run.error))
                for run in task.sampling_runs.select_related("model_version").order_by("-id")
            ],
            "rankings": task.rankings.select_related("labeler__user").order_by("-id"),
        }

    def buttons_for(self, row: RankingTask) -> Iterable[str]:
        if row.state == TaskState.SET_ASIDE:
            return ["restore"]
        return [] if row.state == TaskState.DONE else ["set_aside"]

    @column("#", ordering="pk")
    def number(self, task: RankingTask) -> int:
        return task.pk

    @column(lazy("Prompt"))
    def opening(self, task: RankingTask) -> str:
        return excerpt(task.prompt.last_user_text(), language=task.prompt.language)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, task: RankingTask) -> tuple[str, str]:
        return state_label(task)

    @column("K", ordering="k")
    def completions(self, task: RankingTask) -> str:
        return str(task.k) if task.k else f"({task.k_requested})"

    @column(lazy("Rankings"), ordering="rankings_done")
    def places(self, task: RankingTask) -> str:
        if task.rankings_needed == EVERYBODY:
            return f"{task.rankings_done:,}"
        return bar(task.rankings_done, task.rankings_needed)

    @column(lazy("Held"), ordering="rankings_open")
    def holding(self, task: RankingTask) -> str:
        if not task.rankings_open:
            return "–"
        query = {"task__id__exact": task.pk, "state__exact": "open"}
        link = reverse("admin:labeling_assignment_changelist", query=query)
        return format_html('<a href="{}">{}</a>', link, task.rankings_open)

    @column(lazy("Why set aside"))
    def reason(self, task: RankingTask) -> str:
        return format_html('<span class="cc-excerpt">{}</span>', note_in_words(task.set_aside_reason))

    def put_aside(self, row: RankingTask, *, reason: str) -> None:
        set_task_aside(task=row, reason=reason)

    def take_back(self, row: RankingTask) -> str:
        task = restore_task(task=row)
        return _("Ranking task %(number)d is %(state)s.") % {"number": task.pk, "state": task.get_state_display()}

    def restoring(self, row: RankingTask) -> tuple[str, list[str]]:
        title = _("Put ranking task %(number)d back into the queue?") % {"number": row.pk}
        return title, [_("With enough completions it is ready at once; otherwise the missing ones are sampled.")]


class CampaignTasks(BaseAdmin):
    """How far the rankings of a campaign are."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        """Adds rankings_done / _wanted and tasks_ready.

        Wanted is all that the prompts ask for; what is set aside counts only as far as it was done.
        """
        prompts = Prompt.objects.filter(campaign=OuterRef("pk"))
        tasks = RankingTask.objects.filter(NOT_A_COPY, campaign=OuterRef("pk"))
        to_come = Sum(F("ranking_tasks_needed") - F("ranking_tasks_made"), filter=Q(set_aside_reason=""))
        still_ranked = ~Q(state=TaskState.SET_ASIDE)
        found: QuerySet[Campaign] = super().get_queryset(request)
        return found.annotate(
            rankings_done=measured_per("campaign", tasks, Sum("rankings_done")),
            rankings_wanted=measured_per("campaign", tasks, Sum("rankings_needed", filter=still_ranked))
            + measured_per("campaign", prompts, to_come) * F("rankings_per_task"),
            tasks_ready=measured_per("campaign", tasks, Count("pk", filter=Q(state=TaskState.READY))),
        )

    def page_context(self, request: HttpRequest, campaign: Any) -> dict[str, Any]:
        return super().page_context(request, campaign) | {"rankings": self.rankings(campaign)}

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: Any) -> None:
        """Numbers that change are applied to what exists, where the form says so."""
        before = amounts_of(Campaign.objects.get(pk=obj.pk)) if change else None
        super().save_model(request, obj, form, change)
        if before is None or form.cleaned_data["apply_to_existing"] == "no":
            return
        applied = apply_to_existing(campaign=obj, before=before)
        if applied.prompts or applied.tasks:
            said = _("The new numbers hold for %(prompts)d existing prompts and %(tasks)d existing tasks, too.")
            messages.info(request, said % {"prompts": applied.prompts, "tasks": applied.tasks})

    @column(lazy("Rankings"), ordering="rankings_done")
    def rankings(self, campaign: Any) -> str:
        if campaign.stage != CampaignStage.WORK:  # everybody who comes
            return f"{campaign.rankings_done:,}"
        return bar(campaign.rankings_done, campaign.rankings_wanted)

    @column(lazy("Tasks ready"), ordering="tasks_ready")
    def ready(self, campaign: Any) -> str:
        """Those that labelers could be given: none while the campaign is not open."""
        return f"{campaign.tasks_ready:,}" if campaign.state == CampaignState.ACTIVE else "–"


class PromptSetAside(SetAsideAdmin):
    """A prompt is set aside with its tasks, and comes back with them."""

    consequences = (
        lazy(
            "No demonstration is asked for and no ranking task is made any more, and its open tasks go aside with it."
        ),
        lazy("What labelers hold now they may finish. Nothing is deleted; the prompt can be put back."),
    )

    def page_context(self, request: HttpRequest, prompt: Prompt) -> dict[str, Any]:
        return super().page_context(request, prompt) | {"tasks": prompt.ranking_tasks.order_by("-id")[:20]}

    def buttons_for(self, row: Prompt) -> Iterable[str]:
        return ["restore" if row.set_aside_reason else "set_aside", *super().buttons_for(row)]

    def put_aside(self, row: Prompt, *, reason: str) -> None:
        set_prompt_aside(prompt=row, reason=reason)

    def take_back(self, row: Prompt) -> str:
        restore_prompt(prompt=row)
        return _("Prompt %(number)d is in the queue again.") % {"number": row.pk}

    def restoring(self, row: Prompt) -> tuple[str, list[str]]:
        title = _("Put prompt %(number)d back into the queue?") % {"number": row.pk}
        return title, [_("Work is handed out again, and the tasks that went aside with it come back.")]
