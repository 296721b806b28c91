"""What of a record the model can learn from, and what is left out of it: counted by reason, and never in silence.

A record that breaks the data contract is refused where it is read. Here is what only tokenizer and chat template can
tell: that a completion doesn't fit, that a template takes away what told two completions apart, that it refuses the
conversation. A few such records don't stop a run.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypedDict

from lm.conversation_tokens import unread_messages
from lm.errors import UnusablePrompt
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prompt_format import Message
from lm.rendering import Rendered, Renderer
from lm.words import counted

Reason = Literal["empty", "too_long", "same_tokens", "refused", "nothing_left", "unread_text"]


class Remark(TypedDict):
    """`first`: the id of the first record; `why`: more about that one."""

    count: int
    first: int
    why: str


Remarks = dict[Reason, Remark]

WORDS: Mapping[Reason, tuple[str, str, str]] = {
    "empty": ("completion is", "completions are", "empty and left out"),
    "too_long": (
        "completion doesn't fit the limit by itself and is",
        "completions don't fit the limit by themselves and are",
        "left out, since none is ever cut",
    ),
    "same_tokens": (
        "completion becomes the same tokens as one of another rank and is",
        "completions become the same tokens as one of another rank and are",
        "left out, since nothing can be learned from that",
    ),
    "refused": ("record is", "records are", "refused by the chat template and left out"),
    "nothing_left": ("ranking has", "rankings have", "nothing to compare without what is left out"),
    "unread_text": (
        "message is",
        "messages are",
        "not in the text that the chat template makes, which is all that the model reads",
    ),
}
"""Of one, of several, and what is the same of both."""
COUNTED: Mapping[Reason, str] = {
    "empty": "empty_completions",
    "too_long": "too_long_completions",
    "same_tokens": "same_tokens_completions",
    "refused": "refused_records",
    "nothing_left": "incomparable_rankings",
    "unread_text": "unread_messages",
}
"""The names under which metrics.json counts them."""
LOST_RECORDS: tuple[Reason, ...] = ("refused", "nothing_left")
"""Where the whole record is left out."""


class Usable(NamedTuple):
    """The completions that stay, by their places, and their tokens."""

    places: tuple[int, ...]
    tokens: SharedPrompt


class Remarking:
    """Collects the remarks on the records of a file."""

    def __init__(self) -> None:
        self.remarks: Remarks = {}

    def add(self, reason: Reason, record: int, why: str = "", *, count: int = 1) -> None:
        known = self.remarks.setdefault(reason, Remark(count=0, first=record, why=why))
        known["count"] += count


def usable_part(
    record: int,
    renderer: Renderer,
    prompt: Sequence[Message],
    completions: Sequence[str],
    *,
    ranks: Sequence[int],
    remarking: Remarking,
) -> Usable | None:
    """Returns what can be trained on or judged, or None. One completion is a demonstration, and needs no other.

    Raises Refused where tokenizer and model don't belong together.
    """
    written = [place for place, text in enumerate(completions) if text.strip()]
    if len(written) < len(completions):
        remarking.add("empty", record, count=len(completions) - len(written))
    if not written:
        _remark_nothing_left(record, ranks, remarking)
        return None
    try:
        rendered = renderer.tokens(prompt, [completions[place] for place in written])
    except UnusablePrompt as refusal:
        remarking.add("refused", record, str(refusal))
        return None
    if not renderer.plain:
        _remark_unread(record, prompt, [completions[place] for place in written], rendered, remarking)
    chosen = _fitting(record, renderer, rendered, remarking)
    chosen = _told_apart(record, rendered, chosen, [ranks[place] for place in written], remarking)
    places = tuple(written[one] for one in chosen)
    left_out = len(places) < len(completions)
    if not places or (left_out and len(ranks) > 1 and len({ranks[place] for place in places}) < 2):
        _remark_nothing_left(record, ranks, remarking)
        return None
    return Usable(places, renderer.fit(rendered.only(chosen)))


def merged(files: Sequence[Remarks]) -> Remarks:
    """Returns the remarks on all files of a split."""
    together: Remarks = {}
    for remarks in files:
        for reason, remark in remarks.items():
            known = together.get(reason)
            together[reason] = remark if known is None else {**known, "count": known["count"] + remark["count"]}
    return together


def counts_of(remarks: Remarks) -> dict[str, int]:
    """Returns the counts by the names of metrics.json."""
    return {name: remarks[reason]["count"] if reason in remarks else 0 for reason, name in COUNTED.items()}


def lost_records(remarks: Remarks) -> int:
    """Returns how many records are left out as a whole."""
    return sum(remarks[reason]["count"] for reason in LOST_RECORDS if reason in remarks)


def in_words(remarks: Remarks, *, of: str = "ranking") -> list[str]:
    """Returns a sentence for each remark, with the first record. `of`: what a record is."""
    said = []
    for reason, remark in remarks.items():
        one, several, both = WORDS[reason]
        why = f": {remark['why'].rstrip('.')}" if remark["why"] else ""
        said.append(f"{counted(remark['count'], one, several)} {both} (first in {of} {remark['first']}{why}).")
    return said


def tied_in_words(count: int) -> str:
    """Of rankings in which all completions have the same rank."""
    return f"{counted(count, 'ranking is one single tie and makes', 'rankings are one single tie and make')} no pair."


def _remark_nothing_left(record: int, ranks: Sequence[int], remarking: Remarking) -> None:
    if len(ranks) > 1:
        remarking.add("nothing_left", record)


def _remark_unread(
    record: int, prompt: Sequence[Message], completions: Sequence[str], rendered: Rendered, remarking: Remarking
) -> None:
    """A prompt's message counts once for all its completions."""
    unread: set[tuple[int, int]] = set()
    for number, (completion, text) in enumerate(zip(completions, rendered.texts, strict=True)):
        for place in unread_messages(prompt, completion, text):
            unread.add((place, number if place == len(prompt) else 0))
    if unread:
        place, _ = min(unread)
        which = "a completion" if place == len(prompt) else f"message {place + 1}, of the {prompt[place]['role']}"
        remarking.add("unread_text", record, which, count=len(unread))


def _fitting(record: int, renderer: Renderer, rendered: Rendered, remarking: Remarking) -> list[int]:
    """The completions that fit by themselves."""
    places = range(len(rendered.ids))
    too_long = [place for place in places if rendered.own_tokens(place) > renderer.max_length]
    if too_long:
        takes = f"it takes {rendered.own_tokens(too_long[0])} tokens, and the limit is {renderer.max_length}"
        remarking.add("too_long", record, takes, count=len(too_long))
    return [place for place in places if place not in too_long]


def _told_apart(
    record: int, rendered: Rendered, places: Sequence[int], ranks: Sequence[int], remarking: Remarking
) -> list[int]:
    """The completions whose tokens none of another rank has: a network can't put one text above itself."""
    ranked: dict[bytes, set[int]] = defaultdict(set)
    for place in places:
        ranked[rendered.ids[place].tobytes()].add(ranks[place])
    apart = [place for place in places if len(ranked[rendered.ids[place].tobytes()]) == 1]
    if len(apart) < len(places):
        remarking.add("same_tokens", record, count=len(places) - len(apart))
    return apart
