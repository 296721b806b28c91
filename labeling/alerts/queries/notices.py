"""What is wrong, in words, with the page where an admin can act on it: for the front page, and for alerts.

A notice with a kind is an alert as well: services/watch.py opens an incident for it and tells people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from labeling.alerts.models import Incident, Words
from labeling.alerts.queries.agreement import Drop, Moved
from labeling.alerts.queries.causes import EmptyCampaign, NoticeFacts, notice_facts
from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.states import AlertKind, AssignmentKind, ModelKind, ScoringState, SuggestionState, TaskState
from labeling.desk.queries.idle import Stuck
from labeling.desk.views.idle import words_for_admin
from labeling.policies.admin.sentences import failure_in_words
from labeling.policies.models import PolicyRun
from labeling.training.models import Run

BY_BEAT = (AlertKind.AGREEMENT_DOWN, AlertKind.SENTINEL_MOVED)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notice. `urgent`: no work can be done because of it. `kind`: it is told as an alert, once a `subject`."""

    text: str
    detail: str = ""
    link: str = ""
    urgent: bool = False
    kind: AlertKind | None = None
    subject: str = ""


def notices() -> list[Notice]:
    """Returns the notices, urgent ones first. What only beat looks for is read from the incident that it opened."""
    lasting = Incident.objects.filter(kind__in=BY_BEAT, closed_at=None)
    return [*notices_of(notice_facts()), *map(_of_incident, lasting)]


def _of_incident(incident: Incident) -> Notice:
    words = words_of(incident)
    return Notice(
        text=words["text"],
        detail=words["detail"],
        link=incident.link,
        kind=AlertKind(incident.kind),
        subject=incident.subject,
    )


def words_of(incident: Incident) -> Words:
    """In the reader's language; in English where it was not said in that."""
    said: dict[str, Words] = incident.words
    return said.get(get_language() or "en") or said["en"]


def agreement_notices(drop: Drop | None, moved: Sequence[Moved]) -> list[Notice]:
    """What labelers judge otherwise than before, in the language that is active."""
    found = [
        Notice(
            text=_("The sentinel “%(name)s” moved") % {"name": each.name},
            detail=_("Its first source was preferred in %(now)s of pairs last week, and in %(before)s before.")
            % {"now": f"{each.now:.1%}", "before": f"{each.expected:.1%}"},
            link=reverse("admin:labeling_sentinel_change", args=[each.sentinel]),
            kind=AlertKind.SENTINEL_MOVED,
            subject=f"sentinel {each.sentinel}",
        )
        for each in moved
    ]
    if drop is None:
        return found
    return [*found, _agreement_down(drop)]


def _agreement_down(drop: Drop) -> Notice:
    said = {"now": f"{drop.lately.value:.1%}", "before": f"{drop.before.value:.1%}"}
    return Notice(
        text=_("Labelers agree less: %(now)s of pairs in seven days, %(before)s in the four weeks before") % said,
        detail=_("Look at which language, use case or labeler it comes from."),
        link=reverse("admin:labeling_rankingagreement_figures"),
        kind=AlertKind.AGREEMENT_DOWN,
    )


def notices_of(found: NoticeFacts) -> list[Notice]:
    """The same of facts that are known, in the language that is active."""
    every = [
        *_servers(found),
        *_workers(found),
        *_models(found),
        *_failures(found),
        *_work(found),
        *_runs(found),
        *_people(found),
    ]
    return sorted(every, key=lambda notice: not notice.urgent)


def _servers(found: NoticeFacts) -> list[Notice]:
    disks = [
        Notice(
            text=_("The disk of %(folder)s is almost full") % {"folder": disk.folder},
            detail=_("%(free).1f GiB are left. When it is full nothing can be saved: make room, or set DISK_ALERT_GIB.")
            % {"free": disk.free_gib},
            urgent=True,
            kind=AlertKind.DISK_LOW,
            subject=str(disk.folder)[-200:],
        )
        for disk in found.disks
    ]
    if found.redis:
        return disks
    detail = _("People go on labeling; sampling and training wait and catch up when it is back.")
    down = Notice(text=_("Redis can't be reached"), detail=detail, urgent=True, kind=AlertKind.REDIS_DOWN)
    return [*disks, down]


def _workers(found: NoticeFacts) -> list[Notice]:
    gone = [
        Notice(
            text=_("The worker %(name)s is gone") % {"name": each.name},
            detail=_("It served %(queues)s, was last heard of at %(at)s, and was not stopped in order.")
            % {"queues": each.queues, "at": date_format(localtime(each.at), "DATETIME_FORMAT")},
            kind=AlertKind.WORKER_GONE,
            subject=str(each)[:200],
        )
        for each in found.gone
    ]
    if found.beat_silent_since is None:
        return gone
    at = date_format(localtime(found.beat_silent_since), "DATETIME_FORMAT")
    silent = Notice(
        text=_("Beat, or the worker of the default queue, was last heard of at %(at)s") % {"at": at},
        detail=_("Nothing is sampled, retrained or told until both are up."),
        urgent=True,
    )
    return [silent, *gone]


