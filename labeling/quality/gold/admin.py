"""Gold items: made of any ranking, edited, retired; and what labelers made of them."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, F, Max, OuterRef, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from labeling.base.admin.columns import bar, excerpt
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import choice, long_text
from labeling.base.admin.filters import DropdownFilter, by_choice, by_day, by_relation, yes_or_no
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, button, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import turns_of
from labeling.base.states import CampaignStage, GoldState, TaskState
from labeling.campaigns.managers.queries import within_campaigns_of
from labeling.campaigns.queries import flags_of
from labeling.desk.ranking.models import Ranking
from labeling.desk.rules.drafts import letter_of
from labeling.quality.gold.models import Check, GoldItem, GoldVersion
from labeling.quality.gold.rules import apart_of, ranks_of
from labeling.quality.gold.services.items import (
    RightAnswer,
    edit_gold,
    latest_version,
    make_gold,
    retire_gold,
    use_gold_again,
)
from labeling.ranking_tasks.models import Completion, RankingTask

USUALLY_APART = 2
"""Neighbours are often a matter of taste; two ranks apart, careful people agree."""


class AnswerForm(forms.Form):
    """A rank and the flags for each completion of a task, how far pairs are apart that must hold, and the reason.

    `first`: what it begins with.
    """

    def __init__(self, *args: Any, task: RankingTask, first: RightAnswer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        completions = list(task.completions.order_by("pk"))
        rubric = task.campaign.rubric_versions.order_by("-version").first()
        flags = [(flag.key, flag.label) for flag in flags_of(rubric, get_language() or "en")]
        self.ids = [each.pk for each in completions]
        for place, completion in enumerate(completions, start=1):
            self._add_completion(letter_of(place), completion, len(completions), flags, first)
        highest = max(first.ranks.values(), default=len(completions))
        self.fields["apart"] = choice(
            _("Which pairs must hold"),
            [(1, _("All of different ranks"))]
            + [
                (apart, _("Those %(apart)d or more ranks apart") % {"apart": apart})
                for apart in range(2, len(completions))
            ],
            initial=min(first.apart, max(1, highest - 1)),
            help_text=_("Whoever puts one of them the other way round, or as equal, does not pass. All are counted."),
        )
        self.fields["reason"] = long_text(
            _("Why this is right"),
            required=False,
            help_text=_("Markdown. Labelers read it beside the answer where the campaign shows it, and in practice."),
        )
        self.fields["reason"].initial = first.reason

    def _add_completion(
        self, letter: str, completion: Completion, k: int, flags: list[tuple[str, str]], first: RightAnswer
    ) -> None:
        html = render_markdown(completion.text, headings_from=TEXT_HEADINGS_FROM)
        self.fields[f"rank_{completion.pk}"] = choice(
            _("Rank of completion %(letter)s") % {"letter": letter},
            [(rank, rank) for rank in range(1, k + 1)],
            initial=first.ranks.get(completion.pk, 1),
            help_text=format_html(
                '<details><summary>{}</summary><div class="cc-prose" translate="no">{}</div></details>',
                completion.text[:100],
                mark_safe(html),  # noqa: S308  (made harmless by labeling/base/markdown.py)
            ),
        )
        if flags:
            self.fields[f"flags_{completion.pk}"] = forms.MultipleChoiceField(
                label=_("Flags of completion %(letter)s") % {"letter": letter},
                choices=flags,
                required=False,
                initial=list(first.flags.get(completion.pk, ())),
                widget=UnfoldAdminCheckboxSelectMultipleWidget(),
            )

    def answer(self) -> RightAnswer:
        said: Mapping[str, Any] = self.cleaned_data
        return RightAnswer(
            ranks={pk: int(said[f"rank_{pk}"]) for pk in self.ids},
            flags={pk: said.get(f"flags_{pk}", []) for pk in self.ids},
            apart=int(said["apart"]),
            reason=said["reason"],
        )


class GoldMaking(BaseAdmin):
    """The button of a ranking's or a ranking task's page that makes a gold item of it."""

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return super().page_context(request, row) | {"gold_item": GoldItem.objects.filter(task=_task_of(row)).first()}

    def buttons_for(self, row: Any) -> Iterable[str]:
        others = [name for name in super().buttons_for(row) if name != "make_gold"]
        return [*others, "make_gold"] if can_be_gold(_task_of(row)) else others

    @button(lazy("Make gold"), icon="workspace_premium")
    def make_gold(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.find(request, object_id)
        task = _task_of(row)
        form: list[AnswerForm] = []

        def act(_cleaned: dict[str, Any]) -> str:
            item = make_gold(task=task, answer=form[-1].answer(), by=_user(request))
            link = reverse("admin:labeling_golditem_change", args=[item.pk])
            return str(format_html('<a href="{}">{}</a>', link, _("%(item)s is in use.") % {"item": _name(item)}))

        confirmation = Confirmation(
            title=_("Make ranking task %(number)d gold?") % {"number": task.pk},
            consequences=[
                _(
                    "Labelers who have not met it are given it among their tasks now and then. Nothing tells it from "
                    "the others. What they make of it is measured by this answer."
                ),
                _("Its own places are closed: whoever holds it may finish, and nobody else is given it but as gold.")
                if task.campaign.stage == CampaignStage.WORK
                else _("Everybody who comes to this campaign ranks it, and is measured by this answer."),
            ],
            button=_("Make gold"),
            back=self.page_of(row),
            about=[task],
            form=partial(_made, form, task=task, first=_first_answer(row)),
        )
        return confirm(self, request, confirmation, act)


def _made(kept: list[AnswerForm], *args: Any, **kwargs: Any) -> AnswerForm:
    """The form, which the service's arguments are read from as well."""
    kept.append(AnswerForm(*args, **kwargs))
    return kept[-1]


