"""What labelers begin by themselves: the writing, the conversations that came of it, and what the model suggested."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import excerpt
from labeling.base.admin.filters import by_choice, by_day, by_relation
from labeling.base.admin.model_admins import RecordAdmin, column, shown, written
from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import turns_of
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.desk.admin.earlier_drafts import WithEarlierDrafts
from labeling.desk.rules.drafts import kept_texts
from labeling.writing.models import Composition, Conversation, Message
from labeling.writing.own_prompts.models import OwnPrompt
from labeling.writing.suggestions.models import SuggestionRequest

TEXT = written("text", lazy("text"))


class CompositionAdmin(OfCampaigns, WithEarlierDrafts, RecordAdmin):
    list_display = (
        "writer",
        shown("kind", lazy("Kind")),
        "written",
        shown("campaign", lazy("Campaign")),
        "show_state",
        shown("started_at", lazy("Since")),
        shown("closed_at", lazy("Handed in")),
    )
    list_filter = (*by_choice("state", "kind"), *by_relation("campaign"), *by_day("started_at"))
    list_select_related = ("labeler__user", "campaign")
    search_fields = ("labeler__user__username",)
    list_per_page = 50
    fields = (
        "writer", "campaign", "kind", "state", "conversation", "started_at", "closed_at", "active_seconds",
        "draft_saved_at", "draft_version", "draft", "earlier_drafts", "instruction_version",
    )  # fmt: skip
    readonly_fields = ("writer", "conversation", "earlier_drafts")

    @column(lazy("Labeler"), ordering="labeler__user__username")
    def writer(self, composition: Composition) -> str:
        return str(composition.labeler)

    @column(lazy("Draft"))
    def written(self, composition: Composition) -> str:
        return excerpt(kept_texts(composition.draft))

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, composition: Composition) -> tuple[str, str]:
        return state_label(composition)

    @column(lazy("Conversation"))
    def conversation(self, composition: Composition) -> str:
        found = Conversation.objects.filter(composition=composition).first()
        if found is None:
            return "–"
        link = reverse("admin:labeling_conversation_change", args=[found.pk])
        return format_html('<a href="{}">#{}</a>', link, found.pk)


@admin.register(OwnPrompt)
class OwnPromptAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("composition__campaign",)
    list_display = (
        "opening",
        "writer",
        shown("source", lazy("Source")),
        shown("use_case", lazy("Use case")),
        shown("language", lazy("Language")),
        shown("submitted_at", lazy("Handed in")),
    )
    list_filter = (*by_choice("source", "use_case"), *by_day("submitted_at"))
    list_select_related = ("composition__labeler__user",)
    search_fields = ("text", "composition__labeler__user__username")
    list_per_page = 50
    fields = ("writer", "source", "use_case", "language", TEXT, "pairs", "statement", "prompts", "submitted_at")
    readonly_fields = ("writer", "prompts", TEXT)

    @column(lazy("Prompt"))
    def opening(self, own: OwnPrompt) -> str:
        return excerpt(own.text, language=own.language)

    @column(lazy("Labeler"), ordering="composition__labeler__user__username")
    def writer(self, own: OwnPrompt) -> str:
        return str(own.composition.labeler)

    @column(lazy("Prompts"))
    def prompts(self, own: OwnPrompt) -> str:
        """What it became: one, or of K pairs K."""
        links = (
            (reverse("admin:labeling_prompt_change", args=[each.prompt_id]), each.prompt_id)
            for each in own.examples.all()
        )
        return format_html_join(" ", '<a href="{}">#{}</a>', links)


@admin.register(Conversation)
class ConversationAdmin(OfCampaigns, RecordAdmin):
    list_display = (
        "number",
        "began_with",
        "writer",
        shown("campaign", lazy("Campaign")),
        "turns",
        shown("submitted_at", lazy("Handed in")),
    )
    list_display_links = ("number", "began_with")
    list_filter = (*by_relation("campaign"), *by_day("submitted_at"))
    list_select_related = ("labeler__user", "campaign")
    search_fields = ("labeler__user__username", "messages__content")
    ordering = ("-id",)
    list_per_page = 50
    change_form_outer_before_template = "writing/admin/messages.html"
    fields = ("writer", "campaign", "language", "composition", "created_at", "submitted_at")
    readonly_fields = ("writer",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        found: QuerySet[Conversation] = super().get_queryset(request)
        return found.annotate(turn_count=Count("messages")).prefetch_related("messages")

    def page_context(self, request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
        said = Message.objects.filter(conversation=conversation).order_by("position")
        messages = [
            (message, render_markdown(message.content, headings_from=TEXT_HEADINGS_FROM))
            for message in said.select_related("model_version", "suggestion", "prompt")
        ]
        return super().page_context(request, conversation) | {"said": messages}

    @column("#", ordering="pk")
    def number(self, conversation: Conversation) -> str:
        return f"{conversation.pk}"

    @column(lazy("Began with"))
    def began_with(self, conversation: Conversation) -> str:
        first = next((message.content for message in conversation.messages.all() if message.role == "user"), "")
        return excerpt(first, language=conversation.language)

    @column(lazy("Labeler"), ordering="labeler__user__username")
    def writer(self, conversation: Conversation) -> str:
        return str(conversation.labeler)

    @column(lazy("Turns"), ordering="turn_count")
    def turns(self, conversation: Any) -> str:
        return f"{conversation.turn_count:,}"


@admin.register(SuggestionRequest)
class SuggestionRequestAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("composition__campaign",)
    list_display = (
        "number",
        "asked_after",
        "writer",
        "show_state",
        "arrived",
        shown("failure", lazy("Failure")),
        shown("asked_at", lazy("Asked")),
        "waited",
    )
    list_display_links = ("number", "asked_after")
    list_filter = (*by_choice("state", "failure"), *by_relation("composition__campaign"), *by_day("asked_at"))
    list_select_related = ("composition__labeler__user",)
    search_fields = ("composition__labeler__user__username",)
    list_per_page = 50
    change_form_outer_before_template = "writing/admin/suggestions.html"
    fields = (
        "writer", "composition", "position", "wanted", "state", "failure", "why_failed", "asked_at", "dispatched_at",
        "finished_at", "worker", "attempts", "temperature", "top_p", "max_new_tokens", "seed",
    )  # fmt: skip
    readonly_fields = ("writer", "why_failed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SuggestionRequest]:
        found: QuerySet[SuggestionRequest] = super().get_queryset(request)
        return found.annotate(arrived_count=Count("suggestions"))

    def page_context(self, request: HttpRequest, asked: SuggestionRequest) -> dict[str, Any]:
        suggestions = [
            (suggestion, render_markdown(suggestion.text, headings_from=TEXT_HEADINGS_FROM))
            for suggestion in asked.suggestions.select_related("model_version", "message").order_by("number")
        ]
        return super().page_context(request, asked) | {"turns": turns_of(asked.messages), "suggestions": suggestions}

    @column("#", ordering="pk")
    def number(self, asked: SuggestionRequest) -> str:
        return f"{asked.pk}"

    @column(lazy("failure note"))
    def why_failed(self, asked: SuggestionRequest) -> str:
        return note_in_words(asked.failure_note) or "-"

    @column(lazy("Asked after"))
    def asked_after(self, asked: SuggestionRequest) -> str:
        return excerpt(asked.messages[-1]["content"])

    @column(lazy("Labeler"), ordering="composition__labeler__user__username")
    def writer(self, asked: SuggestionRequest) -> str:
        return str(asked.composition.labeler)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, asked: SuggestionRequest) -> tuple[str, str]:
        return state_label(asked)

    @column(lazy("Arrived"), ordering="arrived_count")
    def arrived(self, asked: Any) -> str:
        return f"{asked.arrived_count} / {asked.wanted}"

    @column(lazy("Waited"))
    def waited(self, asked: SuggestionRequest) -> str:
        return f"{(asked.finished_at - asked.asked_at).total_seconds():,.0f} s" if asked.finished_at else "…"
