"""What cells of lists are made of."""

from django.db.models import IntegerField, Model, QuerySet, Subquery, Value
from django.db.models.expressions import BaseExpression, Combinable
from django.db.models.functions import Coalesce
from django.utils.html import format_html

from labeling.base.as_written import as_written

EXCERPT_LENGTH = 140


def bar(done: int, wanted: int) -> str:
    """Done of wanted, as a bar with its numbers; full where more was done than is wanted now."""
    share = 100 if wanted and done >= wanted else 100 * done // wanted if wanted else 0
    return format_html(
        '<span class="cc-progress" title="{}%"><span class="cc-progress-numbers">{} / {}</span>'
        '<span class="cc-progress-track"><span class="cc-progress-done" style="width:{}%"></span></span></span>',
        share,
        f"{done:,}",
        f"{max(wanted, done):,}",
        share,
    )


def excerpt(text: str, *, language: str = "") -> str:
    """The beginning of what somebody wrote, as it was written."""
    lang = format_html(' lang="{}"', language) if language else ""
    return format_html('<span class="cc-excerpt"{}>{}</span>', lang, as_written(text[:EXCERPT_LENGTH]))


def measured_per(key: str, rows: QuerySet[Model], measure: BaseExpression) -> Combinable:
    """An annotation: `measure` of the `rows` that belong to the outer row by `key`, 0 where there are none."""
    grouped = rows.order_by().values(key).annotate(measured=measure).values("measured")
    return Coalesce(Subquery(grouped, output_field=IntegerField()), Value(0))
