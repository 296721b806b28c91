"""What a run says while it runs: JSON lines for a program (docs/data-contract.md) or sentences for a person."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

Style = Literal["jsonl", "text"]


class Progress:
    """Reports a run's events and keeps them in `events` for the training log.

    `jsonl` prints one object a line on standard output, flushed, so that a reader sees it at once and a reader that
    died shows as BrokenPipeError at the next event. `text` prints sentences on standard error. Notes for people always
    go there. One that is not to `speak` keeps the events and tells of errors only.
    """

    def __init__(self, style: Style, *, speak: bool = True) -> None:
        self.style = style
        self.speak = speak
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        """Called with every event after it was said."""
        self.events: list[dict[str, Any]] = []

    def start(self, *, steps: int, train_rankings: int, train_pairs: int, valid_rankings: int) -> None:
        self._emit(
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
        """`seconds` counts from the first step's begin to this step's end; `tokens` are this step's own."""
        self._emit(
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
        self._emit(
            {"event": "valid", "step": step, "loss": loss, "accuracy": accuracy},
            f"valid after step {step}: loss {loss:.4f}, accuracy {accuracy:.3f}",
        )

    def done(self, output: Path) -> None:
        self._emit({"event": "done", "output": str(output)}, f"The reward model is in {output}.")

    def error(self, message: str) -> None:
        """Says it to people in either style."""
        print(message, file=sys.stderr, flush=True)
        if self.style == "jsonl":
            print(json.dumps({"event": "error", "message": message}, ensure_ascii=False), flush=True)

    def note(self, message: str) -> None:
        """A remark for people, in neither the events nor the log."""
        if self.speak:
            print(message, file=sys.stderr, flush=True)

    def _emit(self, event: dict[str, Any], sentence: str) -> None:
        self.events.append(event)
        if not self.speak:
            return
        if self.style == "jsonl":
            print(json.dumps(event, ensure_ascii=False), flush=True)
        else:
            self.note(sentence)
        for listener in self.listeners:
            listener(event)
