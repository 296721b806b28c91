"""What is left out of training, and why: buttons on pages of labels, labelers and campaigns, and the list of all."""

from collections.abc import Callable, Iterable
from datetime import datetime, time
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm
from labeling.base.admin.filters import DropdownFilter, by_day
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, button, column, shown
from labeling.base.states import ImportState
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.exports.models import Exclusion
from labeling.exports.queries import (
    KEPT,
    demonstrations_with_exclusion,
    exclusion_of,
    rankings_with_exclusion,
    target_of,
)
from labeling.exports.services.exclusions import leave_out, take_in
from labeling.people.models import Labeler

KINDS = {
    "ranking": lazy("Ranking"),
    "demonstration": lazy("Demonstration"),
    "labeler": lazy("Labeler"),
    "campaign": lazy("Campaign"),
    "prompt_import": lazy("Import"),
    "prompt": lazy("Prompt"),
}
CONSEQUENCES = {
    "ranking": lazy("With its revisions and its improved text."),
    "demonstration": lazy("With its revisions."),
    "labeler": lazy("Everything they handed in, or from a day on. They go on getting work."),
    "campaign": lazy("Every label of it. Labelers go on working on it."),
    "prompt_import": lazy(
        "What the file brought, existing comparisons included, and every label of its prompts. They stay in the queue."
    ),
}


NO_SNAPSHOT = lazy(
    "No snapshot from now on holds it, so that nothing is trained or measured on it; each says how much it leaves out. "
    "Snapshots and models that are there stay as they are. It can be taken in again."
)


TAKEN_IN = lazy("Snapshots from now on hold it, and models are trained and measured on it again.")


