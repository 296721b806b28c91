"""Who differs from the others by more than chance, and in what: in words, as a filter, on a labeler's page."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise

from labeling.base.admin.filters import DropdownFilter
from labeling.base.admin.model_admins import BaseAdmin, column
from labeling.people.models import Labeler
from labeling.quality.bias.models import FindingFigure, LabelerHabits
from labeling.quality.bias.rules.outliers import Habit

HABITS: dict[str, StrOrPromise] = {
    Habit.DISAGREES: lazy("orders pairs otherwise than the rest"),
    Habit.PLACE: lazy("goes by the place where it is shown"),
    Habit.SHOWN_ORDER: lazy("hands in the order shown"),
    Habit.LENGTH: lazy("goes by length"),
    Habit.COPIES: lazy("hands in what somebody had handed in before"),
    Habit.FAST: lazy("needs much less time than others"),
}


def why(finding: FindingFigure) -> str:
    """What was seen, in numbers."""
    words = {
        Habit.DISAGREES: _("agrees with others on %(value)s of pairs; the middle of all is %(centre)s"),
        Habit.PLACE: _("prefers what is shown earlier %(beyond)s more often than others’ rankings explain"),
        Habit.SHOWN_ORDER: _("hands in just the order shown %(value)s more often than by chance"),
        Habit.LENGTH: _("against others, for the longer one %(value)s more often; the middle of all is %(centre)s"),
        Habit.COPIES: _("%(value)s of rankings are just those of somebody before; the middle of all is %(centre)s"),
        Habit.FAST: _("needs %(value)s of the usual time; the middle of all is %(centre)s"),
    }  # fmt: skip
    habit = Habit(finding["habit"])
    shown_as: Callable[[float], float] = math.exp if habit == Habit.FAST else float
    return words[habit] % {
        "value": f"{shown_as(finding['value']):.1%}",
        "centre": f"{shown_as(finding['centre']):.1%}",
        "beyond": f"{finding['value'] - finding['centre']:.1%}",
    }


class MarkedFilter(DropdownFilter):
    """Labelers who differ from the others."""

    title = lazy("marked")
    parameter_name = "marked"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("yes", lazy("for any habit")), *HABITS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        path_to = "outlier" if queryset.model is LabelerHabits else "habits__outlier"
        if self.value() == "yes":
            return queryset.filter(**{f"{path_to}__len__gt": 0})
        return queryset.filter(**{f"{path_to}__contains": [self.value()]}) if self.value() else queryset


class MarkedLabelers(BaseAdmin):
    """Marks labelers who differ from the others by more than chance, in the list and on their page."""

    @column(lazy("Marked"))
    def marked(self, labeler: Labeler) -> str:
        habits = getattr(labeler, "habits", None)
        return marks_in_words(habits.outlier) if habits else "–"

    def page_context(self, request: HttpRequest, labeler: Any) -> dict[str, Any]:
        return super().page_context(request, labeler) | {"habits": seen(getattr(labeler, "habits", None))}


def marks_in_words(outlier: Iterable[str]) -> str:
    return "; ".join(str(HABITS[habit]) for habit in outlier) or "–"


def seen(habits: LabelerHabits | None) -> list[tuple[StrOrPromise, str, FindingFigure]]:
    """(habit, what was seen, figures), the least likely first."""
    return [(HABITS[each["habit"]], why(each), each) for each in habits.findings] if habits else []
