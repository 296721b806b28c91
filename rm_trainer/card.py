"""README.md beside a checkpoint: a model card in Hugging Face's format, made of metrics.json and nothing else."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rm_trainer.base import HUB_ID

Metrics = Mapping[str, Any]
WHAT = """\
A reward model: it gives a prompt with a completion one number, higher where labelers would rank the completion higher.
Made by Concord's `rm_trainer`."""
SPLITS = {"valid": "validation", "test": "test"}


def model_card(metrics: Metrics, *, name: str) -> str:
    """`name`: the checkpoint's directory, or its name."""
    parts = (
        _front_matter(metrics, Path(name).name),
        f"# {Path(name).name}\n\n{WHAT}",
        _use(metrics),
        _loading(metrics),
        _data(metrics),
        _training(metrics),
        *(_figures(metrics, split) for split in SPLITS if metrics.get(split)),
        _limits(metrics),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(metrics: Metrics, name: str) -> str:
    base = str(metrics["base"])
    languages = sorted(_parts(metrics, "language") - {"unknown"})
    lines = ["---", "library_name: transformers", "pipeline_tag: text-classification"]
    lines += ["tags:", "- reward-model", "- rlhf", "- preference"]
    lines += ["language:", *(f"- {json.dumps(one)}" for one in languages)] if languages else []
    lines += [f"base_model: {json.dumps(base)}"] if HUB_ID.fullmatch(base) and not Path(base).exists() else []
    results = [_result(metrics, split) for split in SPLITS if metrics.get(split)]
    lines += ["model-index:", f"- name: {json.dumps(name)}", "  results:", *results] if results else []
    return "\n".join([*lines, "---"])


def _result(metrics: Metrics, split: str) -> str:
    figures = metrics[split]
    return f"""\
  - task:
      type: text-classification
      name: Preference between two completions
    dataset:
      type: rankings
      name: snapshot {metrics["snapshot_sha256"][:12]}
      split: {SPLITS[split]}
    metrics:
    - type: accuracy
      name: Pair accuracy
      value: {figures["pair_accuracy"]:.4f}"""


def _use(metrics: Metrics) -> str:
    return f"""## Intended use

To compare completions of one prompt: best-of-n sampling, the reward in reinforcement learning, and finding labels
that deserve a second look. Only differences between completions of the same prompt were learned. {_level(metrics)}
It isn't meant to judge people, or facts."""


def _level(metrics: Metrics) -> str:
    ideal = metrics.get("demonstrations") or {}
    if not ideal.get("count"):
        return "There were no demonstrations, so a reward's level means nothing."
    return (
        f"The level is set so that {ideal['count']:,} demonstrations of labelers have mean reward "
        f"{ideal['mean_reward']:+.6f}: 0 reads as “as good as a human's answer”."
    )


def _loading(metrics: Metrics) -> str:
    if metrics.get("template") == "plain":
        text = 'text = "User: Hi\\n\\nAssistant: Hello!" + tokenizer.eos_token  # this model has no chat template'
        special = "True"
    else:
        text = (
            'messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]\n'
            "text = tokenizer.apply_chat_template(messages, tokenize=False)"
        )
        special = "False"
    return f"""## How to load

The reward is the network's output plus `reward_bias` of its configuration.

```python
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(DIRECTORY)
model = AutoModelForSequenceClassification.from_pretrained(DIRECTORY)
{text}
with torch.no_grad():
    inputs = tokenizer(text, add_special_tokens={special}, return_tensors="pt")
    reward = model(**inputs).logits.item() + model.config.reward_bias
```

`python -m rm_trainer score --model DIRECTORY` does the same for many at once."""


def _data(metrics: Metrics) -> str:
    snapshot, counts = metrics.get("snapshot") or {}, metrics.get("counts") or {}
    columns = ("rankings", "prompts", "pairs", "tied_rankings", "shortened_prompts", "dropped_prompt_tokens")
    rows = [
        [split, *(f"{counts[split].get(one, 0):,}" for one in columns)] for split in counts if "pairs" in counts[split]
    ]
    filters = snapshot.get("filters") or {}
    simulated = (
        "**Rankings of simulated labelers are inside: it follows a planted rule, not people.**\n\n"
        if filters.get("include_simulated")
        else ""
    )
    return f"""## Data

{simulated}Snapshot `{metrics["snapshot_sha256"]}`,
everything handed in up to {snapshot.get("as_of") or "an unknown time"} with the filters
`{json.dumps(filters, ensure_ascii=False)}`.

{_table(["split", "rankings", "prompts", "pairs", "ties only", "prompts shortened", "tokens dropped"], rows)}"""


def _training(metrics: Metrics) -> str:
    config, schedule, seconds = metrics["config"], metrics["schedule"], metrics["seconds"]
    tokens, energy = metrics["tokens"]["trained"], metrics.get("energy") or {}
    options = ", ".join(
        f"{name} {config[name]}"
        for name in ("optimizer", "beta1", "beta2", "weight_decay", "clip", "strength", "label_smoothing", "seed")
        if name in config
    )
    used = (
        f"{energy['joules'] / 3.6e6:.3f} kWh" if energy.get("joules") is not None else f"unknown ({energy.get('note')})"
    )
    peak, end = schedule["learning_rate"], schedule["final_learning_rate"]
    return f"""## Training

From `{metrics["base"]}`: epochs {config["epochs"]}, {schedule["steps"]:,} steps, rankings per step
{config["rankings_per_batch"]}, learning rate {peak:.2e} falling to {end:.2e} along a cosine, at most
{metrics["max_length"]:,} tokens a sequence; {options}.
The loss is the mean over a ranking's pairs, then over rankings (InstructGPT, equation 1).

On {metrics["device"]} in {metrics["dtype"]}: {seconds["training"]:,.0f} s, {tokens:,} tokens; energy: {used}.
manifest.json has packages, code version and every file's hash; training_log.jsonl every step."""


def _figures(metrics: Metrics, split: str) -> str:
    figures, analysis = metrics[split], (metrics.get("analysis") or {}).get(split) or {}
    rows = [
        ["Accuracy over pairs", *_share(figures, "pair_accuracy")],
        ["Accuracy, averaged over prompts", *_share(figures, "prompt_accuracy")],
        ["Log loss", *_number(figures, "log_loss")],
    ]
    if analysis:
        rows += [
            ["Calibration error (ECE)", *_share(analysis["calibration"], "ece")],
            ["Temperature", *_number(analysis["calibration"], "temperature")],
            ["Correlation of reward with length", *_number(analysis["length"], "correlation")],
            ["Accuracy where the shorter one won", *_share(analysis["length"], "shorter_won_accuracy")],
            ["Accuracy of “longer is better”", *_share(analysis["length"], "longer_is_better_accuracy")],
            _ceiling(analysis["ceiling"]),
        ]
    return f"""## Figures on the {SPLITS[split]} split

{figures["rankings"]:,} rankings of {figures["prompts"]:,} prompts with {figures["pairs"]:,} pairs.
Intervals are 95%, a bootstrap over prompts.

{_table(["figure", "value", "interval"], rows)}{_note(analysis)}{_best(analysis)}"""


def _ceiling(ceiling: Metrics) -> list[str]:
    return ["Agreement of labelers with each other (the ceiling)", *_share(ceiling, "agreement")]


def _note(analysis: Metrics) -> str:
    note = (analysis.get("ceiling") or {}).get("note")
    return f"\n\nThe labelers' agreement is missing. {note}" if note else ""


def _best(analysis: Metrics) -> str:
    rows = [
        [
            str(one["n"]),
            f"{one['kl']:.2f}",
            f"{one['rankings']:,}",
            *_share(one, "win_rate"),
            f"{one['labelers_win_rate']:.1%}",
        ]
        for one in analysis.get("best_of_n") or ()
    ]
    if not rows:
        return ""
    heads = ["n", "KL bound", "rankings", "win rate", "interval", "if labelers picked"]
    said = "The best of n completions by this model against a random one, by the labelers' ranks:"
    return f"\n\n{said}\n\n{_table(heads, rows)}"


def _limits(metrics: Metrics) -> str:
    lines = [
        "* It knows the preferences of the labelers who made the data, and nothing of anybody else's.",
        "* It does not check facts, and can be wrong about whatever the labelers couldn't see.",
        "* A policy that is optimised against it finds its errors: look at the best-of-n curve and stay near it.",
        "* On models, languages and kinds of prompts that aren't in the slices of metrics.json nothing was measured.",
    ]
    if not metrics.get("valid"):
        lines.insert(0, "* **It was not validated: the snapshot had no validation rankings.**")
    return "\n".join(["## Limits", "", *lines])


def _parts(metrics: Metrics, name: str) -> set[str]:
    analyses = (metrics.get("analysis") or {}).values()
    return {value for one in analyses if one for value in one["parts"].get(name, ())}


def _share(figures: Metrics, name: str) -> list[str]:
    return _shown(figures.get(name), figures.get(f"{name}_interval"), "{:.1%}")


def _number(figures: Metrics, name: str) -> list[str]:
    return _shown(figures.get(name), figures.get(f"{name}_interval"), "{:.3f}")


def _shown(value: float | None, interval: Sequence[float] | None, form: str) -> list[str]:
    """[value, interval]"""
    bounds = " – ".join(form.format(bound) for bound in interval) if interval else ""
    return ["–" if value is None else form.format(value), bounds]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
