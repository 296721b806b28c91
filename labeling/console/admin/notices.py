"""The notices of the front page: what waits or failed, with the page where an admin can act on it."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.disk import disks_almost_full
from config.health import redis_state
from labeling.base.states import AssignmentKind, ModelKind, ScoringState, SuggestionState, TaskState
from labeling.console.queries.notices import EmptyCampaign, NoticeFacts, notice_facts
from labeling.desk.queries.idle import Stuck
from labeling.desk.views.idle import words_for_admin
from labeling.training.admin.sentences import failure_in_words


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notice. `urgent`: no work can be done because of it."""

    text: str
    detail: str = ""
    link: str = ""
    urgent: bool = False


def notices() -> list[Notice]:
    """Returns the notices, urgent ones first."""
    found = notice_facts()
    every = [*_servers(), *_models(found), *_failures(found), *_work(found), *_runs(found), *_people(found)]
    return sorted(every, key=lambda notice: not notice.urgent)


def _servers() -> list[Notice]:
    return [*_disks(), *_redis()]


def _disks() -> list[Notice]:
    return [
        Notice(
            text=_("The disk of %(folder)s is almost full") % {"folder": disk.folder},
            detail=_("%(free).1f GiB are left. When it is full nothing can be saved: make room, or set DISK_ALERT_GIB.")
            % {"free": disk.free_gib},
            urgent=True,
        )
        for disk in disks_almost_full()
    ]


def _redis() -> list[Notice]:
    if redis_state() == "ok":
        return []
    return [
        Notice(
            text=_("Redis can't be reached"),
            detail=_("People go on labeling; sampling and training wait and catch up when it is back."),
            urgent=True,
        )
    ]


def _models(found: NoticeFacts) -> list[Notice]:
    broken = [
        Notice(
            text=_("The %(kind)s model “%(version)s” can't be used")
            % {"kind": check.model_version.get_kind_display(), "version": check.model_version},
            detail=check.failure,
            link=reverse("admin:labeling_modelversion_change", args=[check.model_version_id]),
            urgent=True,
        )
        for check in found.broken_models
    ]
    if found.has_sft_model or not found.has_campaign:
        return broken
    return [
        *broken,
        Notice(
            text=_("No model is current to sample from"),
            detail=_("Register an SFT model and promote it; ranking tasks wait for it."),
            link=_list("modelversion", kind__exact=ModelKind.SFT),
            urgent=True,
        ),
    ]


def _failures(found: NoticeFacts) -> list[Notice]:
    kinds = (
        (found.failing_sampling, _("Sampling failed %(times)d times in a row"), "rankingtask", TaskState.SAMPLING),
        (
            found.failing_suggestions,
            _("Suggestions failed %(times)d times in a row"),
            "suggestionrequest",
            SuggestionState.FAILED,
        ),
        (found.failing_scoring, _("Scoring failed %(times)d times in a row"), "scoringrequest", ScoringState.FAILED),
    )
    return [
        Notice(
            text=text % {"times": failing.times},
            detail=failing.reason.partition("\n")[0],
            link=_list(noun, state__exact=state),
            urgent=True,
        )
        for failing, text, noun, state in kinds
        if failing
    ]


def _work(found: NoticeFacts) -> list[Notice]:
    aside = [
        Notice(
            text=ngettext("%(count)d ranking task set aside", "%(count)d ranking tasks set aside", reason.count)
            % {"count": reason.count},
            detail=reason.reason,
            link=_list("rankingtask", state__exact=TaskState.SET_ASIDE, set_aside_reason__exact=reason.reason),
        )
        for reason in found.set_aside
    ]
    empty = [_empty(each) for each in found.empty_campaigns]
    return [*empty, *map(_stuck, found.stuck), *_sampling(found), *aside]


