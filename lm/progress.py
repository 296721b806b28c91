"""What a training run says while it runs: JSON lines for a program (docs/data-contract.md), sentences for a person."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, cast

from lm.prompt_format import Message

Style = Literal["jsonl", "text"]


class StartEvent(TypedDict):
    """The counts are those of the data; which of them there are depends on what is trained."""

    event: Literal["start"]
    steps: int
    train_rankings: NotRequired[int]
    train_pairs: NotRequired[int]
    valid_rankings: NotRequired[int]
    counts: NotRequired[dict[str, int]]


class StepEvent(TypedDict):
    """`seconds` counts from the first step's begin to this step's end; `tokens` are this step's own. A reward model's
    step has an `accuracy`; `figures` are what else there is to say of one, by name.
    """

    event: Literal["step"]
    step: int
    steps: int
    loss: float
    accuracy: NotRequired[float]
    figures: NotRequired[dict[str, float]]
    learning_rate: float
    seconds: float
    tokens: int


class ValidEvent(TypedDict):
    """The figures on the validation split after a step."""

    event: Literal["valid"]
    step: int
    loss: float
    accuracy: NotRequired[float]
    figures: NotRequired[dict[str, float]]


class Sample(TypedDict):
    """What a policy answers to a prompt; `reward` is None where there is no reward model."""

    prompt: list[Message]
    text: str
    finish_reason: str
    reward: float | None


class SamplesEvent(TypedDict):
    """The policy's answers to the same few prompts, by the same seeds, after a step; step 0: before the first.
    `figures` are those of all prompts that were answered then, by name.
    """

    event: Literal["samples"]
    step: int
    samples: list[Sample]
    figures: NotRequired[dict[str, float]]


class DoneEvent(TypedDict):
    """`output`: the directory that was written."""

    event: Literal["done"]
    output: str


class ErrorEvent(TypedDict):
    """Why the run ended early, for people."""

    event: Literal["error"]
    message: str


class AliveEvent(TypedDict):
    """Nothing was said for a while, and the process runs. Made by whoever listens to it, never printed."""

    event: Literal["alive"]


Event = StartEvent | StepEvent | ValidEvent | SamplesEvent | DoneEvent
"""What a run prints and keeps in its log."""
HeardEvent = Event | ErrorEvent | AliveEvent
_NAMES = {"start", "step", "valid", "samples", "done", "error"}


def parse_event(line: bytes | str) -> HeardEvent | None:
    """Returns the event that a line of a run's standard output holds, or None for what a library printed."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return cast("HeardEvent", event) if isinstance(event, dict) and event.get("event") in _NAMES else None


class Progress:
    """Reports a run's events and keeps them in `events` for the training log.

    `jsonl` prints one object a line on standard output, flushed, so that a reader sees it at once and a reader that
    died shows as BrokenPipeError at the next event. `text` prints sentences on standard error. Notes for people always
    go there. One that is not to `speak` keeps the events and tells of errors only.
    """

    def __init__(self, style: Style, *, speak: bool = True) -> None:
        self.style = style
        self.speak = speak
        self.listeners: list[Callable[[Event], None]] = []
        """Called with every event after it was said."""
        self.events: list[Event] = []
        self.notes: list[str] = []

    def start(self, *, steps: int, train_rankings: int, train_pairs: int, valid_rankings: int) -> None:
        self.say(
            {
                "event": "start",
                "steps": steps,
                "train_rankings": train_rankings,
                "train_pairs": train_pairs,
                "valid_rankings": valid_rankings,
            },
            f"{steps} steps over {train_rankings} rankings with {train_pairs} pairs; {valid_rankings} to validate on.",
        )

    def step(
        self,
        *,
        step: int,
        steps: int,
        loss: float,
        accuracy: float,
        learning_rate: float,
        seconds: float,
        tokens: int,
    ) -> None:
        """`seconds` and `tokens` as in StepEvent."""
        self.say(
            {
                "event": "step",
                "step": step,
                "steps": steps,
                "loss": loss,
                "accuracy": accuracy,
                "learning_rate": learning_rate,
                "seconds": round(seconds, 3),
                "tokens": tokens,
            },
            f"step {step}/{steps}  loss {loss:.4f}  accuracy {accuracy:.3f}  lr {learning_rate:.2e}  {seconds:.0f} s",
        )

    def valid(self, *, step: int, loss: float, accuracy: float) -> None:
        self.say(
            {"event": "valid", "step": step, "loss": loss, "accuracy": accuracy},
            f"valid after step {step}: loss {loss:.4f}, accuracy {accuracy:.3f}",
        )

    def done(self, output: Path) -> None:
        self.say({"event": "done", "output": str(output)}, f"The model is in {output}.")

    def say(self, event: Event, sentence: str) -> None:
        """Keeps an event and tells it, to a program or as a sentence."""
        self.events.append(event)
        if not self.speak:
            return
        if self.style == "jsonl":
            print(json.dumps(event, ensure_ascii=False), flush=True)
        else:
            self._tell(sentence)
        for listener in self.listeners:
            listener(event)

    def error(self, message: str) -> None:
        """Says it to people in either style."""
        print(message, file=sys.stderr, flush=True)
        if self.style == "jsonl":
            event: ErrorEvent = {"event": "error", "message": message}
            print(json.dumps(event, ensure_ascii=False), flush=True)

    def note(self, message: str) -> None:
        """A remark for people, in neither the events nor the log. It is kept in `notes`, for the run's report."""
        self.notes.append(message)
        if self.speak:
            self._tell(message)

    def _tell(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)
