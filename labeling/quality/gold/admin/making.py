"""Ranking tasks made gold, from the page of a ranking or a task: the answer, which pairs must hold, and why."""

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import combinations
from typing import Any, ClassVar

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import choice, long_text
from labeling.base.admin.filters import DropdownFilter
from labeling.base.admin.model_admins import BaseAdmin, button
from labeling.base.as_written import as_written
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import turns_of
from labeling.base.states import CampaignStage, TaskState
from labeling.campaigns.queries import flags_of
from labeling.desk.ranking.models import Ranking
from labeling.desk.rules.drafts import letter_of
from labeling.quality.gold.models import GoldItem
from labeling.quality.gold.rules import tied_of
from labeling.quality.gold.services.items import RightAnswer, make_gold
from labeling.ranking_tasks.models.completions import Completion
from labeling.ranking_tasks.models.tasks import RankingTask

USUALLY_APART = 2
"""Neighbours are often a matter of taste; two ranks apart, careful people agree."""
TICKED = "ticked"
"""The choice by which no pair must hold but those that are ticked one by one."""


class AnswerForm(forms.Form):
    """A rank and the flags for each completion of a task, the pairs that must hold, and the reason.

    `first`: what it begins with.
    """

    def __init__(self, *args: Any, task: RankingTask, first: RightAnswer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.turns = turns_of(task.prompt.messages)
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
            ]
            + [(TICKED, _("Only those that are ticked below"))],
            initial=TICKED if first.apart is None else min(first.apart, max(1, highest - 1)),
            help_text=_("Whoever puts one of them the other way round, or as equal, does not pass. All are counted."),
        )
        self.fields["pairs"] = forms.MultipleChoiceField(
            label=_("And these pairs"),
            choices=[(f"{one}-{other}", self._letters(one, other)) for one, other in combinations(self.ids, 2)],
            required=False,
            initial=[f"{min(pair)}-{max(pair)}" for pair in first.pairs],
            help_text=_("Besides those above, however near their ranks are. Which is the better one, the ranks say."),
            widget=UnfoldAdminCheckboxSelectMultipleWidget(),
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
                as_written(completion.text[:100]),
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

    def _letters(self, *completions: int) -> str:
        return " · ".join(letter_of(self.ids.index(pk) + 1) for pk in completions)

    def clean(self) -> None:
        if not self.errors:
            answer = self.answer()
            for pair in tied_of(answer.pairs, answer.ranks):
                words = _("%(pair)s: of two with the same rank neither must be above the other.")
                self.add_error("pairs", words % {"pair": self._letters(*pair)})

    def answer(self) -> RightAnswer:
        said: Mapping[str, Any] = self.cleaned_data
        pairs = [pair.split("-") for pair in said["pairs"]]
        return RightAnswer(
            ranks={pk: int(said[f"rank_{pk}"]) for pk in self.ids},
            flags={pk: said.get(f"flags_{pk}", []) for pk in self.ids},
            apart=None if said["apart"] == TICKED else int(said["apart"]),
            pairs=[(int(one), int(other)) for one, other in pairs],
            reason=said["reason"],
        )


ASKED = "quality/gold/admin/asked.html"
"""The prompt: nobody says in which order answers are without it."""


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
            item = make_gold(task=task, answer=form[-1].answer(), by=user_of(request))
            link = reverse("admin:labeling_golditem_change", args=[item.pk])
            return str(
                format_html('<a href="{}">{}</a>', link, _("%(item)s is in use.") % {"item": name_of_item(item)})
            )

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
            form=partial(made, form, task=task, first=_first_answer(row)),
            notes=ASKED,
        )
        return confirm(self, request, confirmation, act)


def made(kept: list[AnswerForm], *args: Any, **kwargs: Any) -> AnswerForm:
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


def user_of(request: HttpRequest) -> Any:
    return request.user


def name_of_item(item: GoldItem) -> str:
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
