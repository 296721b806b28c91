"""README.md beside a policy: a model card in Hugging Face's format, made of metrics.json and nothing else."""

import json
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import ModelCardData

from lm.hub import id_and_revision, is_hub_id
from policy_trainer.metrics import Metrics

WHAT = {
    "sft": "A language model tuned on people's demonstrations (supervised fine-tuning, InstructGPT §3.5).",
    "ppo": "A language model tuned against a reward model of people's rankings (PPO, InstructGPT §3.5).",
    "dpo": "A language model tuned on people's rankings directly (DPO, Rafailov et al. 2023).",
}


def model_card(metrics: Metrics, *, name: str) -> str:
    """Returns the card's text. `name`: the checkpoint's directory, or its name."""
    title = Path(name).name
    parts = (
        _front_matter(metrics, title),
        f"# {title}\n\n{WHAT[metrics['method']]}\nMade by Concord's `policy_trainer`.",
        _use(metrics),
        _data(metrics),
        _training(metrics),
        _epochs(metrics),
        _looks(metrics),
        _notes(metrics),
        _limits(metrics),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(metrics: Metrics, title: str) -> str:
    base = metrics["base"]
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["rlhf", metrics["method"]],
        base_model=id_and_revision(base)[0] if is_hub_id(base, owner_needed=False) else None,
        model_name=title,
    )
    return f"---\n{data.to_yaml()}\n---"


def _use(metrics: Metrics) -> str:
    return f"""## How to load

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(DIRECTORY)
model = AutoModelForCausalLM.from_pretrained(DIRECTORY)
```

The tokenizer's chat template ({metrics["template"]} format) is what it was trained with."""


def _data(metrics: Metrics) -> str:
    snapshot = metrics["snapshot"]
    names = list(dict.fromkeys(name for split in metrics["counts"].values() for name in split))
    rows = [[split, *(f"{own.get(name, 0):,}" for name in names)] for split, own in metrics["counts"].items()]
    return f"""## Data

Snapshot `{metrics["snapshot_sha256"]}`,
everything handed in up to {snapshot["as_of"]} with the filters
`{json.dumps(snapshot["filters"], ensure_ascii=False)}`.

{_table(["", *(name.replace("_", " ") for name in names)], rows)}"""


def _training(metrics: Metrics) -> str:
    schedule, seconds, energy = metrics["schedule"], metrics["seconds"], metrics["energy"]
    options = ", ".join(f"{name} {value}" for name, value in metrics["config"].items() if value not in (None, False))
    used = f"unknown ({energy['note']})" if energy["joules"] is None else f"{energy['joules'] / 3.6e6:.3f} kWh"
    models = "".join(
        f"\n{words}: `{path}`."
        for words, path in (
            ("Reward model", metrics["reward_model"]),
            ("Reward model that was only watched", metrics["watched_reward_model"]),
        )
        if path
    )
    return f"""## Training

From `{metrics["base"]}`, {schedule["steps"]:,} steps. The model of step {metrics["chosen"]:,} was kept, by
{metrics["chosen_by"]}.{models}

On {metrics["device"]} in {metrics["dtype"]}: {seconds["training"]:,.0f} s, {metrics["tokens"]["trained"]:,} tokens;
energy: {used}. Options: {options}."""


def _epochs(metrics: Metrics) -> str:
    head = ["epoch", "loss", "validation loss", "reward of samples", "tokens", "ended"]
    rows = [
        [
            f"{row['epoch']}",
            _number(row["train_loss"], ".4f"),
            _number(row["valid_loss"], ".4f"),
            f"{_number(row['reward'], '+.3f')} ± {_number(row['reward_error'], '.3f')}"
            if row["reward"] is not None
            else "—",
            _number(row["length"], ".0f"),
            _number(row["ended"], ".0%"),
        ]
        for row in metrics["epochs"]
    ]
    return f"## Epochs\n\n{_table(head, rows)}" if rows else ""


def _looks(metrics: Metrics) -> str:
    head = ["iteration", "reward", "watched reward", "better than before", "tokens", "ended"]
    rows = [
        [
            f"{row['iteration']}",
            f"{row['optimised']:+.3f}",
            f"{row['watched']:+.3f} ± {row['watched_error']:.3f}",
            f"{row['win_rate']:.0%}",
            f"{row['length']:.0f}",
            f"{row['ended']:.0%}",
        ]
        for row in metrics["looks"]
    ]
    return f"## Held-out prompts\n\n{_table(head, rows)}" if rows else ""


def _notes(metrics: Metrics) -> str:
    lines = [f"* {note}" for note in metrics["notes"]]
    return "## What the run said of itself\n\n" + "\n".join(lines) if lines else ""


def _limits(metrics: Metrics) -> str:
    lines = ["* Whether people prefer its answers, only people can say: none judged them here."]
    if metrics["method"] == "ppo" and not metrics["watched_reward_model"]:
        lines.append("* The reward model that it was optimised against is the one that measured it.")
    if metrics["stopped"]:
        lines.append(f"* It was stopped: {metrics['stopped']}")
    return "## Limits\n\n" + "\n".join(lines)


def _number(value: float | None, how: str) -> str:
    return "—" if value is None else format(value, how)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])
