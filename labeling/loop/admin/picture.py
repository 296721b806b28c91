"""The turns of a loop as rows of stages, and the same as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_stubs_ext import StrOrPromise

from labeling.base.admin.tables import Bar, Cell, Row, Table, number, unknown
from labeling.base.states import OPEN_TURN_STATES, TurnState
from labeling.evaluations.rules.gate import Decision
from labeling.loop.admin.words import said_in_words
from labeling.loop.models import Loop, Turn
from labeling.loop.queries import PolicyFigures, decision_of, figures_of_policy, new_rankings, watching_run
from labeling.model_versions.models import ModelVersion

ORDER = [*OPEN_TURN_STATES, TurnState.PROMOTED]
TURNS_SHOWN = 20
ICONS = {
    TurnState.RANKINGS: "format_list_numbered",
    TurnState.REWARD_MODEL: "psychology",
    TurnState.POLICY: "route",
    TurnState.EVALUATION: "balance",
    TurnState.PROMOTED: "upgrade",
}


@dataclass(frozen=True, kw_only=True)
class Line:
    text: StrOrPromise
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """`how`: done, now, closed (the turn ended here) or ahead."""

    name: StrOrPromise
    icon: str
    how: str
    word: StrOrPromise
    figure: StrOrPromise = ""
    lines: Sequence[Line] = ()
    bar: Bar | None = None


@dataclass(frozen=True, kw_only=True)
class Drawn:
    turn: Turn
    stages: Sequence[Stage]
    said: str
    """Why it ended, or what it waits for."""


def picture_of(loop: Loop) -> list[Drawn]:
    """The latest turns, the latest first."""
    return [
        Drawn(turn=turn, stages=_stages(turn), said=said_in_words(turn.reason or turn.note))
        for turn in _turns(loop)[:TURNS_SHOWN]
    ]


def _turns(loop: Loop) -> QuerySet[Turn]:
    beside = ("training_run__watching", "policy_run__model_version", "evaluation", "reward_before", "reward_after")
    return loop.turns.select_related("loop", *beside, "policy_before", "policy_after").order_by("-number")


def _stages(turn: Turn) -> list[Stage]:
    names = {TurnState.RANKINGS: _("Rankings"), TurnState.PROMOTED: _("Promotion")}
    made = {
        TurnState.RANKINGS: _of_rankings,
        TurnState.REWARD_MODEL: _of_reward_model,
        TurnState.POLICY: _of_policy,
        TurnState.EVALUATION: _of_evaluation,
        TurnState.PROMOTED: _of_promotion,
    }
    found = []
    for step in ORDER:
        how = _how(turn, step)
        figure, lines, bar = made[step](turn)
        words = {"done": _("done"), "now": _("now"), "closed": _("ended here"), "ahead": _("ahead")}
        found.append(
            Stage(
                name=names.get(step, step.label), icon=ICONS[step], how=how, word=words[how], figure=figure,
                lines=lines, bar=bar,
            )
        )  # fmt: skip
    return found


def _how(turn: Turn, step: TurnState) -> str:
    at = TurnState(turn.ended_in or turn.state)
    if ORDER.index(step) < ORDER.index(at) or turn.state == TurnState.PROMOTED:
        return "done"
    if step != at:
        return "ahead"
    return "closed" if turn.state == TurnState.ENDED else "now"


Content = tuple[StrOrPromise, list[Line], Bar | None]


def _of_rankings(turn: Turn) -> Content:
    if turn.rankings is not None:
        return number_format(turn.rankings, force_grouping=True), [Line(text=_("new rankings"))], None
    wanted = _("new rankings of %(wanted)s") % {
        "wanted": number_format(turn.loop.min_new_rankings, force_grouping=True)
    }
    return number_format(new_rankings(turn.loop), force_grouping=True), [Line(text=wanted)], None


def _of_reward_model(turn: Turn) -> Content:
    run = turn.training_run
    if run is None:
        return "", [], None
    lines = _changed(turn.reward_before, turn.reward_after)
    link = reverse("admin:labeling_trainingrun_change", args=[run.pk])
    lines.append(Line(text=_("Training run %(number)s") % {"number": run.pk}, link=link))
    if watching := watching_run(turn):
        link = reverse("admin:labeling_trainingrun_change", args=[watching.pk])
        lines.append(Line(text=_("Watching: training run %(number)s") % {"number": watching.pk}, link=link))
    measured = run.evaluation.get("new")
    if not measured:
        return run.get_state_display(), lines, None
    return _("%(accuracy)s accuracy") % {"accuracy": f"{measured['pair_accuracy']:.1%}"}, lines, None


def _of_policy(turn: Turn) -> Content:
    if turn.policy_run is None:
        return "", [], None
    found = figures_of_policy(turn.policy_run)
    lines = _changed(turn.policy_before, turn.policy_after)
    if found.kl is not None:
        lines.append(Line(text=_("KL %(kl)s nats") % {"kl": f"{found.kl:.2f}"}))
    link = reverse("admin:labeling_policyrun_change", args=[turn.policy_run_id])
    lines.append(Line(text=_("PPO run %(number)s") % {"number": turn.policy_run_id}, link=link))
    return _rewards(found) or turn.policy_run.get_state_display(), lines, None


def _rewards(found: PolicyFigures) -> str:
    if found.started is None or found.reached is None:
        return ""
    return _("reward %(started)s → %(reached)s") % {
        "started": f"{found.started:+.2f}", "reached": f"{found.reached:+.2f}",
    }  # fmt: skip


def _of_evaluation(turn: Turn) -> Content:
    if turn.evaluation is None:
        return "", [], None
    link = reverse("admin:labeling_evaluation_change", args=[turn.evaluation_id])
    own = Line(text=_("Evaluation %(number)s") % {"number": turn.evaluation_id}, link=link)
    decision = decision_of(turn)
    if decision is None or decision["win_rate"] is None:
        return turn.evaluation.get_state_display(), [own], None
    prompts = ngettext("%(count)d prompt", "%(count)d prompts", decision["prompts"]) % {"count": decision["prompts"]}
    bounds = f"{decision['low']:.0%} – {decision['high']:.0%}"
    rate = _("%(rate)s preferred") % {"rate": f"{decision['win_rate']:.0%}"}
    return rate, [Line(text=f"{bounds} · {prompts}"), own], _bar(decision)


def _of_promotion(turn: Turn) -> Content:
    if turn.state != TurnState.PROMOTED or turn.policy_after is None:
        return "", [], None
    return turn.policy_after.name, [Line(text=_("is sampled from now on"))], None


def _changed(before: ModelVersion | None, after: ModelVersion | None) -> list[Line]:
    """What was in use before, and what came of the turn."""
    found = []
    if after is not None:
        link = reverse("admin:labeling_modelversion_change", args=[after.pk])
        found.append(Line(text=_("new: %(version)s") % {"version": after}, link=link))
    if before is not None:
        link = reverse("admin:labeling_modelversion_change", args=[before.pk])
        found.append(Line(text=_("before: %(version)s") % {"version": before}, link=link))
    return found


def table_of(loop: Loop) -> Table:
    """Every turn in one row, with the numbers of the picture."""
    columns = [
        ("turn", _("Turn")), ("step", _("State")), ("new_rankings", _("New rankings")),
        ("reward_model", _("Reward model")), ("policy_before", _("Policy before")), ("policy", _("Policy")),
        ("reward_before", _("Reward before")), ("reward", _("Reward")), ("kl", _("KL, nats")),
        ("win_rate", _("Win rate")), ("low", _("Above")), ("high", _("Below")), ("prompts", _("Prompts judged")),
    ]  # fmt: skip
    return Table(
        key="turns",
        title=_("Every turn"),
        columns=[heading for _name, heading in columns],
        names=[name for name, _heading in columns],
        rows=[_row(turn) for turn in _turns(loop)],
        wordy=True,
        note=_(
            "Rewards are means on held-out prompts, by the reward model that watches where there is one. The win rate "
            "is that of the new policy over the one before; its bounds hold at all times at once, each with the "
            "confidence that was planned."
        ),
        shown=TURNS_SHOWN,
    )


def _row(turn: Turn) -> Row:
    nothing = PolicyFigures(started=None, reached=None, kl=None)
    found = figures_of_policy(turn.policy_run) if turn.policy_run else nothing
    return Row(
        cells=[
            number(turn.number),
            Cell(text=turn.get_state_display(), value=turn.state),
            number(turn.rankings) if turn.rankings is not None else unknown("–"),
            _named(turn.reward_after),
            _named(turn.policy_before),
            _named(turn.policy_after),
            _decimal(found.started, 3),
            _decimal(found.reached, 3),
            _decimal(found.kl, 2),
            *_judged(decision_of(turn)),
        ]
    )


def _judged(decision: Decision | None) -> list[Cell]:
    if decision is None:
        return [unknown("–")] * 4
    shares = (decision["win_rate"], decision["low"], decision["high"])
    return [*(_share(share) for share in shares), number(decision["prompts"])]


def _bar(decision: Decision | None) -> Bar | None:
    """The win rate between its bounds."""
    if decision is None or decision["win_rate"] is None:
        return None
    low, high = decision["low"], decision["high"]
    return Bar(left=100 * low, middle=100 * decision["win_rate"], width=100 * (high - low))


def _named(version: ModelVersion | None) -> Cell:
    return unknown("–") if version is None else Cell(text=version.name)


def _decimal(value: float | None, places: int) -> Cell:
    return unknown("–") if value is None else Cell(text=f"{value:.{places}f}", value=round(value, 5))


def _share(value: float | None) -> Cell:
    return unknown("–") if value is None else Cell(text=f"{value:.1%}", value=round(value, 5))
