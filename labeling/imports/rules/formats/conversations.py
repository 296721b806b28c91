"""Public formats in which a prompt stands with the one answer to it, and Open-Assistant's trees of answers. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from labeling.imports.rules.formats.shape import (
    UNNAMED,
    Answer,
    Format,
    Record,
    answer_behind,
    instruction_of,
    messages_of,
    names,
    refuse_unknown_keys,
)
from labeling.imports.rules.rows import FieldRefused
from lm.prompt_format import Message

_SHAREGPT_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "system": "system",
}


def _alpaca(record: Record) -> list[Record]:
    return [instruction_of(record) | {"demonstration": record["output"]}]


def _alpaca_eval_outputs(record: Record) -> list[Record]:
    answer = {"text": record["output"], "model": record.get("generator") or UNNAMED}
    return [instruction_of(record) | {"completions": [answer]}]


def _sharegpt(record: Record) -> list[Record]:
    messages = [_sharegpt_message(number, each) for number, each in enumerate(_turns(record), start=1)]
    if messages and messages[-1]["role"] == "user":
        return [{"messages": messages}]
    prompt, answer = answer_behind(messages, "conversations")
    return [{"messages": prompt, "demonstration": answer}]


def _turns(record: Record) -> list[Any]:
    turns = record["conversations"]
    if not isinstance(turns, list):
        raise FieldRefused("conversations must be a list of {from, value}.", field="conversations")
    return turns


def _sharegpt_message(number: int, each: Any) -> Message:
    if not isinstance(each, Mapping) or not isinstance(each.get("value"), str):
        raise FieldRefused(f"Message {number} is no object of from and value.", field="conversations")
    refuse_unknown_keys(each, ("from", "value"), f"Message {number}", "conversations")
    role = _SHAREGPT_ROLES.get(str(each.get("from")))
    if role is None:
        raise FieldRefused(
            f"Message {number} is from “{each.get('from')}”, which is no known speaker.", field="conversations"
        )
    return Message(role=role, content=each["value"])


def _prompt_and_completion(record: Record) -> list[Record]:
    """TRL's prompt-completion rows, as our own exports of demonstrations have them."""
    prompt, completion = messages_of(record["prompt"], "prompt"), record["completion"]
    answer = (
        completion
        if isinstance(completion, str)
        else answer_behind(messages_of(completion, "completion"), "completion")[1]
    )
    return [{"messages": prompt, "demonstration": answer}]


def _open_assistant_tree(record: Record) -> list[Record]:
    """A prompt for each message that has answers: ranked ones are a comparison, a single one is a demonstration."""
    root = record["prompt"]
    if not isinstance(root, Mapping):
        raise FieldRefused("prompt must be the tree's first message.", field="prompt")
    return list(_prompts_below(root, ()))


def _prompts_below(node: Mapping[str, Any], before: tuple[Message, ...]) -> Iterator[Record]:
    """Walks with a stack of its own: how deep a tree goes is the file's choice."""
    waiting = [(node, before)]
    while waiting:
        node, before = waiting.pop()
        role = {"prompter": "user", "assistant": "assistant"}.get(str(node.get("role")))
        replies = [one for one in node.get("replies") or () if isinstance(one, Mapping) and not one.get("deleted")]
        if role is None or not isinstance(node.get("text"), str):
            raise FieldRefused(
                "A message of the tree has no text, or no role of prompter or assistant.", field="replies"
            )
        said = (*before, Message(role=role, content=node["text"]))
        if role == "user" and replies:
            yield _asked(said, node, replies)
        waiting += [(reply, said) for reply in reversed(replies)]


def _asked(said: tuple[Message, ...], node: Mapping[str, Any], replies: list[Mapping[str, Any]]) -> Record:
    language = {"language": node["lang"].lower()} if isinstance(node.get("lang"), str) else {}
    answers = [
        Answer(text=str(each.get("text", "")), model=str(each.get("model_name") or "human"), rank=each["rank"] + 1)
        for each in replies
        if isinstance(each.get("rank"), int)
    ]
    if len(answers) > 1:
        order = sorted({answer["rank"] for answer in answers})
        ranked = [answer | {"rank": order.index(answer["rank"]) + 1} for answer in answers]
        return {"messages": list(said), "completions": ranked} | language
    return {"messages": list(said), "demonstration": str(replies[0].get("text", ""))} | language


CONVERSATIONS = (
    Format(
        name="Open-Assistant tree",
        needs=names("message_tree_id prompt"),
        left_out=names("message_tree_id tree_state origin"),
        fits=lambda record: isinstance(record["prompt"], Mapping),
        convert=_open_assistant_tree,
    ),
    Format(
        name="alpaca_eval outputs",
        needs=names("instruction output generator"),
        also=names("input"),
        left_out=names("dataset datasplit index"),
        convert=_alpaca_eval_outputs,
        one_answer_a_line=True,
    ),
    Format(
        name="Alpaca",
        needs=names("instruction output"),
        also=names("input"),
        left_out=names("text id"),
        fits=lambda record: isinstance(record["output"], str),
        convert=_alpaca,
    ),
    Format(
        name="ShareGPT",
        needs=names("conversations"),
        left_out=names("id model items source title"),
        convert=_sharegpt,
    ),
    Format(
        name="TRL prompt-completion",
        needs=names("prompt completion"),
        left_out=names(
            "schema demonstration_id revision prompt_id campaign split labeler labeler_group simulated source "
            "instruction_version active_seconds submitted_at suggestion id"
        ),
        convert=_prompt_and_completion,
    ),
)
