"""What every kind of work brings: its page, how it is handed in, and what is shown of it afterwards and in lists.

A kind is one object. labeling/kinds_of_work.py lists them all; addresses, lists and pages are made from that list.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Generic, Protocol, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from labeling.base.interruptions import Action
from labeling.base.refusals import DraftConflict, LabelerNotActive, WorkBusy
from labeling.desk.forms import Data, Problem, SkipForm, data_of_draft
from labeling.desk.models import Assignment, HeldWork, Revision
from labeling.desk.queries.work import done_today, with_versions
from labeling.desk.rules.drafts import Draft, SentDraft
from labeling.desk.views.builds_on import builds_on
from labeling.desk.views.interruptions import Kept
from labeling.desk.views.prerequisites import has_prerequisite
from labeling.people.models import Labeler
from labeling.people.views.access import LabelerRequest

H_contra = TypeVar("H_contra", bound=HeldWork, contravariant=True)


class NotHandedIn(Exception):
    """What was sent can't be handed in yet; the page shows why. `problems` are said beside those of the form."""

    def __init__(self, *problems: str, address: str = "") -> None:
        super().__init__(*problems)
        places = [(_("Show"), address)] if address else []
        self.problems = [Problem(text=text, places=places) for text in problems]


class NotSkipped(NotHandedIn):
    """The form that asks why work is skipped is not filled in."""

    def __init__(self, form: SkipForm) -> None:
        super().__init__()
        self.form = form


class KindOfWork(ABC, Generic[H_contra]):
    """One kind of work, for every table that holds such work."""

    name: ClassVar[str]
    """What the column `kind` says."""
    title: ClassVar[Promise]
    """What lists call a piece of it."""
    icon: ClassVar[str]
    """A template of templates/icons/."""
    template: ClassVar[str]
    """The page on which it is done."""

    def urls(self) -> list[URLPattern]:
        """The addresses that only this kind has."""
        return []

    def show(
        self,
        request: LabelerRequest,
        held: H_contra,
        *,
        sent: Data | None = None,
        refused: NotHandedIn | None = None,
        newer: DraftConflict | None = None,
    ) -> HttpResponse:
        """The page with what was `sent`, checked aloud where `refused` says why (422), or with the draft.

        `newer`: the draft that was saved meanwhile; it is shown beside what was sent, and the labeler is asked (409).
        """
        context = self.context(held, sent=sent, refused=refused)
        context["builds_on"] = builds_on(held, sent, newer)
        return render(request, self.template, context, status=409 if newer else 422 if refused else 200)

    @abstractmethod
    def context(self, held: H_contra, *, sent: Data | None, refused: NotHandedIn | None) -> dict[str, object]:
        """What the template is given."""

    @abstractmethod
    def hand_in(self, request: LabelerRequest, held: H_contra, sent: SentDraft) -> str:
        """Hands in what was sent; returns what to say of it. Raises NotHandedIn and what the service raises."""

    def answers_in(self, sent: Data) -> list[str]:  # noqa: ARG002
        """The texts of what was sent from which models are to learn how to answer."""
        return []

    @abstractmethod
    def after_hand_in(self, request: LabelerRequest, held: H_contra) -> HttpResponse:
        """Where the labeler goes on once it is handed in."""


class LabelForm(Protocol):
    """The form of a ranking or a demonstration."""

    @property
    def problems(self) -> list[Problem]: ...


