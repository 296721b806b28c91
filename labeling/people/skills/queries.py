"""Skills by their names in the reader's language."""

from collections.abc import Iterable

from django.utils.translation import get_language

from labeling.people.skills.models import Skill


def named_skills() -> list[tuple[str, str]]:
    """(slug, name) of every skill."""
    language = get_language() or "en"
    return [(skill.slug, skill.name_in(language)) for skill in Skill.objects.all()]


def names_of_skills(slugs: Iterable[str]) -> str:
    """Their names, in the order of the slugs' own list."""
    wanted = list(slugs)
    names = dict(named_skills()) if wanted else {}
    return ", ".join(names.get(slug, slug) for slug in wanted)
