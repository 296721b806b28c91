"""Candidates: what each did, under a number, and the decision about them on the same page."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import long_text
from labeling.base.admin.filters import DropdownFilter
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.base.states import CampaignStage, CampaignState, LabelerState, ScreeningOutcome, SensitiveTopic
from labeling.campaigns.models.campaigns import Campaign
from labeling.onboarding.screening.models import Candidate
from labeling.onboarding.screening.queries.candidates import is_through, waiting_for_decision, with_results
from labeling.onboarding.screening.queries.evidence import Evidence, evidence_of
from labeling.onboarding.screening.services import decide
from labeling.onboarding.stages.rules import percent_of

OUTCOME_COLOURS = {"open": "info", "admitted": "success", "refused": "danger", "more": "warning"}


class WordsForm(forms.Form):
    text = long_text(
        lazy("What the candidate reads"),
        required=False,
        rows=3,
        help_text=lazy("In their language, beside what the page says by itself. May stay empty."),
    )


class NeededWordsForm(forms.Form):
    text = long_text(lazy("What the candidate reads"), rows=3, help_text=lazy("What they should do more of, and why."))


class DecidedFilter(DropdownFilter):
    """By the last decision; those who wait for one first."""

    title = lazy("decision")
    parameter_name = "decided"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("waiting", lazy("Wait for a decision")), ("open", lazy("Open")), *ScreeningOutcome.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() == "waiting":
            return queryset.filter(pk__in=waiting_for_decision().values("pk"))
        if self.value() == "open":
            return queryset.filter(labeler__state=LabelerState.SCREENING)
        return queryset.filter(decided=self.value()) if self.value() else queryset


@admin.register(Candidate)
class CandidateAdmin(RecordAdmin):
    list_display = (
        shown("number", lazy("Candidate")),
        "show_decision",
        "items_done",
        "pairs_percent",
        "flags_percent",
        "grade",
        shown("since", lazy("Since")),
    )
    list_filter = (DecidedFilter,)
    list_select_related = ("labeler",)
    search_fields = ("=number",)
    search_help_text = lazy("A candidate’s number")
    fields = readonly_fields = ("number",)
    change_form_template = "onboarding/admin/candidate.html"
    actions_detail = ("admit", "ask_for_more", "refuse")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Candidate]:
        return with_results(super().get_queryset(request))

    def buttons_for(self, row: Candidate) -> Iterable[str]:
        return self.actions_detail if row.labeler.state == LabelerState.SCREENING else ()

    def page_context(self, request: HttpRequest, candidate: Any) -> dict[str, Any]:
        evidence = evidence_of(candidate.labeler, interface_language=get_language() or "en")
        topics = evidence.assessment.topics if evidence.assessment else []
        return super().page_context(request, candidate) | {
            "candidate": candidate,
            "evidence": evidence,
            "decision_label": self.show_decision(candidate),
            "measures": [
                (_("Pairs in the right order"), evidence.pairs, "%"),
                (_("Flags as the researchers’"), evidence.flags, "%"),
                (_("Grade of demonstrations"), evidence.grade, ""),
            ],
            "topics": [SensitiveTopic(topic).label for topic in topics],
            "is_open": candidate.labeler.state == LabelerState.SCREENING,
            "is_through": is_through(candidate.labeler),
            # Whose number it is shows once it is decided, so that what was said can be told to the person.
            "labeler": None if candidate.labeler.state == LabelerState.SCREENING else candidate.labeler,
        }

    @column(lazy("Decision"), label=OUTCOME_COLOURS)
    def show_decision(self, candidate: Any) -> tuple[str, str]:
        if candidate.decided and (
            candidate.labeler.state != LabelerState.SCREENING or candidate.decided == ScreeningOutcome.MORE
        ):
            return candidate.decided, str(ScreeningOutcome(candidate.decided).label)
        return "open", _("Open")

    @column(lazy("Items ranked"), ordering="items")
    def items_done(self, candidate: Any) -> int:
        return candidate.items or 0

    @column(lazy("Pairs"))
    def pairs_percent(self, candidate: Any) -> str:
        return _in_percent(candidate.pairs_held, candidate.pairs)

    @column(lazy("Flags"))
    def flags_percent(self, candidate: Any) -> str:
        return _in_percent(candidate.flags_agreed, candidate.flags)

    @column(lazy("Grade"), ordering="grade_mean")
    def grade(self, candidate: Any) -> str:
        return "–" if candidate.grade_mean is None else f"{candidate.grade_mean:.1f}"

    @button(lazy("Admit to practice"), icon="check_circle", primary=True)
    def admit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        candidate = self.find(request, object_id)
        consequences = [_("From now on they practise: after each ranking they see the right answer and why.")]
        practice = Campaign.objects.filter(
            stage=CampaignStage.PRACTICE,
            state=CampaignState.ACTIVE,
            languages__overlap=candidate.labeler.languages,
        )
        if not practice.exists():
            consequences.append(
                _("No campaign of practice is open in their languages: they will wait until you open one.")
            )
        return self._decide(
            request, candidate, ScreeningOutcome.ADMITTED, _("Admit %(candidate)s to practice?"), consequences
        )

    @button(lazy("Ask for more"), icon="playlist_add")
    def ask_for_more(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequences = [_("They go on with what is left of the screening, and read what you write here.")]
        return self._decide(
            request,
            self.find(request, object_id),
            ScreeningOutcome.MORE,
            _("Ask %(candidate)s for more?"),
            consequences,
            form=NeededWordsForm,
        )

    @button(lazy("Refuse"), icon="person_off")
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequences = [
            _("They are told kindly and get no work. What they did is kept; you can let them in again later."),
        ]
        return self._decide(
            request,
            self.find(request, object_id),
            ScreeningOutcome.REFUSED,
            _("Refuse %(candidate)s?"),
            consequences,
            danger=True,
        )

    def _decide(
        self,
        request: HttpRequest,
        candidate: Candidate,
        outcome: ScreeningOutcome,
        title: str,
        consequences: list[str],
        *,
        form: type[forms.Form] = WordsForm,
        danger: bool = False,
    ) -> HttpResponse:
        by = request.user
        assert isinstance(by, User)  # who may press it
        named = {"candidate": _("candidate %(number)d") % {"number": candidate.number}}
        evidence = evidence_of(candidate.labeler, interface_language=get_language() or "en")

        def act(cleaned: dict[str, Any]) -> str:
            decide(candidate=candidate, outcome=outcome, text=cleaned["text"], by=by)
            said: str = _("%(name)s: %(value)s") % {"name": named["candidate"].capitalize(), "value": outcome.label}
            return said

        confirmation = Confirmation(
            title=title % named,
            consequences=[*consequences, *_missing(evidence)],
            button=outcome.label,
            back=self.page_of(candidate),
            about=[candidate],
            form=form,
            danger=danger,
        )
        return confirm(self, request, confirmation, act)


def _missing(evidence: Evidence) -> list[str]:
    """What a decision now would do without."""
    said = []
    if evidence.left:
        said.append(
            ngettext(
                "%(n)d piece of the screening is not done yet.",
                "%(n)d pieces of the screening are not done yet.",
                evidence.left,
            )
            % {"n": evidence.left}
        )
    if evidence.ungraded:
        said.append(
            ngettext(
                "%(n)d demonstration has no grade yet.",
                "%(n)d demonstrations have no grade yet.",
                evidence.ungraded,
            )
            % {"n": evidence.ungraded}
        )
    if evidence.assessment is None:
        said.append(_("They have not said what they can judge."))
    return said


def _in_percent(part: int | None, whole: int | None) -> str:
    value = percent_of(part or 0, whole or 0)
    return "–" if value is None else f"{value:.0f} %"
