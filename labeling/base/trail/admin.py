"""The trail as one list that can be searched: who changed what from which value to which."""

import json
from typing import Any, ClassVar

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.filters import DropdownFilter, by_choice, by_day
from labeling.base.admin.model_admins import RecordAdmin, column, shown
from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.csv_tables import csv_response
from labeling.base.trail.columns import column_name
from labeling.base.trail.models import Change
from labeling.base.trail.triggers import RECORDED

LONGEST_SHOWN = 80


def model_of(table: str) -> type[Model] | None:
    return next((model for model in apps.get_models(include_auto_created=True) if model._meta.db_table == table), None)  # noqa: SLF001


def noun_of(table: str) -> str:
    model = model_of(table)
    return str(model._meta.verbose_name) if model else table  # noqa: SLF001


class NounFilter(DropdownFilter):
    title = lazy("what")
    parameter_name = "table_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(table, noun_of(table)) for table in RECORDED]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002
        return queryset.filter(table_name=self.value()) if self.value() else queryset


@admin.register(Change)
class ChangeAdmin(RecordAdmin):
    list_display = (
        shown("at", lazy("When")), shown("actor", lazy("Who")), shown("action", lazy("Did")), "what", "values",
    )  # fmt: skip
    list_filter = (NounFilter, *by_choice("action"), *by_day("at"))
    search_fields = ("actor", "row_name", "table_name", "changes")
    search_help_text = lazy("A name, a field or a value")
    list_per_page = 50
    list_before_template = "base/admin/csv_link.html"
    fields = ("at", "actor", "action", "what", "whole_values")
    readonly_fields: ClassVar[tuple[str, ...]] = ("what", "whole_values")

    def get_urls(self) -> list[URLPattern]:
        as_csv = path("csv/", self.admin_site.admin_view(self.csv), name="labeling_change_csv")
        return [as_csv, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        link = reverse("admin:labeling_change_csv", query=request.GET)
        return super().changelist_view(request, (extra_context or {}) | {"csv_link": link})

    def csv(self, request: HttpRequest) -> HttpResponseBase:
        """What the list shows under the same filters and search, whole: a line a change."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            found = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:  # no such filter: the list says so
            return HttpResponseRedirect(reverse("admin:labeling_change_changelist", query={ERROR_FLAG: "1"}))
        header = ("at", "who", "did", "table", "row_id", "row_name", "changes")
        rows = (
            (
                each.at.isoformat(), each.actor, each.action, each.table_name, each.row_id, each.row_name,
                json.dumps(each.changes, ensure_ascii=False),
            )
            for each in found.iterator(chunk_size=2000)
        )  # fmt: skip
        return csv_response("trail.csv", header, rows)

    @column(lazy("What"))
    def what(self, change: Change) -> str:
        noun, name = noun_of(change.table_name), change.row_name or f"#{change.row_id}"
        address = _page_of(change)
        if not address:
            return f"{noun} {name}"
        return format_html('{} <a href="{}">{}</a>', noun, address, name)

    @column(lazy("From which value to which"))
    def values(self, change: Change) -> SafeString:
        return _lines(change, LONGEST_SHOWN)

    @column(lazy("From which value to which"))
    def whole_values(self, change: Change) -> SafeString:
        return _lines(change, None)


def _page_of(change: Change) -> str:
    """The address of the row's page; empty where it has none."""
    model = model_of(change.table_name)
    if model is None:
        return ""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"  # noqa: SLF001
    try:
        return reverse(name, args=[change.row_id])
    except NoReverseMatch:
        return ""


def _lines(change: Change, longest: int | None) -> SafeString:
    return format_html_join(
        "",
        '<span class="cc-change"><b>{}</b> {} → {}</span>',
        (
            (_(column_name(name)), _value(before, longest), _value(after, longest))
            for name, (before, after) in sorted(change.changes.items())
        ),
    )


def _value(value: object, longest: int | None) -> str:
    if value in (None, "", []):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = ", ".join(map(str, value)) if isinstance(value, list) else note_in_words(str(value))
    return text if longest is None else Truncator(text).chars(longest)
