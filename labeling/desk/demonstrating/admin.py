"""Demonstrations as they were handed in, with their revisions. Nothing can be changed."""

from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import excerpt
from labeling.base.admin.filters import by_choice, by_day, by_relation, yes_or_no
from labeling.base.admin.model_admins import RecordAdmin, column, shown
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import turns_of
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.desk.demonstrating.models import Demonstration


class DemonstrationAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("prompt__campaign",)
    list_display = (
        "number",
        "asked",
        "answered",
        "author",
        "campaign",
        shown("submitted_at", lazy("Handed in")),
    )
    list_display_links = ("number", "asked")
    list_filter: ClassVar[tuple[Any, ...]] = (
        *by_relation("prompt__campaign"),
        *by_choice("labeler_group"),
        *yes_or_no("simulated"),
        *by_day("submitted_at"),
    )
    list_select_related = ("labeler__user", "prompt__campaign")
    search_fields = ("labeler__user__username", "text", "prompt__messages")
    search_help_text = lazy("A labeler's name, or words of the prompt or the answer")
    ordering = ("-id",)
    list_per_page = 50
    change_form_outer_before_template = "desk/demonstrating/admin/demonstration.html"
    fields: ClassVar[tuple[str, ...]] = (
        "prompt", "author", "labeler_group", "simulated", "source", "revision", "seconds", "submitted_at",
        "instruction_version", "assignment",
    )  # fmt: skip
    readonly_fields: ClassVar[tuple[str, ...]] = ("author", "seconds")

    def page_context(self, request: HttpRequest, demonstration: Demonstration) -> dict[str, Any]:
        revisions = Demonstration.objects.filter(
            prompt=demonstration.prompt_id, labeler=demonstration.labeler_id, source=demonstration.source
        )
        if demonstration.labeler_id is None or demonstration.source == "edit":
            revisions = revisions.filter(pk=demonstration.pk)
        return super().page_context(request, demonstration) | {
            "demonstration": demonstration,
            "turns": turns_of(demonstration.prompt.messages),
            "html": render_markdown(demonstration.text, headings_from=TEXT_HEADINGS_FROM),
            "revisions": revisions.order_by("revision"),
        }

    @column("#", ordering="pk")
    def number(self, demonstration: Demonstration) -> str:
        return (
            f"{demonstration.pk}" if demonstration.revision == 1 else f"{demonstration.pk} (r{demonstration.revision})"
        )

    @column(lazy("Prompt"))
    def asked(self, demonstration: Demonstration) -> str:
        prompt = demonstration.prompt
        return excerpt(prompt.last_user_text(), language=prompt.language)

    @column(lazy("Answer"))
    def answered(self, demonstration: Demonstration) -> str:
        return excerpt(demonstration.text)

    @column(lazy("Author"), ordering="labeler__user__username")
    def author(self, demonstration: Demonstration) -> str:
        return str(demonstration.labeler) if demonstration.labeler else _("imported")

    @column(lazy("Seconds"))
    def seconds(self, demonstration: Demonstration) -> str:
        return "" if demonstration.active_seconds is None else f"{demonstration.active_seconds:,.0f}"

    @column(lazy("Campaign"), ordering="prompt__campaign")
    def campaign(self, demonstration: Demonstration) -> str:
        return str(demonstration.prompt.campaign)