class LeaveOutLabelerForm(ReasonForm):
    since = forms.DateField(
        label=lazy("From this day on"),
        required=False,
        help_text=lazy("What was handed in from the beginning of that day. Empty: everything."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )


class LeavingOut(BaseAdmin):
    """For a page of what can be left out of training; "in_training" is a line of it."""

    def buttons_for(self, row: Model) -> Iterable[str]:
        others = (name for name in super().buttons_for(row) if name not in {"leave_out", "take_in_again"})
        return [*others, "take_in_again" if exclusion_of(row) else "leave_out"]

    @column(lazy("In training"))
    def in_training(self, row: Model) -> str:
        exclusion = exclusion_of(row)
        if exclusion is None:
            return _("not left out")
        return format_html(
            '<a href="{}">{}</a>: {}',
            reverse("admin:labeling_exclusion_change", args=[exclusion.pk]),
            _("left out since %(day)s") % {"day": date_format(exclusion.excluded_at)},
            exclusion.reason,
        )

    @button(lazy("Leave out of training"), icon="block")
    def leave_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            leave_out(target=row, reason=cleaned["reason"], by=user_of(request), since=beginning_of(cleaned))
            return _("%(what)s is left out of training from now on.") % {"what": row}

        confirmation = Confirmation(
            title=_("Leave %(what)s out of training?") % {"what": row},
            consequences=[CONSEQUENCES[target_of(row)], NO_SNAPSHOT],
            button=_("Leave out"),
            back=self.page_of(row),
            about=[row],
            form=LeaveOutLabelerForm if isinstance(row, Labeler) else ReasonForm,
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Take in again"), icon="undo")
    def take_in_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.find(request, object_id)
        return _take_in_page(self, request, exclusion_of(row), back=self.page_of(row), about=row)


class LeavingOutImport(LeavingOut):
    """Only what came in can be left out."""

    def buttons_for(self, row: Any) -> Iterable[str]:
        return [name for name in super().buttons_for(row) if name != "leave_out" or row.state == ImportState.DONE]


def beginning_of(cleaned: dict[str, Any]) -> datetime | None:
    day = cleaned.get("since")
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None


def user_of(request: HttpRequest) -> Any:
    return request.user


def _take_in_page(
    noun: BaseAdmin, request: HttpRequest, exclusion: Exclusion | None, *, back: str, about: Model | None = None
) -> HttpResponse:
    def act(cleaned: dict[str, Any]) -> str:
        if exclusion is None:
            return _("It was not left out.")
        take_in(exclusion=exclusion, reason=cleaned["reason"], by=user_of(request))
        return _("%(what)s is taken in again.") % {"what": exclusion.target}

    confirmation = Confirmation(
        title=_("Take it in again?")
        if exclusion is None
        else _("Take %(what)s in again?") % {"what": exclusion.target},
        consequences=[TAKEN_IN],
        button=_("Take in again"),
        back=back,
        about=[row for row in (about, exclusion) if row is not None],
        form=ReasonForm,
    )
    return confirm(noun, request, confirmation, act)


class LeftOutFilter(DropdownFilter):
    """Labels that are left out now, by whatever; or those that are not."""

    title = lazy("training")
    parameter_name = "training"
    with_exclusion: Callable[[Any], QuerySet[Any]]
    """A queryset → the same with `excluded` (exports/queries.py)."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("out", _("left out")), ("in", _("not left out"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() not in {"in", "out"}:
            return queryset
        known = type(self).with_exclusion(queryset)
        return known.filter(excluded=KEPT) if self.value() == "in" else known.exclude(excluded=KEPT)


class LeftOutRankingsFilter(LeftOutFilter):
    with_exclusion = staticmethod(rankings_with_exclusion)


class LeftOutDemonstrationsFilter(LeftOutFilter):
    with_exclusion = staticmethod(demonstrations_with_exclusion)


class KindFilter(DropdownFilter):
    title = lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return list(KINDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        kind = self.value() or ""
        return queryset.exclude(**{kind: None}) if kind in KINDS else queryset


class InForceFilter(DropdownFilter):
    title = lazy("in force")
    parameter_name = "in_force"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("yes", _("left out now")), ("no", _("taken in again"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(ended_at__isnull=self.value() == "yes") if self.value() in {"yes", "no"} else queryset


@admin.register(Exclusion)
class ExclusionAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("campaign", "ranking__task__campaign", "demonstration__prompt__campaign", "prompt__campaign")
    list_display = (
        "what",
        "show_kind",
        shown("reason", lazy("Reason")),
        shown("excluded_at", lazy("Left out on")),
        shown("excluded_by", lazy("By")),
        shown("ended_at", lazy("Taken in again")),
    )
    list_filter = (KindFilter, InForceFilter, *by_day("excluded_at"))
    list_select_related = (
        "labeler__user",
        "campaign",
        "ranking",
        "demonstration",
        "prompt_import",
        "prompt",
        "excluded_by",
    )
    search_fields = ("reason", "end_reason", "labeler__user__username", "campaign__name", "prompt_import__file_name")
    fields = (
        "what", "show_kind", "since", "reason", "excluded_by", "excluded_at", "end_reason", "ended_by", "ended_at",
    )  # fmt: skip
    readonly_fields = ("what", "show_kind")
    actions_detail = ("take_in_again",)

    def buttons_for(self, row: Exclusion) -> Iterable[str]:
        return self.actions_detail if row.ended_at is None and row.prompt_id is None else ()

    @column(lazy("What"))
    def what(self, exclusion: Exclusion) -> str:
        noun = exclusion.target._meta.model_name  # noqa: SLF001  (Django's own name for it)
        link = reverse(f"admin:labeling_{noun}_change", args=[exclusion.target.pk])
        text = str(exclusion.target)
        if exclusion.since is not None:
            text = _("%(labeler)s, from %(day)s on") % {"labeler": text, "day": date_format(exclusion.since)}
        return format_html('<a href="{}">{}</a>', link, text)

    @column(lazy("Kind"))
    def show_kind(self, exclusion: Exclusion) -> str:
        return str(KINDS[exclusion.kind])

    @button(lazy("Take in again"), icon="undo", primary=True)
    def take_in_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        exclusion = self.find(request, object_id)
        return _take_in_page(self, request, exclusion, back=self.page_of(exclusion))