def _empty(each: EmptyCampaign) -> Notice:
    """A campaign that could have something to rank, with the rows that it waits for."""
    text = _("Nothing to rank in “%(campaign)s”") % {"campaign": each.campaign}
    of_campaign = {"campaign__id__exact": str(each.campaign.pk)}
    if each.sampling:
        words = "%(count)d task is being sampled.", "%(count)d tasks are being sampled."
        detail = ngettext(*words, each.sampling) % {"count": each.sampling}
        return Notice(
            text=text, detail=detail, link=_list("rankingtask", **of_campaign, state__exact=TaskState.SAMPLING)
        )
    if each.prompts:
        detail = ngettext(
            "%(count)d prompt waits for ranking tasks, which are made every few seconds while beat is up.",
            "%(count)d prompts wait for ranking tasks, which are made every few seconds while beat is up.",
            each.prompts,
        )
        return Notice(
            text=text, detail=detail % {"count": each.prompts}, link=_list("prompt", **of_campaign, wants="ranking")
        )
    page = reverse("admin:labeling_campaign_change", args=[each.campaign.pk])
    return Notice(text=text, detail=_("It has no prompts. Import some."), link=page)


def _stuck(each: Stuck) -> Notice:
    """Work that waits while nobody may be given it."""
    said = {"campaign": each.campaign}
    of_campaign = {"campaign__id__exact": str(each.campaign.pk)}
    detail = words_for_admin(each.hindrances)
    if each.kind == AssignmentKind.RANKING:
        text = _("Nobody who is active can be given the ranking tasks that wait in “%(campaign)s”") % said
        return Notice(text=text, detail=detail, link=_list("rankingtask", **of_campaign, state__exact=TaskState.READY))
    text = _("Nobody who is active can be given the prompts that wait for demonstrations in “%(campaign)s”") % said
    return Notice(text=text, detail=detail, link=_list("prompt", **of_campaign, wants="demonstration"))


def _sampling(found: NoticeFacts) -> list[Notice]:
    if not found.waiting_sampling or not found.has_sft_model:
        return []
    text = ngettext(
        "%(count)d task waits long for its completions",
        "%(count)d tasks wait long for their completions",
        found.waiting_sampling,
    )
    return [
        Notice(
            text=text % {"count": found.waiting_sampling},
            detail=_("Is a sampling worker up?"),
            link=_list("rankingtask", state__exact=TaskState.SAMPLING),
        )
    ]


def _runs(found: NoticeFacts) -> list[Notice]:
    if run := found.failed_run:
        return [
            Notice(
                text=_("Training run %(run)d failed") % {"run": run.pk},
                detail=failure_in_words(run.failure).partition("\n")[0],
                link=reverse("admin:labeling_trainingrun_change", args=[run.pk]),
                urgent=True,
            )
        ]
    if run := found.waiting_run:
        return [
            Notice(
                text=_("Training run %(run)d waits for a worker") % {"run": run.pk},
                detail=_("Is a training worker up?"),
                link=reverse("admin:labeling_trainingrun_change", args=[run.pk]),
            )
        ]
    return []


def _people(found: NoticeFacts) -> list[Notice]:
    waiting = [
        Notice(
            text=ngettext(
                "%(count)d labeler waits to be admitted (%(state)s)",
                "%(count)d labelers wait to be admitted (%(state)s)",
                count,
            )
            % {"count": count, "state": state.label},
            link=_list("labeler", state__exact=state),
        )
        for state, count in found.waiting_labelers.items()
    ]
    count = found.labelers_without_work
    if not count:
        return waiting
    text = ngettext(
        "%(count)d active labeler can be given nothing now", "%(count)d active labelers can be given nothing now", count
    )
    idle = Notice(
        text=text % {"count": count},
        detail=_("Work waits, but not for them: their pages say why."),
        link=_list("labeler", gets_work="no"),
    )
    return [*waiting, idle]


def _list(model: str, **filters: str) -> str:
    return f"{reverse(f'admin:labeling_{model}_changelist')}?{urlencode(filters)}"