class HandedOutKind(KindOfWork[Assignment | Revision]):
    """A kind of work that comes from a queue, under a lease. What was handed in can be revised."""

    submitted_template: ClassVar[str]
    plural: ClassVar[Promise]
    invitation: ClassVar[Promise]
    """What the start page calls it, and in `about` what it asks for."""
    about: ClassVar[Promise]
    start: ClassVar[Promise]
    go_on: ClassVar[Promise]
    next_one: ClassVar[Promise]
    nothing: ClassVar[Promise]
    """What is said when none waits."""

    @abstractmethod
    def claim(self, labeler: Labeler) -> Assignment | None:
        """Returns what the labeler holds, or a lease on the next one, or None. Raises LabelerNotActive, WorkBusy."""

    @abstractmethod
    def form_context(
        self, held: Assignment | Revision, data: Data, *, checked: bool
    ) -> tuple[LabelForm, dict[str, object]]:
        """The form with `data`, and what else the template is given."""

    @abstractmethod
    def fields_handed_in(self, assignment: Assignment) -> Draft:
        """Returns the latest revision as the fields of the page, with which a new revision begins."""

    @abstractmethod
    def submitted_page(self, assignment: Assignment, revision: int | None) -> object:
        """Returns the page of the given revision, or of the last one. Raises the label's DoesNotExist."""

    @abstractmethod
    def kept(self, assignment: Assignment, draft: Mapping[str, object]) -> Kept | None:
        """What a draft holds, to be read."""

    @abstractmethod
    def saved(self, count: int) -> str:
        """What is said after handing in; `count`: how many today."""

    def context(
        self, held: Assignment | Revision, *, sent: Data | None, refused: NotHandedIn | None
    ) -> dict[str, object]:
        data = sent or data_of_draft(held.fields())
        skip = refused.form if isinstance(refused, NotSkipped) else SkipForm(data)
        checked = refused is not None and not isinstance(refused, NotSkipped)
        form, context = self.form_context(held, data, checked=checked)
        problems = form.problems + skip.problems + (refused.problems if refused else [])
        urls = self.addresses(held)
        revising = held if isinstance(held, Revision) else None
        common = {"form": form, "skip": skip, "problems": problems, "urls": urls, "revising": revising}
        return {**context, **common, "back": urls["page"]}

    def addresses(self, held: Assignment | Revision) -> dict[str, str]:
        """The addresses of the page, and of where it sends its work and its drafts."""
        page = "revise" if isinstance(held, Revision) else "work"
        names = {"page": page, "submit": f"{page}_submit", "draft": f"{page}_draft"}
        return {key: reverse(name, args=[held.token]) for key, name in names.items()}

    def said(self, request: LabelerRequest, held: Assignment | Revision, *, changed: bool) -> str:
        """`changed`: whether a revision says anything new."""
        if isinstance(held, Assignment):
            return self.saved(done_today(request.labeler, self.name))
        if changed:
            return _("Revision saved. It counts from now on.")
        return _("Nothing was changed, so it stays as it was.")

    def after_hand_in(self, request: LabelerRequest, held: Assignment | Revision) -> HttpResponse:
        if isinstance(held, Revision):
            return redirect("submission", token=held.assignment.token)
        return self.next_page(request)

    def next_page(self, request: LabelerRequest, *, otherwise: str = "overview") -> HttpResponse:
        """Straight to the next work of this kind, or to the page named `otherwise` if there is none.

        A page that can show another in its place (next-page.js) asks for the next one as the answer itself, which
        saves a round trip and half of the server's work; all others are sent there.
        """
        try:
            assignment = self.claim(request.labeler)
        except LabelerNotActive:
            return redirect("overview")
        except WorkBusy:
            messages.info(request, _("Others are taking what is left at this moment. Look once more."))
            return redirect(f"next_{self.name}")
        if assignment is None:
            return redirect(otherwise)
        if asks_for_it_here(request):
            return self._shown_here(request, assignment)
        return redirect("work", token=assignment.token)

    def _shown_here(self, request: LabelerRequest, assignment: Assignment) -> HttpResponse:
        if has_prerequisite(request, with_versions(assignment)):
            return redirect("work", token=assignment.token)
        address = reverse("work", args=[assignment.token])
        request.path = request.path_info = address  # where the page's own links, such as the other language's, lead to
        request.META["QUERY_STRING"] = ""
        response = self.show(request, assignment)
        response.headers["Content-Location"] = address
        return response

    def next_url(self) -> str:
        return reverse(f"next_{self.name}")

    def next_action(self) -> Action:
        return Action(label=str(self.next_one), url=self.next_url(), posts=True)


def asks_for_it_here(request: HttpRequest) -> bool:
    """Whether the page that asks can show the next one in its place."""
    return request.GET.get("next") == "here"
