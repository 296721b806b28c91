"""Words for why nothing is offered (labeling/desk/queries/idle.py)."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.base.language import names_of
from labeling.desk.queries.available import as_counted
from labeling.desk.queries.idle import Cause, Hindrance


def words_for_labeler(hindrances: Iterable[Hindrance]) -> list[str]:
    """A sentence for each, as the labeler reads it."""
    return [_for_labeler(each) for each in hindrances]


def _for_labeler(each: Hindrance) -> str:
    said = {"n": as_counted(each.count), "languages": names_of(each.languages)}
    match each.cause:
        case Cause.NO_CAMPAIGN:
            return _("No campaign is open in your languages at the moment.")
        case Cause.NO_MODEL:
            return _("Prompts wait for completions, but no language model is set up. An admin has to do that.")
        case Cause.TO_COME:
            return _("More tasks are on their way: the model writes completions for %(n)s prompts next.") % said
        case Cause.HELD:
            held = ngettext("Others are working on %(n)s task.", "Others are working on %(n)s tasks.", each.count)
            return held % said
        case Cause.MET:
            words = ngettext(
                "%(n)s task that you have done or skipped waits for others.",
                "%(n)s tasks that you have done or skipped wait for others.",
                each.count,
            )
            return words % said
        case Cause.MINDED:
            words = ngettext(
                "%(n)s task holds content that you don't want to see, as your preferences say.",
                "%(n)s tasks hold content that you don't want to see, as your preferences say.",
                each.count,
            )
            return words % said
        case Cause.OTHER_LANGUAGE:
            words = ngettext(
                "%(n)s task waits in a language that your profile doesn't name: %(languages)s. An admin can add it.",
                "%(n)s tasks wait in languages that your profile doesn't name: %(languages)s. An admin can add them.",
                each.count,
            )
            return words % said
        case Cause.DONE:
            return _("Everything in your languages is done. More comes as prompts are added.")


def words_for_admin(hindrances: Iterable[Hindrance]) -> str:
    """The same in one line, of work that no active labeler may be given, or of a labeler."""
    return " ".join(_for_admin(each) for each in hindrances)


def _for_admin(each: Hindrance) -> str:
    said = {"n": as_counted(each.count), "languages": names_of(each.languages)}
    match each.cause:
        case Cause.NO_CAMPAIGN:
            return _("No open campaign is in their languages.")
        case Cause.NO_MODEL:
            return _("No model is current to sample from.")
        case Cause.TO_COME:
            return (
                ngettext("%(n)s prompt waits for completions.", "%(n)s prompts wait for completions.", each.count)
                % said
            )
        case Cause.HELD:
            return ngettext("%(n)s is held by others.", "%(n)s are held by others.", each.count) % said
        case Cause.MET:
            words = ngettext(
                "%(n)s waits for other labelers: whoever could take it has done or skipped it.",
                "%(n)s wait for other labelers: whoever could take them has done or skipped them.",
                each.count,
            )
            return words % said
        case Cause.MINDED:
            words = ngettext(
                "%(n)s holds content that was opted out of.", "%(n)s hold content that was opted out of.", each.count
            )
            return words % said
        case Cause.OTHER_LANGUAGE:
            words = ngettext(
                "%(n)s is in a language that is in no such profile: %(languages)s.",
                "%(n)s are in languages that are in no such profile: %(languages)s.",
                each.count,
            )
            return words % said
        case Cause.DONE:
            return _("Everything is done.")