def can_be_gold(task: RankingTask) -> bool:
    return (
        task.copy_of_id is None
        and task.state in (TaskState.READY, TaskState.DONE)
        and not task.prompt.set_aside_reason
        and not GoldItem.objects.filter(task=task).exists()
    )


def _task_of(row: Ranking | RankingTask) -> RankingTask:
    return row.task if isinstance(row, Ranking) else row


def _first_answer(row: Ranking | RankingTask) -> RightAnswer:
    if isinstance(row, RankingTask):
        return RightAnswer(ranks={}, apart=USUALLY_APART)
    ranked = list(row.ranked_completions.all())
    return RightAnswer(
        ranks={each.completion_id: each.rank for each in ranked},
        flags={each.completion_id: each.flags for each in ranked},
        apart=USUALLY_APART,
        reason=row.note,
    )


def _user(request: HttpRequest) -> Any:
    return request.user


def _name(item: GoldItem) -> str:
    return _("Gold item %(number)d") % {"number": item.pk}


class WhyMadeFilter(DropdownFilter):
    """Ranking tasks by what they are for."""

    title = lazy("what for")
    parameter_name = "made_for"
    kinds: ClassVar[dict[str, Q]] = {
        "one": Q(copy_of=None, shared=False),
        "shared": Q(shared=True),
        "gold": Q(gold_item__isnull=False),
        "check": Q(copy_of__isnull=False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("one", _("usual ones")), ("shared", _("shared")), ("gold", _("gold")), ("check", _("shown again"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        wanted = self.kinds.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)


@admin.register(GoldItem)
class GoldItemAdmin(RecordAdmin):
    list_display = (
        "number", "opening", "campaign", "show_state", "version", "seen", "passed", "held", "last_seen",
    )  # fmt: skip
    list_display_links = ("number", "opening")
    list_filter = (*by_choice("state"), *by_relation("task__campaign"), *by_choice("task__campaign__stage"))
    list_select_related = ("task__prompt", "task__campaign")
    search_fields = ("task__prompt__messages", "versions__reason")
    search_help_text = lazy("Words of the prompt or of the reason")
    list_per_page = 50
    fields = ("task", "state", "seen", "passed", "held")
    readonly_fields = ("seen", "passed", "held")
    change_form_outer_before_template = "quality/gold/admin/gold_item.html"
    actions_detail = ("change_answer", "retire", "use_again")

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoldItem]:
        """Adds checks_seen and _passed, pairs_held and _in_all, last_at and last_version."""
        measured = Q(checks__ranking__isnull=False)
        found = within_campaigns_of(request.user, super().get_queryset(request), "task__campaign")
        versions = GoldVersion.objects.filter(item=OuterRef("pk")).order_by("-version").values("version")
        return found.annotate(
            checks_seen=Count("checks", filter=measured),
            checks_passed=Count("checks", filter=Q(checks__passed=True)),
            pairs_in_all=Sum("checks__pairs", filter=measured, default=0),
            pairs_held=Sum("checks__pairs_held", filter=measured, default=0),
            last_at=Max("checks__measured_at"),
            last_version=versions[:1],
        )

    def page_context(self, request: HttpRequest, item: Any) -> dict[str, Any]:
        texts = {
            completion.pk: (letter_of(place), render_markdown(completion.text, headings_from=TEXT_HEADINGS_FROM))
            for place, completion in enumerate(item.task.completions.order_by("pk"), start=1)
        }
        versions = [
            (
                version,
                [[texts[pk] for pk in tier] for tier in version.answer["tiers"]],
                [f"{texts[better][0]} > {texts[worse][0]}" for better, worse in version.must_hold],
            )
            for version in item.versions.select_related("made_by").annotate(seen=Count("checks"))
        ]
        checks = item.checks.filter(ranking__isnull=False).select_related("labeler__user", "version")
        return super().page_context(request, item) | {
            "task": item.task,
            "turns": turns_of(item.task.prompt.messages),
            "versions": versions,
            "checks": checks.order_by("-measured_at")[:50],
            "more": item.checks_seen > 50,
        }

    def buttons_for(self, row: GoldItem) -> Iterable[str]:
        return ["change_answer", "retire" if row.state == GoldState.ACTIVE else "use_again"]

    @column("#", ordering="pk")
    def number(self, item: GoldItem) -> int:
        return item.pk

    @column(lazy("Prompt"))
    def opening(self, item: GoldItem) -> str:
        return excerpt(item.task.prompt.last_user_text(), language=item.task.language)

    @column(lazy("Campaign"), ordering="task__campaign")
    def campaign(self, item: GoldItem) -> str:
        return str(item.task.campaign)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, item: GoldItem) -> tuple[str, str]:
        return state_label(item)

    @column(lazy("Version"), ordering="last_version")
    def version(self, item: Any) -> int:
        return int(item.last_version)

    @column(lazy("Seen by"), ordering="checks_seen")
    def seen(self, item: Any) -> str:
        if not item.checks_seen:
            return "–"
        link = reverse("admin:labeling_check_changelist", query={"item__id__exact": item.pk})
        return format_html('<a href="{}">{}</a>', link, f"{item.checks_seen:,}")

    @column(lazy("Passed"), ordering="checks_passed")
    def passed(self, item: Any) -> str:
        return bar(item.checks_passed, item.checks_seen) if item.checks_seen else "–"

    @column(lazy("Pairs that held"))
    def held(self, item: Any) -> str:
        return bar(item.pairs_held, item.pairs_in_all) if item.pairs_in_all else "–"

    @column(lazy("Last"), ordering=F("last_at").desc(nulls_last=True))  # type: ignore[arg-type]
    def last_seen(self, item: Any) -> Any:
        return item.last_at

    @button(lazy("Change the answer"), icon="edit", primary=True)
    def change_answer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = self.find(request, object_id)
        last = latest_version(item)
        ranks = ranks_of(last.answer["tiers"])
        first = RightAnswer(
            ranks=ranks,
            flags={int(pk): keys for pk, keys in last.answer["flags"].items()},
            apart=apart_of(ranks, [(better, worse) for better, worse in last.must_hold]) or 1,
            reason=last.reason,
        )
        form: list[AnswerForm] = []

        def act(_cleaned: dict[str, Any]) -> str:
            version = edit_gold(item=item, answer=form[-1].answer(), by=_user(request))
            return _("Version %(version)d holds from now on.") % {"version": version.version}

        confirmation = Confirmation(
            title=_("Change the answer of %(item)s?") % {"item": _name(item)},
            consequences=[
                _("It becomes a further version. What was handed in before was measured by the one before, and stays.")
            ],
            button=_("Make it a version"),
            back=self.page_of(item),
            about=[item],
            form=partial(_made, form, task=item.task, first=first),
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Retire the item"), icon="block")
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            retire_gold(item=item)
            return _("%(item)s is retired.") % {"item": _name(item)}

        confirmation = Confirmation(
            title=_("Retire %(item)s?") % {"item": _name(item)},
            consequences=[
                _("Nobody is given it as gold any more. Whoever holds it may finish. What was measured stays.")
            ],
            button=_("Retire the item"),
            back=self.page_of(item),
            about=[item],
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Use again"), icon="undo", primary=True)
    def use_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            use_gold_again(item=item)
            return _("%(item)s is in use.") % {"item": _name(item)}

        confirmation = Confirmation(
            title=_("Use %(item)s again?") % {"item": _name(item)},
            consequences=[_("Labelers who have not met it are given it again, with its last answer.")],
            button=_("Use again"),
            back=self.page_of(item),
            about=[item],
        )
        return confirm(self, request, confirmation, act)


@admin.register(Check)
class CheckAdmin(RecordAdmin):
    """Who was checked by what, and what it came to."""

    list_display = (
        "number",
        shown("labeler", lazy("Labeler")),
        shown("kind", lazy("Kind")),
        "campaign",
        "result",
        "held",
        "flagged",
        shown("measured_at", lazy("Measured")),
    )
    list_filter = (
        *by_choice("kind"),
        *yes_or_no("passed"),
        *by_relation("item", "labeler", "task__campaign"),
        *by_day("measured_at"),
    )
    list_select_related = ("labeler__user", "task__campaign")
    search_fields = ("labeler__user__username",)
    list_per_page = 50
    fields = (
        "labeler", "kind", "task", "item", "version", "earlier", "ranking", "pairs", "pairs_held", "flags",
        "flags_agreed", "passed", "planned_at", "measured_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Check]:
        return within_campaigns_of(request.user, super().get_queryset(request), "task__campaign")

    @column("#", ordering="pk")
    def number(self, check: Check) -> int:
        return check.pk

    @column(lazy("Campaign"), ordering="task__campaign")
    def campaign(self, check: Check) -> str:
        return str(check.task.campaign)

    @column(lazy("Result"), label=STATE_COLOURS)
    def result(self, check: Check) -> tuple[str, str]:
        if check.ranking_id is None:
            return "waiting", _("Waiting")
        if check.passed is None:
            return "done", _("Measured")
        return ("passed", _("Passed")) if check.passed else ("failed", _("Failed"))

    @column(lazy("Pairs that held"))
    def held(self, check: Check) -> str:
        return bar(check.pairs_held, check.pairs) if check.pairs else "–"

    @column(lazy("Flags agreed"))
    def flagged(self, check: Check) -> str:
        return bar(check.flags_agreed, check.flags) if check.flags else "–"
