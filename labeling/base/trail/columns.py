"""Columns as the trail names them, listed so that admins read them in their language; a test finds what lacks."""

from django.utils.translation import gettext_lazy as _

COLUMNS = (
    _("agreed"), _("agreement"), _("ask chats"), _("ask dialogues"), _("ask edit"), _("ask own prompts"),
    _("ask strength"), _("beginning"), _("begins in"), _("begins on"), _("best of"), _("best of percent"), _("body"),
    _("bonus from"), _("bonus percent"), _("break minutes"), _("by"), _("bytes read"), _("confidence"), _("copy of"),
    _("currency"), _("daily quota"), _("dedupe key"), _("demonstrations per prompt"), _("description"), _("digest"),
    _("email"), _("error"), _("events"), _("evidence"), _("first campaign"), _("first source"), _("flags percent"),
    _("gain"), _("given"), _("gold feedback"), _("gold percent"), _("held work until"), _("include demonstration"),
    _("is active"), _("is default"), _("is staff"), _("is superuser"), _("k max"), _("k min"), _("keep good"),
    _("languages"), _("lease minutes"), _("least gain"), _("margin"), _("metrics"), _("min new rankings"), _("mixture"),
    _("mixture share"), _("models that saw"), _("most kl"), _("must hold"), _("one each"), _("opening"), _("opt outs"),
    _("options"), _("outcome"), _("pairs percent"), _("paused"), _("paused because"), _("pauses after"), _("per chat"),
    _("per demonstration"), _("per dialogue"), _("per edit"), _("per hour"), _("per own prompt"), _("per ranking"),
    _("picked message"), _("power"), _("practice items"), _("practice percent"), _("practises since"), _("priority"),
    _("prompts left out"), _("queue"), _("queue place"), _("ranking tasks per prompt"), _("rankings per task"),
    _("reading"), _("ready minutes"), _("repeat after days"), _("repeat percent"), _("researcher"), _("reserved for"),
    _("result"), _("retrain after days"), _("retrain after rankings"), _("retrains itself"), _("review below percent"),
    _("review first"), _("review percent"), _("revoked at"), _("reward gate"), _("rewardmodel"), _("role"),
    _("said at"), _("said by"), _("scopes"), _("second source"), _("secret"), _("shared percent"), _("shared rankings"),
    _("slug"), _("suggestions per turn"), _("tokens per day"), _("tolerance"), _("unread messages"), _("until"),
    _("upload"), _("url"), _("use"), _("use case statements"), _("used at"), _("used by"), _("weekly quota"),
    _("wording"), _("written by"),
)  # fmt: skip


def column_name(column: str) -> str:
    """As the trail shows it, in English."""
    return column.removesuffix("_id").replace("_", " ")
