"""Which conversations become prompts, and which part of one. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from labeling.base.states import PersonalDataRule
from labeling.conversations.rules.personal_data.finding import kinds_in, mask
from labeling.conversations.rules.personal_data.kinds import PersonalData
from lm.prompt_format import Message

OVER_AFTER = timedelta(minutes=30)
"""A conversation to which nothing was added for so long is over: what was said of it is all there is."""


class Share(NamedTuple):
    """A campaign takes this share, from 0 to 1, of the conversations in its languages."""

    campaign_id: int
    share: float
    languages: Sequence[str]
    personal_data: PersonalDataRule


class Gated(NamedTuple):
    """`messages` as they may become a prompt; held until somebody has looked where `held` names kinds."""

    messages: list[Message]
    held: list[PersonalData]


def drawn_for(shares: Sequence[Share], *, language: str, draw: float) -> Share | None:
    """The campaign that takes the conversation, by its `draw` (uniform, from 0 to below 1); None where none does.

    >>> english = Share(7, 0.25, ["en"], PersonalDataRule.MASK)
    >>> [drawn_for([english], language="en", draw=draw) == english for draw in (0.2, 0.3)]
    [True, False]
    """
    reached = 0.0
    for share in shares:
        if language in share.languages:
            reached += share.share
            if draw < reached:
                return share
    return None


def prompt_in(messages: Sequence[Message], *, draw: float) -> list[Message]:
    """The conversation up to one of its user turns, each as likely as another, with what was said before it."""
    places = [place for place, message in enumerate(messages) if message["role"] == "user"]
    return list(messages[: places[int(draw * len(places))] + 1])


def gated(messages: Sequence[Message], rule: PersonalDataRule) -> Gated:
    """By the campaign's rule: personal data masked, or the whole held where there is any."""
    held = kinds_in(message["content"] for message in messages) if rule == PersonalDataRule.HOLD else []
    return Gated(list(messages) if held else masked(messages), held)


def masked(messages: Sequence[Message]) -> list[Message]:
    return [Message(role=message["role"], content=mask(message["content"])) for message in messages]
