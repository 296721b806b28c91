"""README.md of a snapshot: a dataset card in Hugging Face's format.

Its front matter names the files of each kind and split and the type of every field, so that `datasets.load_dataset`
reads any snapshot, also one in which a field is null throughout a file. JSON is YAML, so no writer of YAML is needed.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lm.snapshot.features import Feature, ListOf, Struct, features_of
from lm.snapshot.manifest import Counts, FileEntry, utc_text
from lm.snapshot.records.constants import SPLITS, VALID

CARD_NAME = "README.md"
CARD = "card"
"""Its kind in the manifest."""
ABOUT = {
    "rankings": "K-way groups: one labeler's order of the completions of one prompt, with ties, ratings and provenance",
    "pairs": "the comparisons that the rankings hold, as TRL's conversational preferences",
    "demonstrations": "ideal answers, in TRL's prompt-completion format and more",
    "prompts": "what may be asked, with or without labels: PPO draws answers to it",
}
LABELS = {
    "consensus": "Of tasks that several labelers ranked there is one ranking: their consensus by ranked pairs (Tideman "
    "1987),\nor a reviewer's order where the task was adjudicated. The votes of each pair stand beside it.",
    "adjudicated": "Of tasks that several labelers ranked only those are inside that a reviewer adjudicated, with the "
    "reviewer's\norder. The labelers' votes stand beside it.",
}
END = """\
Labelers are pseudonyms. `manifest.json` has the sha256 of every file; Concord's docs/data-contract.md says what each
field means."""
TEMPLATE = """\
`chat_template.jinja` renders a conversation for a model that has no chat template of its own, as Concord does."""


def dataset_card(files: Sequence[FileEntry], *, as_of: datetime, filters: Mapping[str, object], counts: Counts) -> str:
    """Returns the card of the records in `files`."""
    kinds = [kind for kind in ABOUT if any(file.kind == kind for file in files)]
    margins = bool(filters.get("margins"))
    parts = [
        _front_matter(kinds, files, margins=margins),
        _title(as_of, filters),
        LABELS.get(str(filters.get("labels")), ""),
        "\n".join(f"* `{kind}`: {ABOUT[kind]}" for kind in kinds),
        _loading(kinds),
        _sizes(counts),
        TEMPLATE if {"pairs", "demonstrations"} & set(kinds) else "",
        END,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(as_of: datetime, filters: Mapping[str, object]) -> str:
    return (
        f"# Labels of people\n\nA snapshot made by Concord: what labelers handed in up to {utc_text(as_of)}, with the "
        f"filters\n`{json.dumps(filters, ensure_ascii=False)}`."
    )


def _front_matter(kinds: Sequence[str], files: Sequence[FileEntry], *, margins: bool) -> str:
    lines = ["---", "configs:"]
    for number, kind in enumerate(kinds):
        lines += [f"- config_name: {kind}", *(["  default: true"] if number == 0 else []), "  data_files:"]
        splits = sorted({file.split for file in files if file.kind == kind}, key=_order)
        for split in splits:
            lines += [f"  - split: {_hub_name(split)}", f"    path: {kind}/{split}*.jsonl"]
    lines.append("dataset_info:")
    for kind in kinds:
        fields = features_of(kind, margins=margins).fields
        lines += [f"- config_name: {kind}", "  features:"]
        lines += [f"  - {json.dumps(_described(name, feature))}" for name, feature in fields.items()]
    return "\n".join([*lines, "---"])


def _order(split: str) -> tuple[int, str]:
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS), split)


def _hub_name(split: str) -> str:
    return "validation" if split == VALID else split


def _described(name: str, feature: Feature) -> dict[str, Any]:
    """A field as `datasets` writes it into cards."""
    if isinstance(feature, ListOf):
        item = feature.item
        return {"name": name, "list": _fields(item) if isinstance(item, Struct) else item}
    if isinstance(feature, Struct):
        return {"name": name, "struct": _fields(feature)}
    return {"name": name, "dtype": feature}


def _fields(struct: Struct) -> list[dict[str, Any]]:
    return [_described(name, feature) for name, feature in struct.fields.items()]


def _loading(kinds: Sequence[str]) -> str:
    if not kinds:
        return ""
    lines = [f'load_dataset(DIRECTORY, "{kind}")' for kind in kinds]
    return "```python\nfrom datasets import load_dataset\n\n" + "\n".join(lines) + "\n```"


def _sizes(counts: Counts) -> str:
    if not counts:
        return ""
    names = list(dict.fromkeys(name for split in counts.values() for name in split))
    head = ["split", *(name.replace("_", " ") for name in names)]
    rows = [[split, *(f"{counts[split].get(name, 0):,}" for name in names)] for split in sorted(counts, key=_order)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])
