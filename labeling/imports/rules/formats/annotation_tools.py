"""Records of Argilla and tasks of Label Studio, with what their annotators said of the answers. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.imports.rules.formats.shape import UNNAMED, Answer, Format, Record, messages_of, names
from labeling.imports.rules.rows import FieldRefused

_PROMPT_NAMES = ("prompt", "instruction", "question", "query", "chat", "context", "input", "text")
_ANSWER_TEXTS = ("body", "text", "html", "content", "value", "title")


def _name(value: object) -> str:
    """Argilla's questions may name the field response_1 as response-1."""
    return re.sub(r"[\s_-]+", "", str(value)).lower()


def _prompt_and_answers(fields: Any, where: str) -> tuple[object, dict[str, str]]:
    """The prompt, and the answers by name. Raises FieldRefused."""
    fields = fields if isinstance(fields, Mapping) else {}
    prompt_name = next((name for name in _PROMPT_NAMES if name in fields), None)
    if prompt_name is None:
        raise FieldRefused(f"{where} has no prompt: one of {', '.join(_PROMPT_NAMES)} must be there.", field=where)
    answers: dict[str, str] = {}
    for name, value in fields.items():
        if name == prompt_name:
            continue
        if isinstance(value, list):
            answers |= {_name(one.get("id")): _text_of_item(one, name) for one in value if isinstance(one, Mapping)}
        elif isinstance(value, str):
            answers[_name(name)] = value
    return fields[prompt_name], answers


def _text_of_item(item: Mapping[str, Any], field: str) -> str:
    text = next((item[name] for name in _ANSWER_TEXTS if isinstance(item.get(name), str)), None)
    if text is None:
        raise FieldRefused(f"An item of {field} has no text.", field=field)
    return str(text)


def _records(prompt: object, answers: Mapping[str, str], said: Sequence[tuple[dict[str, int], str]]) -> list[Record]:
    """One record for each annotator's order; without any, the answers are to be ranked here."""
    messages = messages_of(prompt, "prompt")
    if not said:
        completions = [Answer(text=text, model=UNNAMED) for text in answers.values()]
        return [{"messages": messages} | ({"completions": completions} if completions else {})]
    return [
        {
            "messages": messages,
            "completions": [Answer(text=answers[name], model=UNNAMED, rank=rank) for name, rank in ranks.items()],
            "annotator": annotator,
        }
        for ranks, annotator in said
    ]


def _in_order(order: Sequence[object], answers: Mapping[str, str], where: str) -> dict[str, int]:
    return _known({_name(value): rank for rank, value in enumerate(order, start=1)}, answers, where)


def _best(value: object, answers: Mapping[str, str], where: str) -> dict[str, int]:
    """The chosen one above all others, which nobody compared with each other: only two answers make a comparison."""
    if len(answers) != 2:
        raise FieldRefused(
            f"One of {len(answers)} answers was chosen; how the others compare is not said.", field=where
        )
    return _known({_name(value): 1}, answers, where) | {name: 2 for name in answers if name != _name(value)}


def _known(ranks: dict[str, int], answers: Mapping[str, str], where: str) -> dict[str, int]:
    if unknown := next((name for name in ranks if name not in answers), None):
        raise FieldRefused(f"{where} names the answer “{unknown}”, which is not there.", field=where)
    return ranks


def _argilla(record: Record) -> list[Record]:
    prompt, answers = _prompt_and_answers(record["fields"], "fields")
    said = [(_argilla_ranks(value, answers), user) for value, user in _argilla_values(record.get("responses"))]
    return _records(prompt, answers, said)


def _argilla_values(responses: Any) -> Iterator[tuple[Any, str]]:
    """(value, annotator) of each submitted response: by question (Argilla 2) or by annotator (before)."""
    if isinstance(responses, Mapping):
        for given in responses.values():
            for each in given if isinstance(given, list) else []:
                if isinstance(each, Mapping) and each.get("status", "submitted") == "submitted":
                    yield each.get("value"), str(each.get("user_id") or "")
    for each in responses if isinstance(responses, list) else []:
        if isinstance(each, Mapping) and each.get("status", "submitted") == "submitted":
            for question in (each.get("values") or {}).values():
                yield question.get("value") if isinstance(question, Mapping) else None, str(each.get("user_id") or "")


def _argilla_ranks(value: Any, answers: Mapping[str, str]) -> dict[str, int]:
    if not isinstance(value, list):
        return _best(value, answers, "responses")
    if all(isinstance(one, Mapping) and isinstance(one.get("rank"), int) for one in value):
        order = sorted({one["rank"] for one in value})
        return _known({_name(one.get("value")): order.index(one["rank"]) + 1 for one in value}, answers, "responses")
    return _in_order(value, answers, "responses")


def _label_studio(record: Record) -> list[Record]:
    prompt, answers = _prompt_and_answers(record["data"], "data")
    annotations = record["annotations"] if isinstance(record["annotations"], list) else []
    said = [
        (_label_studio_ranks(result, answers), str(annotation.get("completed_by") or ""))
        for annotation in annotations
        if isinstance(annotation, Mapping) and not annotation.get("was_cancelled")
        for result in annotation.get("result") or ()
        if isinstance(result, Mapping) and result.get("type") in ("pairwise", "ranker", "choices")
    ]
    return _records(prompt, answers, said)


def _label_studio_ranks(result: Mapping[str, Any], answers: Mapping[str, str]) -> dict[str, int]:
    value = result.get("value") or {}
    if result["type"] == "pairwise":
        side = {"left": 0, "right": 1}.get(str(value.get("selected")))
        if side is None or len(answers) != 2:
            raise FieldRefused(
                "A pairwise result needs two answers, of which left or right is selected.", field="annotations"
            )
        return _best(list(answers)[side], answers, "annotations")
    if result["type"] == "choices":
        return _best(next(iter(value.get("choices") or [""])), answers, "annotations")
    buckets = value.get("ranker")
    lists = [one for one in buckets.values() if isinstance(one, list)] if isinstance(buckets, Mapping) else []
    if len(lists) != 1:
        raise FieldRefused(
            "A ranker's result must be one list; what several buckets mean is not said.", field="annotations"
        )
    return _in_order(lists[0], answers, "annotations")


ANNOTATION_TOOLS = (
    Format(
        name="Argilla records",
        needs=names("fields"),
        also=names("responses"),
        left_out=names("id metadata suggestions status external_id vectors inserted_at updated_at _server_id"),
        fits=lambda record: isinstance(record["fields"], Mapping),
        convert=_argilla,
    ),
    Format(
        name="Label Studio tasks",
        needs=names("data annotations"),
        left_out=names(
            "id predictions meta created_at updated_at inner_id total_annotations cancelled_annotations "
            "total_predictions comment_count unresolved_comment_count last_comment_updated_at project "
            "updated_by comment_authors file_upload drafts allow_skip precomputed_agreement"
        ),
        fits=lambda record: isinstance(record["data"], Mapping),
        convert=_label_studio,
    ),
)
