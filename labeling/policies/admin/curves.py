"""The charts of a policy's run: what people look at first before what tells them why."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise, StrPromise

from labeling.base.admin.charts import Point, line_chart, smoothed
from labeling.base.states import PolicyStage
from labeling.policies.models import PolicyRun
from labeling.training.admin.runs import Curve
from labeling.training.queries import Progress, figures_by_name

# By the names of policy_trainer's figures (docs/policy.md), in the order in which they are shown.
OF_ITERATIONS: Mapping[str, StrPromise] = {
    "kl": _("KL to the start, nats an answer"),
    "entropy": _("Entropy, nats a token"),
    "length": _("Length, tokens"),
    "ended": _("Answers that end by themselves"),
    "value_loss": _("Loss of the value function"),
    "ptx_loss": _("Loss on pretraining text"),
    "clipped": _("Clipped updates"),
    "approximate_kl": _("KL of an update"),
    "explained_variance": _("Variance that the value function explains"),
    "norm": _("Norm of the gradient"),
    "decoder_gap": _("Sampler against trainer, nats a token"),
    "equal_groups": _("Prompts whose answers are rewarded alike"),
}
OF_LOOKS: Mapping[str, StrPromise] = {
    "reward": _("Reward of samples"),
    "length": _("Length of samples, tokens"),
    "ended": _("Samples that end by themselves"),
}
SHARES = frozenset({"ended", "clipped", "equal_groups", "win_rate"})


def curves_of(run: PolicyRun, progress: Progress) -> list[Curve]:
    looks = figures_by_name(list(run.looks.order_by("step").values_list("step", "figures")))
    x_max = progress.steps_total or progress.step
    if run.stage == PolicyStage.PPO:
        return _of_ppo(progress, looks, x_max)
    found = [_curve(_("Loss"), x_max, progress.loss, valid=progress.valid_loss)]
    if progress.accuracy:
        found.append(_curve(_("Accuracy"), x_max, progress.accuracy, valid=progress.valid_accuracy, share=True))
    found += [
        _curve(word, x_max, (), valid=looks.get(name, ()), share=name in SHARES) for name, word in OF_LOOKS.items()
    ]
    return [curve for curve in found if curve is not None]


def _of_ppo(progress: Progress, looks: Mapping[str, Sequence[Point]], x_max: int) -> list[Curve]:
    figures = progress.figures
    found = [
        _curve(_("Reward"), x_max, figures.get("reward", ())),
        _curve(_("Held-out prompts: reward that is optimised"), x_max, (), valid=looks.get("optimised", ())),
        _curve(_("Held-out prompts: reward that only watches"), x_max, (), valid=looks.get("watched", ())),
        _curve(_("Held-out prompts: better than the start"), x_max, (), valid=looks.get("win_rate", ()), share=True),
        *(_curve(word, x_max, figures.get(name, ()), share=name in SHARES) for name, word in OF_ITERATIONS.items()),
        _curve(_("Loss of the policy"), x_max, progress.loss),
    ]
    return [curve for curve in found if curve is not None]


def _curve(
    name: StrOrPromise, x_max: int, points: Sequence[Point], *, valid: Sequence[Point] = (), share: bool = False
) -> Curve | None:
    """None where nothing was ever said of it."""
    series = {"raw": points, "train": smoothed(points), "valid": valid}
    chart = line_chart(series, x_max=x_max, percent=share)
    return None if chart is None else Curve(name, chart)
