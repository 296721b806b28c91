"""The pages of held work: shown, handed in, discarded, its drafts saved. The same for all three tables.

What differs is in three subclasses of HeldPages: for assignments, for revisions (both in assignments.py and
revisions.py beside this file), and for compositions (labeling/writing/views/compositions.py).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import ClassVar, Generic
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labeling.base.refusals import AlreadySubmitted, DraftConflict, Refusal
from labeling.desk.rules.drafts import Draft, SentDraft, sent_draft
from labeling.desk.services.drafts import check_builds_on
from labeling.desk.services.held_work import Held, HeldTable
from labeling.desk.services.working_time import record_time
from labeling.desk.views.drafts import DraftView, TimeView
from labeling.desk.views.kinds import KindOfWork, NotHandedIn
from labeling.desk.views.next_work import answers_here
from labeling.model_versions.queries import too_long_to_learn_from
from labeling.people.views.access import LabelerRequest, labeler_page

page_or_button = require_http_methods(["GET", "HEAD", "POST"])
"""A reload or a language switch after a refused POST asks for the button's address; it leads back to the page."""


def find_own(table: HeldTable[Held], request: LabelerRequest, token: UUID) -> Held:
    """Returns the labeler's own work. Raises Http404 for anybody else's, as if it did not exist."""
    try:
        return table.find_own(labeler=request.labeler, token=str(token))
    except table.model.DoesNotExist:
        raise Http404 from None


def sent_by(request: HttpRequest) -> SentDraft:
    """The draft that the page of the request sends."""
    return sent_draft(request.POST.lists())


def received(table: HeldTable[Held], request: LabelerRequest, held: Held) -> SentDraft:
    """What the page sends. The time at work that it counted is written down first, whatever becomes of the rest."""
    sent = sent_by(request)
    if not table.is_open(held):
        return sent
    return replace(sent, active_seconds=record_time(held, page=sent.page, seconds=sent.counted))


def keep_sent(table: HeldTable[Held], request: LabelerRequest, token: UUID) -> Draft:
    """Saves what was sent and not handed in."""
    sent = sent_by(request)
    table.keep_unsubmitted(labeler=request.labeler, token=str(token), sent=sent)
    return sent.fields


def show_both(
    table: HeldTable[Held], kind: KindOfWork[Held], request: LabelerRequest, held: Held, newer: DraftConflict
) -> HttpResponse:
    """The page with what was sent beside the newer draft, to choose from. What was sent is kept whatever is chosen."""
    keep_sent(table, request, held.token)
    return kind.show(request, find_own(table, request, held.token), sent=request.POST, newer=newer)


class HeldPages(ABC, Generic[Held]):
    """The pages of one table, for the kinds of work that it holds."""

    table: HeldTable[Held]
    page: ClassVar[str]
    """The name of the address of the page; those of its buttons begin with it."""
    revisable: ClassVar[bool] = False
    """Whether what is handed in can be revised, which is offered at once."""
    closed_before: ClassVar[Promise] = gettext_lazy(
        "This was submitted already. The first submission counts; here it is."
    )

    @abstractmethod
    def kind_of(self, held: Held) -> KindOfWork[Held]: ...

    @abstractmethod
    def submitted(self, request: LabelerRequest, held: Held) -> HttpResponse | None:
        """Returns the page of closed work, or a redirect to it; None while the work is open."""

    @abstractmethod
    def refused(
        self, request: LabelerRequest, held: Held, refusal: Refusal, *, draft: Mapping[str, object]
    ) -> HttpResponse:
        """The page that says why work can't go on, with the draft."""

    def after_discard(self, request: LabelerRequest, held: Held) -> HttpResponse:
        """Where the labeler goes on, and what is said there."""
        raise NotImplementedError

    def prerequisite(self, request: LabelerRequest, held: Held) -> HttpResponse | None:  # noqa: ARG002
        """Returns the page to show before the work; None when there is none."""
        return None

    def way_to_closed(self, held: Held) -> HttpResponse:
        """Returns a redirect to what was handed in."""
        return redirect(self.page, token=held.token)

    def was_closed_before(self, request: LabelerRequest, held: Held) -> HttpResponse:
        messages.info(request, str(self.closed_before), extra_tags=f"handed-in {held.token}")
        return self.way_to_closed(held)

    def address(self, button: str, view: Callable[..., HttpResponse]) -> URLPattern:
        """The address of the page (an empty `button`), or of one of its buttons, for a view that takes `pages`."""
        name = f"{self.page}_{button}" if button else self.page
        return path(f"{self.page}/<uuid:token>/{button and f'{button}/'}", view, {"pages": self}, name=name)

    def both(self, request: LabelerRequest, held: Held, newer: DraftConflict) -> HttpResponse:
        return show_both(self.table, self.kind_of(held), request, held, newer)

    def urls(self) -> list[URLPattern]:
        return [
            self.address("", show),
            self.address("submit", submit),
            self.address("draft", DraftView.as_view()),
            self.address("time", TimeView.as_view()),
        ]


