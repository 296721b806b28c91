"""Rankings as a kind of work, and the cards of their completions as HTML."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from labeling.base.fast_paths.laid_in_texts import laid_in
from labeling.base.states import AssignmentKind
from labeling.campaigns.queries import Flag
from labeling.desk.forms import Data, Option
from labeling.desk.models import Assignment, Revision
from labeling.desk.queries.work import assignment_of
from labeling.desk.ranking.forms import (
    JUDGEMENT_FIELDS,
    LONGEST_UNFOLDED,
    QUALITIES,
    JudgementForm,
    RankingForm,
    numbers,
)
from labeling.desk.ranking.queries import (
    RankingPage,
    RankingSubmission,
    ShownCompletion,
    ranking_page,
    ranking_submission,
)
from labeling.desk.ranking.rules.judgements import InvalidRanking
from labeling.desk.ranking.services import fields_of_ranking, revise_ranking, submit_ranking
from labeling.desk.rules.drafts import Draft, SentDraft, kept_judgements
from labeling.desk.services.assignments import claim_ranking
from labeling.desk.views.interruptions import Kept
from labeling.desk.views.kinds import HandedOutKind, LabelForm, NotHandedIn
from labeling.people.models import Labeler
from labeling.people.views.access import LabelerRequest

FollowUp = Callable[[Assignment], HttpResponse | None]
"""What may be asked of a labeler between one ranking and the next; None where nothing is."""


class RankingKind(HandedOutKind):
    name = AssignmentKind.RANKING
    title = gettext_lazy("Ranking")
    plural = gettext_lazy("Rankings")
    icon = "icons/rank.svg"
    template = "desk/ranking/ranking.html"
    submitted_template = "desk/ranking/submitted.html"
    invitation = gettext_lazy("Rank completions")
    about = gettext_lazy("Sort several answers to one prompt, from best to worst.")
    start = gettext_lazy("Start ranking")
    go_on = gettext_lazy("Continue ranking")
    next_one = gettext_lazy("Next ranking")
    nothing = gettext_lazy("Nothing to rank right now")

    def __init__(self, *, follow_up: FollowUp) -> None:
        self.follow_up = follow_up

    def claim(self, labeler: Labeler) -> Assignment | None:
        return claim_ranking(labeler=labeler)

    def form_context(
        self, held: Assignment | Revision, data: Data, *, checked: bool
    ) -> tuple[LabelForm, dict[str, object]]:
        page = ranking_page(held, interface_language=get_language() or "en")
        form = RankingForm(
            data,
            k=len(page.completions),
            flag_keys=[flag.key for flag in page.flags],
            asks_strength=page.asks_strength,
            checked=checked,
        )
        cards = [card_html(card, language=page.work.language) for card in cards_of(page, form)]
        return form, {"page": page, "work": page.work, "cards": cards}

    def hand_in(self, request: LabelerRequest, held: Assignment | Revision, sent: SentDraft) -> str:
        assignment = assignment_of(held)
        assert assignment.rubric_version is not None  # a CHECK constraint: every ranking assignment has its rubric
        form = RankingForm(
            request.POST,
            k=len(assignment.shown_order),
            flag_keys=assignment.rubric_version.flag_keys(),
            asks_strength=assignment.ask_strength,
        )
        if not form.is_valid():
            raise NotHandedIn
        hand_in = revise_ranking if isinstance(held, Revision) else submit_ranking
        whole = form.whole.cleaned_data
        try:
            ranking = hand_in(
                labeler=request.labeler,
                token=str(held.token),
                judgements=form.judgements(),
                note=whole["note"],
                strengths=form.strengths(),
                none_acceptable=whole["none_acceptable"],
                active_seconds=sent.active_seconds,
                sent=sent,
            )
        except InvalidRanking as invalid:
            text = _("This ranking can't be taken as it is. Reload the page and try again.")
            raise NotHandedIn(text) from invalid
        return self.said(request, held, changed=ranking is not None)

    def after_hand_in(self, request: LabelerRequest, held: Assignment | Revision) -> HttpResponse:
        follow_up = self.follow_up(held) if isinstance(held, Assignment) else None
        return follow_up or super().after_hand_in(request, held)

    def fields_handed_in(self, assignment: Assignment) -> Draft:
        return fields_of_ranking(assignment)

    def submitted_page(self, assignment: Assignment, revision: int | None) -> RankingSubmission:
        return ranking_submission(assignment, interface_language=get_language() or "en", revision=revision)

    def kept(self, assignment: Assignment, draft: Mapping[str, object]) -> Kept | None:
        judgements = kept_judgements(draft, k=len(assignment.shown_order))
        return Kept(judgements=judgements) if judgements else None

    def saved(self, count: int) -> str:
        return ngettext("Ranking saved · %(count)d today", "Ranking saved · %(count)d today", count) % {"count": count}


@dataclass(frozen=True, kw_only=True)
class Card:
    """A completion with what has been said of it, as the page draws it."""

    shown: ShownCompletion
    form: JudgementForm
    rubric: Sequence[Flag]
    k: int
    checked: bool

    def has_entry(self) -> bool:
        return any(any(self.form.sent(name)) for name in JUDGEMENT_FIELDS)

    def lacks_quality(self) -> bool:
        return self.checked and "quality" in self.form.errors

    def lacks_rank(self) -> bool:
        return self.checked and "rank" in self.form.errors

    def qualities(self) -> list[Option]:
        return self._radios("quality", QUALITIES)

    def ranks(self) -> list[Option]:
        return self._radios("rank", numbers(1, self.k))

    def _radios(self, name: str, values: Sequence[str]) -> list[Option]:
        sent = self.form.sent(name)
        return [Option(value=value, label=value, checked=value in sent) for value in values]

    def flags(self) -> list[Option]:
        sent = self.form.sent("flags")
        return [
            Option(value=flag.key, label=flag.label, help=flag.help, checked=flag.key in sent) for flag in self.rubric
        ]

    def flag_count(self) -> int:
        return sum(option.checked for option in self.flags())

    def note(self) -> str:
        return "".join(self.form.sent("note")[-1:])

    def is_long(self) -> bool:
        return self.shown.length > LONGEST_UNFOLDED

    def length(self) -> str:
        return f"{self.shown.length:,}"


def cards_of(page: RankingPage, form: RankingForm) -> list[Card]:
    """The completions in the order shown, each with its part of the form."""
    return [
        Card(shown=shown, form=each, rubric=page.flags, k=form.k, checked=form.checked)
        for shown, each in zip(page.completions, form.each, strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class BlankCard(Card):
    """With a mark in the place of its length."""

    length_mark: str

    def length(self) -> str:
        return self.length_mark


def card_html(card: Card, *, language: str) -> SafeString:
    """The card as parts/card.html draws it, whose texts are safe HTML already. `language`: of the texts.

    One of which nothing has been said yet is the same for everybody but for its texts. A template of forty radio
    buttons costs more than all else on the page, and a new ranking page has nothing but such cards.
    """
    if card.checked or card.has_entry():
        return _drawn(card, language)
    texts = {"html": card.shown.html, "raw": card.shown.raw, "length": card.length()}
    of = (card.shown.position, card.shown.letter, card.is_long(), tuple(card.rubric), card.k, language, get_language())
    return laid_in(_blank_card, of=of, texts=texts)


def _blank_card(
    marks: Mapping[str, str],
    position: int,
    letter: str,
    is_long: bool,  # noqa: FBT001
    rubric: tuple[Flag, ...],
    k: int,
    language: str,
    _interface_language: str,
) -> str:
    form = JudgementForm(MultiValueDict(), position=position, k=k, flag_keys=[flag.key for flag in rubric])
    length = LONGEST_UNFOLDED + 1 if is_long else 0
    shown = ShownCompletion(position=position, letter=letter, html=marks["html"], raw=marks["raw"], length=length)
    card = BlankCard(shown=shown, form=form, rubric=rubric, k=k, checked=False, length_mark=marks["length"])
    return _drawn(card, language)


def _drawn(card: Card, language: str) -> SafeString:
    context = {"card": card, "work": {"language": language}}
    return render_to_string("desk/ranking/parts/card.html", context)
