"""The notices of the front page: what waits or failed, with the page where an admin can act on it."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.disk import disks_almost_full
from config.health import redis_state
from labeling.base.states import LabelerState, ModelKind, TaskState
from labeling.console.queries.notices import NoticeFacts, notice_facts


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
    every = [*_servers(), *_models(found), *_work(found), *_runs(found), *_people(found)]
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
    if found.has_sft_model or not found.has_campaign:
        return []
    return [
        Notice(
            text=_("No model is current to sample from"),
            detail=_("Register an SFT model and promote it; ranking tasks wait for it."),
            link=_list("modelversion", kind__exact=ModelKind.SFT),
            urgent=True,
        )
    ]


def _work(found: NoticeFacts) -> list[Notice]:
    empty = [
        Notice(
            text=_("Nothing to rank in “%(campaign)s”") % {"campaign": campaign},
            detail=_("No ranking task is ready. Import prompts, or see whether sampling workers are up."),
            link=reverse("admin:labeling_campaign_change", args=[campaign.pk]),
        )
        for campaign in found.empty_campaigns
    ]
    aside = [
        Notice(
            text=ngettext("%(count)d ranking task set aside", "%(count)d ranking tasks set aside", reason.count)
            % {"count": reason.count},
            detail=reason.reason,
            link=_list("rankingtask", state__exact=TaskState.SET_ASIDE),
        )
        for reason in found.set_aside
    ]
    return [*empty, *_sampling(found), *aside]


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
                detail=run.failure.partition("\n")[0],
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
    if not found.waiting_labelers:
        return []
    text = ngettext(
        "%(count)d labeler waits to be admitted", "%(count)d labelers wait to be admitted", found.waiting_labelers
    )
    return [
        Notice(text=text % {"count": found.waiting_labelers}, link=_list("labeler", state__exact=LabelerState.INVITED))
    ]


def _list(model: str, **filters: str) -> str:
    return f"{reverse(f'admin:labeling_{model}_changelist')}?{urlencode(filters)}"
