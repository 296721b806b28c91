"""Gold items: how many saw and passed each; their answers changed, retired, used again."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Count, F, Max, OuterRef, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import bar, excerpt
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import by_choice, by_relation
from labeling.base.admin.model_admins import RecordAdmin, button, column
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import turns_of
from labeling.base.states import GoldState
from labeling.campaigns.managers.queries import within_campaigns_of
from labeling.desk.rules.drafts import letter_of
from labeling.quality.gold.admin.making import ASKED, AnswerForm, made, name_of_item, user_of
from labeling.quality.gold.models import GoldItem, GoldVersion
from labeling.quality.gold.rules import apart_of, ranks_of
from labeling.quality.gold.services.items import (
    RightAnswer,
    edit_gold,
    latest_version,
    retire_gold,
    use_gold_again,
)


@admin.register(GoldItem)
class GoldItemAdmin(RecordAdmin):
    list_display = (
        "number", "opening", "campaign", "show_state", "version", "seen", "passed", "held", "last_seen",
    )  # fmt: skip
    list_display_links = ("number", "opening")
    list_filter = (*by_choice("state"), *by_relation("task__campaign"), *by_choice("task__campaign__stage"))
    list_select_related = ("task__prompt", "task__campaign")
    search_fields = ("task__prompt__messages", "versions__reason")
    search_help_text = lazy("Words of the prompt or of the reason")
    list_per_page = 50
    fields = ("task", "state", "seen", "passed", "held")
    readonly_fields = ("seen", "passed", "held")
    change_form_outer_before_template = "quality/gold/admin/gold_item.html"
    actions_detail = ("change_answer", "retire", "use_again")

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoldItem]:
        """Adds checks_seen and _passed, pairs_held and _in_all, last_at and last_version."""
        measured = Q(checks__ranking__isnull=False)
        found = within_campaigns_of(request.user, super().get_queryset(request), "task__campaign")
        versions = GoldVersion.objects.filter(item=OuterRef("pk")).order_by("-version").values("version")
        counted: QuerySet[GoldItem] = found.annotate(
            checks_seen=Count("checks", filter=measured),
            checks_passed=Count("checks", filter=Q(checks__passed=True)),
            pairs_in_all=Sum("checks__pairs", filter=measured, default=0),
            pairs_held=Sum("checks__pairs_held", filter=measured, default=0),
            last_at=Max("checks__measured_at"),
            last_version=versions[:1],
        )
        return counted

    def page_context(self, request: HttpRequest, item: Any) -> dict[str, Any]:
        texts = {
            completion.pk: (letter_of(place), render_markdown(completion.text, headings_from=TEXT_HEADINGS_FROM))
            for place, completion in enumerate(item.task.completions.order_by("pk"), start=1)
        }
        versions = [
            (
                version,
                [[texts[pk] for pk in tier] for tier in version.answer["tiers"]],
                [f"{texts[better][0]} > {texts[worse][0]}" for better, worse in version.must_hold],
            )
            for version in item.versions.select_related("made_by").annotate(seen=Count("checks"))
        ]
        checks = item.checks.filter(ranking__isnull=False).select_related("labeler__user", "version")
        return super().page_context(request, item) | {
            "task": item.task,
            "turns": turns_of(item.task.prompt.messages),
            "versions": versions,
            "checks": checks.order_by("-measured_at")[:50],
            "more": item.checks_seen > 50,
        }

    def buttons_for(self, row: GoldItem) -> Iterable[str]:
        return ["change_answer", "retire" if row.state == GoldState.ACTIVE else "use_again"]

    @column("#", ordering="pk")
    def number(self, item: GoldItem) -> int:
        return item.pk

    @column(lazy("Prompt"))
    def opening(self, item: GoldItem) -> str:
        return excerpt(item.task.prompt.last_user_text(), language=item.task.language)

    @column(lazy("Campaign"), ordering="task__campaign")
    def campaign(self, item: GoldItem) -> str:
        return str(item.task.campaign)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, item: GoldItem) -> tuple[str, str]:
        return state_label(item)

    @column(lazy("Version"), ordering="last_version")
    def version(self, item: Any) -> int:
        return int(item.last_version)

    @column(lazy("Seen by"), ordering="checks_seen")
    def seen(self, item: Any) -> str:
        if not item.checks_seen:
            return "–"
        link = reverse("admin:labeling_check_changelist", query={"item__id__exact": item.pk})
        return format_html('<a href="{}">{}</a>', link, f"{item.checks_seen:,}")

    @column(lazy("Passed"), ordering="checks_passed")
    def passed(self, item: Any) -> str:
        return bar(item.checks_passed, item.checks_seen) if item.checks_seen else "–"

    @column(lazy("Pairs that held"))
    def held(self, item: Any) -> str:
        return bar(item.pairs_held, item.pairs_in_all) if item.pairs_in_all else "–"

    @column(lazy("Last"), ordering=F("last_at").desc(nulls_last=True))  # type: ignore[arg-type]
    def last_seen(self, item: Any) -> Any:
        return item.last_at

    @button(lazy("Change the answer"), icon="edit", primary=True)
    def change_answer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = self.find(request, object_id)
        last = latest_version(item)
        ranks = ranks_of(last.answer["tiers"])
        must_hold = [(better, worse) for better, worse in last.must_hold]
        apart = apart_of(ranks, must_hold)
        first = RightAnswer(
            ranks=ranks,
            flags={int(pk): keys for pk, keys in last.answer["flags"].items()},
            apart=apart,
            pairs=must_hold if apart is None else (),
            reason=last.reason,
        )
        form: list[AnswerForm] = []

        def act(_cleaned: dict[str, Any]) -> str:
            version = edit_gold(item=item, answer=form[-1].answer(), by=user_of(request))
            return _("Version %(version)d holds from now on.") % {"version": version.version}

        confirmation = Confirmation(
            title=_("Change the answer of %(item)s?") % {"item": name_of_item(item)},
            consequences=[
                _("It becomes a further version. What was handed in before was measured by the one before, and stays.")
            ],
            button=_("Make it a version"),
            back=self.page_of(item),
            about=[item],
            form=partial(made, form, task=item.task, first=first),
            notes=ASKED,
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Retire the item"), icon="block")
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            retire_gold(item=item)
            return _("%(item)s is retired.") % {"item": name_of_item(item)}

        confirmation = Confirmation(
            title=_("Retire %(item)s?") % {"item": name_of_item(item)},
            consequences=[
                _("Nobody is given it as gold any more. Whoever holds it may finish. What was measured stays.")
            ],
            button=_("Retire the item"),
            back=self.page_of(item),
            about=[item],
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Use again"), icon="undo", primary=True)
    def use_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            use_gold_again(item=item)
            return _("%(item)s is in use.") % {"item": name_of_item(item)}

        confirmation = Confirmation(
            title=_("Use %(item)s again?") % {"item": name_of_item(item)},
            consequences=[_("Labelers who have not met it are given it again, with its last answer.")],
            button=_("Use again"),
            back=self.page_of(item),
            about=[item],
        )
        return confirm(self, request, confirmation, act)
