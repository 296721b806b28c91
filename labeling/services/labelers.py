"""Labelers: invited, admitted, suspended."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from labeling.models import Assignment, Labeler
from labeling.refusals import LabelerRefused
from labeling.services.leases import release
from labeling.states import AssignmentState, LabelerGroup, LabelerState, check_move


@transaction.atomic
def create_labeler(
    *,
    username: str,
    password: str | None,
    languages: Sequence[str],
    state: LabelerState = LabelerState.INVITED,
    group: LabelerGroup = LabelerGroup.TRAINING,
    simulated: bool = False,
) -> Labeler:
    """A user with a labeler's profile; without a password nobody can log in as it."""
    user = User.objects.create_user(username=username, password=password)
    return Labeler.objects.create(user=user, languages=list(languages), state=state, group=group, simulated=simulated)


@transaction.atomic
def change_labeler(*, labeler: Labeler, group: LabelerGroup, languages: Sequence[str]) -> Labeler:
    """Work handed in keeps the group of its day. Raises LabelerRefused: simulated labelers are never held out."""
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    if labeler.simulated and group == LabelerGroup.HELD_OUT:
        raise LabelerRefused(f"{labeler} is simulated; held-out labelers are people, to compare with.")
    labeler.group, labeler.languages = group, list(languages)
    labeler.save(update_fields=["group", "languages"])
    return labeler


@transaction.atomic
def change_labeler_state(*, labeler: Labeler, state: LabelerState) -> None:
    """Admits or suspends. A suspended labeler's held work goes back to the queue; the drafts stay.

    Raises IllegalMove.
    """
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    check_move(old=LabelerState(labeler.state), new=state)
    labeler.state = state
    labeler.save(update_fields=["state"])
    if state == LabelerState.SUSPENDED:
        held = Assignment.objects.select_for_update().filter(labeler=labeler, state=AssignmentState.OPEN)
        release(assignments=list(held), state=AssignmentState.LAPSED, now=timezone.now())