@require_safe
@labeler_page
def show(request: LabelerRequest, token: UUID, pages: HeldPages[Held]) -> HttpResponse:
    held = find_own(pages.table, request, token)
    if submitted := pages.submitted(request, held):
        return submitted
    try:
        pages.table.check_standing(held)
    except Refusal as refusal:
        return pages.refused(request, held, refusal, draft=held.draft)
    return pages.prerequisite(request, held) or pages.kind_of(held).show(request, held)


@page_or_button
@labeler_page
@answers_here
def submit(request: LabelerRequest, token: UUID, pages: HeldPages[Held]) -> HttpResponse:
    held = find_own(pages.table, request, token)
    if request.method != "POST":
        return redirect(pages.page, token=token)
    kind = pages.kind_of(held)
    sent = received(pages.table, request, held)
    try:
        pages.table.check_standing(held)
        check_builds_on(held, sent)  # before anything is said of a page that is out of date
        said = kind.hand_in(request, held, sent)
    except AlreadySubmitted:
        return pages.was_closed_before(request, held)
    except DraftConflict as newer:
        return pages.both(request, held, newer)
    except Refusal as refusal:
        return pages.refused(request, held, refusal, draft=keep_sent(pages.table, request, token))
    except NotHandedIn as refused:
        keep_sent(pages.table, request, token)
        return kind.show(request, find_own(pages.table, request, token), sent=request.POST, refused=refused)
    revisable = "revisable " if pages.revisable else ""
    messages.success(request, said, extra_tags=f"{revisable}handed-in {token}")
    _warn_of_length(request, kind.answers_in(request.POST))
    return kind.after_hand_in(request, held)


def _warn_of_length(request: LabelerRequest, answers: Iterable[str]) -> None:
    """It is kept and counts as work; but training will leave it out, and its author should hear that first."""
    for too_long in filter(None, map(too_long_to_learn_from, answers)):
        text = _(
            "It is saved as it is. But with about %(tokens)s tokens it is longer than the reward model reads "
            "(%(limit)s), so that model won't learn from it. Shorter answers help more."
        )
        messages.warning(request, text % {"tokens": f"{too_long.tokens:,}", "limit": f"{too_long.limit:,}"})


@require_POST
@labeler_page
def discard(request: LabelerRequest, token: UUID, pages: HeldPages[Held]) -> HttpResponse:
    held = find_own(pages.table, request, token)
    sent = received(pages.table, request, held)
    try:
        if pages.table.is_open(held) and sent.version is not None:  # the whole page comes along with its button
            check_builds_on(held, sent)
            keep_sent(pages.table, request, token)
        pages.table.discard(labeler=request.labeler, token=str(token))
    except AlreadySubmitted:
        return pages.was_closed_before(request, held)
    except DraftConflict as newer:
        return pages.both(request, held, newer)
    return pages.after_discard(request, held)
