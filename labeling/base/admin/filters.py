"""The theme's filters, each under a name that is translated; by_…("field") goes into list_filter."""

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RelatedDropdownFilter,
)

from labeling.exports.models import Snapshot
from labeling.exports.services.records import demonstrations_of, rankings_of
from labeling.exports.services.selection import Selection
from lm.snapshot.records import SPLITS

if TYPE_CHECKING:
    from django.contrib.admin import SimpleListFilter as DropdownFilter
else:
    from unfold.contrib.filters.admin import DropdownFilter


SNAPSHOTS = 50
"""The latest ones are offered; an address may name any."""


def _translated(theme: Any) -> Any:
    """The theme's filter with the field's name translated (labeling/admin/field_words.py)."""

    class Translated(theme):  # type: ignore[misc]
        title: Any

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.title = gettext(str(self.title))

    return Translated


_CHOICE, _RELATION = _translated(ChoicesDropdownFilter), _translated(RelatedDropdownFilter)
_DAY, _YES_OR_NO = _translated(RangeDateFilter), _translated(BooleanRadioFilter)


def by_choice(*fields: str) -> list[Any]:
    return [(field, _CHOICE) for field in fields]


def by_relation(*fields: str) -> list[Any]:
    return [(field, _RELATION) for field in fields]


def by_day(*fields: str) -> list[Any]:
    return [(field, _DAY) for field in fields]


def yes_or_no(*fields: str) -> list[Any]:
    return [(field, _YES_OR_NO) for field in fields]


class LanguageFilter(DropdownFilter):
    """The languages that there are."""

    title = _("language")
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        codes = model_admin.model.objects.order_by("language").values_list("language", flat=True).distinct()
        return [(code, code) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(language=self.value()) if self.value() else queryset


class SplitFilter(DropdownFilter):
    """train, valid or test, of the prompt's submitter."""

    title = _("split")
    parameter_name = "split"
    lookup = "submitter__split"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(split, split) for split in SPLITS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(**{self.lookup: self.value()}) if self.value() else queryset


class SnapshotFilter(DropdownFilter):
    """Exactly the labels that a snapshot holds: as of its time, with its filters, and of revisions the last."""

    title = _("snapshot")
    parameter_name = "snapshot"
    labels: Any
    """Selection → the labels that it holds (labeling/export)."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [(str(snapshot.pk), str(snapshot)) for snapshot in Snapshot.objects.order_by("-id")[:SNAPSHOTS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        number = self.value() or ""
        snapshot = Snapshot.objects.filter(pk=int(number)).first() if number.isdecimal() else None
        if snapshot is None:
            return queryset
        selection = Selection.of_snapshot(as_of=snapshot.as_of, filters=snapshot.filters)
        return queryset.filter(pk__in=type(self).labels(selection).order_by().values("pk"))


class RankingsOfSnapshotFilter(SnapshotFilter):
    labels = staticmethod(rankings_of)


class DemonstrationsOfSnapshotFilter(SnapshotFilter):
    labels = staticmethod(demonstrations_of)


class OwnSplitFilter(SplitFilter):
    lookup = "split"


class SetAsideFilter(DropdownFilter):
    """Prompts in use, or those that were set aside."""

    title = _("set aside")
    parameter_name = "aside"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("no", _("In use")), ("yes", _("Set aside"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() == "yes":
            return queryset.exclude(set_aside_reason="")
        return queryset.filter(set_aside_reason="") if self.value() == "no" else queryset
