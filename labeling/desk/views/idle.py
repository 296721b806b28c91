"""Words for why nothing is offered (labeling/desk/queries/idle.py)."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext_lazy, ngettext_lazy
from django_stubs_ext import StrPromise

from labeling.base.language import names_of
from labeling.desk.queries.available import as_counted
from labeling.desk.queries.idle import Cause, Hindrance
from labeling.people.skills.queries import names_of_skills

# Each with the count, the languages and the skills of its hindrance; `count` chooses the singular or the plural.
FOR_LABELER: Mapping[Cause, StrPromise] = {
    Cause.TO_COME: gettext_lazy("More tasks are on their way: the model writes completions for %(n)s prompts next."),
    Cause.HELD: ngettext_lazy(
        "Others are working on %(n)s task.",
        "Others are working on %(n)s tasks.",
        "count",
    ),
    Cause.MET: ngettext_lazy(
        "%(n)s task that you have done or skipped waits for others.",
        "%(n)s tasks that you have done or skipped wait for others.",
        "count",
    ),
    Cause.MINDED: ngettext_lazy(
        "%(n)s task holds content that you don't want to see, as your preferences say.",
        "%(n)s tasks hold content that you don't want to see, as your preferences say.",
        "count",
    ),
    Cause.SKILLS: ngettext_lazy(
        "%(n)s task asks for skills that your profile doesn't name: %(skills)s. An admin can add them.",
        "%(n)s tasks ask for skills that your profile doesn't name: %(skills)s. An admin can add them.",
        "count",
    ),
    Cause.QUOTA: ngettext_lazy(
        "%(n)s task waits in a campaign of which you have done as much as one person may in a day or a week.",
        "%(n)s tasks wait in campaigns of which you have done as much as one person may in a day or a week.",
        "count",
    ),
    Cause.OTHER_LANGUAGE: ngettext_lazy(
        "%(n)s task waits in a language that your profile doesn't name: %(languages)s. An admin can add it.",
        "%(n)s tasks wait in languages that your profile doesn't name: %(languages)s. An admin can add them.",
        "count",
    ),
    Cause.NO_CAMPAIGN: gettext_lazy("No campaign is open in your languages at the moment."),
    Cause.NO_MODEL: gettext_lazy(
        "Prompts wait for completions, but no language model is set up. An admin has to do that."
    ),
    Cause.DONE: gettext_lazy("Everything in your languages is done. More comes as prompts are added."),
}
FOR_ADMIN: Mapping[Cause, StrPromise] = {
    Cause.TO_COME: ngettext_lazy(
        "%(n)s prompt waits for completions.",
        "%(n)s prompts wait for completions.",
        "count",
    ),
    Cause.HELD: ngettext_lazy(
        "%(n)s is held by others.",
        "%(n)s are held by others.",
        "count",
    ),
    Cause.MET: ngettext_lazy(
        "%(n)s waits for other labelers: whoever could take it has done or skipped it.",
        "%(n)s wait for other labelers: whoever could take them has done or skipped them.",
        "count",
    ),
    Cause.MINDED: ngettext_lazy(
        "%(n)s holds content that was opted out of.",
        "%(n)s hold content that was opted out of.",
        "count",
    ),
    Cause.SKILLS: ngettext_lazy(
        "%(n)s asks for skills that are in no such profile: %(skills)s.",
        "%(n)s ask for skills that are in no such profile: %(skills)s.",
        "count",
    ),
    Cause.GROUP: ngettext_lazy(
        "%(n)s is for held-out labelers, of whom nobody may take it.",
        "%(n)s are for held-out labelers, of whom nobody may take them.",
        "count",
    ),
    Cause.QUOTA: ngettext_lazy(
        "%(n)s waits beyond a quota, of its campaign or of the labeler.",
        "%(n)s wait beyond quotas, of their campaigns or of the labeler.",
        "count",
    ),
    Cause.OTHER_LANGUAGE: ngettext_lazy(
        "%(n)s is in a language that is in no such profile: %(languages)s.",
        "%(n)s are in languages that are in no such profile: %(languages)s.",
        "count",
    ),
    Cause.NO_CAMPAIGN: gettext_lazy("No open campaign is in their languages."),
    Cause.NO_MODEL: gettext_lazy("No model is current to sample from."),
    Cause.DONE: gettext_lazy("Everything is done."),
}


def words_for_labeler(hindrances: Iterable[Hindrance]) -> list[str]:
    """A sentence for each, as the labeler reads it."""
    return [FOR_LABELER[each.cause] % _said(each) for each in hindrances]


def words_for_admin(hindrances: Iterable[Hindrance]) -> str:
    """The same in one line, of work that no active labeler may be given, or of a labeler."""
    return " ".join(FOR_ADMIN[each.cause] % _said(each) for each in hindrances)


def _said(each: Hindrance) -> dict[str, str | int]:
    names = names_of_skills(each.skills) if each.skills else ""
    return {"n": as_counted(each.count), "count": each.count, "languages": names_of(each.languages), "skills": names}
