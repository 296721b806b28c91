"""Labelers: invited, admitted, suspended.

What labelers choose for themselves.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import available_timezones

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from labeling.base.language import checked_languages
from labeling.base.refusals import LabelerRefused
from labeling.base.states import AssignmentState, ContentWarning, LabelerGroup, LabelerState, check_move
from labeling.people.models import Labeler
from labeling.people.rules import unknown_choices
from labeling.people.skills.services import checked_skills


@transaction.atomic
def create_labeler(
    *,
    username: str,
    password: str | None,
    languages: Sequence[str],
    state: LabelerState = LabelerState.INVITED,
    group: LabelerGroup = LabelerGroup.TRAINING,
    simulated: bool = False,
    skills: Sequence[str] = (),
    researcher: bool = False,
) -> Labeler:
    """A user with a labeler's profile; without a password nobody can log in as it.

    Raises UnknownLanguage, SkillRefused; LabelerRefused: there is somebody of that name, as it is stored (ａｌｉｃｅ is
    alice).
    """
    if User.objects.filter(username=User.normalize_username(username)).exists():
        raise LabelerRefused(f"There is a user named {User.normalize_username(username)} already.")
    spoken = checked_languages(languages)
    user = User.objects.create_user(username=username, password=password)
    return Labeler.objects.create(
        user=user,
        languages=spoken,
        state=state,
        group=group,
        simulated=simulated,
        skills=checked_skills(skills),
        researcher=researcher,
    )


@transaction.atomic
def change_labeler(
    *,
    labeler: Labeler,
    group: LabelerGroup | None = None,
    languages: Sequence[str] | None = None,
    skills: Sequence[str] | None = None,
    researcher: bool | None = None,
) -> Labeler:
    """Work handed in keeps the group of its day; work that is held stays theirs. What is None stays as it is.

    Raises UnknownLanguage, SkillRefused, and LabelerRefused: simulated labelers are never held out.
    """
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    if labeler.simulated and group == LabelerGroup.HELD_OUT:
        raise LabelerRefused(f"{labeler} is simulated; held-out labelers are people, to compare with.")
    if group is not None:
        labeler.group = group
    if languages is not None:
        labeler.languages = checked_languages(languages)
    if skills is not None:
        labeler.skills = checked_skills(skills)
    if researcher is not None:
        labeler.researcher = researcher
    labeler.save(update_fields=["group", "languages", "skills", "researcher"])
    return labeler


@transaction.atomic
def change_labeler_state(*, labeler: Labeler, state: LabelerState, held_work_until: datetime | None = None) -> None:
    """Admits, or suspends a labeler who holds nothing; `suspend_labeler` gives held work back first.

    `held_work_until`: whoever is suspended may hand in what they hold until then.

    Raises IllegalMove, and LabelerRefused when somebody who holds work is suspended.
    """
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    check_move(old=LabelerState(labeler.state), new=state)
    if (
        state == LabelerState.SUSPENDED
        and not held_work_until
        and labeler.assignments.filter(state=AssignmentState.OPEN).exists()
    ):
        raise LabelerRefused(f"{labeler} holds work; give it back before suspending.")
    since = {"practises_since": timezone.now()} if state == LabelerState.PRACTICE else {}
    labeler.move(to=state, held_work_until=held_work_until, **since)


@transaction.atomic
def set_quotas(*, labeler: Labeler, daily: int | None, weekly: int | None) -> None:
    """How many pieces of work they may do in all campaigns together; None: as many as there are. What is held stays.

    Raises LabelerRefused: a quota of none at all is a suspension.
    """
    if any(quota is not None and quota < 1 for quota in (daily, weekly)):
        raise LabelerRefused("A quota is 1 or more. Suspend whoever shall do nothing.")
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    labeler.daily_quota, labeler.weekly_quota = daily, weekly
    labeler.save(update_fields=["daily_quota", "weekly_quota"])


BREAK_MINUTES_HIGHEST = 240


@transaction.atomic
def change_preferences(
    *, labeler: Labeler, time_zone: str, break_minutes: int, opt_outs: Sequence[ContentWarning]
) -> Labeler:
    """Where the days begin (empty: UTC), when a break is suggested (0: never), what is never offered.

    Work that is held already stays. Raises LabelerRefused.
    """
    if time_zone and time_zone not in available_timezones():
        raise LabelerRefused(f"“{time_zone}” is no time zone such as Asia/Shanghai.")
    if not 0 <= break_minutes <= BREAK_MINUTES_HIGHEST:
        raise LabelerRefused(f"A break can be suggested after 1 to {BREAK_MINUTES_HIGHEST} minutes, or 0 for never.")
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    labeler.time_zone, labeler.break_minutes = time_zone, break_minutes
    labeler.opt_outs = sorted(set(opt_outs))
    labeler.save(update_fields=["time_zone", "break_minutes", "opt_outs"])
    return labeler


@transaction.atomic
def change_reading(*, labeler: Labeler, chosen: dict[str, str]) -> None:
    """How the labeler reads from now on; what was chosen before stays. Raises LabelerRefused for what can't be."""
    if unknown := unknown_choices(chosen):
        raise LabelerRefused(f"There is no such choice of how to read: {unknown}. Reload the page.")
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    labeler.reading = {**labeler.reading, **chosen}
    labeler.save(update_fields=["reading"])


@transaction.atomic
def choose_campaign(*, labeler: Labeler, campaign_id: int | None) -> None:
    """Work of that campaign comes first from now on; None: campaigns take turns again. What is held stays held."""
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    labeler.first_campaign_id = campaign_id
    labeler.save(update_fields=["first_campaign"])
