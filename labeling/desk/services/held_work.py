"""Work that a labeler holds: found by its token, locked, its draft saved and restored, handed in once, discarded.

Assignments, revisions and compositions are three tables of held work. What differs between them is in subclasses of
HeldTable: ASSIGNMENTS and REVISIONS beside this file, COMPOSITIONS in labeling/writing/services.py; of compositions
that a reviewer returned, RETURNED in labeling/writing/answers/services.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Generic, TypeVar

from django.db import transaction
from django.db.models import TextChoices
from django.utils import timezone

from labeling.base.export_lock import while_no_export_looks
from labeling.base.refusals import AlreadySubmitted, CampaignNotOpen, DraftConflict, LabelerNotActive, Refusal
from labeling.desk.models import EarlierDraft, HeldWork
from labeling.desk.rules.drafts import SentDraft, fits
from labeling.desk.services.drafts import check_builds_on, keep_aside, write_draft
from labeling.people.models import Labeler

Held = TypeVar("Held", bound=HeldWork)


class HeldTable(ABC, Generic[Held]):
    """One table of held work."""

    model: type[Held]
    owner: ClassVar[str] = "labeler"
    """The look-up from a row to its labeler."""
    closed: ClassVar[Mapping[str, tuple[type[Refusal], str]]]
    """By state: why the draft of closed work can't change any more."""
    discarded: ClassVar[TextChoices]
    """The state of what its labeler discarded."""

    @abstractmethod
    def find_own(self, *, labeler: Labeler, token: str) -> Held:
        """Returns the labeler's own, with what its page shows. Raises model.DoesNotExist for anybody else's."""

    @abstractmethod
    def lock_own(self, *, labeler: Labeler, token: str) -> Held:
        """Locks the labeler's own; its labeler and campaign are as they are now. Raises model.DoesNotExist."""

    def holds(self, *, labeler: Labeler, token: str) -> bool:
        """Whether the token names work of the labeler's in this table."""
        return self.model._default_manager.filter(token=token, **{self.owner: labeler}).exists()  # noqa: SLF001

    def is_open(self, held: Held) -> bool:
        return held.state not in self.closed

    def check_open(self, held: Held) -> None:
        """Raises AlreadySubmitted, AlreadySkipped or AlreadyDiscarded."""
        if not self.is_open(held):
            refusal, why = self.closed[held.state]
            raise refusal(why)

    def check_standing(self, held: Held) -> None:
        """Raises the refusal that the work would meet whatever was entered.

        That is LabelerNotActive, CampaignNotOpen or what check_open raises.
        """
        self.check_open(held)
        check_labeler_and_campaign(held)

    @transaction.atomic
    def save_draft(
        self,
        *,
        labeler: Labeler,
        token: str,
        draft: Mapping[str, object],
        base_version: int,
        page: str = "",
        settles: bool = False,
    ) -> Held:
        """Keeps the draft as version `base_version` + 1.

        `settles`: it was chosen over the one that it replaces, which is kept as an earlier version.

        Raises DraftConflict, with what is on the server, when somebody saved meanwhile; what check_open raises;
        model.DoesNotExist.
        """
        held = self.lock_own(labeler=labeler, token=token)
        self.check_open(held)
        if held.draft_version != base_version:
            raise DraftConflict(
                f"The draft is at version {held.draft_version}, not {base_version}: another tab saved it.",
                current_version=held.draft_version,
                current_draft=held.draft,
                current_page=held.draft_page,
            )
        self.store_draft(held, draft, page=page, settles=settles)
        return held

    @transaction.atomic
    def keep_unsubmitted(self, *, labeler: Labeler, token: str, sent: SentDraft) -> None:
        """Saves what was sent and not handed in as the draft; as an earlier version where a newer draft is here.

        What is longer than any draft may be is not kept: its page shows it again.
        """
        if not fits(sent.fields):
            return
        held = self.lock_own(labeler=labeler, token=token)
        if not self.is_open(held):
            return
        try:
            check_builds_on(held, sent)
        except DraftConflict:
            keep_aside(labeler=labeler, token=token, draft=sent.fields, base_version=sent.version or 0)
        else:
            self.store_draft(held, sent.fields, page=sent.page, settles=sent.settles)

    @transaction.atomic
    def restore_draft(self, *, labeler: Labeler, token: str, number: int) -> None:
        """Makes an earlier version the draft again; the draft that it replaces is kept as an earlier version.

        Raises what check_open raises, and EarlierDraft.DoesNotExist for anybody else's.
        """
        kept = EarlierDraft.objects.get(pk=number, labeler=labeler, token=token)
        held = self.lock_own(labeler=labeler, token=token)
        self.check_open(held)
        self.store_draft(held, kept.draft, settles=True)

    def store_draft(self, held: Held, draft: Mapping[str, object], *, page: str = "", settles: bool = False) -> None:
        """Writes the draft of locked work, whatever version it was at."""
        write_draft(held, draft, page=page, settles=settles, with_fields=self.renew(held))

    def renew(self, held: Held) -> list[str]:  # noqa: ARG002
        """Renews the lease, where there is one, before a draft is written. Returns the fields to write."""
        return []

    def lock_to_hand_in(self, *, labeler: Labeler, token: str, sent: SentDraft | None = None) -> Held:
        """Locks work that is about to be handed in. Exports wait for the transaction; a second submission finds the
        work closed. `sent`: what its page sends.

        Raises what check_standing raises, DraftConflict, and model.DoesNotExist.
        """
        while_no_export_looks()
        held = self.lock_own(labeler=labeler, token=token)
        self.check_standing(held)
        if sent is not None:
            check_builds_on(held, sent)
            if sent.settles:  # the draft that was not chosen is kept
                self.store_draft(held, sent.fields, page=sent.page, settles=True)
        return held

    def close(self, held: Held, state: TextChoices, **said: object) -> None:
        """Leaves locked work in `state` and writes `said` with it: the last step of handing in and of discarding."""
        held.move(to=state, closed_at=timezone.now(), **said)

    @transaction.atomic
    def discard(self, *, labeler: Labeler, token: str, **said: object) -> Held:
        """Closes work without handing it in. Its draft stays; twice is once. Raises AlreadySubmitted."""
        held = self.lock_own(labeler=labeler, token=token)
        if held.state == "submitted":
            raise AlreadySubmitted("This was handed in before; it can't be discarded.")
        if held.state != self.discarded:
            self.close(held, self.discarded, **said)
        return held


def check_labeler_and_campaign(held: HeldWork) -> None:
    """Raises LabelerNotActive or CampaignNotOpen.

    Paused campaigns take what was begun, and so do closed ones for as long as their admin said; whoever is suspended
    may finish for as long as that was granted.
    """
    if held.labeler.works_in is None and not held.labeler.finishing_until:
        raise LabelerNotActive(f"Labeler {held.labeler.pk} is {held.labeler.state}. The draft is kept.")
    if not held.campaign.takes_held_work():
        raise CampaignNotOpen(f"“{held.campaign}” was closed, so it takes no more work. The draft is kept.")
