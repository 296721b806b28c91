"""Earlier versions of drafts: the list of all, and a link on the page of whatever came of one."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from labeling.base.admin.columns import excerpt
from labeling.base.admin.filters import by_day
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, column, shown
from labeling.desk.models import Assignment, EarlierDraft, HeldWork
from labeling.desk.queries.drafts import earlier_of


class WithEarlierDrafts(BaseAdmin):
    """For a page of work, or of a label that came of it; "earlier_drafts" is a line of it."""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Without the line for those who may not read earlier drafts."""
        may = request.user.has_perm("labeling.view_earlierdraft")
        return [each for each in super().get_fields(request, obj) if may or each != "earlier_drafts"]

    @column(lazy("Earlier versions"))
    def earlier_drafts(self, row: Model) -> str:
        """Links to the drafts of the work and of its revisions, before they became what was handed in."""
        work = row if isinstance(row, HeldWork) else getattr(row, "assignment", None)
        if work is None:  # imported, or the last turn of a dialogue, whose writing has a page of its own
            return "–"
        tokens = [work.token, *(work.revisions.values_list("token", flat=True) if isinstance(work, Assignment) else ())]
        count = EarlierDraft.objects.filter(token__in=tokens).count()
        if not count:
            return _("none")
        address = reverse("admin:labeling_earlierdraft_changelist", query={"token__in": ",".join(map(str, tokens))})
        said = ngettext("%(count)d earlier version of the draft", "%(count)d earlier versions of the draft", count)
        return format_html('<a href="{}">{}</a>', address, said % {"count": count})


@admin.register(EarlierDraft)
class EarlierDraftAdmin(RecordAdmin):
    list_display = (
        "number",
        "beginning",
        shown("labeler", lazy("Labeler")),
        shown("version", lazy("Version")),
        shown("kept_at", lazy("Kept on")),
    )
    list_display_links = ("number", "beginning")
    list_filter = (*by_day("kept_at"),)
    list_select_related = ("labeler__user",)
    search_fields = ("labeler__user__username",)
    list_per_page = 50
    fields = ("labeler", "version", "kept_at", "texts", "draft")
    readonly_fields = ("texts",)

    @column("#", ordering="pk")
    def number(self, kept: EarlierDraft) -> int:
        return kept.pk

    @column(lazy("Draft"))
    def beginning(self, kept: EarlierDraft) -> str:
        return excerpt(_in_words(kept))

    @column(lazy("Texts"))
    def texts(self, kept: EarlierDraft) -> str:
        return format_html('<span dir="auto" style="white-space: pre-line">{}</span>', _in_words(kept))


def _in_words(kept: EarlierDraft) -> str:
    """All that was written in it, and how many ranks, ratings and flags it has."""
    found = earlier_of(kept)
    choices = ngettext(
        "%(n)s choice (ranks, ratings, flags)", "%(n)s choices (ranks, ratings, flags)", found.choices
    ) % {"n": found.choices}
    return "\n\n".join([*found.texts, *([choices] if found.choices else [])])
