"""What was kept of conversations with served models, what became of it, and what was withdrawn. Admins alone look."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm
from labeling.base.admin.filters import by_choice, by_day, by_relation
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, button, column, noted, shown
from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.states import ConversationState
from labeling.conversations.models import HarvestRule, ServedConversation, Withdrawal
from labeling.conversations.queries import waiting_for_a_rule
from labeling.conversations.services.harvesting import pass_over, release_masked

ROLES = {"user": lazy("User"), "assistant": lazy("Assistant"), "system": lazy("System")}


class SaysWhereNoneIsTaken(BaseAdmin):
    """Says above the list that no campaign takes conversations, and what to do, as long as that is so."""

    list_before_template = "conversations/admin/no_rule.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"waiting": waiting_for_a_rule(), **(extra_context or {})})


@admin.register(ServedConversation)
class ServedConversationAdmin(SaysWhereNoneIsTaken, RecordAdmin):
    list_display = (
        shown("pk", lazy("Conversation")),
        shown("source", lazy("Source")),
        shown("submitter", lazy("Submitter")),
        "turns",
        "show_state",
        noted("note", lazy("Note")),
        shown("campaign", lazy("Campaign")),
        shown("last_at", lazy("Last turn")),
    )
    list_filter = (*by_choice("state", "source"), *by_relation("campaign"), *by_day("last_at"))
    list_select_related = ("campaign",)
    search_fields = ("submitter",)
    list_per_page = 50
    fields = (
        "source", "submitter", "state", "show_note", "campaign", "prompt_link", "said", "consent_given", "began_at",
        "last_at",
    )  # fmt: skip
    readonly_fields = ("show_note", "prompt_link", "said", "consent_given")
    actions_detail = ("release", "leave")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServedConversation]:
        found: QuerySet[ServedConversation] = super().get_queryset(request)
        return found.annotate(turn_count=Count("turns"))

    def buttons_for(self, row: ServedConversation) -> Iterable[str]:
        return {ConversationState.HELD: ("release", "leave"), ConversationState.KEPT: ("leave",)}.get(
            ConversationState(row.state), ()
        )

    @column(lazy("Turns"))
    def turns(self, conversation: Any) -> str:
        return f"{conversation.turn_count:,}"

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, conversation: ServedConversation) -> tuple[str, str]:
        return state_label(conversation)

    @column(lazy("Prompt"))
    def prompt_link(self, conversation: ServedConversation) -> str:
        if conversation.prompt_id is None:
            return "–"
        link = reverse("admin:labeling_prompt_change", args=[conversation.prompt_id])
        return format_html('<a href="{}">#{}</a>', link, conversation.prompt_id)

    @column(lazy("What was said"))
    def said(self, conversation: ServedConversation) -> str:
        turns = conversation.turns.select_related("model_version").order_by("position")
        return format_html_join(
            "",
            '<p><strong>{}</strong><br><span style="white-space: pre-wrap">{}</span></p>',
            ((turn.model_version or ROLES[turn.role], turn.content) for turn in turns),
        )

    @column(lazy("Note"))
    def show_note(self, conversation: ServedConversation) -> str:
        return note_in_words(conversation.note) or "-"

    @column(lazy("Consent"))
    def consent_given(self, conversation: ServedConversation) -> str:
        consent = conversation.consent
        return f"{consent.said_at:%Y-%m-%d %H:%M} UTC · {consent.wording or consent.agreement}"

    @button(lazy("Make it a prompt, masked"), icon="shield", primary=True)
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        conversation = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            return _("It became prompt %(prompt)d.") % {"prompt": release_masked(conversation=conversation).pk}

        confirmation = Confirmation(
            title=_("Make %(what)s a prompt?") % {"what": conversation},
            consequences=[
                _("What was recognised as personal data is masked. Read it first: what was not recognised stays."),
                _("It becomes a prompt of the campaign %(campaign)s.") % {"campaign": conversation.campaign},
            ],
            button=_("Make it a prompt, masked"),
            back=self.page_of(conversation),
            about=[conversation],
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Make no prompt of it"), icon="block")
    def leave(self, request: HttpRequest, object_id: str) -> HttpResponse:
        conversation = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            pass_over(conversation=conversation, reason=cleaned["reason"])
            return _("No prompt is made of it.")

        confirmation = Confirmation(
            title=_("Make no prompt of %(what)s?") % {"what": conversation},
            consequences=[_("It stays on record until whoever wrote it withdraws it.")],
            button=_("Make no prompt of it"),
            back=self.page_of(conversation),
            about=[conversation],
            form=ReasonForm,
        )
        return confirm(self, request, confirmation, act)


@admin.register(HarvestRule)
class HarvestRuleAdmin(SaysWhereNoneIsTaken):
    """Saved by Django's form: the trail says who set which share."""

    list_display = (
        shown("campaign", lazy("Campaign")),
        shown("share", lazy("Share")),
        shown("personal_data", lazy("Personal data")),
    )
    list_select_related = ("campaign",)
    search_fields = ("campaign__name",)
    fieldsets = ((None, {"fields": ("campaign", "share", "personal_data")}),)
    add_fieldsets = fieldsets

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        named = {"campaign": lazy("Campaign"), "share": lazy("Share"), "personal_data": lazy("Personal data")}
        return super().get_form(request, obj, change, **kwargs | {"labels": named})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        return ("campaign",) if obj else ()


@admin.register(Withdrawal)
class WithdrawalAdmin(RecordAdmin):
    list_display = (
        shown("pk", lazy("Withdrawal")),
        "whose",
        shown("withdrawn_at", lazy("On")),
        shown("conversations", lazy("Conversations")),
        "left",
        "seen_by",
    )
    list_filter = by_day("withdrawn_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "submitter")
    fields = (
        "user", "submitter", "asked_by", "withdrawn_at", "conversations", "prompts_deleted", "left", "in_snapshots",
        "seen_by",
    )  # fmt: skip
    readonly_fields = ("left", "in_snapshots", "seen_by")

    @column(lazy("Whose"))
    def whose(self, withdrawal: Withdrawal) -> str:
        return str(withdrawal.user) if withdrawal.user else withdrawal.submitter

    @column(lazy("Prompts left out"))
    def left(self, withdrawal: Withdrawal) -> str:
        return ", ".join(f"#{pk}" for pk in withdrawal.prompts_left_out) or "–"

    @column(lazy("In snapshots"))
    def in_snapshots(self, withdrawal: Withdrawal) -> str:
        return ", ".join(f"#{pk}" for pk in withdrawal.snapshots) or "–"

    @column(lazy("Models that saw them"))
    def seen_by(self, withdrawal: Withdrawal) -> str:
        return ", ".join(withdrawal.models_that_saw) or "–"
