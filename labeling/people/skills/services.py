"""Skills: named once for all that ask for them and all who have them."""

import re
from collections.abc import Iterable

from django.db import IntegrityError, transaction

from labeling.base.refusals import SkillRefused
from labeling.people.skills.models import Skill

SLUG = re.compile(r"[-a-zA-Z0-9_]{1,32}")


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
