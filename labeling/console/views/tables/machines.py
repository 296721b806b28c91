"""What waits for workers, and which are up."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.alerts.models import Gpu
from labeling.alerts.queries.causes import GONE_AFTER
from labeling.base.admin.tables import Cell, Table, named_table, number
from labeling.base.states import SamplingFailure
from labeling.console.queries.waiting import Worker, waiting_work, workers
from labeling.console.views.room import Room
from labeling.ranking_tasks.models.sampling import SamplerReport
from labeling.serving.models import ServerReport, ToldModel
from labeling.serving.queries import server_reports
from sampler.protocol import SamplerSight

GIB = 2**30


def waiting(_room: Room) -> Table:
    now = timezone.now()
    return named_table(
        key="waiting",
        title=_("What waits for workers"),
        columns=[
            ("kind", _("What")),
            ("queue", _("Queue")),
            ("waiting", _("Waiting")),
            ("oldest_seconds", _("Oldest")),
        ],
        rows=[
            [
                Cell(text=str(each.name), value=each.key),
                Cell(text=each.queue),
                number(each.count),
                _age(None if each.since is None else now - each.since),
            ]
            for each in waiting_work()
        ],
    )


def _age(age: timedelta | None) -> Cell:
    if age is None:
        return Cell(text="–", value="")
    seconds = int(age.total_seconds())
    return Cell(text=ago(age), value=seconds)


def ago(age: timedelta) -> str:
    """How long ago, in the largest unit that says it."""
    seconds = int(age.total_seconds())
    if seconds < 120:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    if seconds < 7200:
        return ngettext("%(n)d minute", "%(n)d minutes", seconds // 60) % {"n": seconds // 60}
    if seconds < 172800:
        return ngettext("%(n)d hour", "%(n)d hours", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)d day", "%(n)d days", seconds // 86400) % {"n": seconds // 86400}


def sampling(room: Room) -> Table:
    """Whether completions are made as fast as they are ranked, and what would be enough."""
    now = room.sampling
    rows = [
        _measure("completions", _("Completions"), float(now.completions), 0),
        _measure("tokens_per_second", _("Tokens a second, of a busy worker"), now.tokens_per_second, 1),
        _measure("workers", _("Workers up"), float(now.supply.workers), 0),
    ]
    verdict = now.verdict
    if verdict is not None:
        too_slow = _(
            "More is used up than is made. %(workers)d workers like these would do, or fewer completions, shorter "
            "ones, a smaller model, a GPU."
        ) % {"workers": verdict.workers_wanted}
        rows += [
            _measure("sustained_tasks_per_minute", _("Tasks a minute that it sustains"), verdict.sustained, 2),
            _measure(
                "used_tasks_per_minute",
                _("Tasks a minute that labelers use up"),
                verdict.used,
                2,
                bad="" if verdict.keeps_up else too_slow,
            ),
            _measure("labelers_fed", _("Labelers whom that feeds, at the pace of now"), verdict.labelers, 1),
            _measure("workers_wanted", _("Workers like these that would do"), float(verdict.workers_wanted), 0),
        ]
    for reason, count in sorted(now.failures.items()):
        name = _("Failed: %(reason)s") % {"reason": SamplingFailure(reason or SamplingFailure.OTHER).label}
        rows.append(_measure(f"failed_{reason}", name, float(count), 0))
    for each in now.reports:
        rows += _in_memory(each)
    return named_table(
        key="sampling",
        title=_("Sampling speed"),
        columns=[("measure", _("What")), ("value", _("How much"))],
        rows=rows,
        note=_("Of the last half hour."),
    )


def _in_memory(report: SamplerReport) -> list[list[Cell]]:
    """Of one worker's sampler since it was loaded."""
    sight: SamplerSight = report.sight
    of = {"worker": report.worker}
    prompts = sight["prompt_tokens"] + sight["prefix_tokens"]
    return [
        _measure(
            f"first_token_seconds {report.worker}",
            _("Seconds to the first token, %(worker)s") % of,
            _per(sight["first_token_seconds"], sight["first_tokens"]),
            2,
        ),
        _measure(
            f"at_once {report.worker}",
            _("Completions at once, %(worker)s") % of,
            _per(sight["rows_in_steps"], sight["steps"]),
            1,
        ),
        _measure(
            f"cache_share {report.worker}",
            _("Share of its memory for keys and values, %(worker)s") % of,
            _per(sight["cache_bytes"], sight["cache_limit_bytes"]),
            2,
        ),
        _measure(
            f"prefix_share {report.worker}",
            _("Share of prompts not read anew, %(worker)s") % of,
            _per(sight["prefix_tokens"], prompts),
            2,
        ),
    ]


