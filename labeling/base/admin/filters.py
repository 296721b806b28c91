"""The theme's filters, each under a name that is translated; by_…("field") goes into list_filter.

Filters of one noun stand beside its admin, on DropdownFilter.
"""

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

from labeling.base.language import name_of

if TYPE_CHECKING:  # unfold is not typed
    from django.contrib.admin import SimpleListFilter

    class DropdownFilter(SimpleListFilter):
        pass
else:
    from unfold.contrib.filters.admin import DropdownFilter


def _translated(theme: Any) -> Any:
    """The theme's filter with the field's name translated (field_names.py)."""

    class Translated(theme):  # type: ignore[misc]
        title: Any

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.title = gettext(str(self.title))

    return Translated


_CHOICE = _translated(ChoicesDropdownFilter)


class _Relation(_translated(RelatedDropdownFilter)):  # type: ignore[misc]
    """Offers what the user finds in the list of the rows that it leads to: a campaign manager no other campaigns."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        there = model_admin.admin_site._registry.get(field.remote_field.model)  # noqa: SLF001
        seen = {"pk__in": there.get_queryset(request).values("pk")} if there else {}
        ordering = self.field_admin_ordering(field, request, model_admin)
        choices: list[tuple[Any, str]] = field.get_choices(
            include_blank=False, ordering=ordering, limit_choices_to=seen
        )
        return choices


_DAY, _YES_OR_NO = _translated(RangeDateFilter), _translated(BooleanRadioFilter)


def by_choice(*fields: str) -> list[Any]:
    return [(field, _CHOICE) for field in fields]


def by_relation(*fields: str) -> list[Any]:
    return [(field, _Relation) for field in fields]


def by_day(*fields: str) -> list[Any]:
    return [(field, _DAY) for field in fields]


def yes_or_no(*fields: str) -> list[Any]:
    return [(field, _YES_OR_NO) for field in fields]


class LanguageFilter(DropdownFilter):
    """The languages that there are."""

    title = _("language")
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        seen = model_admin.get_queryset(request)
        codes = seen.order_by("language").values_list("language", flat=True).distinct()
        return [(code, name_of(code)) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(language=self.value()) if self.value() else queryset