def _models(found: NoticeFacts) -> list[Notice]:
    broken = [
        Notice(
            text=_("The %(kind)s model “%(version)s” can't be used")
            % {"kind": check.model_version.get_kind_display(), "version": check.model_version},
            detail=note_in_words(check.failure),
            link=reverse("admin:labeling_modelversion_change", args=[check.model_version_id]),
            urgent=True,
            kind=AlertKind.MODEL_UNUSABLE,
            subject=f"model version {check.model_version_id}",
        )
        for check in found.broken_models
    ]
    if found.has_sft_model or not found.has_campaign:
        return broken
    if tried := found.sft_model_tried:
        text = _("A worker tries “%(version)s” before anything is sampled from it") % {"version": tried}
        link = reverse("admin:labeling_modelversion_change", args=[tried.pk])
        return [*broken, Notice(text=text, detail=_("It becomes current as soon as that has passed."), link=link)]
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
            detail=note_in_words(failing.reason).partition("\n")[0],
            link=_list(noun, state__exact=state),
            urgent=True,
            kind=AlertKind.WORK_FAILS,
            subject=noun,
        )
        for failing, text, noun, state in kinds
        if failing
    ]


def _work(found: NoticeFacts) -> list[Notice]:
    aside = [
        Notice(
            text=ngettext("%(count)d ranking task set aside", "%(count)d ranking tasks set aside", reason.count)
            % {"count": reason.count},
            detail=note_in_words(reason.reason),
            link=_list("rankingtask", state__exact=TaskState.SET_ASIDE, set_aside_reason__exact=reason.reason),
        )
        for reason in found.set_aside
    ]
    empty = [_empty(each) for each in found.empty_campaigns]
    return [*empty, *map(_stuck, found.stuck), *_sampling(found), *aside]


def _empty(each: EmptyCampaign) -> Notice:
    """A campaign that could have something to rank, with the rows that it waits for."""
    detail, link = _wants(each)
    return Notice(
        text=_("Nothing to rank in “%(campaign)s”") % {"campaign": each.campaign},
        detail=detail,
        link=link,
        kind=AlertKind.QUEUE_EMPTY,
        subject=f"campaign {each.campaign.pk}",
    )


def _wants(each: EmptyCampaign) -> tuple[str, str]:
    """What it waits for, and the page that shows it."""
    of_campaign = {"campaign__id__exact": str(each.campaign.pk)}
    if each.sampling:
        words = "%(count)d task is being sampled.", "%(count)d tasks are being sampled."
        detail = ngettext(*words, each.sampling) % {"count": each.sampling}
        return detail, _list("rankingtask", **of_campaign, state__exact=TaskState.SAMPLING)
    if each.prompts:
        detail = ngettext(
            "%(count)d prompt waits for ranking tasks, which are made every few seconds while beat is up.",
            "%(count)d prompts wait for ranking tasks, which are made every few seconds while beat is up.",
            each.prompts,
        )
        return detail % {"count": each.prompts}, _list("prompt", **of_campaign, wants="ranking")
    return _("It has no prompts. Import some."), reverse("admin:labeling_campaign_change", args=[each.campaign.pk])


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
            kind=AlertKind.WORKER_GONE,
            subject="sampling",
        )
    ]


def _runs(found: NoticeFacts) -> list[Notice]:
    failed = [
        Notice(
            text=_("%(run)s failed") % {"run": _name_of(run)},
            detail=failure_in_words(run.failure).partition("\n")[0],
            link=_page_of(run),
            urgent=True,
            kind=AlertKind.RETRAINING_FAILED,
            subject=str(run).lower(),
        )
        for run in found.failed_runs
    ]
    waiting = [
        Notice(
            text=_("%(run)s waits for a worker") % {"run": _name_of(run)},
            detail=_("Is a training worker up?"),
            link=_page_of(run),
            kind=AlertKind.WORKER_GONE,
            subject="training",
        )
        for run in found.waiting_runs[:1]  # one worker does them all
    ]
    return failed + waiting


def _name_of(run: Run) -> str:
    if isinstance(run, PolicyRun):
        return _("%(stage)s run %(number)s") % {"stage": run.get_stage_display(), "number": run.pk}
    return _("Training run %(number)s") % {"number": run.pk}


def _page_of(run: Run) -> str:
    return reverse(f"admin:labeling_{run._meta.model_name}_change", args=[run.pk])  # noqa: SLF001  (Django's own name)


def _people(found: NoticeFacts) -> list[Notice]:
    return [*_gold(found), *_to_decide(found), *_to_admit(found), *_idle(found)]


def _gold(found: NoticeFacts) -> list[Notice]:
    return [
        Notice(
            text=_("%(labeler)s failed %(failed)d of the last %(of)d gold items")
            % {"labeler": each.name, "failed": each.failed, "of": each.of},
            detail=_("Look at their rankings beside the answers before you talk to them."),
            link=reverse("admin:labeling_labeler_change", args=[each.labeler]),
            kind=AlertKind.GOLD_FAILED,
            subject=f"labeler {each.labeler}",
        )
        for each in found.gold_failing
    ]


def _to_decide(found: NoticeFacts) -> list[Notice]:
    count = found.candidates_to_decide
    if not count:
        return []
    text = ngettext("%(count)d candidate waits for a decision", "%(count)d candidates wait for a decision", count)
    return [
        Notice(
            text=text % {"count": count},
            detail=_("They did all that screening has for them. What they did is on one page, under a number."),
            link=_list("candidate", decided="waiting"),
        )
    ]


def _to_admit(found: NoticeFacts) -> list[Notice]:
    return [
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


def _idle(found: NoticeFacts) -> list[Notice]:
    count = found.labelers_without_work
    if not count:
        return []
    text = ngettext(
        "%(count)d active labeler can be given nothing now", "%(count)d active labelers can be given nothing now", count
    )
    idle = Notice(
        text=text % {"count": count},
        detail=_("Work waits, but not for them: their pages say why."),
        link=_list("labeler", gets_work="no"),
    )
    return [idle]


def _list(model: str, **filters: str) -> str:
    return f"{reverse(f'admin:labeling_{model}_changelist')}?{urlencode(filters)}"
