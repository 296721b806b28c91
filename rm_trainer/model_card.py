"""README.md beside a checkpoint: a model card in Hugging Face's format, made of metrics.json and nothing else."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from lm.hub import id_and_revision, is_hub_id
from rm_trainer.evaluation.figures import Analysis, Interval, Summary
from rm_trainer.metrics import Metrics

WHAT = """\
A reward model: it gives a prompt with a completion one number, higher where labelers would rank the completion higher.
Made by Concord's `rm_trainer`."""


COUNTED = {
    "rankings": ("rankings",),
    "prompts": ("prompts",),
    "pairs": ("pairs",),
    "ties only": ("tied_rankings",),
    "left out": ("refused_records", "incomparable_rankings"),
    "completions left out": ("empty_completions", "too_long_completions", "same_tokens_completions"),
    "messages not read": ("unread_messages",),
    "of the other half": ("other_half",),
    "prompts also in train": ("also_in_train",),
    "prompts shortened": ("shortened_prompts",),
    "tokens dropped": ("dropped_prompt_tokens",),
}
"""The columns of the data's table, each with the counts that make it up."""


@dataclass(frozen=True)
class _Measured:
    """A split that has figures; `name` as the Hub says it."""

    name: str
    figures: Summary
    analysis: Analysis | None


def model_card(metrics: Metrics, *, name: str) -> str:
    """Returns the card's text. `name`: the checkpoint's directory, or its name."""
    measured = _measured(metrics)
    parts = (
        _front_matter(metrics, measured, Path(name).name),
        f"# {Path(name).name}\n\n{WHAT}",
        _use(metrics),
        _loading(),
        _data(metrics),
        _training(metrics),
        *(_figures(split) for split in measured),
        _limits(metrics),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _measured(metrics: Metrics) -> list[_Measured]:
    splits = (("valid", "validation", metrics["valid"]), ("test", "test", metrics["test"]))
    return [_Measured(name, figures, metrics["analysis"][split]) for split, name, figures in splits if figures]


def _front_matter(metrics: Metrics, measured: Sequence[_Measured], name: str) -> str:
    base = metrics["base"]
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=["reward-model", "rlhf", "preference"],
        language=sorted(_languages(measured)) or None,
        base_model=id_and_revision(base)[0] if is_hub_id(base, owner_needed=False) else None,
        model_name=name,
        eval_results=[_result(metrics, split) for split in measured] or None,
    )
    return f"---\n{data.to_yaml()}\n---"


def _result(metrics: Metrics, split: _Measured) -> EvalResult:
    return EvalResult(
        task_type="text-classification",
        task_name="Preference between two completions",
        dataset_type="rankings",
        dataset_name=f"snapshot {metrics['snapshot_sha256'][:12]}",
        dataset_split=split.name,
        metric_type="accuracy",
        metric_name="Pair accuracy",
        metric_value=round(split.figures["pair_accuracy"], 4),
    )


def _use(metrics: Metrics) -> str:
    return f"""## Intended use

To compare completions of one prompt: best-of-n sampling, the reward in reinforcement learning, and finding labels
that deserve a second look. Only differences between completions of the same prompt were learned. {_level(metrics)}
It isn't meant to judge people, or facts."""


def _level(metrics: Metrics) -> str:
    ideal = metrics["demonstrations"]
    if ideal["mean_reward"] is None:
        return "There were no demonstrations, so a reward's level means nothing."
    return (
        f"The level is set so that {ideal['count']:,} demonstrations of labelers have mean reward "
        f"{ideal['mean_reward']:+.6f}: 0 reads as “as good as a human's answer”."
    )


def _loading() -> str:
    return """## How to load

The reward is the network's output plus `reward_bias` of its configuration.

```python
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(DIRECTORY)
model = AutoModelForSequenceClassification.from_pretrained(DIRECTORY)
messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
text = tokenizer.apply_chat_template(messages, tokenize=False)
with torch.no_grad():
    inputs = tokenizer(text, add_special_tokens=False, return_tensors="pt")
    reward = model(**inputs).logits.item() + model.config.reward_bias
```

`python -m rm_trainer score --model DIRECTORY` does the same for many at once."""


def _data(metrics: Metrics) -> str:
    snapshot, counts = metrics["snapshot"], metrics["counts"]
    rows = [
        [split, *(f"{sum(counts[split].get(one, 0) for one in names):,}" for names in COUNTED.values())]
        for split in counts
        if "pairs" in counts[split]
    ]
    filters = snapshot["filters"]
    simulated = (
        "**Rankings of simulated labelers are inside: it follows a preset rule, not people.**\n\n"
        if filters.get("include_simulated")
        else ""
    )
    half = metrics["config"].get("half", "all")
    of_half = "" if half == "all" else f"**Trained on the {half} half of the split train alone.**\n\n"
    return f"""## Data

{simulated}{of_half}Snapshot `{metrics["snapshot_sha256"]}`,
everything handed in up to {snapshot["as_of"]} with the filters
`{json.dumps(filters, ensure_ascii=False)}`.

{_table(["split", *COUNTED], rows)}"""


