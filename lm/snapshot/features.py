"""The type of every field of a snapshot's records, for readers that can't guess: a field may be null in one whole file.

The dataset card (card.py) and Parquet (parquet.py) are made of these; the shapes for Python are in records.py.
"""

from dataclasses import dataclass
from typing import Literal

Dtype = Literal["string", "int64", "float64", "bool"]


@dataclass(frozen=True)
class ListOf:
    """Any number of values of one type."""

    item: "Dtype | Struct"


@dataclass(frozen=True)
class Struct:
    """Named values, each of its own type. Every one may be null, and so may the whole."""

    fields: "dict[str, Feature]"


Feature = Dtype | ListOf | Struct

MESSAGES = ListOf(Struct({"role": "string", "content": "string"}))
ORIGIN = Struct({"dataset": "string", "licence": "string", "annotator": "string"})
VOTE = Struct({"first": "int64", "second": "int64", "above": "int64", "below": "int64", "tied": "int64"})
CONSENSUS = Struct({"rankings": ListOf("int64"), "votes": ListOf(VOTE)})
SUGGESTION = Struct({"outcome": "string", "edit_distance": "int64", "model": "string"})
COMPLETION = Struct(
    {
        "completion_id": "int64",
        "text": "string",
        "rank": "int64",
        "quality": "int64",
        "flags": ListOf("string"),
        "note": "string",
        "shown_position": "int64",
        "model": "string",
        "model_version_id": "int64",
        "temperature": "float64",
        "top_p": "float64",
        "seed": "int64",
        "tokens": "int64",
        "finish_reason": "string",
        "mean_logprob": "float64",
        "best_of": "int64",
        "edited": "bool",
        "demonstration_id": "int64",
    }
)

RANKINGS = Struct(
    {
        "schema": "int64",
        "ranking_id": "int64",
        "revision": "int64",
        "task_id": "int64",
        "prompt_id": "int64",
        "campaign": "string",
        "split": "string",
        "prompt": MESSAGES,
        "completions": ListOf(COMPLETION),
        "strengths": ListOf("int64"),
        "none_acceptable": "bool",
        "labeler": "string",
        "labeler_group": "string",
        "simulated": "bool",
        "use_case": "string",
        "language": "string",
        "source": "string",
        "instruction_version": "int64",
        "rubric_version": "int64",
        "active_seconds": "float64",
        "submitted_at": "string",
        "imported": ORIGIN,
        "label": "string",
        "fixed": "bool",
        "consensus": CONSENSUS,
    }
)
PAIRS = Struct({"prompt": MESSAGES, "chosen": MESSAGES, "rejected": MESSAGES})
PAIRS_WITH_MARGINS = Struct(PAIRS.fields | {"margin": "float64"})
DEMONSTRATIONS = Struct(
    {
        "schema": "int64",
        "demonstration_id": "int64",
        "revision": "int64",
        "prompt_id": "int64",
        "campaign": "string",
        "split": "string",
        "prompt": MESSAGES,
        "completion": MESSAGES,
        "labeler": "string",
        "labeler_group": "string",
        "simulated": "bool",
        "use_case": "string",
        "language": "string",
        "source": "string",
        "instruction_version": "int64",
        "active_seconds": "float64",
        "submitted_at": "string",
        "suggestion": SUGGESTION,
        "fixed": "bool",
        "prompt_source": "string",
    }
)
PROMPTS = Struct(
    {
        "schema": "int64",
        "prompt_id": "int64",
        "campaign": "string",
        "split": "string",
        "prompt": MESSAGES,
        "use_case": "string",
        "language": "string",
        "source": "string",
        "created_at": "string",
    }
)


def features_of(kind: str, *, margins: bool) -> Struct:
    """Returns the fields of a kind of record. `margins`: whether pairs have them."""
    pairs = PAIRS_WITH_MARGINS if margins else PAIRS
    return {"rankings": RANKINGS, "pairs": pairs, "demonstrations": DEMONSTRATIONS, "prompts": PROMPTS}[kind]