def _per(sum_: float, count: float) -> float | None:
    return sum_ / count if count else None


def _measure(key: str, name: str, value: float | None, digits: int, *, bad: str = "") -> list[Cell]:
    shown = "–" if value is None else number_format(round(value, digits), decimal_pos=digits, force_grouping=True)
    cell = Cell(text=shown, value="" if value is None else round(value, 4), bad=bool(bad), note=bad)
    return [Cell(text=name, value=key), cell]


def workers_up(_room: Room) -> Table:
    return named_table(
        key="workers",
        title=_("Workers"),
        columns=[("worker", _("Worker")), ("queues", _("Queues")), ("last_sign", _("Last sign")), ("gpu", _("GPU"))],
        rows=[_worker(each) for each in workers()],
        empty=_("No worker has been heard of. Start them as docs/operations.md says."),
    )


def _last_sign(at: datetime, *, up: bool) -> Cell:
    return Cell(text=ago(timezone.now() - at), value=at.isoformat(), bad=not up, note="" if up else _("gone"))


def _worker(each: Worker) -> list[Cell]:
    return [
        Cell(text=each.sign.name),
        Cell(text=each.sign.queues.replace(",", ", ") or "–"),
        _last_sign(each.sign.at, up=each.up),
        Cell(text=" · ".join(map(_gpu, each.sign.gpus)) or "–"),
    ]


def servers(_room: Room) -> Table:
    """Our server of language models, as it said of itself last."""
    return named_table(
        key="servers",
        title=_("Servers of models"),
        columns=[
            ("server", _("Server")),
            ("state", _("State")),
            ("models", _("Models")),
            ("requests", _("Requests on their way")),
            ("cache_bytes", _("Keys and values in memory")),
            ("last_sign", _("Last sign")),
        ],
        rows=[_server(each) for each in server_reports()],
        empty=_("None has been heard of. SERVING_URL says which one it is, and beat asks it."),
    )


def _server(each: ServerReport) -> list[Cell]:
    up, has = each.answers, each.on_it
    held = sum(model["cache_bytes"] for model in has.values())
    most = sum(model["cache_limit_bytes"] for model in has.values())
    cache = _("%(held).1f of %(most).1f GiB") % {"held": held / GIB, "most": most / GIB}
    return [
        Cell(text=each.address),
        Cell(text=_("answers") if up else _("does not answer"), bad=not up),
        Cell(text=" · ".join(_model(name, model) for name, model in sorted(has.items())) or "–"),
        number(sum(model["in_flight"] for model in has.values())) if up else Cell(text="–", value=""),
        Cell(text=cache, value=held) if up else Cell(text="–", value=""),
        _last_sign(each.at, up=timezone.now() - each.at <= GONE_AFTER),
    ]


def _model(name: str, model: ToldModel) -> str:
    """`policy-3 (policy): loaded`."""
    aliases = f" ({', '.join(model['aliases'])})" if model["aliases"] else ""
    states = {"ready": _("loaded"), "loading": _("is being loaded"), "failed": _("could not be loaded")}
    return _("%(name)s: %(value)s") % {
        "name": f"{name}{aliases}",
        "value": states.get(model["state"], model["state"]),
    }


def _gpu(gpu: Gpu) -> str:
    said = {
        "name": gpu["name"],
        "used": gpu["memory_used"] / 1024,
        "all": gpu["memory_total"] / 1024,
        "use": gpu["use"],
    }
    return _("%(name)s: %(used).0f of %(all).0f GiB, %(use)d%% busy") % said
