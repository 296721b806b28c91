"""Loops: set up, watched as one picture, paused, let go on, and a step of the last turn done again."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import several
from labeling.base.admin.model_admins import BaseAdmin, button, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS
from labeling.base.admin.tables import csv_of
from labeling.base.states import TurnState
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.loop.admin.picture import picture_of, table_of
from labeling.loop.admin.words import said_in_words
from labeling.loop.models import STEPS, Loop, Turn
from labeling.loop.queries import why_not_again
from labeling.loop.services.steering import change_loop, create_loop, let_go_on, pause_loop, take_up_again

GATES = (
    "min_new_rankings", "reward_gate", "least_gain", "most_kl", "split", "held_out_only", "margin", "confidence",
    "gain", "mixture_share", "pauses_after", "include_simulated",
)  # fmt: skip


class LoopForm(forms.ModelForm):  # type: ignore[type-arg]  # only the stubs are generic
    pauses_after = several(
        lazy("Pause after"), STEPS, help_text=lazy("In every turn it waits for you after these steps.")
    )

    class Meta:
        model = Loop
        fields = ("reward_model", "source", *GATES)
        labels: ClassVar[dict[str, Any]] = {
            "reward_model": lazy("Reward model"),
            "source": lazy("Evaluated on the prompts of"),
            "min_new_rankings": lazy("New rankings that begin a turn"),
            "reward_gate": lazy("Gate of the reward model"),
            "least_gain": lazy("Least gain of reward"),
            "most_kl": lazy("Largest KL, nats"),
            "split": lazy("Split"),
            "held_out_only": lazy("Held-out labelers alone judge"),
            "margin": lazy("Margin"),
            "confidence": lazy("Confidence"),
            "gain": lazy("Planned gain over 50%"),
            "mixture_share": lazy("Share in mixtures"),
            "include_simulated": lazy("Learn from what simulated labelers made, too"),
        }


@admin.register(Loop)
class LoopAdmin(OfCampaigns, BaseAdmin):
    campaign_paths = ("source",)
    list_display = (shown("reward_model", lazy("Reward model")), "latest_turn", "show_state", "show_why")
    form = LoopForm
    fieldsets = (
        (None, {"fields": ("reward_model", "source")}),
        (lazy("Gates"), {"fields": GATES}),
    )  # fmt: skip
    add_fieldsets = fieldsets
    list_select_related = ("reward_model",)
    change_form_outer_before_template = "loop/admin/loop.html"
    warn_unsaved_form = True
    actions_detail = ("go_on", "pause", "again")

    def get_readonly_fields(self, request: HttpRequest, obj: Loop | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return ("reward_model",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Loop, form: Any, change: Any) -> None:  # noqa: ARG002
        cleaned = form.cleaned_data
        if change:
            change_loop(loop=obj, **{name: cleaned[name] for name in form.changed_data})
        else:
            obj.pk = create_loop(**cleaned).pk

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        wanted = request.GET.get("csv")
        if request.method == "GET" and wanted and self.has_view_permission(request):
            table = table_of(self.find(request, object_id))
            if table.key != wanted:
                raise Http404
            return csv_of(table)
        return super().change_view(request, object_id, form_url, extra_context)

    def page_context(self, request: HttpRequest, loop: Loop) -> dict[str, Any]:
        return super().page_context(request, loop) | {
            "loop": loop,
            "paused_because": said_in_words(loop.paused_because),
            "drawn": picture_of(loop),
            "colours": STATE_COLOURS,
            "table": table_of(loop),
        }

    def buttons_for(self, row: Loop) -> Iterable[str]:
        steer = "go_on" if row.paused else "pause"
        return [steer] if _ended(row) is None else [steer, "again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Loop]:
        latest = Turn.objects.filter(loop=OuterRef("pk")).order_by("-number")
        found: QuerySet[Loop] = super().get_queryset(request)
        return found.annotate(
            turn_number=Subquery(latest.values("number")[:1]), turn_state=Subquery(latest.values("state")[:1])
        )

    @column(lazy("Turn"))
    def latest_turn(self, loop: Any) -> str:
        if not loop.turn_number:
            return "–"
        return _("%(name)s: %(value)s") % {"name": loop.turn_number, "value": TurnState(loop.turn_state).label}

    @column(lazy("State"), label={"paused": "warning", "goes": "success"})
    def show_state(self, loop: Loop) -> tuple[str, str]:
        return ("paused", _("Paused")) if loop.paused else ("goes", _("Goes on by itself"))

    @column(lazy("Because"))
    def show_why(self, loop: Loop) -> str:
        return said_in_words(loop.paused_because)

    @button(lazy("Go on"), icon="play_arrow", primary=True)
    def go_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        loop = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            let_go_on(loop=loop)
            return _("The loop of “%(loop)s” goes on.") % {"loop": loop}

        confirmation = Confirmation(
            title=_("Let the loop of “%(loop)s” go on?") % {"loop": loop},
            consequences=[
                _("Enough new rankings train a reward model; one that passes its gate trains a policy from the current "
                  "model; a policy that passes is judged by people, blind; what they prefer becomes the current model "
                  "and is sampled for further rankings. Each step begins by itself."),
            ],
            button=_("Go on"),
            back=self.page_of(loop),
            about=[loop],
        )  # fmt: skip
        return confirm(self, request, confirmation, act)

    @button(lazy("Pause"), icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        loop = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            pause_loop(loop=loop)
            return _("The loop of “%(loop)s” is paused.") % {"loop": loop}

        confirmation = Confirmation(
            title=_("Pause the loop of “%(loop)s”?") % {"loop": loop},
            consequences=[_("Nothing new begins. What is under way ends, and is looked at when the loop goes on.")],
            button=_("Pause"),
            back=self.page_of(loop),
            about=[loop],
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Again"), icon="replay")
    def again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        loop = self.find(request, object_id)
        turn = _ended(loop)
        if turn is None:
            messages.error(request, _("No turn can be taken up again."))
            return HttpResponseRedirect(reverse("admin:labeling_loop_change", args=[loop.pk]))

        def act(_cleaned: dict[str, Any]) -> str:
            take_up_again(turn=turn)
            return _("Turn %(number)d goes on.") % {"number": turn.number}

        confirmation = Confirmation(
            title=_("Take turn %(number)d up again?") % {"number": turn.number},
            consequences=[
                said_in_words(turn.reason),
                _("What failed is begun anew. Where a gate was closed it is looked at again, with the gates as they "
                  "are now. A later turn that only waits for rankings gives way."),
            ],
            button=_("Again"),
            back=self.page_of(loop),
            about=[loop],
        )  # fmt: skip
        return confirm(self, request, confirmation, act)


def _ended(loop: Loop) -> Turn | None:
    """The last turn that ended, where it may be taken up again."""
    turn = loop.turns.filter(state=TurnState.ENDED).first()
    return turn if turn and not why_not_again(turn) else None