def _training(metrics: Metrics) -> str:
    config, schedule, seconds = metrics["config"], metrics["schedule"], metrics["seconds"]
    tokens, energy = metrics["tokens"]["trained"], metrics["energy"]
    options = ", ".join(
        f"{name} {config[name]}"
        for name in ("optimizer", "beta1", "beta2", "weight_decay", "clip", "strength", "label_smoothing", "seed")
        if name in config
    )
    used = f"unknown ({energy['note']})" if energy["joules"] is None else f"{energy['joules'] / 3.6e6:.3f} kWh"
    peak, end = schedule["learning_rate"], schedule["final_learning_rate"]
    return f"""## Training

From `{metrics["base"]}`: epochs {config["epochs"]}, {schedule["steps"]:,} steps, rankings per step
{config["rankings_per_batch"]}, learning rate {peak:.2e} falling to {end:.2e} along a cosine, at most
{metrics["max_length"]:,} tokens a sequence; {options}.
The loss is the mean over a ranking's pairs, then over rankings (InstructGPT, equation 1).

On {metrics["device"]} in {metrics["dtype"]}: {seconds["training"]:,.0f} s, {tokens:,} tokens; energy: {used}.
manifest.json has packages, code version and every file's hash; training_log.jsonl every step."""


def _figures(split: _Measured) -> str:
    figures, analysis = split.figures, split.analysis
    rows = [
        ["Accuracy over pairs", *_share(figures["pair_accuracy"], figures["pair_accuracy_interval"])],
        ["Accuracy, averaged over prompts", *_share(figures["prompt_accuracy"], figures["prompt_accuracy_interval"])],
        ["Log loss", *_number(figures["log_loss"], figures["log_loss_interval"])],
        *(_analysis_rows(analysis) if analysis else []),
    ]
    return f"""## Figures on the {split.name} split

{figures["rankings"]:,} rankings of {figures["prompts"]:,} prompts with {figures["pairs"]:,} pairs.
Intervals are 95%, a bootstrap over prompts.

{_table(["figure", "value", "interval"], rows)}{_behind(analysis) if analysis else ""}"""


def _analysis_rows(analysis: Analysis) -> list[list[str]]:
    calibration, length, ceiling = analysis["calibration"], analysis["length"], analysis["ceiling"]
    shorter, longer = length["shorter_won_accuracy"], length["longer_is_better_accuracy"]
    return [
        ["Calibration error (ECE)", *_share(calibration["ece"], calibration["ece_interval"])],
        ["Temperature", *_number(calibration["temperature"], calibration["temperature_interval"])],
        ["Correlation of reward with length", *_number(length["correlation"], length["correlation_interval"])],
        ["Accuracy where the shorter one won", *_share(shorter, length["shorter_won_accuracy_interval"])],
        ["Accuracy of “longer is better”", *_share(longer, length["longer_is_better_accuracy_interval"])],
        [
            "Agreement of labelers with each other (the ceiling)",
            *_share(ceiling["agreement"], ceiling["agreement_interval"]),
        ],
    ]


def _behind(analysis: Analysis) -> str:
    """The ceiling's note, and the curve of best of n."""
    note = analysis["ceiling"]["note"]
    rows = [
        [
            str(one["n"]),
            f"{one['kl']:.2f}",
            f"{one['rankings']:,}",
            *_share(one["win_rate"], one["win_rate_interval"]),
            f"{one['labelers_win_rate']:.1%}",
        ]
        for one in analysis["best_of_n"]
    ]
    heads = ["n", "KL bound", "rankings", "win rate", "interval", "if labelers picked"]
    curve = (
        "\n\nThe best of n completions by this model against a random one, by the labelers' ranks:\n\n"
        f"{_table(heads, rows)}"
    )
    return (f"\n\nThe labelers' agreement is missing. {note}" if note else "") + (curve if rows else "")


def _limits(metrics: Metrics) -> str:
    lines = [
        "* It knows the preferences of the labelers who made the data, and nothing of anybody else's.",
        "* It does not check facts, and can be wrong about whatever the labelers couldn't see.",
        "* A policy that is optimised against it finds its errors: look at the best-of-n curve and stay near it.",
        "* On models, languages and kinds of prompts that aren't in the slices of metrics.json nothing was measured.",
    ]
    if not metrics["valid"]:
        lines.insert(0, "* **It was not validated: the snapshot had no validation rankings.**")
    return "\n".join(["## Limits", "", *lines])


def _languages(measured: Sequence[_Measured]) -> set[str]:
    return {one for split in measured if split.analysis for one in split.analysis["parts"]["language"]} - {"unknown"}


def _share(value: float | None, interval: Interval) -> list[str]:
    return _shown(value, interval, "{:.1%}")


def _number(value: float | None, interval: Interval) -> list[str]:
    return _shown(value, interval, "{:.3f}")


def _shown(value: float | None, interval: Interval, form: str) -> list[str]:
    """[value, interval]"""
    if value is None:
        return ["–", ""]
    bounds = " – ".join(form.format(bound) for bound in interval) if interval else "not enough data"
    return [form.format(value), bounds]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
