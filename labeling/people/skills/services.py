"""Skills: named once for all that ask for them and all who have them; given to many labelers at once."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from labeling.base.refusals import SkillRefused
from labeling.people.models import Labeler
from labeling.people.skills.models import Skill

SLUG = re.compile(r"[-a-zA-Z0-9_]{1,32}")
TOLD_AT_MOST = 10
"""Wrong lines that one refusal names."""


@transaction.atomic
def add_skill(*, slug: str, name: dict[str, str]) -> Skill:
    """Raises SkillRefused: the slug is none, or is taken; there is no name."""
    if not SLUG.fullmatch(slug):
        raise SkillRefused(f"“{slug}” is no short name: use up to 32 letters, digits, - and _.")
    if not any(text.strip() for text in name.values()):
        raise SkillRefused("Give the skill a name that labelers read.")
    try:
        with transaction.atomic():
            return Skill.objects.create(slug=slug, name={code: text.strip() for code, text in name.items()})
    except IntegrityError as taken:
        raise SkillRefused(f"There is a skill “{slug}” already.") from taken


@transaction.atomic
def rename_skill(*, skill: Skill, name: dict[str, str]) -> Skill:
    """Raises SkillRefused: there is no name."""
    if not any(text.strip() for text in name.values()):
        raise SkillRefused("Give the skill a name that labelers read.")
    skill = Skill.objects.select_for_update().get(pk=skill.pk)
    skill.name = {code: text.strip() for code, text in name.items()}
    skill.save(update_fields=["name"])
    return skill


def checked_skills(slugs: Iterable[str]) -> list[str]:
    """The slugs, each once and in order. Raises SkillRefused, naming those that there are none of."""
    wanted = sorted(set(slugs))
    known = set(Skill.objects.filter(slug__in=wanted).values_list("slug", flat=True)) if wanted else set()
    if unknown := [slug for slug in wanted if slug not in known]:
        raise SkillRefused(f"There is no such skill: {', '.join(unknown)}. Add it in the admin first.")
    return wanted


@dataclass(frozen=True, kw_only=True)
class GivenSkills:
    line: int
    username: str
    skills: list[str]


def read_skills(text: str) -> list[GivenSkills]:
    """The lines of CSV or, pasted from a spreadsheet, with tabs: a user name, then the short names of their skills. A
    first line that begins with "username" is a head; empty lines are none.
    """
    rows = csv.reader(text.splitlines(), delimiter="\t" if "\t" in text else ",")
    found = []
    for line, row in enumerate(rows, start=1):
        # Several in one field, as in "law, latin", are several.
        cells = [part.strip() for cell in row for part in cell.split(",")]
        if any(cells) and not (line == 1 and cells[0].casefold() == "username"):
            found.append(GivenSkills(line=line, username=cells[0], skills=sorted({each for each in cells[1:] if each})))
    return found


@transaction.atomic
def give_skills(given: Sequence[GivenSkills]) -> int:
    """Each of these labelers has these skills from now on, and no others. Returns how many that changed.

    Raises SkillRefused, naming the lines: nobody of that name labels, there is no such skill, a name stands twice. Then
    nothing is changed.
    """
    if not given:
        raise SkillRefused("There is no line with a labeler.")
    names = [each.username for each in given]
    locked = Labeler.objects.select_for_update(no_key=True, of=("self",)).select_related("user")
    labelers = {labeler.user.username: labeler for labeler in locked.filter(user__username__in=names).order_by("pk")}
    known = set(Skill.objects.values_list("slug", flat=True))
    wrong = []
    for place, each in enumerate(given):
        if each.username not in labelers:
            wrong.append(f"line {each.line}: nobody named “{each.username}” labels")
        elif each.username in names[:place]:
            wrong.append(f"line {each.line}: “{each.username}” stands in an earlier line, too")
        elif unknown := [slug for slug in each.skills if slug not in known]:
            wrong.append(f"line {each.line}: there is no such skill: {', '.join(unknown)}")
    if wrong:
        more = f", and {len(wrong) - TOLD_AT_MOST} more lines" if len(wrong) > TOLD_AT_MOST else ""
        raise SkillRefused(f"Nothing was changed: {'; '.join(wrong[:TOLD_AT_MOST])}{more}.")
    changed = [each for each in given if labelers[each.username].skills != each.skills]
    for each in changed:
        labelers[each.username].skills = each.skills
    Labeler.objects.bulk_update([labelers[each.username] for each in changed], ["skills"])
    return len(changed)
