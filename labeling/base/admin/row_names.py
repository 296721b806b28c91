"""What a row is called, in the reader's language. Logs, programs and what is stored use its English name, str(row)."""

from django.db.models import Model
from django.utils import translation
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from labeling.base.admin.told import told

NAMES = (
    _("ranking by %(labeler)s"),
    _("demonstration by %(labeler)s"),
    _("dialogue by %(labeler)s"),
    _("chat by %(labeler)s"),
    _("own_prompt by %(labeler)s"),
    _("revision of %(why_work)s"),
    _("Demonstration %(number)s of prompt %(prompt)s"),
    _("Adjudication %(number)s of %(why_task)s"),
    _("Ranking task %(number)s"),
    _("Candidate %(number)s"),
    _("Report %(number)s"),
    _("Messages of %(labeler)s"),
    _("%(campaign)s instructions v%(version)s"),
    _("%(campaign)s rubric v%(version)s"),
    _("%(why_row)s left out"),
    _("%(why_row)s and %(partner)s on task %(task)s"),
    _("Snapshot %(number)s as of %(time)s"),
)


def name_of(row: Model) -> str:
    """A row that is called by its number has the noun of its table; others a sentence of those above, or a name."""
    nouns = row._meta  # noqa: SLF001  (Django documents it)
    with translation.override("en"):
        numbered = str(row) == f"{capfirst(nouns.verbose_name)} {row.pk}"
    if numbered:
        return f"{capfirst(nouns.verbose_name)} {row.pk}"
    return told(str(row), NAMES)
