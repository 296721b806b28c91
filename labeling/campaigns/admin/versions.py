"""Versions of instructions and rubrics, as they were published."""

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.model_admins import RecordAdmin, column, shown
from labeling.base.markdown import render_markdown
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.campaigns.models.versions import InstructionVersion, RubricVersion
from labeling.campaigns.queries import flags_of


@admin.register(InstructionVersion)
class InstructionVersionAdmin(OfCampaigns, RecordAdmin):
    list_display = ("__str__", shown("campaign", lazy("Campaign")), shown("published_at", lazy("Published")))
    list_select_related = ("campaign",)
    fields = ("campaign", "version", "published_at", "text_en", "text_zh")
    readonly_fields = ("text_en", "text_zh")

    @column("English")
    def text_en(self, version: InstructionVersion) -> str:
        return _prose(version.body.get("en", ""))

    @column("简体中文")
    def text_zh(self, version: InstructionVersion) -> str:
        return _prose(version.body.get("zh-hans", ""))


@admin.register(RubricVersion)
class RubricVersionAdmin(OfCampaigns, RecordAdmin):
    list_display = ("__str__", shown("campaign", lazy("Campaign")), shown("published_at", lazy("Published")))
    list_select_related = ("campaign",)
    fields = ("campaign", "version", "published_at", "flag_list")
    readonly_fields = ("flag_list",)

    @column(lazy("Flags"))
    def flag_list(self, version: RubricVersion) -> str:
        flags = flags_of(version, get_language() or "en")
        return render_to_string("desk/ranking/admin/flags.html", {"flags": flags})


def _prose(markdown: str) -> str:
    return format_html('<div class="cc-prose">{}</div>', mark_safe(render_markdown(markdown, headings_from=3)))  # noqa: S308
