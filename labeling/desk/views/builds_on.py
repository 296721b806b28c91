"""The draft on the server that a page builds on; and where another page saved a newer one, how the two differ."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from labeling.base.refusals import DraftConflict
from labeling.desk.forms import Data
from labeling.desk.models import HeldWork
from labeling.desk.queries.work import time_of
from labeling.desk.rules.drafts import Draft, as_lists, differing, letter_of, sent_draft

JUDGED = re.compile(r"([1-9])-(quality|rank|flags|note)")
NUMBERED_TEXT = re.compile(r"([0-9]+)-((?:query-|response-)?text|role)")


@dataclass(frozen=True, kw_only=True)
class BuildsOn:
    """What parts/builds_on.html and parts/conflict.html draw.

    `newer` is for the scripts, and None where nothing is newer; `mine` and `theirs` have (label, value) of each field
    in which the two drafts differ, for pages without scripts. `seconds` were counted by earlier pages.
    """

    version: int
    seconds: float
    newer: Mapping[str, object] | None = None
    mine: list[tuple[str, str]] = field(default_factory=list)
    theirs: list[tuple[str, str]] = field(default_factory=list)


def builds_on(held: HeldWork, sent: Data | None, newer: DraftConflict | None) -> BuildsOn:
    if newer is None or sent is None:
        return BuildsOn(version=held.draft_version, seconds=time_of(held))
    here = sent_draft(sent.lists())
    there = as_lists(newer.current_draft)
    names = differing(here.fields, there)
    return BuildsOn(
        version=here.version or 0,
        seconds=time_of(held),
        newer={"version": newer.current_version, "draft": newer.current_draft, "page": newer.current_page},
        mine=_listed(here.fields, names),
        theirs=_listed(there, names),
    )


def _listed(draft: Draft, names: list[str]) -> list[tuple[str, str]]:
    return [(_label_of(name), ", ".join(value for value in draft.get(name, []) if value)) for name in names]


def _label_of(name: str) -> str:
    if judged := JUDGED.fullmatch(name):
        words = {"quality": _("Quality"), "rank": _("Rank"), "flags": _("Flags"), "note": _("Note")}
        return f"{letter_of(int(judged[1]))} · {words[judged[2]]}"
    if text := NUMBERED_TEXT.fullmatch(name):
        return f"{text[1]} · {_('Text')}"
    if name.endswith("text"):
        return _("Text")
    return _("Note") if name.endswith("note") else name
