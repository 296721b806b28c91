"""Public formats in which answers to one prompt stand beside each other, with what people or models preferred. Pure."""

import re
from collections.abc import Sequence
from typing import Any

from labeling.imports.rules.formats.shape import (
    UNNAMED,
    Answer,
    Format,
    Record,
    answer_behind,
    better_and_worse,
    by_preference,
    instruction_of,
    messages_of,
    names,
    number_of,
    ranked_by_score,
    text_of,
)
from labeling.imports.rules.rows import FieldRefused
from lm.prompt_format import Message

_HH_TURN = re.compile(r"\n\n(Human|Assistant):(?: |(?=\n)|\Z)")
_HH_ROLES = {"Human": "user", "Assistant": "assistant"}
_EXTRA_ID_TURN = re.compile(r"\n?<extra_id_1>(User|Assistant)\n")


def _is_transcript(record: Record) -> bool:
    return all(
        isinstance(text := record[name], str) and text.lstrip().startswith("Human:") for name in ("chosen", "rejected")
    )


def _transcript(record: Record, field: str) -> list[Message]:
    pieces = _HH_TURN.split("\n\n" + text_of(record, field).lstrip())
    return [
        Message(role=_HH_ROLES[speaker], content=text) for speaker, text in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def _hh_rlhf(record: Record) -> list[Record]:
    return [_pair(_transcript(record, "chosen"), _transcript(record, "rejected"))]


def _pair(chosen: list[Message], rejected: list[Message]) -> Record:
    prompt, better = answer_behind(chosen, "chosen")
    other_prompt, worse = answer_behind(rejected, "rejected")
    if prompt != other_prompt:
        raise FieldRefused("chosen and rejected differ in more than their last message.", field="rejected")
    return {"messages": prompt, "completions": better_and_worse(better, worse)}


def _trl_preference(record: Record) -> list[Record]:
    prompt = messages_of(record["prompt"], "prompt") if "prompt" in record else []
    if "prompt" not in record and isinstance(record["chosen"], str):
        raise FieldRefused(
            "It has no prompt, and chosen is a text: where its prompt ends can't be told.", field="chosen"
        )
    chosen, rejected = (_with_prompt(prompt, record, field) for field in ("chosen", "rejected"))
    return [_pair(chosen, rejected)]


def _with_prompt(prompt: list[Message], record: Record, field: str) -> list[Message]:
    """The whole conversation: with an explicit prompt the answer may stand alone or after the prompt once more."""
    value = record[field]
    if isinstance(value, str):
        return [*prompt, Message(role="assistant", content=value)]
    conversation = messages_of(value, field)
    return conversation if conversation[: len(prompt)] == prompt else [*prompt, *conversation]


def _orca_pair(record: Record) -> list[Record]:
    system = str(record.get("system") or "")
    messages = [Message(role="system", content=system)] if system.strip() else []
    messages.append(Message(role="user", content=text_of(record, "question")))
    answers = better_and_worse(text_of(record, "chosen"), text_of(record, "rejected"))
    return [{"messages": messages, "completions": answers}]


def _ultrafeedback(record: Record) -> list[Record]:
    completions = record["completions"]
    answers = [_ultrafeedback_answer(each) for each in completions] if isinstance(completions, list) else []
    return [{"prompt": record["instruction"], "completions": ranked_by_score(answers)}]


def _ultrafeedback_answer(each: Any) -> Answer:
    """The mean of the four ratings where they are there: `overall_score` is known to be wrong where it is 10."""
    ratings = [number_of(rating["Rating"], "completions") for rating in _rated_aspects(each)]
    score = sum(ratings) / len(ratings) if ratings else each.get("fine-grained_score", each.get("overall_score"))
    return Answer(
        text=text_of(each, "response"), model=str(each.get("model", UNNAMED)), score=number_of(score, "overall_score")
    )


def _rated_aspects(each: Any) -> list[dict[str, Any]]:
    aspects = each.get("annotations")
    found = [one for one in aspects.values() if isinstance(one, dict)] if isinstance(aspects, dict) else []
    return found if found and all(str(one.get("Rating", "")).isdigit() for one in found) else []


def _is_ultrafeedback(record: Record) -> bool:
    completions = record["completions"]
    return isinstance(completions, list) and all(isinstance(one, dict) and "response" in one for one in completions)


def _scored_response(record: Record) -> list[Record]:
    score = next(name for name in _SCORES if name in record)
    answer = Answer(
        text=text_of(record, "response"),
        model=str(record.get("model", UNNAMED)),
        score=number_of(record[score], score),
    )
    return [{"messages": _extra_id_messages(record["prompt"]), "completions": [answer]}]


_SCORES = ("helpfulness", "score", "rating", "overall_score")


def _extra_id_messages(prompt: object) -> list[Message]:
    """HelpSteer writes the turns of a longer prompt into one text: <extra_id_1>Assistant, a line end, the turn."""
    if not isinstance(prompt, str):
        return messages_of(prompt, "prompt")
    first, *turns = _EXTRA_ID_TURN.split(prompt)
    said = [Message(role="user", content=first)]
    for speaker, text in zip(turns[::2], turns[1::2], strict=True):
        said.append(Message(role=speaker.lower(), content=text))
    if len(said) > 1 and said[-1]["role"] == "assistant" and not said[-1]["content"].strip():
        said.pop()  # where the answer begins
    return said


def _two_responses(record: Record, fields: Sequence[str], preference: str, messages: list[Message]) -> Record:
    first, second = (Answer(text=text_of(record, field)) for field in fields)
    value = number_of(record[preference], preference)
    own: dict[str, object] = {"messages": messages, "completions": by_preference(first, second, value)}
    strengths = {3: 4, 2: 3, 1: 2}.get(int(abs(value)))  # much, plainly and slightly better, in Llama 2's steps
    return own | ({"strengths": [strengths]} if strengths else {})


def _helpsteer2_preference(record: Record) -> list[Record]:
    messages = _extra_id_messages(record["prompt"])
    return [_two_responses(record, ("response_1", "response_2"), "preference_strength", messages)]


def _helpsteer3(record: Record) -> list[Record]:
    messages = messages_of(record["context"], "context")
    return [_two_responses(record, ("response1", "response2"), "overall_preference", messages)]


def _alpaca_eval_annotation(record: Record) -> list[Record]:
    """`preference` is 1 where the first output is better, 2 where the second is; between them may be a probability."""
    answers = [
        Answer(text=text_of(record, f"output_{number}"), model=str(record.get(f"generator_{number}", UNNAMED)))
        for number in (1, 2)
    ]
    if "preference" not in record:
        raise FieldRefused("preference is empty: the annotator gave no answer to this pair.", field="preference")
    preference = number_of(record["preference"], "preference")
    ranked = by_preference(answers[0], answers[1], 0 if preference == 0 else preference - 1.5)
    own = instruction_of(record) | {"completions": ranked}
    return [own | ({"annotator": record["annotator"]} if record.get("annotator") else {})]


def _is_unranked(record: Record) -> bool:
    return not any(isinstance(record[name], list) and not record[name] for name in ("chosen", "rejected"))


PREFERENCES = (
    Format(
        name="Anthropic hh-rlhf",
        needs=names("chosen rejected"),
        fits=lambda record: "prompt" not in record and _is_transcript(record),
        convert=_hh_rlhf,
    ),
    Format(
        name="Intel Orca DPO pairs",
        needs=names("question chosen rejected"),
        also=names("system"),
        convert=_orca_pair,
    ),
    Format(
        name="TRL preference (UltraFeedback binarized)",
        needs=names("prompt prompt_id chosen rejected messages score_chosen score_rejected"),
        left_out=names("source prompt_id messages score_chosen score_rejected"),
        convert=_trl_preference,
    ),
    Format(
        name="TRL preference",
        needs=names("chosen rejected"),
        also=names("prompt"),
        left_out=names("source prompt_id id margin score_chosen score_rejected"),
        fits=_is_unranked,
        convert=_trl_preference,
    ),
    Format(
        name="UltraFeedback",
        needs=names("instruction completions"),
        left_out=names("source models correct_answers incorrect_answers"),
        fits=_is_ultrafeedback,
        convert=_ultrafeedback,
    ),
    Format(
        name="HelpSteer2 preference",
        needs=names("prompt response_1 response_2 preference_strength"),
        left_out=names(
            "split preference_statement preference_elaboration three_most_similar_preferences "
            "all_preferences_unprocessed"
        ),
        convert=_helpsteer2_preference,
    ),
    Format(
        name="HelpSteer3",
        needs=names("context response1 response2 overall_preference"),
        left_out=names("domain language individual_preference"),
        convert=_helpsteer3,
    ),
    Format(
        name="HelpSteer2, scored responses",
        needs=names("prompt response"),
        also=names("model helpfulness score rating overall_score"),
        left_out=names("correctness coherence complexity verbosity"),
        fits=lambda record: any(name in record for name in _SCORES),
        convert=_scored_response,
        one_answer_a_line=True,
    ),
    Format(
        name="alpaca_eval annotations",
        needs=names("instruction output_1 output_2"),
        also=names("input preference generator_1 generator_2 annotator"),
        left_out=names(
            "dataset datasplit index raw_completion price_per_example time_per_example referenced_models date "
            "annotation annotator_index annotation_raw"
        ),
        convert=_alpaca_eval_annotation,
    ),
)
